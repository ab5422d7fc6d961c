"""Recorded segments and gaps as rows for the API."""

from __future__ import annotations

import msgspec

from holdshelf_core.api.types import GapRow
from holdshelf_core.buffer.types import SegmentRow
from holdshelf_core.recorder.camera import CameraRecorder
from holdshelf_core.times import NS
from holdshelf_storage.layout import day_of
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import GapSpan
from holdshelf_storage.volume.journal import StoredSegment as Segment
from holdshelf_storage.volume.recovered import is_recovered


def segment_row(segment: Segment, file: str) -> SegmentRow:
    """Return the row of one segment."""
    return SegmentRow(
        camera=segment.camera,
        seq=segment.seq,
        start_utc_ns=segment.start_utc_ns,
        end_utc_ns=segment.start_utc_ns + segment.duration_ns,
        codec=segment.codec,
        width=segment.width,
        height=segment.height,
        sha256=segment.sha256,
        file=file,
        recovered=segment.recovered,
        erased=segment.erased,
        missing=segment.missing,
        from_camera=is_recovered(segment),
    )


def open_row(camera: CameraRecorder, start_utc_ns: int, end_utc_ns: int, now_utc_ns: int) -> SegmentRow | None:
    """Return the row of the segment being written, if it overlaps the span."""
    if not camera.is_recording or camera.current_start_utc_ns >= end_utc_ns or now_utc_ns <= start_utc_ns:
        return None
    return SegmentRow(
        camera=camera.camera,
        seq=camera.current_seq,
        start_utc_ns=camera.current_start_utc_ns,
        end_utc_ns=max(now_utc_ns, camera.current_start_utc_ns),
        codec=camera.codec,
        width=camera.width,
        height=camera.height,
        sha256=None,
        file="",
        recovered=False,
        erased=False,
        open=True,
    )


def gone_gap_rows(ledger: Ledger, camera: str, start_utc_ns: int, end_utc_ns: int) -> list[GapRow]:
    """Return gaps that began on days whose folders are gone, from the ledger. Raises StorageError."""
    return [
        GapRow(camera, start, end, max(0, end - start) / NS, reason, "")
        for entry in ledger.days_gone(camera, "", day_of(end_utc_ns))
        for start, end, reason in entry.gap_spans
        if start < end_utc_ns and max(end, start + 1) > start_utc_ns
    ]


def gap_row(gap: GapSpan, now_utc_ns: int) -> GapRow:
    """Return the row of one gap."""
    elapsed_ns = gap.elapsed_ns if gap.elapsed_ns is not None else max(0, now_utc_ns - gap.start_utc_ns)
    return GapRow(gap.camera, gap.start_utc_ns, gap.end_utc_ns, elapsed_ns / NS, gap.reason, gap.detail)


def segment_for_person(row: SegmentRow) -> SegmentRow:
    """Return a segment's row without its file's path."""
    return msgspec.structs.replace(row, file="")
