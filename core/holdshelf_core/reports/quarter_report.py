"""The service's quarterly report: made off the loop, one at a time, and stored once its quarter is over.

Later views show what the Board got: a stored report is read back, not counted again. Nothing here says who may see one; the
actions ask the authorizer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging

import msgspec
from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import Change, LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.buffer.averages import Averages, coarse_days
from holdshelf_core.buffer.retention import Retention
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.buffer.store import Store
from holdshelf_core.cameras.checklist import subject_rows
from holdshelf_core.cameras.commissioning import entrance_row
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.holds.holds import Holds
from holdshelf_core.policy import model
from holdshelf_core.reports import facts, kept, quarters
from holdshelf_core.reports import report_types as paper
from holdshelf_core.reports.coverage import Coverage
from holdshelf_core.reports.destroyed import destroyed
from holdshelf_core.reports.quarters import Quarter
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

TABLE = "reports"
KEPT = "report.kept"


class Reports:
    """The quarterly reports. Methods run on the loop."""

    def __init__(
        self,
        authorizer: Authorizer,
        entries: Entries,
        store: Store,
        retention: Retention,
        holds: Holds,
        settings: Settings,
        averages: Averages,
    ) -> None:
        self._authorizer, self._frame = authorizer, authorizer.frame
        self._entries, self._store, self._retention, self._holds = entries, store, retention, holds
        self._settings, self._averages = settings, averages
        self.coverage = Coverage(authorizer.frame, entries, store)
        """The days of each camera, counted as the reports count quarters."""
        self._one = asyncio.Lock()
        """One report is counted at a time: it reads the whole log."""

    def rows(self) -> dict[str, model.KeptReport]:
        """Return stored reports by quarter."""
        return self._authorizer.store.rows[TABLE]

    def async_list(self, person: str | None) -> paper.KeptReports:
        """Return the stored reports, newest first, marked as read by that person."""
        rows = [
            paper.KeptReport(row.quarter, row.made_utc_ns, row.sha256, person in row.read_by)
            for row in sorted(self.rows().values(), key=lambda row: row.quarter, reverse=True)
        ]
        now = self._frame.clock.utc_ns()
        return paper.KeptReports(rows, quarters.at(now, get_localzone()).key)

    def quarter(self, typed: str) -> Quarter:
        """Return the typed quarter; '' for the last complete one. Raises BadRequest."""
        return quarters.parse(typed, get_localzone(), self._frame.clock.utc_ns())

    async def async_get(self, quarter: Quarter) -> paper.ReportPaper:
        """Return the stored report of a quarter; the last complete one's is stored now, others are counted only for this call.

        Raises HoldshelfError.
        """
        async with self._one:
            found = await self._read(quarter)
            if found is not None:
                return found
            row = self.rows().get(quarter.key)
            if row is None and self._is_due(quarter):
                return await self._keep(quarter)
            report = await self._make(quarter)
        if row is None:
            return report
        said = (
            f"The report that was kept on {times.local_day(row.made_utc_ns)} is gone or was changed: its SHA-256 was "
            f"{row.sha256}. This one was counted again."
        )
        return msgspec.structs.replace(report, caveats=(said, *report.caveats))

    async def async_destroyed(self, quarter: Quarter) -> paper.DestroyedPaper:
        """Return what was destroyed in a quarter, counted now. Raises Unavailable."""
        state, opened, now = self._authorizer.store.state, self._store.opened, self._frame.clock.utc_ns()
        if opened is None:
            raise Unavailable(
                "The media disk is missing, so the report cannot say what was destroyed.", "See `holdshelf status`."
            )
        names = {camera: facts.name for camera, facts in state.cameras.items()}
        until = min(now, quarter.end_utc_ns)
        stopped = self._frame.stop_threads.is_set
        try:
            rows = await asyncio.to_thread(destroyed, opened.ledger, quarter, until, names, stopped)
        except StorageError as error:
            raise Unavailable(f"The record of what was destroyed could not be read: {error}") from None
        except InterruptedError:
            raise Unavailable("The service is stopping.") from None
        keeping = state.policy.keeping
        return paper.DestroyedPaper(
            quarter.key,
            quarter.first_day.isoformat(),
            quarter.last_day.isoformat(),
            tuple(rows),
            so_far=now < quarter.end_utc_ns,
            keeping=tuple(words for words in (keeping.at_least_words, keeping.at_most_words) if words),
        )

    def seen_by(self, quarter: str, person: str | None) -> list[Change]:
        """Return the change that marks that report as read by a person; nothing if it already is."""
        row = self.rows().get(quarter)
        if row is None or person is None or person in row.read_by:
            return []
        return [put(TABLE, quarter, msgspec.structs.replace(row, read_by=(*row.read_by, person)))]

    async def async_keep_due(self) -> str:
        """The job: in the first hours of a quarter, make and store the report of the previous one."""
        quarter = self.quarter("")
        if quarter.key in self.rows():
            return f"the report for {quarter.key} is kept"
        if not self._is_due(quarter):
            return f"no report is due for {quarter.key}"
        async with self._one:
            if quarter.key not in self.rows():
                await self._keep(quarter)
        return f"the report for {quarter.key} was made and kept"

    # --- making -----------------------------------------------------------------------------------------------------

    def _is_due(self, quarter: Quarter) -> bool:
        """Return whether its report should be stored: it is the last complete quarter, and this installation has records of
        it."""
        authorizer, now = self._authorizer, self._authorizer.now()
        if authorizer.store.problem or authorizer.log.problem is not None or now.doubtful:
            return False  # stored reports are final: this waits until it can be complete
        if quarter.key != self.quarter("").key:
            return False
        began = min((row.added_utc_ns for row in authorizer.store.state.people.values()), default=None)
        return began is not None and began < quarter.end_utc_ns

    async def _read(self, quarter: Quarter) -> paper.ReportPaper | None:
        row = self.rows().get(quarter.key)
        if row is None:
            return None
        return await asyncio.to_thread(kept.read, self._frame.paths.state, row.quarter, row.sha256)

    async def _keep(self, quarter: Quarter) -> paper.ReportPaper:
        report = await self._make(quarter)
        if report.log.problem:
            # The log was just found damaged: shown as it is, and stored once that is settled.
            return report
        try:
            sha256 = await asyncio.to_thread(kept.write, self._frame.paths.state, report)
        except StorageError as error:
            raise Unavailable(f"The report for {quarter.key} cannot be saved: {error}") from None
        row = model.KeptReport(quarter.key, sha256, report.made_utc_ns, report.log.last_size, report.log.last_root)
        form = LogForm(facts={"quarter": quarter.key, "sha256": sha256, "entries": report.log.last_size})
        await self._authorizer.async_service_entry(KEPT, form, [put(TABLE, quarter.key, row)])
        return msgspec.structs.replace(report, sha256=sha256)

    async def _make(self, quarter: Quarter) -> paper.ReportPaper:
        opened = self._store.opened
        sources = await self._sources(quarter)
        try:
            report = await asyncio.to_thread(facts.build, sources)
        except InterruptedError:
            raise Unavailable("The service is stopping.") from None
        if self._store.opened is not opened:
            raise Conflict(
                "The media disk was attached or detached while the report was being made.", "Ask for it again."
            )
        return report

    async def _sources(self, quarter: Quarter) -> facts.Sources:
        state, now = self._authorizer.store.state, self._authorizer.now()
        opened = self._store.opened
        entrances = [entrance_row(state, row, now) for row in state.entrances.values() if row.removed_utc_ns is None]
        caveats = []
        if self._authorizer.store.problem:
            caveats.append("The register is not whole, so holds, releases and flags may be missing.")
        if now.doubtful:
            caveats.append(
                "The clocks of this machine disagree; where a quarter begins and ends is as the wall clock has it."
            )
        # The current rows: actions continue while the report is counted.
        state = dataclasses.replace(
            state,
            people=dict(state.people),
            seats=dict(state.seats),
            appointments=dict(state.appointments),
            cameras=dict(state.cameras),
            holds=dict(state.holds),
            releases=dict(state.releases),
            shares=dict(state.shares),
            flags=dict(state.flags),
        )
        return facts.Sources(
            state=state,
            quarter=quarter,
            now=now,
            log=self._authorizer.log,
            footage=opened.footage if opened is not None else None,
            ledger=opened.ledger if opened is not None else None,
            added={entry.entry_id: entry.added_utc_ns for entry in self._entries.async_all()},
            kept_heads={row.quarter: (row.log_entries, row.log_root) for row in self.rows().values()},
            room=await self._room(),
            signs=paper.SignsRow(
                entrances=len(entrances),
                ready=sum(row.ready for row in entrances),
                due=sum(row.state in ("check due", "defect", "not attested", "waiver ended") for row in entrances),
            ),
            attested=tuple(self._attested()),
            caveats=tuple(caveats),
            stopped=self._frame.stop_threads.is_set,
        )

    def _attested(self) -> list[paper.AttestedRow]:
        now = self._authorizer.now()
        (house,) = (row for row in subject_rows(self._authorizer.store.state, now, ()) if row.kind == "house")
        return [
            paper.AttestedRow(
                point.id,
                times.local_day(point.seen_utc_ns) if point.seen_utc_ns is not None else "",
                times.local_day(point.next_utc_ns - 1) if point.next_utc_ns is not None else "",
                f"{point.words} ({point.clause})" if point.clause else point.words,
            )
            for point in house.points
        ]

    async def _room(self) -> paper.RoomRow | None:
        room, opened = await self._retention.async_room(), self._store.opened
        if room is None or opened is None:
            return None
        cameras = [entry.entry_id for entry in self._entries.async_all()]
        held = stops = None
        try:
            seen = await self._holds.async_forecast()
            held, stops = seen.held_bytes, coarse_days(seen.recording_stops_days)
        except (StorageError, HoldshelfError) as error:
            _LOGGER.warning("the room for the report could not be counted: %s", error)
        return paper.RoomRow(
            budget_bytes=room.budget_bytes,
            used_bytes=room.usage.allocated_bytes,
            forecast_days=self._averages.forecast_days(
                room.budget_bytes, cameras, room.usage.cameras, self._frame.clock.boot_ns()
            ),
            held_bytes=held,
            stops_days=stops,
            floor_days=self._settings.floor_days,
        )
