"""The quarterly report of the running service: made off the loop, one at a time, and kept once its quarter is over.

What the Board got is what is shown later: a kept report is read back, not counted again. Nothing here says who may see one;
the acts ask the gate.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING

import msgspec
from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions import Change, LogForm
from holdshelf_core.api import paper_report as paper
from holdshelf_core.checklist import subject_rows
from holdshelf_core.commissioning import entrance_row
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.house import put
from holdshelf_core.keeping.held_room import bytes_per_day
from holdshelf_core.policy import model
from holdshelf_core.reporting import facts, kept, quarters
from holdshelf_core.reporting.quarters import Quarter
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_LOGGER = logging.getLogger(__name__)

TABLE = "reports"
KEPT = "report.kept"
HOUSE_POINTS = ("board-review", "website", "staff-notice", "copies", "counsel", "letters", "confidentiality")


class Reports:
    """Methods run on the loop."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf
        self._one = asyncio.Lock()
        """One report is counted at a time: it reads the whole log."""

    def rows(self) -> dict[str, model.KeptReport]:
        """Kept reports by quarter."""
        return self._holdshelf.house.rows[TABLE]

    def async_list(self, person: str | None) -> paper.KeptReports:
        """The kept reports, the newest first, as that person knows them."""
        rows = [
            paper.KeptReport(row.quarter, row.made_utc_ns, row.sha256, person in row.read_by)
            for row in sorted(self.rows().values(), key=lambda row: row.quarter, reverse=True)
        ]
        now = self._holdshelf.clock.utc_ns()
        return paper.KeptReports(rows, quarters.at(now, get_localzone()).key)

    def quarter(self, typed: str) -> Quarter:
        """The quarter that was typed; '' the last complete one. Raises BadRequest."""
        return quarters.parse(typed, get_localzone(), self._holdshelf.clock.utc_ns())

    async def async_get(self, quarter: Quarter) -> paper.ReportPaper:
        """The kept report of a quarter; the last complete one's is kept now, another is counted for this time alone.

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
            f"{row.sha256}. This one was counted anew."
        )
        return msgspec.structs.replace(report, caveats=(said, *report.caveats))

    def seen_by(self, quarter: str, person: str | None) -> list[Change]:
        """What an act writes down with its entry when a person has seen that report; nothing when it is known."""
        row = self.rows().get(quarter)
        if row is None or person is None or person in row.read_by:
            return []
        return [put(TABLE, quarter, msgspec.structs.replace(row, read_by=(*row.read_by, person)))]

    async def async_keep_due(self) -> str:
        """The job: in the first hours of a quarter, the report of the one before is made and kept."""
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
        """Whether its report is to be kept: it is the last that is over, and this house has a record of it."""
        holdshelf, now = self._holdshelf, self._holdshelf.gate.now()
        if holdshelf.house.problem or holdshelf.gate.log.problem is not None or now.doubtful:
            return False  # what is kept stays: that waits until it can be told whole
        if quarter.key != self.quarter("").key:
            return False
        began = min((row.added_utc_ns for row in holdshelf.house.state.people.values()), default=None)
        return began is not None and began < quarter.end_utc_ns

    async def _read(self, quarter: Quarter) -> paper.ReportPaper | None:
        row = self.rows().get(quarter.key)
        if row is None:
            return None
        return await asyncio.to_thread(kept.read, self._holdshelf.paths.state, row.quarter, row.sha256)

    async def _keep(self, quarter: Quarter) -> paper.ReportPaper:
        holdshelf = self._holdshelf
        report = await self._make(quarter)
        if report.log.problem:
            # The log was found damaged this moment: shown as it is, and kept once that is settled.
            return report
        try:
            sha256 = await asyncio.to_thread(kept.write, holdshelf.paths.state, report)
        except StorageError as error:
            raise Unavailable(f"The report for {quarter.key} cannot be kept: {error}") from None
        row = model.KeptReport(quarter.key, sha256, report.made_utc_ns, report.log.last_size, report.log.last_root)
        form = LogForm(facts={"quarter": quarter.key, "sha256": sha256, "entries": report.log.last_size})
        await holdshelf.gate.async_service_entry(KEPT, form, [put(TABLE, quarter.key, row)])
        return msgspec.structs.replace(report, sha256=sha256)

    async def _make(self, quarter: Quarter) -> paper.ReportPaper:
        holdshelf = self._holdshelf
        opened = holdshelf.store.opened
        sources = await self._sources(quarter)
        try:
            report = await asyncio.to_thread(facts.build, sources)
        except InterruptedError:
            raise Unavailable("The service is stopping.") from None
        if holdshelf.store.opened is not opened:
            raise Conflict("The media disk came or went while the report was made.", "Ask for it again.")
        return report

    async def _sources(self, quarter: Quarter) -> facts.Sources:
        holdshelf, state, now = self._holdshelf, self._holdshelf.house.state, self._holdshelf.gate.now()
        opened = holdshelf.store.opened
        entrances = [entrance_row(state, row, now) for row in state.entrances.values() if row.removed_utc_ns is None]
        caveats = []
        if holdshelf.house.problem:
            caveats.append("The register is not whole, so holds, releases and flags may be missing.")
        if now.doubtful:
            caveats.append(
                "The clocks of this machine disagree; where a quarter begins and ends is as the wall clock has it."
            )
        # The rows as they are now: acts go on while the report is counted.
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
            now_utc_ns=now.utc_ns,
            log=holdshelf.gate.log,
            footage=opened.footage if opened is not None else None,
            ledger=opened.ledger if opened is not None else None,
            added={entry.entry_id: entry.added_utc_ns for entry in holdshelf.entries.async_all()},
            kept_heads={row.quarter: (row.log_entries, row.log_root) for row in self.rows().values()},
            room=await self._room(),
            signs=paper.SignsRow(
                entrances=len(entrances),
                ready=sum(row.ready for row in entrances),
                due=sum(row.state in ("check due", "defect", "not attested", "waiver ended") for row in entrances),
            ),
            attested=tuple(self._attested()),
            caveats=tuple(caveats),
            stopped=holdshelf.stop_threads.is_set,
        )

    def _attested(self) -> list[paper.AttestedRow]:
        now = self._holdshelf.gate.now()
        points = {
            point.id: point
            for row in subject_rows(self._holdshelf.house.state, now)
            if row.kind == "house"
            for point in row.points
        }
        return [
            paper.AttestedRow(
                key,
                times.local_day(point.seen_utc_ns) if point.seen_utc_ns is not None else "",
                times.local_day(point.next_utc_ns - 1) if point.next_utc_ns is not None else "",
            )
            for key in HOUSE_POINTS
            if (point := points.get(key)) is not None
        ]

    async def _room(self) -> paper.RoomRow | None:
        holdshelf = self._holdshelf
        room, opened = await holdshelf.retention.async_room(), holdshelf.store.opened
        if room is None or opened is None:
            return None
        cameras, now = [entry.entry_id for entry in holdshelf.entries.async_all()], holdshelf.clock.utc_ns()

        def rate() -> float:
            return sum(bytes_per_day(opened.footage, camera, now) for camera in cameras)

        held = stops = None
        try:
            bytes_a_day = await asyncio.to_thread(rate)
            seen = await holdshelf.holds.async_forecast()
            held, stops = seen.held_bytes, seen.recording_stops_days
        except (StorageError, HoldshelfError) as error:
            _LOGGER.warning("the room for the report could not be counted: %s", error)
            bytes_a_day = 0.0
        return paper.RoomRow(
            budget_bytes=room.budget_bytes,
            used_bytes=room.usage.allocated_bytes,
            forecast_days=round(room.budget_bytes / bytes_a_day, 1) if bytes_a_day > 0 else None,
            held_bytes=held,
            stops_days=stops,
            floor_days=holdshelf.settings.floor_days,
        )
