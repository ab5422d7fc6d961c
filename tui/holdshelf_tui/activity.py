"""What is known of a camera's past without a picture: when something moved, what is missing and why, what is on hold.

Asked for in two sizes of blocks, of which each costs one answer and one line in the access log: a day by the minute, half an
hour by the second. Kept while they cannot change any more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from holdshelf_core.api.types_looks import Activity, ActivityAsk, EventMark, MissingRow
from holdshelf_tui.link import Link
from holdshelf_tui.words import clock, day
from holdshelf_tui.words_events import event_words

NS = 1_000_000_000
DAY_NS = 86_400 * NS
FINE_NS, FINE_PARTS = 1800 * NS, 1800
COARSE_NS, COARSE_PARTS = DAY_NS, 1440
STALE_S = 10.0
"""What goes on being recorded is asked for again after so long."""
MOST_BLOCKS = 96
CLEARLY_MORE = 12
"""Steps of the logarithmic scale: about twice as many bytes a second."""
QUIET_S = 3
"""Shorter pauses do not end a movement."""
SEARCH_DAYS = 7


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of the strip stands for."""

    level: int = 0
    recorded: bool = False
    gap: bool = False
    erased: bool = False
    held: bool = False
    told: bool = False
    """The camera itself told of something."""
    future: bool = False
    known: bool = False


@dataclass(slots=True)
class _Block:
    answer: Activity
    asked_s: float
    asked_utc_ns: int

    @property
    def settled(self) -> bool:
        return self.answer.end_utc_ns < self.asked_utc_ns - 120 * NS

    def fresh(self) -> bool:
        return self.settled or time.monotonic() - self.asked_s < STALE_S


class ActivityMap:
    """The blocks of one terminal. Methods run on the loop."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._blocks: dict[tuple[str, int, int], _Block] = {}

    def forget(self) -> None:
        """Something changed that may be on it: a hold, a gap."""
        self._blocks.clear()

    # --- asking ---------------------------------------------------------------------------------------------------

    async def async_ensure(self, camera: str, start_utc_ns: int, end_utc_ns: int, *, fine: bool) -> bool:
        """Have the blocks of a span; True when one came new. Raises HoldshelfError."""
        size = FINE_NS if fine else COARSE_NS
        new = False
        for first in range(start_utc_ns // size * size, end_utc_ns, size):
            if first > time.time_ns():
                break
            new = await self._async_block(camera, first, size) or new
        return new

    async def _async_block(self, camera: str, start_utc_ns: int, size_ns: int) -> bool:
        key = (camera, start_utc_ns, size_ns)
        known = self._blocks.get(key)
        if known is not None and known.fresh():
            return False
        parts = FINE_PARTS if size_ns == FINE_NS else COARSE_PARTS
        asked_utc_ns = time.time_ns()
        ask = ActivityAsk(camera, start_utc_ns, start_utc_ns + size_ns, parts)
        answer = await self._link.act("activity.see", ask, Activity)
        self._blocks.pop(key, None)
        self._blocks[key] = _Block(answer, time.monotonic(), asked_utc_ns)
        while len(self._blocks) > MOST_BLOCKS:
            self._blocks.pop(next(iter(self._blocks)))
        return True

    # --- reading ----------------------------------------------------------------------------------------------------

    def _at(self, camera: str, utc_ns: int, *, fine: bool) -> Activity | None:
        for size in (FINE_NS, COARSE_NS) if fine else (COARSE_NS, FINE_NS):
            block = self._blocks.get((camera, utc_ns // size * size, size))
            if block is not None:
                return block.answer
        return None

    def columns(self, camera: str, start_utc_ns: int, end_utc_ns: int, count: int, *, fine: bool) -> list[Column]:
        """The span in ``count`` columns, as far as it is known."""
        now, span = time.time_ns(), end_utc_ns - start_utc_ns
        return [
            self._column(
                camera, start_utc_ns + span * n // count, start_utc_ns + span * (n + 1) // count, now, fine=fine
            )
            for n in range(count)
        ]

    def _column(self, camera: str, start: int, end: int, now: int, *, fine: bool) -> Column:
        if start >= now:
            held = (block := self._at(camera, start, fine=fine)) is not None and _held(block, start, end)
            return Column(future=True, known=True, held=bool(held))
        first, last = self._at(camera, start, fine=fine), self._at(camera, end - 1, fine=fine)
        blocks = [block for block in (first, last) if block is not None]
        if not blocks:
            return Column()
        level = 0
        for block in blocks if first is not last else blocks[:1]:
            low = max(0, (start - block.start_utc_ns) // block.bucket_ns)
            high = -(-(min(end, block.end_utc_ns) - block.start_utc_ns) // block.bucket_ns)
            level = max(level, max(block.activity[low : max(high, low + 1)], default=0))
        missing = [
            row for block in blocks for row in block.missing if _overlaps(row.start_utc_ns, row.end_utc_ns, start, end)
        ]
        return Column(
            level=level,
            recorded=any(_overlaps(r.start_utc_ns, r.end_utc_ns, start, end) for b in blocks for r in b.recorded),
            gap=any(row.kind != "erased" for row in missing),
            erased=any(row.kind == "erased" for row in missing),
            held=any(_held(block, start, end) for block in blocks),
            told=any(_told(row, start, end) for block in blocks for row in block.events),
            known=True,
        )

    def missing_at(self, camera: str, utc_ns: int) -> MissingRow | None:
        """Why there is nothing at an instant, when that is known."""
        block = self._at(camera, utc_ns, fine=True)
        for row in block.missing if block is not None else ():
            if row.start_utc_ns <= utc_ns and (row.end_utc_ns is None or utc_ns < row.end_utc_ns):
                return row
        return None

    def recorded_at(self, camera: str, utc_ns: int) -> bool | None:
        """Whether there is a recording of an instant; None: not known yet."""
        block = self._at(camera, utc_ns, fine=True)
        if block is None:
            return None
        return any(row.start_utc_ns <= utc_ns < row.end_utc_ns for row in block.recorded)

    def recorded_within(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> tuple[int, int]:
        """From the first to the last recording within a span, as far as it is known; the span itself when nothing is."""
        found: list[tuple[int, int]] = []
        first = start_utc_ns // FINE_NS * FINE_NS
        for at in range(first, end_utc_ns, FINE_NS):
            block = self._at(camera, max(at, start_utc_ns), fine=True)
            for row in block.recorded if block is not None else ():
                if _overlaps(row.start_utc_ns, row.end_utc_ns, start_utc_ns, end_utc_ns):
                    found.append((row.start_utc_ns, row.end_utc_ns))
        if not found:
            return start_utc_ns, end_utc_ns
        return max(start_utc_ns, min(s for s, _ in found)), min(end_utc_ns, max(e for _, e in found))

    def holds_at(self, camera: str, utc_ns: int) -> list[str]:
        """Holds that keep an instant."""
        block = self._at(camera, utc_ns, fine=True)
        rows = block.held if block is not None else []
        return sorted({row.hold for row in rows if _overlaps(row.start_utc_ns, row.end_utc_ns, utc_ns, utc_ns + 1)})

    def told_at(self, camera: str, utc_ns: int) -> list[str]:
        """What the camera told of an instant: 'the camera said: motion (2:05:10 pm to 2:05:20 pm)'."""
        block = self._at(camera, utc_ns, fine=True)
        near_ns = max(NS, block.bucket_ns // 2) if block is not None else 0
        rows = [
            row for row in (block.events if block is not None else ()) if _told(row, utc_ns - near_ns, utc_ns + near_ns)
        ]
        return [f"the camera said: {event_words(row.kind)} ({event_span(row)})" for row in rows[:2]]

    def words_at(self, camera: str, utc_ns: int) -> str:
        """'recorded', 'not recorded: camera unreachable (2:05:10 pm to 2:06:10 pm)', 'erased on schedule'."""
        if utc_ns >= time.time_ns() - NS:
            return "now"
        words = []
        row, recorded = self.missing_at(camera, utc_ns), self.recorded_at(camera, utc_ns)
        if recorded:
            words.append("recorded")
        elif row is not None and row.kind == "erased":
            words.append("erased on schedule")
        elif row is not None:
            since = clock(row.start_utc_ns) if day(row.start_utc_ns) == day(utc_ns) else day(row.start_utc_ns)
            until = "now" if row.end_utc_ns is None else clock(row.end_utc_ns)
            words.append(f"not recorded: {row.reason} ({since} to {until})")
        elif recorded is not None:
            words.append("nothing recorded: erased on schedule, or the camera was not there yet")
        if held := self.holds_at(camera, utc_ns):
            words.append("on hold " + ", ".join(held))
        words += self.told_at(camera, utc_ns)
        return " · ".join(words)

    # --- when something moved -----------------------------------------------------------------------------------------

    async def async_onset(self, camera: str, utc_ns: int, *, forward: bool) -> int | None:
        """When something began to move, after or before an instant; None: not within a week. Raises HoldshelfError."""
        for days in range(SEARCH_DAYS + 1):
            here = utc_ns + (days if forward else -days) * DAY_NS
            if here // DAY_NS * DAY_NS > time.time_ns():
                return None
            await self.async_ensure(camera, here, here + 1, fine=False)
            whole = self._blocks[camera, here // COARSE_NS * COARSE_NS, COARSE_NS].answer
            halves = _lively_halves(whole)
            for first in halves if forward else reversed(halves):
                if (first + FINE_NS <= utc_ns) if forward else (first > utc_ns):
                    continue
                await self.async_ensure(camera, first, first + 1, fine=True)
                onsets = _onsets(self._blocks[camera, first, FINE_NS].answer)
                found = [at for at in onsets if (at > utc_ns if forward else at < utc_ns)]
                if found:
                    return found[0] if forward else found[-1]
        return None


def _overlaps(start: int, end: int | None, from_ns: int, to_ns: int) -> bool:
    return start < to_ns and (end is None or end > from_ns)


def _told(row: EventMark, start: int, end: int) -> bool:
    return row.start_utc_ns < end and (row.end_utc_ns is None or row.end_utc_ns >= start)


def event_span(row: EventMark) -> str:
    """'2:05:10 pm to 2:05:20 pm'."""
    since = clock(row.start_utc_ns)
    if row.end_utc_ns == row.start_utc_ns:
        return since
    return f"{since} to {'now' if row.end_utc_ns is None else clock(row.end_utc_ns)}"


def _held(block: Activity, start: int, end: int) -> bool:
    return any(_overlaps(row.start_utc_ns, row.end_utc_ns, start, end) for row in block.held)


def _quiet(values: bytes) -> int:
    """What stillness costs: the lower quarter of all that was recorded."""
    there = sorted(value for value in values if value)
    return there[len(there) // 4] if there else 0


def _lively_halves(whole: Activity) -> list[int]:
    """Half-hours worth looking into. Where every minute is alike, all that hold anything."""
    quiet, each = _quiet(whole.activity), FINE_NS // whole.bucket_ns
    parts = [whole.activity[n : n + each] for n in range(0, len(whole.activity), each)]
    starts = [whole.start_utc_ns + n * FINE_NS for n in range(len(parts))]
    lively = [at for at, part in zip(starts, parts, strict=True) if max(part, default=0) >= quiet + CLEARLY_MORE]
    return lively or [at for at, part in zip(starts, parts, strict=True) if any(part)]


def _onsets(block: Activity) -> list[int]:
    """Seconds at which it becomes clearly more than stillness."""
    quiet, still, found = _quiet(block.activity), QUIET_S, []
    for number, value in enumerate(block.activity):
        if value >= quiet + CLEARLY_MORE:
            if still >= QUIET_S and number:
                found.append(block.start_utc_ns + number * block.bucket_ns)
            still = 0
        else:
            still += 1
    return found
