"""What is known of a camera's past without a picture: when something moved, what is missing and why, what is on hold.

Asked for in two sizes of blocks, a day by the minute and half an hour by the second; blocks side by side are one question. Kept
while they cannot change any more; of what goes on being recorded only the end is asked for again, once a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from holdshelf_core.api.types import CameraRow
from holdshelf_core.looks.types import Activity, ActivityAsk, EventMark, MissingRow, RecordedRow
from holdshelf_tui.session.link import Link
from holdshelf_tui.text.events import event_words
from holdshelf_tui.text.time_format import DAY_NS, NS, clock, date_words, day

FINE_NS, FINE_PARTS = 1800 * NS, 1800
COARSE_NS, COARSE_PARTS = DAY_NS, 1440
MOST_PARTS = 8 * COARSE_PARTS
"""Of one question; the service answers up to 12,000."""
STALE_S = 60.0
"""What goes on being recorded is asked for again after so long."""
CHANGING_NS = 120 * NS
"""What is older than this, when it is asked for, stays as it is."""
EDGE_NS = 10 * NS
"""The last seconds, which are 'now' to a person."""
UNBROKEN_NS = NS // 2
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
    missing: bool = False
    """Recorded, gone, and not erased on schedule."""
    held: bool = False
    told: bool = False
    """The camera itself told of something."""
    recovered: bool = False
    """Recorded by the camera itself, and fetched from it later."""
    future: bool = False
    known: bool = False


@dataclass(slots=True)
class _Block:
    answer: Activity
    asked_s: float
    asked_utc_ns: int
    outdated: bool = False
    """Something else than its end may be another now."""

    @property
    def settled(self) -> bool:
        return self.answer.end_utc_ns < self.asked_utc_ns - CHANGING_NS

    def fresh(self) -> bool:
        return not self.outdated and (self.settled or time.monotonic() - self.asked_s < STALE_S)


class ActivityMap:
    """The blocks of one terminal. Methods run on the loop."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._blocks: dict[tuple[str, int, int], _Block] = {}
        self._cameras: dict[str, CameraRow] = {}
        self._counted = False
        self._asking = asyncio.Lock()

    def forget(self) -> None:
        """Something changed that may be on it: a hold. What is known stays in sight until the answer comes."""
        for block in self._blocks.values():
            block.outdated = True

    def changed(self, camera: str) -> None:
        """A gap began or ended: the end of what is known is not up to date."""
        for key, block in self._blocks.items():
            if key[0] == camera:
                block.asked_s = min(block.asked_s, time.monotonic() - STALE_S)

    def know(self, cameras: Iterable[CameraRow], *, counted: bool = True) -> None:
        """How the cameras fare now: which record, and, once it is ``counted``, since when there is anything of them."""
        self._cameras = {camera.id: camera for camera in cameras}
        self._counted = counted

    # --- asking ---------------------------------------------------------------------------------------------------

    async def async_ensure(self, camera: str, start_utc_ns: int, end_utc_ns: int, *, fine: bool) -> bool:
        """Have the blocks of a span; True when one came new. Raises HoldshelfError."""
        size, parts = (FINE_NS, FINE_PARTS) if fine else (COARSE_NS, COARSE_PARTS)
        now = time.time_ns()
        starts = [first for first in range(start_utc_ns // size * size, end_utc_ns, size) if first <= now]
        async with self._asking:  # who asks for the same at the same time finds it answered
            stale = [first for first in starts if not self._is_fresh((camera, first, size))]
            new = bool(stale)
            while stale:
                run = [stale.pop(0)]
                while stale and stale[0] == run[-1] + size and (len(run) + 1) * parts <= MOST_PARTS:
                    run.append(stale.pop(0))
                await self._async_ask(camera, run, size, size // parts)
        return new

    def _is_fresh(self, key: tuple[str, int, int]) -> bool:
        block = self._blocks.get(key)
        return block is not None and block.fresh()

    async def _async_ask(self, camera: str, starts: list[int], size_ns: int, bucket_ns: int) -> None:
        """One question for blocks side by side; of the first one only what may have changed."""
        known, start, end = self._blocks.get((camera, starts[0], size_ns)), starts[0], starts[-1] + size_ns
        if known is not None and not known.outdated:
            start = max(start, (known.asked_utc_ns - CHANGING_NS) // bucket_ns * bucket_ns)
        asked_utc_ns = time.time_ns()
        ask = ActivityAsk(camera, start, end, (end - start) // bucket_ns)
        answer = await self._link.act(ask)
        for first in starts:
            part = _part(answer, max(first, start), first + size_ns)
            if first < start and known is not None:
                part = _joined(known.answer, part)
            self._blocks.pop((camera, first, size_ns), None)
            self._blocks[camera, first, size_ns] = _Block(part, time.monotonic(), asked_utc_ns)
        while len(self._blocks) > MOST_BLOCKS:
            self._blocks.pop(next(iter(self._blocks)))

    # --- reading ----------------------------------------------------------------------------------------------------

    def _at(self, camera: str, utc_ns: int, *, fine: bool) -> _Block | None:
        for size in (FINE_NS, COARSE_NS) if fine else (COARSE_NS, FINE_NS):
            block = self._blocks.get((camera, utc_ns // size * size, size))
            if block is not None:
                return block
        return None

    def _is_recording(self, camera: str) -> bool:
        row = self._cameras.get(camera)
        return row is not None and row.state == "recording"

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
        first, last = self._at(camera, start, fine=fine), self._at(camera, end - 1, fine=fine)
        blocks = [block.answer for block in (first, last) if block is not None]
        held = any(_held(block, start, end) for block in blocks)
        if start >= now:
            return Column(future=True, known=True, held=held)
        if first is not None and start >= first.asked_utc_ns:
            # Since it was asked: what the camera does now, it did these seconds.
            recording, gap = self._is_recording(camera), any(r.end_utc_ns is None for r in first.answer.missing)
            return Column(recorded=recording, gap=gap and not recording, held=held, known=recording or gap)
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
            gap=any(row.kind == "gap" for row in missing),
            erased=any(row.kind == "erased" for row in missing),
            missing=any(row.kind == "missing" for row in missing),
            held=held,
            told=any(_told(row, start, end) for block in blocks for row in block.events),
            recovered=any(_overlaps(r.start_utc_ns, r.end_utc_ns, start, end) for b in blocks for r in b.recovered),
            known=True,
        )

    def missing_at(self, camera: str, utc_ns: int) -> MissingRow | None:
        """Why there is nothing at an instant, when that is known."""
        block = self._at(camera, utc_ns, fine=True)
        for row in block.answer.missing if block is not None else ():
            if row.start_utc_ns <= utc_ns and (row.end_utc_ns is None or utc_ns < row.end_utc_ns):
                return row
        return None

    def recorded_at(self, camera: str, utc_ns: int) -> bool | None:
        """Whether there is a recording of an instant; None: not known yet."""
        block = self._at(camera, utc_ns, fine=True)
        if block is None:
            return None
        if utc_ns >= block.asked_utc_ns:
            return True if self._is_recording(camera) else None
        return any(row.start_utc_ns <= utc_ns < row.end_utc_ns for row in block.answer.recorded)

    def recorded_within(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> tuple[int, int]:
        """From the first to the last recording within a span, as far as it is known; the span itself when nothing is."""
        found: list[tuple[int, int]] = []
        first = start_utc_ns // FINE_NS * FINE_NS
        for at in range(first, end_utc_ns, FINE_NS):
            block = self._at(camera, max(at, start_utc_ns), fine=True)
            for row in block.answer.recorded if block is not None else ():
                if _overlaps(row.start_utc_ns, row.end_utc_ns, start_utc_ns, end_utc_ns):
                    found.append((row.start_utc_ns, row.end_utc_ns))
        if not found:
            return start_utc_ns, end_utc_ns
        edge = self._at(camera, end_utc_ns - 1, fine=True)
        if edge is not None and self._is_recording(camera) and max(e for _, e in found) >= edge.asked_utc_ns - EDGE_NS:
            found.append((end_utc_ns, end_utc_ns))  # it went on since it was asked
        return max(start_utc_ns, min(s for s, _ in found)), min(end_utc_ns, max(e for _, e in found))

    def holds_at(self, camera: str, utc_ns: int) -> list[str]:
        """Holds that keep an instant."""
        block = self._at(camera, utc_ns, fine=True)
        rows = block.answer.held if block is not None else []
        return sorted({row.hold for row in rows if _overlaps(row.start_utc_ns, row.end_utc_ns, utc_ns, utc_ns + 1)})

    def told_at(self, camera: str, utc_ns: int) -> list[str]:
        """What the camera told of an instant: 'the camera said: motion (2:05:10 pm to 2:05:20 pm)'."""
        block = self._at(camera, utc_ns, fine=True)
        if block is None:
            return []
        near_ns = max(NS, block.answer.bucket_ns // 2)
        rows = [row for row in block.answer.events if _told(row, utc_ns - near_ns, utc_ns + near_ns)]
        return [f"the camera said: {event_words(row.kind)} ({event_span(row)})" for row in rows[:2]]

    def words_at(self, camera: str, utc_ns: int) -> str:
        """'recorded', 'not recorded: camera unreachable (2:05:10 pm to 2:06:10 pm)', 'erased on schedule', 'missing: …'."""
        words = [self._state_at(camera, utc_ns)]
        if held := self.holds_at(camera, utc_ns):
            words.append("on hold " + ", ".join(held))
        words += self.told_at(camera, utc_ns)
        return " · ".join(filter(None, words))

    def _state_at(self, camera: str, utc_ns: int) -> str:
        row, recorded, now = self.missing_at(camera, utc_ns), self.recorded_at(camera, utc_ns), time.time_ns()
        block = self._at(camera, utc_ns, fine=True)
        since_asked = block is None or utc_ns >= block.asked_utc_ns
        is_edge = utc_ns >= now - EDGE_NS or (block is not None and since_asked)
        if is_edge and self._is_recording(camera) and (row is None or since_asked):
            return "being recorded now"
        if recorded and block is not None:
            rows = block.answer.recovered
            is_recovered = any(one.start_utc_ns <= utc_ns < one.end_utc_ns for one in rows)
            return "recovered from the camera" if is_recovered else "recorded"
        if row is not None and row.kind == "erased":
            return "erased on schedule"
        if row is not None and row.kind == "missing":
            return "missing: it was recorded, and not erased on schedule"
        if row is not None:
            since = clock(row.start_utc_ns) if day(row.start_utc_ns) == day(utc_ns) else day(row.start_utc_ns)
            until = "now" if row.end_utc_ns is None else clock(row.end_utc_ns)
            return f"not recorded: {row.reason} ({since} to {until})"
        if since_asked:
            return "now" if utc_ns >= now - NS else ""
        return self._nothing_words(camera, utc_ns)

    def _nothing_words(self, camera: str, utc_ns: int) -> str:
        """No journal tells of this time, and what was erased leaves its line."""
        facts = self._cameras.get(camera)
        if facts is None or not self._counted:
            return "not recorded"
        blocks = [block.answer for key, block in self._blocks.items() if key[0] == camera]
        starts = [row.start_utc_ns for block in blocks for row in block.recorded]
        starts += [row.start_utc_ns for block in blocks for row in block.missing]
        if any(start < utc_ns for start in starts) or (facts.oldest_utc_ns or utc_ns + 1) <= utc_ns:
            return "not recorded"
        if facts.oldest_utc_ns is None:
            return "nothing is recorded of this camera yet"
        words = "before this camera's first recording"
        if facts.oldest_utc_ns - facts.added_utc_ns >= DAY_NS:
            return words  # whether what is there now is its first, nothing says
        first = min([facts.oldest_utc_ns, *starts])
        same = day(first) == day(utc_ns)
        return f"{words} ({clock(first, seconds=False) if same else date_words(first)})"

    # --- when something moved -----------------------------------------------------------------------------------------

    async def async_onset(self, camera: str, utc_ns: int, *, forward: bool) -> int | None:
        """When something began to move, after or before an instant; None: not within a week. Raises HoldshelfError."""
        reach = SEARCH_DAYS * DAY_NS
        start, end = (utc_ns, min(utc_ns + reach, time.time_ns())) if forward else (utc_ns - reach, utc_ns)
        await self.async_ensure(camera, start, end + 1, fine=False)
        halves: list[int] = []
        for first in range(start // COARSE_NS * COARSE_NS, end + 1, COARSE_NS):
            if (whole := self._blocks.get((camera, first, COARSE_NS))) is not None:
                halves += _lively_halves(whole.answer)
        halves = [at for at in halves if (at + FINE_NS > utc_ns if forward else at <= utc_ns)]
        for number, first in enumerate(order := halves if forward else halves[::-1]):
            if not self._is_fresh((camera, first, FINE_NS)):  # with those beside it, in one question
                near = set(order[number : number + MOST_PARTS // FINE_PARTS])
                low = high = first
                while low - FINE_NS in near:
                    low -= FINE_NS
                while high + FINE_NS in near:
                    high += FINE_NS
                await self.async_ensure(camera, low, high + 1, fine=True)
            block = self._blocks[camera, first, FINE_NS].answer
            begun = [recorded_from(block, at) for at in onsets(block)]
            found = [at for at in begun if (at > utc_ns if forward else at < utc_ns)]
            if found:
                return found[0] if forward else found[-1]
        return None


def _part(answer: Activity, start: int, end: int) -> Activity:
    """What an answer says of a part of its span."""
    low, high = ((at - answer.start_utc_ns) // answer.bucket_ns for at in (start, end))
    return Activity(
        camera=answer.camera,
        start_utc_ns=start,
        end_utc_ns=end,
        bucket_ns=answer.bucket_ns,
        activity=answer.activity[low:high],
        recorded=[row for row in answer.recorded if _overlaps(row.start_utc_ns, row.end_utc_ns, start, end)],
        missing=[row for row in answer.missing if _overlaps(row.start_utc_ns, row.end_utc_ns, start, end)],
        held=[row for row in answer.held if _overlaps(row.start_utc_ns, row.end_utc_ns, start, end)],
        events=[row for row in answer.events if _told(row, start, end)],
        recovered=[row for row in answer.recovered if _overlaps(row.start_utc_ns, row.end_utc_ns, start, end)],
    )


def _joined(old: Activity, new: Activity) -> Activity:
    """What was known up to where a newer answer begins, and that."""
    cut = new.start_utc_ns
    recorded = [RecordedRow(r.start_utc_ns, min(r.end_utc_ns, cut)) for r in old.recorded if r.start_utc_ns < cut]
    for row in new.recorded:
        if recorded and row.start_utc_ns <= recorded[-1].end_utc_ns + UNBROKEN_NS:
            last = recorded.pop()
            recorded.append(RecordedRow(last.start_utc_ns, max(last.end_utc_ns, row.end_utc_ns)))
        else:
            recorded.append(row)
    before = [r for r in old.missing if r.end_utc_ns is not None and (r.kind != "gap" or r.end_utc_ns <= cut)]
    # What went on at the cut is told by the newer answer, perhaps with its end.
    told = [r for r in old.events if r.end_utc_ns is not None and r.end_utc_ns < cut]
    return Activity(
        camera=old.camera,
        start_utc_ns=old.start_utc_ns,
        end_utc_ns=new.end_utc_ns,
        bucket_ns=old.bucket_ns,
        activity=old.activity[: (cut - old.start_utc_ns) // old.bucket_ns] + new.activity,
        recorded=recorded,
        missing=list(dict.fromkeys([*before, *new.missing])),
        held=list(dict.fromkeys([*old.held, *new.held])),
        events=list(dict.fromkeys([*told, *new.events])),
        recovered=list(dict.fromkeys([*old.recovered, *new.recovered])),
    )


def recorded_from(block: Activity, at: int) -> int:
    """The first recorded moment of the second that begins then: a recording need not begin with a second."""
    starts = [row.start_utc_ns for row in block.recorded if row.start_utc_ns <= at < row.end_utc_ns]
    starts = starts or [row.start_utc_ns for row in block.recorded if at < row.start_utc_ns < at + block.bucket_ns]
    return max(at, min(starts, default=at))


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


def onsets(block: Activity) -> list[int]:
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
