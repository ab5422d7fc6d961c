"""The content of ledger lines, and how they are made from segments and journals. Pure, without I/O."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence

import msgspec

from holdshelf_storage.layout import NS
from holdshelf_storage.volume import journal, recovered
from holdshelf_storage.volume.days import SegmentRef

SEAM_NS = NS
"""Segments of one camera closer together than this form one stretch: records are accurate to the second."""
MAX_SPANS = 5_000
"""Maximum stretches in a summary: a camera with more interruptions leaves only totals."""


class IntentDay(msgspec.Struct, frozen=True):
    """The segments of one camera-day that an intent names."""

    camera: str
    day: str
    seqs: list[int]
    start_utc_ns: int
    """Start of the first of them."""
    end_utc_ns: int
    """End of the last of them."""
    allocated_bytes: int


class Intent(msgspec.Struct, frozen=True, tag_field="kind", tag="intent", kw_only=True):
    """Written before anything is erased."""

    id: str
    at_utc_ns: int
    reason: str
    days: list[IntentDay]


class Abandon(msgspec.Struct, frozen=True, tag_field="kind", tag="abandon", kw_only=True):
    """Written before an open segment is given up (its disk failed to sync it, it holds sound, it holds no frame)."""

    id: str
    at_utc_ns: int
    reason: str
    camera: str
    seq: int
    bytes: int


class Done(msgspec.Struct, frozen=True, tag_field="kind", tag="done", kw_only=True):
    """Written after an intent or abandon was carried out. In the same file as that."""

    id: str
    freed_bytes: int = 0
    kept: list[int] = msgspec.field(default_factory=list)
    """Sequences in the intent that were not erased, because a hold protects them by now."""


class DayGone(msgspec.Struct, frozen=True, tag_field="kind", tag="day", kw_only=True):
    """What remains of a camera-day when all its footage is erased and its journal goes."""

    at_utc_ns: int
    camera: str
    day: str
    segments: int
    bytes: int
    recorded_ns: int
    first_seq: int | None
    last_seq: int | None
    gaps: dict[str, int]
    """Nanoseconds in gaps that began on this day, by reason; without what was recovered from the camera."""
    journal_sha256: str
    recorded: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """What had been recorded: (start, end) of each stretch, UTC ns. Empty in lines older than this field."""
    gap_spans: list[tuple[int, int, str]] = msgspec.field(default_factory=list)
    """(start, end, reason) of each gap that began on this day, UTC ns."""
    recovered: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """Those of `recorded` that were recovered from the camera: they lie in gaps of this day or one before."""
    missing: list[tuple[int, int, int]] = msgspec.field(default_factory=list)
    """(sequence, start, end) of segments that were already gone, and that no ledger line names."""


class Unshelve(msgspec.Struct, frozen=True, tag_field="kind", tag="unshelve", kw_only=True):
    """Written before links on the shelf are unlinked. The footage itself is in its day all the while."""

    id: str
    at_utc_ns: int
    reason: str
    hold: str
    files: int


Entry = Intent | Abandon | Done | DayGone | Unshelve
_entry: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def by_day(refs: Iterable[SegmentRef]) -> list[IntentDay]:
    """The days and sequences of an intent that names `refs`."""
    grouped: dict[tuple[str, str], list[SegmentRef]] = defaultdict(list)
    for ref in refs:
        grouped[ref.camera, ref.day].append(ref)
    return [
        IntentDay(
            camera=camera,
            day=day,
            seqs=[ref.seq for ref in members],
            start_utc_ns=min(ref.start_utc_ns for ref in members),
            end_utc_ns=max(ref.end_utc_ns for ref in members),
            allocated_bytes=sum(ref.allocated_bytes for ref in members),
        )
        for (camera, day), members in grouped.items()
    ]


def summary(
    lines: Sequence[object], camera: str, day: str, digest: str, at_utc_ns: int, erased: Container[int]
) -> DayGone:
    """What remains of a day, from its journal's lines; `digest` is that journal's SHA-256, `erased` what the ledger names."""
    segments = [line for line in lines if isinstance(line, journal.SlimSegment)]
    ends = {line.gap: line for line in reversed(lines) if isinstance(line, journal.GapEnd)}
    closed = sorted(
        (line.start_utc_ns, line.start_utc_ns + line.duration_ns) for line in segments if recovered.is_recovered(line)
    )
    gaps: dict[str, int] = {}
    gap_spans: list[tuple[int, int, str]] = []
    for line in lines:
        if isinstance(line, journal.Gap) and line.gap in ends:
            end = ends[line.gap]
            pieces = [(line.start_utc_ns, end.end_utc_ns)]
            left_ns = end.elapsed_ns
            if closed and end.end_utc_ns > line.start_utc_ns:
                pieces = list(recovered.without(pieces, closed))
                left_ns -= end.end_utc_ns - line.start_utc_ns - sum(until - begin for begin, until in pieces)
            gaps[line.reason] = gaps.get(line.reason, 0) + max(0, left_ns)
            gap_spans += [(begin, until, line.reason) for begin, until in pieces]
    seqs = [line.seq for line in segments]
    recorded = merged((line.start_utc_ns, line.start_utc_ns + line.duration_ns) for line in segments)
    return DayGone(
        at_utc_ns=at_utc_ns,
        camera=camera,
        day=day,
        segments=len(segments),
        bytes=sum(line.allocated_bytes for line in segments),
        recorded_ns=sum(line.duration_ns for line in segments),
        first_seq=min(seqs, default=None),
        last_seq=max(seqs, default=None),
        gaps=gaps,
        journal_sha256=digest,
        recorded=recorded if len(recorded) <= MAX_SPANS else [],
        gap_spans=gap_spans if len(gap_spans) <= MAX_SPANS else [],
        recovered=merged(closed, 1)[:MAX_SPANS],
        missing=[
            (line.seq, line.start_utc_ns, line.start_utc_ns + line.duration_ns)
            for line in segments
            if line.seq not in erased
        ][:MAX_SPANS],
    )


def merged(spans: Iterable[tuple[int, int]], seam_ns: int = SEAM_NS) -> list[tuple[int, int]]:
    """Stretches in order, those that touch or lie less than `seam_ns` apart as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1] + seam_ns:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def decode(line: bytes) -> Entry | None:
    """A line of the ledger; None when it cannot be read."""
    try:
        return _entry.decode(line)
    except journal.UNREADABLE:
        return None
