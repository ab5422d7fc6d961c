"""The report: what may leave, made from the service's status."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from holdshelf_core.alerts.allowed import CAMERA_SILENT, RECORDED, UNKNOWN, CameraState, Condition, Report
from holdshelf_core.api.types import CameraRow, Status
from holdshelf_core.integration import reasons

_AT_THE_RECORDER = frozenset(
    {
        reasons.MEDIA_UNREACHABLE,
        reasons.DISK_FULL,
        reasons.DISK_ERROR,
        reasons.DISK_READ_ONLY,
        reasons.DISK_MISSING,
        reasons.RECORDER_BUSY,
        reasons.RECORDER_FAULT,
    }
)
"""Reasons that say nothing against the camera's connection."""


def report_of(
    status: Status,
    conditions: Sequence[Condition],
    *,
    log_size: int = 0,
    log_head: str = "",
    coverage: Mapping[str, float] | None = None,
) -> Report:
    """Return what may be told of this status. ``coverage``: by camera, of yesterday, in percent."""
    covered = coverage or {}
    silent = {one.camera: one.since_utc_ns for one in conditions if one.kind == CAMERA_SILENT}
    cameras = tuple(_camera(row, covered.get(row.id), silent.get(row.id)) for row in status.cameras)
    oldest = [camera.oldest_utc_ns for camera in cameras if camera.oldest_utc_ns is not None]
    disk = status.disk
    return Report(
        at_utc_ns=status.now_utc_ns,
        started_utc_ns=status.started_utc_ns,
        version=status.version,
        disk_writable=not disk.problem,
        disk_size_bytes=disk.size_bytes,
        disk_free_bytes=disk.free_bytes,
        budget_bytes=disk.budget_bytes,
        used_bytes=disk.used_bytes,
        reserved_bytes=disk.reserved_bytes,
        days_kept=min((camera.days_kept for camera in cameras), default=0.0),
        oldest_utc_ns=min(oldest, default=None),
        days_forecast=disk.days_forecast,
        floor_days=disk.floor_days,
        log_size=log_size,
        log_head=log_head,
        cameras=cameras,
        conditions=tuple(conditions),
    )


def _camera(row: CameraRow, coverage: float | None, silent_since_utc_ns: int | None) -> CameraState:
    """Return what is told of it. ``silent_since_utc_ns``: since when there is the alarm that it is silent.

    Its state may still be that of a camera that records, while something is waited for: then state and alarm are told as one.
    """
    reason = row.reason
    recording = row.state == "recording"
    if recording and silent_since_utc_ns is not None and not _is_back(row, silent_since_utc_ns):
        recording, reason = False, reasons.NO_FRAMES
    return CameraState(
        id=row.id,
        name=row.name,
        recording=recording,
        connected=recording or reason in _AT_THE_RECORDER,
        reason=RECORDED if recording else reason_word(reason),
        days_kept=row.days_kept,
        oldest_utc_ns=row.oldest_utc_ns,
        bytes_per_s=row.bytes_per_s,
        coverage=coverage,
    )


def _is_back(row: CameraRow, since_utc_ns: int) -> bool:
    """Return whether it was recorded again after that: the alarm ends once that lasts."""
    gap = row.last_gap
    return gap is not None and (gap.end_utc_ns or 0) > since_utc_ns


def reason_word(reason: str) -> str:
    """Return a reason of ``integration.reasons`` as it leaves: 'camera_unreachable'. One that is none is not known."""
    return re.sub("[ -]", "_", reason) if reason in reasons.ALL else UNKNOWN
