"""The service's state as rows for the API. Reads only; what reads the disk runs in a thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from holdshelf_core.api import types
from holdshelf_core.buffer.averages import Averages, coarse
from holdshelf_core.buffer.retention import Retention, RoomFigures
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.buffer.store import Store
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.frame import Frame
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.loader import recordings
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.policy.model import Commission
from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.policy.state import State
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.times import NS
from holdshelf_core.version import VERSION
from holdshelf_storage.volume.index import Usage, days_kept


class StatusReader:
    """Gathers the status of the service from its rooms, for ``status`` and the screens."""

    def __init__(
        self,
        frame: Frame,
        entries: Entries,
        recorder: Recorder,
        store: Store,
        retention: Retention,
        averages: Averages,
        settings: Settings,
        audience_of: Callable[[Repair], str],
        elsewhere: Callable[[], str] = lambda: "",
        backups: Callable[[], str] = lambda: "",
    ) -> None:
        """``audience_of``: who can clear a repair; ``elsewhere``: how the store does in which holds are kept too;
        ``backups``: how scheduled backups do."""
        self._frame, self._entries, self._recorder, self._store = frame, entries, recorder, store
        self._retention, self._averages, self._settings = retention, averages, settings
        self._audience_of, self._elsewhere, self._backups = audience_of, elsewhere, backups

    async def async_status(self, state: State) -> types.Status:
        """Return the status of the whole service. ``state``: the current state."""
        room, frame, entries = await self._retention.async_room(), self._frame, self._entries.async_all()
        usage = room.usage if room else None
        return types.Status(
            version=VERSION,
            pid=os.getpid(),
            worker_pids=self._recorder.workers.pids(),
            started_utc_ns=frame.started_utc_ns,
            now_utc_ns=frame.clock.utc_ns(),
            disk=self._disk(room),
            cameras=[self._camera(entry, state.commissions.get(entry.entry_id), usage) for entry in entries],
            repairs=[self._repair(repair, entries) for repair in frame.repairs.async_all()],
            elsewhere=self._elsewhere(),
            backups=self._backups(),
        )

    def _repair(self, repair: Repair, entries: Iterable[ConfigEntry[Any]]) -> types.RepairRow:
        return types.RepairRow(
            repair.issue_id,
            repair.camera_id,
            repair.severity,
            renumbered(named(entries, repair)),
            renumbered(repair.next_step),
            repair.since_utc_ns,
            self._audience_of(repair),
        )

    def _disk(self, room: RoomFigures | None) -> types.DiskRow:
        if room is None:
            return types.DiskRow(str(self._frame.paths.media), self._store.problem, 0, 0, 0, 0, 0, False, None)
        boot_ns, usages = self._frame.clock.boot_ns(), room.usage.cameras
        return types.DiskRow(
            media=str(self._frame.paths.media),
            problem="",
            size_bytes=room.size_bytes,
            free_bytes=coarse(room.free_bytes, room.size_bytes),
            budget_bytes=room.budget_bytes,
            used_bytes=self._averages.about_used(usages, boot_ns),
            reserved_bytes=coarse(self._retention.reserved_bytes, room.budget_bytes),
            counted=room.usage.complete,
            days_forecast=self._averages.forecast_days(room.budget_bytes, self._recorder.cameras, usages, boot_ns),
            floor_days=self._settings.floor_days,
        )

    def _camera(
        self, entry: ConfigEntry[Any], commissioned: Commission | None, usages: Usage | None
    ) -> types.CameraRow:
        camera = self._recorder.cameras.get(entry.entry_id)
        usage = usages.cameras.get(entry.entry_id) if usages else None
        now_utc_ns = self._frame.clock.utc_ns()
        recorded_ns = usage.recorded_ns if usage else 0
        average = self._averages.bytes_per_s(entry.entry_id, usage, self._frame.clock.boot_ns())
        oldest_utc_ns = usage.since_utc_ns(now_utc_ns) if usage else None
        last_gap = None
        if camera is not None:
            if camera.is_recording:
                recorded_ns += max(0, now_utc_ns - camera.current_start_utc_ns)
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
            days_kept=round(days_kept(oldest_utc_ns, now_utc_ns), 4),
            segments=(usage.segments if usage else 0) + (1 if camera and camera.is_recording else 0),
            bytes=round(average * recorded_ns / NS),
            bytes_per_s=average,
            last_gap=last_gap,
            added_utc_ns=entry.added_utc_ns,
            commission=commissioned.state if commissioned is not None else "new",
            asks=self._entries.flows.async_asks(entry.entry_id),
            backfill=("on" if entry.backfill else "off") if recordings(entry.domain) is not None else "",
        )


def named(entries: Iterable[ConfigEntry[Any]], repair: Repair) -> str:
    """Return a repair's sentence with the camera's name in it, which an integration need not know."""
    title = next((e.title for e in entries if e.entry_id == repair.camera_id), None)
    return repair.sentence if title is None or title in repair.sentence else f"{title}: {repair.sentence}"
