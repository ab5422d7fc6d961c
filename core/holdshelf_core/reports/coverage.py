"""How much of each day there is of each camera: recorded, recovered from its own card, or in a gap with a reason.

The counts are the quarterly report's (`uptime`), day by day. It tells of gaps and never of movement, so whoever may see that a
camera is there may read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, tzinfo
from functools import partial
from typing import Any

from tzlocal import get_localzone

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.buffer.store import Opened, Store
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.frame import Frame
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.reports.quarters import local, midnight_ns
from holdshelf_core.reports.types import CoverageDay, CoverageRow, LostTime, ReadCoverage
from holdshelf_core.reports.uptime import Day, uptime
from holdshelf_core.times import HOUR_NS, NS
from holdshelf_storage.errors import StorageError

MAX_DAYS = 400


class Coverage:
    """Counts coverage, one question at a time: each reads the journals of its days."""

    def __init__(self, frame: Frame, entries: Entries, store: Store) -> None:
        self._frame, self._entries, self._store = frame, entries, store
        self._one = asyncio.Lock()
        self._yesterday: Mapping[str, float] = {}
        self._counted_day = ""
        self._counted_ns = 0

    def yesterday(self) -> Mapping[str, float]:
        """Return yesterday's percent by camera, as counted in the last hour; nothing while it is not counted yet."""
        return self._yesterday if self._counted_day == _days_back(self._now(), get_localzone(), 1)[0] else {}

    async def async_count_yesterday(self) -> str:
        """The job: count yesterday when a day has begun, and anew each hour, for gaps are filled later. Raises HoldshelfError."""
        day, boot_ns = _days_back(self._now(), get_localzone(), 1)[0], self._frame.clock.boot_ns()
        if day == self._counted_day and boot_ns - self._counted_ns < HOUR_NS:
            return f"{day} is counted"
        rows = await self.async_rows(self._entries.async_all(), 1)
        self._yesterday = {
            row.camera: one.percent for row in rows for one in row.days if one.day == day and one.percent is not None
        }
        self._counted_day, self._counted_ns = day, boot_ns
        least = min(self._yesterday.values(), default=None)
        return f"{day}: no camera was in use" if least is None else f"{day}: {least:g}% or more of each camera"

    def _now(self) -> int:
        return self._frame.clock.utc_ns()

    async def async_rows(self, entries: Sequence[ConfigEntry[Any]], days: int) -> list[CoverageRow]:
        """Return the last ``days`` days of these cameras and today so far. Raises Unavailable."""
        async with self._one:
            opened = self._store.opened
            if opened is None:
                raise Unavailable(self._store.problem or "The media volume is not attached.")
            counted = [(entry.entry_id, entry.title, entry.added_utc_ns) for entry in entries]
            stopped = self._frame.stop_threads.is_set
            count = partial(coverage_rows, opened, counted, days, self._now(), get_localzone(), stopped)
            try:
                return await asyncio.to_thread(count)
            except InterruptedError:
                raise Unavailable("The service is stopping.") from None
            except StorageError as error:
                raise Unavailable(f"What was recorded cannot be read: {error}") from None


class CoverageReads:
    """Answers ``ReadCoverage``."""

    def __init__(self, coverage: Coverage, entries: Entries) -> None:
        self._coverage, self._entries = coverage, entries

    @handles(ReadCoverage)
    async def read(self, asked: Reading[ReadCoverage]) -> list[CoverageRow]:
        """Return the days of the cameras that the caller may see."""
        q, gate = asked.request, asked.authorizer
        if not 0 <= q.days <= MAX_DAYS:
            raise BadRequest(f"The number of days is 0 to {MAX_DAYS}, not {q.days}.", "Ask for fewer days.")
        if q.camera is not None:
            # Checked before the lookup: a camera they may not see is reported like one that does not exist.
            gate.check_may_read(ReadCoverage, asked.caller, q.camera)
            entry = self._entries.async_get(q.camera)
            gate.check_may_read(ReadCoverage, asked.caller, entry.entry_id)
            return await self._coverage.async_rows([entry], q.days)
        entries = self._entries.async_all()
        seen = [one for one in entries if gate.may_read(ReadCoverage, asked.caller, one.entry_id)]
        return await self._coverage.async_rows(seen, q.days)


def coverage_rows(
    opened: Opened,
    cameras: Sequence[tuple[str, str, int]],
    days: int,
    now_utc_ns: int,
    zone: tzinfo,
    stopped: Callable[[], bool] = lambda: False,
) -> list[CoverageRow]:
    """Return the last ``days`` local days and today so far. ``cameras``: (id, name, since when it is in use in UTC ns).

    Blocks. Raises StorageError; InterruptedError once ``stopped`` returns True.
    """
    names = _days_back(now_utc_ns, zone, days)
    midnights = _midnights(now_utc_ns, zone, days)
    rows = []
    for camera, name, added_utc_ns in cameras:
        begin = max(added_utc_ns, midnights[0])
        found: dict[int, Day] = {}
        if begin < now_utc_ns:
            active = [(begin, now_utc_ns)]
            found = uptime(opened.footage, opened.ledger, camera, active, midnights, now_utc_ns, stopped=stopped).days
        rows.append(CoverageRow(camera, name, [day_row(day, found.get(at, Day())) for at, day in enumerate(names)]))
    return rows


def day_row(name: str, day: Day) -> CoverageDay:
    """Return a day as a row. Of ``percent``, less than a second that is missing is the seam between two files."""
    there, gaps = day.recorded - day.missing, sum(day.gaps.values())
    percent: float | None = None
    if day.elapsed >= NS:
        whole = day.elapsed - there < NS
        percent = 100.0 if whole else min(99.99, there * 10_000 // day.elapsed / 100)
    return CoverageDay(
        day=name,
        percent=percent,
        elapsed_s=_seconds(day.elapsed),
        recorded_s=_seconds(day.recorded - day.recovered),
        recovered_s=_seconds(day.recovered),
        gaps=[LostTime(reason, _seconds(ns)) for reason, ns in sorted(day.gaps.items(), key=lambda one: -one[1])],
        untold_s=_seconds(max(0, day.elapsed - day.recorded - gaps)),
        erased_s=_seconds(day.erased),
        missing_s=_seconds(day.missing),
    )


def _seconds(ns: int) -> float:
    return round(ns / NS, 3)


def _days_back(now_utc_ns: int, zone: tzinfo, days: int) -> list[str]:
    today = local(now_utc_ns, zone).date()
    return [(today - timedelta(days=back)).isoformat() for back in range(days, -1, -1)]


def _midnights(now_utc_ns: int, zone: tzinfo, days: int) -> list[int]:
    """Return when each of these days begins, and when today ends."""
    today = local(now_utc_ns, zone).date()
    return [midnight_ns(today - timedelta(days=back), zone) for back in range(days, -2, -1)]
