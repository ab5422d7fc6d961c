"""When something moved: encoded bytes per second from the journals, without decoding, and without recognizing anyone or
anything.

Blocks; called in threads. Opens the journals of the days it needs and no footage; the ledger tells about deleted days.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdshelf_core.times import DAY_NS, NS
from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import GapSpan, StoredSegment
from holdshelf_storage.volume.recovered import is_recovered, without

MISSING = "missing, not erased on schedule"
MAX_BUCKETS = 12_000
"""More than a week by the minute: a search for movement is one question."""
MAX_SPAN_NS = 31 * DAY_NS
# Files of one unbroken stretch may be a frame's length apart.
UNBROKEN_NS = NS // 2


@dataclass(frozen=True, slots=True)
class ReadActivity:
    """``recorded``: (start, end) of unbroken stretches; ``missing``: (kind gap | erased | missing, start, end or None,
    reason)."""

    bucket_ns: int
    activity: bytes
    recorded: list[tuple[int, int]]
    missing: list[tuple[str, int, int | None, str]]
    recovered: list[tuple[int, int]]
    """Those of ``recorded`` that were recovered from the camera."""


def read_activity(
    footage: Footage, camera: str, start_utc_ns: int, end_utc_ns: int, buckets: int, ledger: Ledger | None = None
) -> ReadActivity:
    """Return the activity of a span in equal buckets, the last one shorter. Raises StorageError."""
    bucket_ns = -(-(end_utc_ns - start_utc_ns) // buckets)
    seconds = _Seconds(start_utc_ns, end_utc_ns)
    recorded: list[tuple[int, int]] = []
    recovered: list[tuple[int, int]] = []
    missing: list[tuple[str, int, int | None, str]] = []
    for span in footage.query(camera, start_utc_ns, end_utc_ns):
        if isinstance(span, GapSpan):
            ended = span.end_utc_ns is not None and span.end_utc_ns <= start_utc_ns
            if not ended:
                missing.append(("gap", span.start_utc_ns, span.end_utc_ns, span.reason))
            continue
        if not span.is_here:
            _join_missing(missing, span)
        else:
            join(recorded, span.start_utc_ns, span.end_utc_ns)
            if is_recovered(span):
                join(recovered, span.start_utc_ns, span.end_utc_ns)
        # Erased footage leaves its activity in the journal, which still shows when something moved.
        seconds.add(span.start_utc_ns, span.activity)
    if ledger is not None and (gone := _gone(ledger, camera, start_utc_ns, end_utc_ns)):
        missing = sorted({*gone, *missing}, key=lambda row: row[1])
    return ReadActivity(bucket_ns, seconds.bucketed(bucket_ns, buckets), recorded, missing, recovered)


def _gone(ledger: Ledger, camera: str, start_utc_ns: int, end_utc_ns: int) -> list[tuple[str, int, int | None, str]]:
    """Return what existed on deleted days, of which only the ledger's line is left. A stretch may begin the day before."""
    first, last = layout.day_of(max(0, start_utc_ns - DAY_NS)), layout.day_of(end_utc_ns)
    found: list[tuple[str, int, int | None, str]] = []
    for day in ledger.days_gone(camera, first, last):
        gone = [(start, end) for _, start, end in day.missing]
        found += [("missing", start, end, MISSING) for start, end in gone]
        found += [("erased", start, end, "erased on schedule") for start, end in without(day.recorded, gone)]
        found += [("gap", start, end, reason) for start, end, reason in day.gap_spans]
    return [row for row in found if row[1] < end_utc_ns and (row[2] or 0) > start_utc_ns]


def join(spans: list[tuple[int, int]], start_utc_ns: int, end_utc_ns: int) -> None:
    """Append a stretch: merged with the last one if adjacent."""
    if spans and 0 <= start_utc_ns - spans[-1][1] <= UNBROKEN_NS:
        spans[-1] = (spans[-1][0], max(end_utc_ns, spans[-1][1]))
    else:
        spans.append((start_utc_ns, end_utc_ns))


def _join_missing(missing: list[tuple[str, int, int | None, str]], span: StoredSegment) -> None:
    last = missing[-1] if missing else None
    kind, why = ("erased", "erased on schedule") if span.erased else ("missing", MISSING)
    if last is not None and last[0] == kind and last[2] is not None and 0 <= span.start_utc_ns - last[2] <= UNBROKEN_NS:
        missing[-1] = (kind, last[1], span.end_utc_ns, last[3])
    else:
        missing.append((kind, span.start_utc_ns, span.end_utc_ns, why))


class _Seconds:
    """One byte per second of the span; where two segments cover a second, the larger value stays."""

    def __init__(self, start_utc_ns: int, end_utc_ns: int) -> None:
        self._start_utc_ns = start_utc_ns
        self._bytes = bytearray(-(-(end_utc_ns - start_utc_ns) // NS))

    def add(self, start_utc_ns: int, activity: bytes) -> None:
        first = (start_utc_ns - self._start_utc_ns) // NS
        part = activity[max(0, -first) :]
        first = max(0, first)
        part = part[: max(0, len(self._bytes) - first)]
        here = self._bytes[first : first + len(part)]
        self._bytes[first : first + len(part)] = bytes(map(max, here, part)) if any(here) else part

    def bucketed(self, bucket_ns: int, buckets: int) -> bytes:
        out = bytearray(buckets)
        for number in range(buckets):
            first, last = number * bucket_ns // NS, -(-(number + 1) * bucket_ns // NS)
            out[number] = max(self._bytes[first:last], default=0)
        return bytes(out)
