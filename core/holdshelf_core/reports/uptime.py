"""A camera's quarter, second by second: recorded, in a gap with its reason, or without a record. Blocks.

Recorded means that it was recorded, even if erased on schedule since, or missing. Every moment counts once, by the wall clock:
where that was set back, a time lived twice counts as recorded if either was. Read week by week, so that memory does not grow with
the quarter.
"""

from __future__ import annotations

import bisect
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from holdshelf_core.reports.quarters import day_at
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.stretches import Stretches, stretches
from holdshelf_storage.layout import DAY_NS, day_of
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import merged

type Spans = list[tuple[int, int]]

DAYS_AT_ONCE = 7
BREATH_S = 0.001
"""Pause between two weeks of a camera, so that the event loop gets the interpreter."""


@dataclass
class Day:
    """A local day of a camera, in nanoseconds: ``elapsed`` = ``recorded`` + the gaps + what is without any record."""

    elapsed: int = 0
    recorded: int = 0
    """Also what was erased since, or is missing."""
    recovered: int = 0
    """Of ``recorded``: had from the camera's own recording."""
    erased: int = 0
    """Of ``recorded``: erased on schedule since."""
    missing: int = 0
    """Of ``recorded``: missing without having been erased."""
    gaps: dict[str, int] = field(default_factory=dict)


@dataclass
class Uptime:
    """Nanoseconds. ``elapsed`` = ``recorded`` + the gaps + ``untold``."""

    elapsed: int = 0
    recorded: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    """How many gaps of each reason touch the span."""
    missing: int = 0
    """Recorded time that is missing without having been erased."""
    untold: int = 0
    days: dict[int, Day] = field(default_factory=dict)
    """By index of the local day."""
    kept: Spans = field(default_factory=list)
    """The gaps of the requested reason, minus time recorded meanwhile."""
    summed_days: int = 0

    def day(self, index: int) -> Day:
        """Return that day, to be added to."""
        return self.days.setdefault(index, Day())


def uptime(
    footage: Footage,
    ledger: Ledger,
    camera: str,
    active: Sequence[tuple[int, int]],
    midnights: list[int],
    now_utc_ns: int,
    *,
    keep: str = "",
    stopped: Callable[[], bool] = lambda: False,
) -> Uptime:
    """``active``: when the camera was in use, ascending, within the midnights. ``keep``: a reason whose gaps are returned.

    Raises StorageError; InterruptedError once ``stopped`` returns True.
    """
    found, seen_gaps = Uptime(), set[tuple[int, str]]()
    for start, end in _pieces(active, midnights):
        if stopped():
            raise InterruptedError
        time.sleep(BREATH_S)
        lost = footage.missing.lost(camera)
        seen = stretches(footage.folders, ledger, footage.shelved, camera, start, end, lost)
        found.missing += total(clipped(seen.missing, start, end))
        recorded = clipped(_recorded(seen, now_utc_ns), start, end)
        free = without([(start, end)], recorded)
        found.elapsed += end - start
        found.recorded += total(recorded)
        _add_days(found, seen, recorded, start, end, midnights)
        begins, ends = [begin for begin, _ in free], [until for _, until in free]
        told, reached = list[tuple[int, int]](), start
        for gap in sorted(seen.gaps, key=lambda one: one.start_utc_ns):
            until = now_utc_ns if gap.end_utc_ns is None else gap.end_utc_ns
            # Time before the end of an earlier gap belongs to that gap.
            begin, reached = max(gap.start_utc_ns, reached), max(reached, until)
            first, last = bisect.bisect_right(ends, begin), bisect.bisect_left(begins, until)
            pieces = clipped(free[first:last], begin, until)
            if not pieces:
                continue
            told += pieces
            found.gaps[gap.reason] = found.gaps.get(gap.reason, 0) + total(pieces)
            for day, ns in per_day(pieces, midnights):
                by_reason = found.day(day).gaps
                by_reason[gap.reason] = by_reason.get(gap.reason, 0) + ns
            if (gap.start_utc_ns, gap.reason) not in seen_gaps:
                seen_gaps.add((gap.start_utc_ns, gap.reason))
                found.times[gap.reason] = found.times.get(gap.reason, 0) + 1
            if gap.reason == keep:
                found.kept += pieces
        left = total(free) - total(told)
        if seen.unsure_days and left:
            left = _summed(found, ledger, camera, seen, without(free, told), midnights)
        found.untold += left
    return found


def _add_days(found: Uptime, seen: Stretches, recorded: Spans, start: int, end: int, midnights: list[int]) -> None:
    here = clipped(merged([*seen.recorded, *_open_span(seen, end)]), start, end)
    gone = without(recorded, here)
    missing = intersected(gone, merged(seen.missing))
    for day, ns in per_day([(start, end)], midnights):
        found.day(day).elapsed += ns
    for day, ns in per_day(recorded, midnights):
        found.day(day).recorded += ns
    for day, ns in per_day(intersected(recorded, merged(seen.recovered)), midnights):
        found.day(day).recovered += ns
    for day, ns in per_day(missing, midnights):
        found.day(day).missing += ns
    for day, ns in per_day(without(gone, missing), midnights):
        found.day(day).erased += ns


def _open_span(seen: Stretches, until_utc_ns: int) -> Spans:
    """What is being written, up to that time."""
    start = seen.open_start_utc_ns
    return [(start, until_utc_ns)] if start is not None and start < until_utc_ns else []


def _recorded(seen: Stretches, now_utc_ns: int) -> Spans:
    return merged([*seen.recorded, *seen.erased, *seen.missing, *_open_span(seen, now_utc_ns)])


def _summed(found: Uptime, ledger: Ledger, camera: str, seen: Stretches, free: Spans, midnights: list[int]) -> int:
    """Add deleted days with only totals left (a camera added and removed thousands of times a day). Returns the unknown time."""
    left = total(free)
    for begin, until in seen.unsure_days:
        pieces = intersected(free, [(begin, until)])
        room = total(pieces)
        entries = ledger.days_gone(camera, day_of(begin), day_of(begin))
        if not entries or not room:
            continue
        found.summed_days += 1
        # For a day only partly in the span, its share of the totals.
        share = room / DAY_NS
        day = found.day(max(0, day_at(midnights, pieces[0][0])))
        for entry in entries:
            recorded = min(room, round(entry.recorded_ns * share))
            found.recorded += recorded
            day.recorded += recorded
            day.erased += recorded
            room -= recorded
            left -= recorded
            for reason, ns in entry.gaps.items():
                gap = min(room, round(ns * share))
                found.gaps[reason] = found.gaps.get(reason, 0) + gap
                day.gaps[reason] = day.gaps.get(reason, 0) + gap
                room -= gap
                left -= gap
    return left


def _pieces(active: Sequence[tuple[int, int]], midnights: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the active spans, cut each week at a local midnight."""
    cuts = midnights[::DAYS_AT_ONCE]
    if cuts[-1] != midnights[-1]:
        cuts.append(midnights[-1])
    for begin, until in itertools.pairwise(cuts):
        yield from clipped(active, begin, until)


# --- spans: ascending, not touching one another -----------------------------------------------------------------------


def total(spans: Iterable[tuple[int, int]]) -> int:
    """Return their total length."""
    return sum(end - start for start, end in spans)


def clipped(spans: Iterable[tuple[int, int]], start: int, end: int) -> Spans:
    """Return their parts within [start, end)."""
    return [(max(s, start), min(e, end)) for s, e in spans if s < end and e > start]


def intersected(one: Spans, other: Spans) -> Spans:
    """Return the parts in both."""
    found: Spans = []
    at = 0
    for start, end in one:
        while at < len(other) and other[at][1] <= start:
            at += 1
        look = at
        while look < len(other) and other[look][0] < end:
            found.append((max(start, other[look][0]), min(end, other[look][1])))
            look += 1
    return [(s, e) for s, e in found if e > s]


def without(spans: Spans, taken: Spans) -> Spans:
    """Return the parts of ``spans`` outside ``taken``."""
    found: Spans = []
    at = 0
    for start, end in spans:
        begin = start
        while at < len(taken) and taken[at][1] <= begin:
            at += 1
        look = at
        while look < len(taken) and taken[look][0] < end:
            if taken[look][0] > begin:
                found.append((begin, taken[look][0]))
            begin = max(begin, taken[look][1])
            look += 1
        if begin < end:
            found.append((begin, end))
    return found


def per_day(spans: Iterable[tuple[int, int]], midnights: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (index of the day, its nanoseconds) of spans that lie within the midnights."""
    for start, end in spans:
        begin = start
        while begin < end:
            day = day_at(midnights, begin)
            until = min(end, midnights[day + 1]) if 0 <= day < len(midnights) - 1 else end
            yield day, until - begin
            begin = until
