"""What a hold covers, to the second: recorded, in a gap with its cause, erased, missing, in the future.

From journals, ledger and shelf (``storage.footage.stretches``); nothing is estimated, and time without any record is reported as
such. Where the wall clock was set back, stretches may overlap, and each is listed. Blocks; runs in a thread. This module changes
nothing.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdshelf_core.buffer.averages import merged_by_camera
from holdshelf_core.holds.protection import UNKNOWN_LENGTH_NS, Protection, Spans
from holdshelf_core.policy.model import HoldSpan
from holdshelf_core.times import NS
from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.stretches import Stretches, stretches
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef, ref_of
from holdshelf_storage.volume.journal import SlimSegment

SEAM_NS = NS
MOST_KNOWN = 20_000
ERASED = "erased on schedule"
ERASED_SOMEWHEN = "erased on schedule; when that day was recorded is no longer known"
ARCHIVED = "kept in the archive"
MISSING = "missing: it was recorded, and not erased on schedule"
NO_RECORD = "nothing on record"
BEING_RECORDED = "being recorded"
RECOVERED = "recovered from the camera"


@dataclass(frozen=True, slots=True)
class CoverageSpan:
    """A stretch of a held span, [start, end) in UTC ns. ``kind``: recorded | gap | erased | missing | future."""

    camera: str
    kind: str
    start_utc_ns: int
    end_utc_ns: int
    reason: str = ""


def united(spans: Sequence[HoldSpan]) -> list[HoldSpan]:
    """Return the spans of each camera that overlap or touch as one, in the order of the first of them."""
    found: dict[tuple[str, int], tuple[int, HoldSpan]] = {}
    for camera, stretches_ in merged_by_camera(spans).items():
        for start, end in stretches_:
            span = HoldSpan(camera, start, None if end >= layout.MAX_TIME_NS else end)
            found[camera, start] = min(at for at, one in enumerate(spans) if _is_within(one, span)), span
    return [span for _, span in sorted(found.values(), key=lambda one: one[0])]


def _is_within(span: HoldSpan, other: HoldSpan) -> bool:
    return (
        span.camera == other.camera
        and span.start_utc_ns >= other.start_utc_ns
        and (other.end_utc_ns is None or (span.end_utc_ns is not None and span.end_utc_ns <= other.end_utc_ns))
    )


def in_common(mine: Sequence[HoldSpan], others: Sequence[HoldSpan]) -> str:
    """Return how much of ``mine``, which are united, the others keep, too: ``all``, ``some``, or '' for nothing."""
    if not any(_overlap(span, other) for span in mine for other in others):
        return ""
    theirs = united(others)
    return "all" if all(any(_is_within(span, other) for other in theirs) for span in mine) else "some"


def _overlap(span: HoldSpan, other: HoldSpan) -> bool:
    return (
        span.camera == other.camera
        and (other.end_utc_ns is None or span.start_utc_ns < other.end_utc_ns)
        and (span.end_utc_ns is None or other.start_utc_ns < span.end_utc_ns)
    )


def coverage(
    footage: Footage,
    ledger: Ledger,
    spans: Sequence[HoldSpan],
    now_utc_ns: int,
    *,
    archived: Mapping[str, Sequence[tuple[int, int]]] | None = None,
) -> list[CoverageSpan]:
    """Return the stretches of each span in the given order, without holes. ``archived``: by camera, stretches with a verified
    copy.

    Spans that overlap are one: nothing is told twice. An open end reaches to now. Raises StorageError.
    """
    found: list[CoverageSpan] = []
    for span in united(spans):
        open_end = max(now_utc_ns, span.start_utc_ns)
        end = open_end if span.end_utc_ns is None else span.end_utc_ns
        if end <= span.start_utc_ns:
            continue
        lost = footage.missing.lost(span.camera)
        seen = stretches(footage.folders, ledger, footage.shelved, span.camera, span.start_utc_ns, end, lost)
        copies = (archived or {}).get(span.camera, ())
        found += _tell(span.camera, span.start_utc_ns, end, now_utc_ns, seen, copies)
    return found


def _tell(
    camera: str, start: int, end: int, now: int, seen: Stretches, copies: Sequence[tuple[int, int]]
) -> list[CoverageSpan]:
    rows: list[CoverageSpan] = []

    def add(kind: str, begin: int, until: int, reason: str = "") -> None:
        begin, until = max(begin, start), min(until, end)
        if until > begin:
            rows.append(CoverageSpan(camera, kind, begin, until, reason))

    for begin, until in seen.recorded:
        for piece, is_recovered in _split(begin, until, seen.recovered):
            add("recorded", *piece, RECOVERED if is_recovered else "")
    for begin, until in seen.erased:
        for piece, kept in _split(begin, until, copies):
            add("erased", *piece, f"{ERASED}; {ARCHIVED}" if kept else ERASED)
    for begin, until in seen.missing:
        for piece, kept in _split(begin, until, copies):
            add("missing", *piece, f"{MISSING}; {ARCHIVED}" if kept else MISSING)
    for begin, until in seen.unsure_days:
        add("erased", begin, until, ERASED_SOMEWHEN)
    for gap in seen.gaps:
        until = min(now, end) if gap.end_utc_ns is None else gap.end_utc_ns
        add("gap", gap.start_utc_ns, max(until, gap.start_utc_ns), gap.reason)
    if seen.open_start_utc_ns is not None:
        add("recorded", seen.open_start_utc_ns, max(now, seen.open_start_utc_ns), BEING_RECORDED)
    rows.sort(key=lambda row: (row.start_utc_ns, row.end_utc_ns))
    told = list(_with_holes(camera, rows, start, min(end, max(now, start))))
    if end > now:
        told.append(CoverageSpan(camera, "future", max(start, now), end))
    return told


def _with_holes(camera: str, rows: Sequence[CoverageSpan], start: int, end: int) -> Iterator[CoverageSpan]:
    """Yield `rows` and, between them, the time without any record. Holes under a second are the seams between files."""
    reached = start
    for row in rows:
        if row.start_utc_ns - reached >= SEAM_NS:
            yield CoverageSpan(camera, "gap", reached, row.start_utc_ns, NO_RECORD)
        yield row
        reached = max(reached, row.end_utc_ns)
    if end - reached >= SEAM_NS or (not rows and end > reached):
        yield CoverageSpan(camera, "gap", reached, end, NO_RECORD)


def _split(start: int, end: int, copies: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield [start, end) in pieces, each with whether it lies in one of `copies`."""
    for begin, until in copies:
        if until <= start or begin >= end:
            continue
        if begin > start:
            yield (start, begin), False
        yield (max(start, begin), min(end, until)), True
        start = min(end, until)
    if end > start:
        yield (start, end), False


class HeldBytes:
    """Disk usage of held segments. Days held entirely are cheap; parts of days are read once. Thread-safe."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._lock = threading.Lock()
        self._known: dict[tuple[object, ...], tuple[object, int]] = {}

    def of(self, camera: str, spans: Spans) -> int:
        """Return the allocated bytes of the segments of `camera` that touch any of `spans` (merged, ascending). Raises
        StorageError."""
        return self._sum(camera, spans, None, 0)

    def protected(self, protection: Protection) -> int:
        """Return the allocated bytes of everything protected, each segment once, however many holds it has."""
        return sum(
            self._sum(
                camera,
                protection.spans(camera),
                protection.protects if protection.lets_go(camera) else None,
                protection.released,
            )
            for camera in protection.cameras()
        )

    def _sum(self, camera: str, spans: Spans, counts: Callable[[SegmentRef], bool] | None, released: int) -> int:
        total = 0
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        for day in _days_touched(self._footage.recorded_days(camera), spans) if spans else ():
            begin = layout.day_start_ns(day)
            # Files that began on this day may reach into the next, by up to a file's length.
            first = bisect_right(ends, begin)
            touching = tuple(spans[first : bisect_left(starts, begin + layout.DAY_NS + UNKNOWN_LENGTH_NS)])
            if not touching:
                continue
            usage = self._footage.day_usage(camera, day)
            if (
                usage is not None
                and counts is None
                and any(s <= begin and e >= begin + layout.DAY_NS for s, e in touching)
            ):
                total += usage.allocated_bytes
            else:
                state = (usage.segments, usage.last_seq, released) if usage is not None else None
                total += self._part(camera, day, touching, counts, state)
        return total

    def _part(
        self,
        camera: str,
        day: str,
        spans: tuple[tuple[int, int], ...],
        counts: Callable[[SegmentRef], bool] | None,
        state: object,
    ) -> int:
        key = (camera, day, spans, counts is None)
        with self._lock:
            known = self._known.get(key)
        if known is not None and state is not None and known[0] == state:
            return known[1]
        found = sum(ref.allocated_bytes for ref in self._touching(camera, day, spans) if counts is None or counts(ref))
        with self._lock:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
            self._known[key] = (state, found)
        return found

    def _touching(self, camera: str, day: str, spans: Spans | tuple[tuple[int, int], ...]) -> Iterator[SegmentRef]:
        """Yield the segments of a day that touch any of `spans`. Most do not, and create no objects."""
        lines = [line for line in self._footage.folders.slim(camera, day) if isinstance(line, SlimSegment)]
        names = set(self._footage.folders.names(camera, day))
        untold = names.difference(line.name for line in lines)
        if any(layout.parse_segment_name(name) is not None for name in untold):
            # A file without its line, which should not occur: its name and its inode are used.
            yield from (ref for ref in self._footage.folders.refs(camera, day) if _is_in(ref, spans))
            return
        for line in lines:
            end = line.start_utc_ns + line.duration_ns
            is_in = any(line.start_utc_ns < e and max(end, line.start_utc_ns + 1) > s for s, e in spans)
            if is_in and line.name in names:
                names.discard(line.name)  # a line written twice by a crash counts once
                yield ref_of(camera, day, line)


def _days_touched(days: Sequence[str], spans: Spans) -> list[str]:
    """Return those of ``days`` (ascending) whose footage may touch any of ``spans`` (merged, ascending), in order."""
    found: list[str] = []
    reached = 0
    for start, end in spans:
        if reached >= len(days):
            break
        first = max(reached, bisect_left(days, layout.day_of(start - UNKNOWN_LENGTH_NS)))
        reached = max(first, bisect_right(days, layout.day_of(end)))
        found += days[first:reached]
    return found


def _is_in(ref: SegmentRef, spans: Spans | tuple[tuple[int, int], ...]) -> bool:
    return any(ref.start_utc_ns < e and max(ref.end_utc_ns, ref.start_utc_ns + 1) > s for s, e in spans)
