"""When a gap ends, and in which order things were recorded: the rules of docs/disk-format.md for gaps. No I/O.

Shared by code that writes gaps (the recorder), repairs them (recovery) and reads them (queries).
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from holdshelf_storage.volume import journal

STEP_NS = 500_000_000
"""Beyond this, a wall clock that differs from boottime was set; below, it was slewed."""
MEETS_NS = 1_000_000
"""Two items closer than this are adjacent, allowing for rounding."""
CLOCK_STEPPED = "clock stepped"
UNKNOWN = "unknown"
"""Reason of a gap whose own lines were lost: a full disk accepted none, and then the service was killed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks."""

    utc_ns: int
    boot_ns: int
    boot: str

    def is_after(self, other: "Moment") -> bool:
        """Compare by boottime, which nobody sets; between two boots only the wall clock is left."""
        if self.boot == other.boot:
            return self.boot_ns > other.boot_ns
        return self.utc_ns > other.utc_ns

    def is_stepped_from(self, other: "Moment") -> bool:
        """Whether the wall clock was set between the two. Known only within one boot."""
        return self.boot == other.boot and abs((self.utc_ns - self.boot_ns) - (other.utc_ns - other.boot_ns)) > STEP_NS


@dataclass(frozen=True, slots=True)
class EndedGap:
    """A gap with its end. ``why``: the reason that it ended."""

    since: Moment
    reason: str
    end: Moment
    elapsed_ns: int
    why: str = ""


def ending(since: Moment, reason: str, end: Moment, why: str = "") -> list[EndedGap]:
    """A gap from ``since`` to ``end``; and, where the wall clock was set meanwhile, a second one, ``clock stepped``, of no
    length, from the time by the old clock to that by the new one.

    So for each gap but those, end minus start by either clock equals its length. One that would end before it begins has no
    length.
    """
    if end.boot == since.boot:
        elapsed_ns = max(0, end.boot_ns - since.boot_ns)
        by_old_clock = Moment(since.utc_ns + elapsed_ns, since.boot_ns + elapsed_ns, since.boot)
        is_stepped = by_old_clock.is_stepped_from(end)
    else:
        elapsed_ns = max(0, end.utc_ns - since.utc_ns)
        is_stepped = end.utc_ns < since.utc_ns
        by_old_clock = since
    if not is_stepped:
        at = end if end.boot != since.boot or end.boot_ns >= since.boot_ns else since
        return [EndedGap(since, reason, at, elapsed_ns, why)]
    if reason == CLOCK_STEPPED and elapsed_ns <= MEETS_NS:
        return [EndedGap(since, reason, end, elapsed_ns, why)]
    return [
        EndedGap(since, reason, by_old_clock, elapsed_ns, CLOCK_STEPPED),
        EndedGap(by_old_clock, CLOCK_STEPPED, end, 0, why),
    ]


def end_line(gap: int, told: EndedGap) -> journal.GapEnd:
    """The line that ends a gap."""
    return journal.GapEnd(
        gap=gap,
        end_utc_ns=told.end.utc_ns,
        elapsed_ns=told.elapsed_ns,
        reason=told.why,
        boot=told.end.boot,
        end_boot_ns=told.end.boot_ns,
    )


@dataclass(slots=True)
class Item:
    """A segment or a gap, with its start and end; ``end`` None: a gap without an end."""

    number: int
    start: Moment
    end: Moment | None
    gap: journal.Gap | None = None


def items_of(lines: Iterable[object]) -> list[Item]:
    """The segments and gaps that journal lines tell of, in the order in which they were recorded. What was recovered from
    the camera is in a gap, and has no place of its own."""
    found: list[Item] = []
    gaps: dict[int, Item] = {}
    for line in lines:
        match line:
            case journal.Segment(from_camera=msgspec.UNSET):
                found.append(
                    Item(
                        line.seq,
                        Moment(line.start_utc_ns, line.start_boot_ns, line.boot),
                        Moment(line.end_utc_ns, line.end_boot_ns, line.boot),
                    )
                )
            case journal.Gap():
                gaps[line.gap] = Item(line.gap, Moment(line.start_utc_ns, line.start_boot_ns, line.boot), None, line)
                found.append(gaps[line.gap])
            case journal.GapEnd() if line.gap in gaps and gaps[line.gap].end is None:
                item = gaps[line.gap]
                boot, boot_ns = line.boot, line.end_boot_ns
                if not boot:  # older versions did not record it
                    boot, boot_ns = item.start.boot, item.start.boot_ns + line.elapsed_ns
                item.end = Moment(line.end_utc_ns, boot_ns, boot)
            case _:
                pass
    return in_order(found)


def in_order(items: Sequence[Item]) -> list[Item]:
    """Items in recording order: by boot, in the order of their lowest numbers, then by boottime; those without a boot, by
    number."""
    firsts: dict[str, int] = {}
    for item in items:
        boot = item.start.boot or f"#{item.number}"
        firsts[boot] = min(item.number, firsts.get(boot, item.number))
    return sorted(
        items,
        key=lambda item: (
            firsts[item.start.boot or f"#{item.number}"],
            item.start.boot_ns,
            (item.end or item.start).boot_ns,
            item.number,
        ),
    )


def missing(items: Sequence[Item], recovered: frozenset[int]) -> list[tuple[journal.Gap, EndedGap]]:
    """What must be written so that every second of ``items`` is recorded: gaps (number 0: new ones), each with its ends.

    A gap without an end ends where the next segment or gap begins. Unrecorded time next to a segment recovered just now is a gap
    of unknown reason.
    """
    found: list[tuple[journal.Gap, EndedGap]] = []
    stands: Moment | None = None
    for item, following in itertools.pairwise(items):
        end = item.end
        if end is None:
            assert item.gap is not None
            found += _ended(item.gap, item.start, item.gap.reason, following.start)
            end = item.end = following.start if following.start.is_after(item.start) else item.start
        if stands is None or stands.boot != end.boot or not stands.is_after(end):
            stands = end
        is_new = item.number in recovered or following.number in recovered
        reason = _why_apart(stands, following.start) if is_new and stands.boot and following.start.boot else ""
        if reason:
            gap = journal.Gap(start_utc_ns=stands.utc_ns, start_boot_ns=stands.boot_ns, boot=stands.boot, reason=reason)
            found += _ended(gap, stands, reason, following.start)
            stands = following.start
    return found


def _why_apart(stands: Moment, start: Moment) -> str:
    """Why two consecutive items are not adjacent; '' when they are."""
    if start.boot != stands.boot or start.boot_ns - stands.boot_ns > MEETS_NS:
        return UNKNOWN
    return CLOCK_STEPPED if start.is_stepped_from(stands) else ""


def _ended(gap: journal.Gap, since: Moment, reason: str, end: Moment) -> list[tuple[journal.Gap, EndedGap]]:
    first, *others = ending(since, reason, end)
    return [
        (gap, first),
        *(
            (
                journal.Gap(
                    start_utc_ns=told.since.utc_ns,
                    start_boot_ns=told.since.boot_ns,
                    boot=told.since.boot,
                    reason=told.reason,
                ),
                told,
            )
            for told in others
        ),
    ]
