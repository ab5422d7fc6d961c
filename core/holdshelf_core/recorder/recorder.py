"""The recorder: which cameras are dialled, by which worker, and which of them is silent.

It knows streams, not cameras' makes; what may be erased to make room is ``Room``'s to say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from holdshelf_core import reasons
from holdshelf_core.clock import Clock
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder import protocol as wire
from holdshelf_core.recorder.camera import CameraRecorder, Moment
from holdshelf_core.recorder.ports import Disk, Room
from holdshelf_core.recorder.workers import WorkerPool
from holdshelf_storage.footage import Footage
from holdshelf_storage.recovery import CameraRecovery

_LOGGER = logging.getLogger(__name__)

NS = 1_000_000_000
# A camera that has sent nothing for this long is alarmed about: the bar is 15 s, the watch ticks once a second.
SILENT_NS = 10 * NS
STEADY_NS = 3 * NS
DEFAULT_SEGMENT_S = 60.0
# Of one camera's messages, while a disk stands still; an honest worker says one in two seconds.
MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """A camera to record, and the name that sentences use."""

    camera: str
    name: str


class Recorder:
    """All cameras. Attached to a volume or not; orders survive a volume that goes and comes back."""

    def __init__(
        self,
        *,
        clock: Clock,
        disk: Disk,
        room: Room,
        repairs: RepairRegistry,
        fire: Callable[[str, dict[str, object]], None],
    ) -> None:
        self._clock = clock
        self._disk = disk
        self._room = room
        self._repairs = repairs
        self._fire = fire
        self._names: dict[str, str] = {}
        self._sources: dict[str, StreamSource] = {}
        self._silent_since_ns: dict[str, int] = {}
        self._away_since_ns: dict[str, int] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.cameras: dict[str, CameraRecorder] = {}
        self._footage: Footage | None = None
        self.segment_s = DEFAULT_SEGMENT_S
        self.workers = WorkerPool(self._told, self._orphaned)

    # --- the volume -------------------------------------------------------------------------------------------

    async def async_attach(
        self,
        footage: Footage,
        lock_fd: int,
        recoveries: Mapping[str, CameraRecovery],
        alive: Moment | None,
        reason: str,
    ) -> None:
        """A volume is there and recovered: dial every camera. ``alive``, ``reason``: see CameraRecorder."""
        self._footage = footage
        for camera in self.cameras.values():
            await self._attach_camera(camera, recoveries.get(camera.camera), alive, reason)
        for name, source in self._sources.items():
            await self.workers.async_record(self._order(name, source))
        await self.workers.async_open(lock_fd)

    async def async_detach(self, reason: str, *, writable: bool) -> None:
        """Finish every segment, end every worker, and let go of the volume."""
        await self.workers.async_shut()
        for camera in self.cameras.values():
            await camera.async_detach(reason, writable=writable)
        self._footage = None

    async def _attach_camera(
        self, camera: CameraRecorder, known: CameraRecovery | None, alive: Moment | None, reason: str
    ) -> None:
        assert self._footage is not None
        last_end = None
        if known is not None and known.last_end_utc_ns is not None:
            last_end = Moment(known.last_end_utc_ns, known.last_end_boot_ns or 0, known.last_boot or "")
        await camera.async_attach(self._footage, last_end, known.open_gap if known else None, alive, reason)

    # --- cameras ----------------------------------------------------------------------------------------------

    async def async_add(self, target: Target) -> None:
        """Know this camera; it is dialled once it has a stream."""
        self._names[target.camera] = target.name
        if target.camera in self.cameras:
            return
        camera = CameraRecorder(
            target.camera,
            clock=self._clock,
            disk=self._disk,
            room=self._room,
            send=lambda message, fd: self.workers.send(target.camera, message, fd),
            changed=self._changed,
            segment_s=self.segment_s,
        )
        self.cameras[target.camera] = camera
        self._silent_since_ns[target.camera] = self._clock.boot_ns()
        if self._footage is not None:
            await self._attach_camera(camera, None, None, reasons.CONNECTING)

    async def async_remove(self, camera: str) -> None:
        """Forget this camera; its footage stays until it is erased on schedule."""
        await self.async_set_stream(camera, None)
        known = self.cameras.get(camera)
        if known is not None:
            await known.async_remove()
            del self.cameras[camera]
        self._names.pop(camera, None)
        self._silent_since_ns.pop(camera, None)
        self._away_since_ns.pop(camera, None)
        self._repairs.async_delete_for_camera(camera)

    async def async_set_stream(self, camera: str, source: StreamSource | None, reason: str = "") -> None:
        """Dial this source from now on. The same one again changes nothing; None stops, for that reason."""
        async with self._locks.setdefault(camera, asyncio.Lock()):
            if self._sources.get(camera) == source and not reason:
                return
            if source is None:
                if self._sources.pop(camera, None) is not None:
                    await self.workers.async_forget(camera)
                if reason and camera in self.cameras:
                    self.cameras[camera].async_tell(wire.Lost(camera, reason, "", 0.0))
            else:
                self._sources[camera] = source
                await self.workers.async_record(self._order(camera, source))

    def _order(self, camera: str, source: StreamSource) -> wire.Record:
        return wire.Record(
            camera,
            source.url,
            source.username,
            source.password,
            source.transport,
            self._clock.boot,
            self.segment_s,
            source.certificate_sha256,
        )

    # --- what workers tell ------------------------------------------------------------------------------------

    def _told(self, message: wire.OfCameras) -> None:
        if isinstance(message, wire.Progress):
            for beat in message.beats:
                if beat.camera in self.cameras:
                    self.cameras[beat.camera].async_beat(beat)
            return
        if isinstance(message, wire.Ended):
            self.workers.async_ended(message.camera)
            return
        known = self.cameras.get(message.camera)
        if known is None:
            return
        if known.waiting > MAX_WAITING:
            _LOGGER.error("the worker of camera %s says more than can be true, and is ended", message.camera)
            self.workers.async_end(message.camera)
            return
        if isinstance(message, wire.Lost):
            reason, detail = reasons.inert(message.reason), reasons.inert(message.detail)
            if reason != known.reason:
                _LOGGER.warning("camera %s: %s (%s)", message.camera, reason, detail)
            message = wire.Lost(message.camera, reason, detail, message.retry_s)
        known.async_tell(message)

    def _orphaned(self, cameras: set[str]) -> None:
        for name in cameras:
            if name in self.cameras:
                self.cameras[name].async_orphaned()

    def _changed(self, event: str, data: dict[str, object]) -> None:
        if event == "sound_found":
            camera = str(data["camera"])
            sentence, step = reasons.advise(reasons.SOUND_FOUND, name=self._names.get(camera, camera), camera_id=camera)
            self._repairs.async_create(
                f"sound:{camera}", camera_id=camera, severity="error", sentence=sentence, next_step=step
            )
        self._fire(event, data)

    # --- alarms -----------------------------------------------------------------------------------------------

    def async_watch(self) -> None:
        """Called once a second: alarms about each camera whose last frame is too long ago, and ends the alarm."""
        now_ns = self._clock.boot_ns()
        for name, camera in self.cameras.items():
            last_ns = max(camera.last_frame_boot_ns, self._silent_since_ns.get(name, 0))
            issue = f"camera_silent:{name}"
            stalled = now_ns - last_ns > SILENT_NS
            # Frames may come while nothing can be written (no room): that is an alarm as well. So is a camera that is
            # recorded for a moment now and then, or fails for another reason each time.
            is_recorded = camera.state == "recording"
            steady = is_recorded and now_ns - camera.since_boot_ns > STEADY_NS
            if steady:
                self._away_since_ns.pop(name, None)
            elif not is_recorded:
                self._away_since_ns.setdefault(name, camera.since_boot_ns)
            blocked = not is_recorded and now_ns - self._away_since_ns[name] > SILENT_NS
            if not (stalled or blocked):
                if steady:
                    self._repairs.async_delete(issue)
                continue
            reason = camera.reason if camera.state != "recording" and camera.reason else reasons.NO_FRAMES
            if reason == reasons.CONNECTING:
                reason = reasons.UNREACHABLE
            sentence, step = reasons.advise(reason, name=self._names.get(name, name), camera_id=name)
            self._repairs.async_create(issue, camera_id=name, severity="error", sentence=sentence, next_step=step)
