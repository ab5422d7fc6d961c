"""Footage recovered from a camera's own recording, and the gaps in which it lies (ADR 44). Only reads.

A gap's lines never change. What was recovered later lies in its time, in segments with `from_camera`; so of the gap, what these
leave counts. Readers get that: the gap in pieces.
"""

from collections.abc import Iterable, Sequence

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.journal import GapSpan, StoredSegment


def is_recovered(segment: journal.Segment | journal.SlimSegment) -> bool:
    """Whether it was recovered from the camera."""
    return segment.from_camera is not msgspec.UNSET


def out_of_gaps(
    spans: Sequence[StoredSegment | GapSpan], more: Iterable[tuple[int, int]] = ()
) -> list[StoredSegment | GapSpan]:
    """The same with each ended gap in the pieces that recovered segments (erased since, or not) leave of it.

    `more`: further recovered stretches, that are not among the spans.
    """
    closed = [(s.start_utc_ns, s.end_utc_ns) for s in spans if isinstance(s, StoredSegment) and is_recovered(s)]
    taken = sorted([*more, *closed])
    if not taken:
        return list(spans)
    found: list[StoredSegment | GapSpan] = []
    for span in spans:
        if isinstance(span, GapSpan) and span.end_utc_ns is not None and span.end_utc_ns > span.start_utc_ns:
            found += _pieces(span, span.end_utc_ns, taken)
        else:
            found.append(span)
    return sorted(found, key=lambda span: span.start_utc_ns)


def outside(
    days: Days, camera: str, spans: Sequence[StoredSegment | GapSpan], start_utc_ns: int, end_utc_ns: int
) -> list[tuple[int, int]]:
    """The recovered stretches outside [start, end) in the gaps among the spans that reach out of it. Raises DiskWriteError."""
    gaps = [(span.start_utc_ns, span.end_utc_ns) for span in spans if isinstance(span, GapSpan)]
    low = min((start for start, _ in gaps), default=start_utc_ns)
    high = max((end for _, end in gaps if end is not None), default=end_utc_ns)
    found: list[tuple[int, int]] = []
    if low >= start_utc_ns and high <= end_utc_ns:
        return found
    for day in days.days(camera):
        begin = layout.day_start_ns(day)
        if begin >= high or begin + layout.DAY_NS <= low:
            continue
        data = days.read_journal(camera, day)
        if journal.FROM_CAMERA_MARK not in data:
            continue
        for line in journal.decode_slim(data):
            if isinstance(line, journal.SlimSegment) and is_recovered(line):
                end = line.start_utc_ns + line.duration_ns
                if end <= start_utc_ns or line.start_utc_ns >= end_utc_ns:
                    found.append((line.start_utc_ns, end))
    return found


def without(spans: Iterable[tuple[int, int]], taken: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The parts of `spans` outside `taken`, which begin in ascending order."""
    for start, end in spans:
        begin = start
        for first, last in taken:
            if last <= begin or first >= end:
                continue
            if first > begin:
                yield begin, first
            begin = last
        if begin < end:
            yield begin, end


def _pieces(gap: GapSpan, end_utc_ns: int, taken: Sequence[tuple[int, int]]) -> list[GapSpan]:
    pieces = list(without([(gap.start_utc_ns, end_utc_ns)], taken))
    if pieces == [(gap.start_utc_ns, end_utc_ns)]:
        return [gap]
    return [
        msgspec.structs.replace(
            gap,
            start_utc_ns=begin,
            start_boot_ns=gap.start_boot_ns + begin - gap.start_utc_ns,
            end_utc_ns=until,
            elapsed_ns=until - begin,
        )
        for begin, until in pieces
    ]
