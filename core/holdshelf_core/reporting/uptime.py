"""What became of a camera's quarter, second by second: recorded, in a gap with its reason, or told by no record. Blocks.

Recorded is what was recorded, whether it still lies here or was erased on schedule since. Every moment counts once, by the wall
clock: where that was set back and one time was lived twice, it counts as recorded if either was. Read week by week, so
that memory does not grow with the quarter.
"""

from __future__ import annotations

import bisect
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from holdshelf_core.reporting.quarters import day_at
from holdshelf_storage.footage import Footage
from holdshelf_storage.layout import DAY_NS, day_of
from holdshelf_storage.ledger import Ledger
from holdshelf_storage.ledger_lines import merged
from holdshelf_storage.stretches import Stretches, stretches

type Spans = list[tuple[int, int]]

NS = 1_000_000_000
DAYS_AT_ONCE = 7
BREATH_S = 0.001
"""Between two weeks of a camera, so that the event loop gets the interpreter."""


@dataclass
class Uptime:
    """Nanoseconds. ``elapsed`` = ``recorded`` + the gaps + ``untold``."""

    elapsed: int = 0
    recorded: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    """How many gaps of each reason began or went on in the span."""
    untold: int = 0
    days: dict[int, list[int]] = field(default_factory=dict)
    """By number of the local day: [recorded, elapsed]."""
    kept: Spans = field(default_factory=list)
    """The gaps of the reason that was asked for, as far as nothing was recorded meanwhile."""
    summed_days: int = 0


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
    """``active``: when the camera was in use, ascending, within the midnights. ``keep``: a reason whose gaps are handed out.

    Raises StorageError; InterruptedError once ``stopped`` says so.
    """
    found, seen_gaps = Uptime(), set[tuple[int, str]]()
    for start, end in _pieces(active, midnights):
        if stopped():
            raise InterruptedError
        time.sleep(BREATH_S)
        seen = stretches(footage.folders, ledger, footage.shelved, camera, start, end)
        recorded = clipped(_recorded(seen, now_utc_ns), start, end)
        free = without([(start, end)], recorded)
        found.elapsed += end - start
        found.recorded += total(recorded)
        for day, ns in per_day(recorded, midnights):
            found.days.setdefault(day, [0, 0])[0] += ns
        for day, ns in per_day([(start, end)], midnights):
            found.days.setdefault(day, [0, 0])[1] += ns
        begins, ends = [begin for begin, _ in free], [until for _, until in free]
        told, reached = list[tuple[int, int]](), start
        for gap in sorted(seen.gaps, key=lambda one: one.start_utc_ns):
            until = now_utc_ns if gap.end_utc_ns is None else gap.end_utc_ns
            # What lies before the end of an earlier gap belongs to that one.
            begin, reached = max(gap.start_utc_ns, reached), max(reached, until)
            first, last = bisect.bisect_right(ends, begin), bisect.bisect_left(begins, until)
            pieces = clipped(free[first:last], begin, until)
            if not pieces:
                continue
            told += pieces
            found.gaps[gap.reason] = found.gaps.get(gap.reason, 0) + total(pieces)
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


def _recorded(seen: Stretches, now_utc_ns: int) -> Spans:
    spans = [*seen.recorded, *seen.erased]
    if seen.open_start_utc_ns is not None and seen.open_start_utc_ns < now_utc_ns:
        spans.append((seen.open_start_utc_ns, now_utc_ns))
    return merged(spans)


def _summed(found: Uptime, ledger: Ledger, camera: str, seen: Stretches, free: Spans, midnights: list[int]) -> int:
    """Days that have gone and left sums alone (a camera that came and went thousands of times a day). Returns what is untold."""
    left = total(free)
    for begin, until in seen.unsure_days:
        pieces = intersected(free, [(begin, until)])
        room = total(pieces)
        entry = ledger.days_gone(camera, day_of(begin), day_of(begin)).get(day_of(begin))
        if entry is None or not room:
            continue
        found.summed_days += 1
        # Of a day that lies only in part in the span, its part of the sums.
        share = room / DAY_NS
        recorded = min(room, round(entry.recorded_ns * share))
        found.recorded += recorded
        found.days.setdefault(max(0, day_at(midnights, pieces[0][0])), [0, 0])[0] += recorded
        room -= recorded
        left -= recorded
        for reason, ns in entry.gaps.items():
            gap = min(room, round(ns * share))
            found.gaps[reason] = found.gaps.get(reason, 0) + gap
            room -= gap
            left -= gap
    return left


def _pieces(active: Sequence[tuple[int, int]], midnights: list[int]) -> Iterator[tuple[int, int]]:
    """The active spans, cut each week at a local midnight."""
    cuts = midnights[::DAYS_AT_ONCE]
    if cuts[-1] != midnights[-1]:
        cuts.append(midnights[-1])
    for begin, until in itertools.pairwise(cuts):
        yield from clipped(active, begin, until)


# --- spans: ascending, not touching one another -----------------------------------------------------------------------


def total(spans: Iterable[tuple[int, int]]) -> int:
    """Their length."""
    return sum(end - start for start, end in spans)


def clipped(spans: Iterable[tuple[int, int]], start: int, end: int) -> Spans:
    """What of them lies in [start, end)."""
    return [(max(s, start), min(e, end)) for s, e in spans if s < end and e > start]


def intersected(one: Spans, other: Spans) -> Spans:
    """What lies in both."""
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
    """What of ``spans`` lies in none of ``taken``."""
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
    """(number of the day, its nanoseconds) of spans that lie within the midnights."""
    for start, end in spans:
        begin = start
        while begin < end:
            day = day_at(midnights, begin)
            until = min(end, midnights[day + 1]) if 0 <= day < len(midnights) - 1 else end
            yield day, until - begin
            begin = until
