"""The service's state as rows for the API. Reads only; what reads the disk runs in a thread."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from holdshelf_core.api import types
from holdshelf_core.clock import NS
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.keeping.retention import RoomFigures
from holdshelf_core.recorder.camera import CameraRecorder
from holdshelf_core.version import VERSION
from holdshelf_storage.index import Usage
from holdshelf_storage.journal import GapSpan
from holdshelf_storage.journal import StoredSegment as Segment

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

DAY_NS = 86_400 * NS


async def async_status(holdshelf: Holdshelf) -> types.Status:
    """Everything at one glance."""
    room = await holdshelf.retention.async_room()
    usage = room.usage if room else None
    return types.Status(
        version=VERSION,
        pid=os.getpid(),
        worker_pids=holdshelf.recorder.workers.pids(),
        started_utc_ns=holdshelf.started_utc_ns,
        now_utc_ns=holdshelf.clock.utc_ns(),
        disk=_disk(holdshelf, room),
        cameras=[_camera(holdshelf, entry, usage) for entry in holdshelf.entries.async_all()],
        repairs=[
            types.RepairRow(r.issue_id, r.camera_id, r.severity, named(holdshelf, r), r.next_step, r.since_utc_ns)
            for r in holdshelf.repairs.async_all()
        ],
    )


def _disk(holdshelf: Holdshelf, room: RoomFigures | None) -> types.DiskRow:
    if room is None:
        return types.DiskRow(str(holdshelf.paths.media), holdshelf.store.problem, 0, 0, 0, 0, 0, False, None)
    rate = sum(camera.bytes_per_s for camera in holdshelf.recorder.cameras.values())
    return types.DiskRow(
        media=str(holdshelf.paths.media),
        problem="",
        size_bytes=room.size_bytes,
        free_bytes=room.free_bytes,
        budget_bytes=room.budget_bytes,
        used_bytes=room.usage.allocated_bytes,
        reserved_bytes=holdshelf.retention.reserved_bytes,
        counted=room.usage.complete,
        days_forecast=round(room.budget_bytes / rate / 86_400, 2) if rate > 0 else None,
        floor_days=holdshelf.settings.floor_days,
    )


def _camera(holdshelf: Holdshelf, entry: ConfigEntry[Any], usages: Usage | None) -> types.CameraRow:
    camera = holdshelf.recorder.cameras.get(entry.entry_id)
    usage = usages.cameras.get(entry.entry_id) if usages else None
    commissioned = holdshelf.house.state.commissions.get(entry.entry_id)
    now_utc_ns = holdshelf.clock.utc_ns()
    recorded_ns = usage.recorded_ns if usage else 0
    size_bytes = usage.allocated_bytes if usage else 0
    oldest_utc_ns = usage.oldest_utc_ns if usage else None
    last_gap = None
    if camera is not None:
        if camera.is_recording:
            recorded_ns += max(0, now_utc_ns - camera.current_start_utc_ns)
            size_bytes += camera.current_bytes
            oldest_utc_ns = oldest_utc_ns or camera.current_start_utc_ns
        if camera.last_gap is not None:
            start_utc_ns, end_utc_ns, reason = camera.last_gap
            elapsed_ns = (end_utc_ns or now_utc_ns) - start_utc_ns
            last_gap = types.GapRow(entry.entry_id, start_utc_ns, end_utc_ns or None, elapsed_ns / NS, reason)
    return types.CameraRow(
        id=entry.entry_id,
        name=entry.title,
        area_kind=entry.area_kind,
        integration=entry.domain,
        address=str(entry.data.get("address", "")),
        entry_state=str(entry.state),
        state=camera.state if camera else "waiting",
        reason=camera.reason if camera else "",
        detail=camera.detail if camera else "",
        codec=camera.codec if camera else "",
        width=camera.width if camera else 0,
        height=camera.height if camera else 0,
        recorded_s=round(recorded_ns / NS, 3),
        oldest_utc_ns=oldest_utc_ns,
        days_kept=round((now_utc_ns - oldest_utc_ns) / DAY_NS, 4) if oldest_utc_ns else 0.0,
        segments=(usage.segments if usage else 0) + (1 if camera and camera.is_recording else 0),
        bytes=size_bytes,
        bytes_per_s=round(camera.bytes_per_s, 1) if camera else 0.0,
        activity=list(camera.activity_bytes_per_s) if camera else [],
        last_gap=last_gap,
        added_utc_ns=entry.added_utc_ns,
        commission=commissioned.state if commissioned is not None else "new",
        asks=holdshelf.entries.flows.async_asks(entry.entry_id),
    )


def named(holdshelf: Holdshelf, repair: Repair) -> str:
    """A repair's sentence with the camera's name in it: an integration need not know what people call it."""
    title = next((e.title for e in holdshelf.entries.async_all() if e.entry_id == repair.camera_id), None)
    return repair.sentence if title is None or title in repair.sentence else f"{title}: {repair.sentence}"


def segment_row(segment: Segment, file: str) -> types.SegmentRow:
    """One stretch of footage."""
    return types.SegmentRow(
        camera=segment.camera,
        seq=segment.seq,
        start_utc_ns=segment.start_utc_ns,
        end_utc_ns=segment.start_utc_ns + segment.duration_ns,
        bytes=segment.bytes,
        codec=segment.codec,
        width=segment.width,
        height=segment.height,
        frames=segment.frames,
        sha256=segment.sha256,
        file=file,
        recovered=segment.recovered,
        erased=segment.erased,
    )


def open_row(camera: CameraRecorder, start_utc_ns: int, end_utc_ns: int, now_utc_ns: int) -> types.SegmentRow | None:
    """The segment that is being written, when it touches the span."""
    if not camera.is_recording or camera.current_start_utc_ns >= end_utc_ns or now_utc_ns <= start_utc_ns:
        return None
    return types.SegmentRow(
        camera=camera.camera,
        seq=camera.current_seq,
        start_utc_ns=camera.current_start_utc_ns,
        end_utc_ns=max(now_utc_ns, camera.current_start_utc_ns),
        bytes=camera.current_bytes,
        codec=camera.codec,
        width=camera.width,
        height=camera.height,
        frames=0,
        sha256=None,
        file="",
        recovered=False,
        erased=False,
        open=True,
    )


def gap_row(gap: GapSpan, now_utc_ns: int) -> types.GapRow:
    """One stretch without."""
    elapsed_ns = gap.elapsed_ns if gap.elapsed_ns is not None else max(0, now_utc_ns - gap.start_utc_ns)
    return types.GapRow(gap.camera, gap.start_utc_ns, gap.end_utc_ns, elapsed_ns / NS, gap.reason, gap.detail)
