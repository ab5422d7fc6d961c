"""The recorder: which cameras to connect to, by which worker, and which of them are silent.

It handles streams, independent of camera makes; ``Room`` decides what may be erased to make room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from holdshelf_core.clock import Clock
from holdshelf_core.inert import inert
from holdshelf_core.integration import reasons
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder.backfill import Backfill
from holdshelf_core.recorder.camera import CameraRecorder
from holdshelf_core.recorder.camera_log import CameraLog
from holdshelf_core.recorder.ports import Disk, Room
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.workers import WorkerPool
from holdshelf_core.times import NS
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.recovery import CameraRecovery
from holdshelf_storage.volume.gap_lines import Moment

_LOGGER = logging.getLogger(__name__)

# A camera that has sent nothing for this long is alarmed about: the bar is 15 s, the watch ticks once a second.
SILENT_NS = 10 * NS
STEADY_NS = 3 * NS
DEFAULT_SEGMENT_S = 60.0
# Queued messages of one camera while a disk hangs; a proper worker sends one in two seconds.
MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """A camera to record, and its name for sentences. ``told_by_device``: see ``reasons.advise``."""

    camera: str
    name: str
    told_by_device: bool = False


class Recorder:
    """All cameras. With or without a volume; orders survive a volume that goes away and comes back."""

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
        self._targets: dict[str, Target] = {}
        self._sources: dict[str, StreamSource] = {}
        self._silent_since_ns: dict[str, int] = {}
        self._away_since_ns: dict[str, int] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.cameras: dict[str, CameraRecorder] = {}
        self._log = CameraLog(clock)
        self._footage: Footage | None = None
        self._no_volume = ""
        self.segment_s = DEFAULT_SEGMENT_S
        self.workers = WorkerPool(self._told, self._orphaned)
        self.backfill = Backfill(clock=clock, disk=disk, room=room, repairs=repairs)

    # --- the volume -------------------------------------------------------------------------------------------

    async def async_attach(
        self,
        footage: Footage,
        lock_fd: int,
        recoveries: Mapping[str, CameraRecovery],
        alive: Moment | None,
        reason: str,
    ) -> None:
        """Start using a recovered volume: connect to every camera. ``alive``, ``reason``: see CameraRecorder."""
        self._footage, self._no_volume = footage, ""
        # Cameras come and go meanwhile. One that comes attaches itself, one that goes waits for its own turn.
        for camera in list(self.cameras.values()):
            if camera.camera in self.cameras:
                await self._attach_camera(camera, recoveries.get(camera.camera), alive, reason)
        for name, source in list(self._sources.items()):
            if name in self._sources:
                await self.workers.async_record(self._order(name, source))
        await self.workers.async_open(lock_fd)
        self.backfill.segment_s = self.segment_s
        self.backfill.async_attach(footage, lock_fd)

    async def async_detach(self, reason: str, *, writable: bool) -> None:
        """Finish every segment, end every worker, and detach the volume."""
        await self.backfill.async_detach()
        await self.workers.async_shut()
        for camera in list(self.cameras.values()):
            await camera.async_detach(reason, writable=writable)
        self._footage = None

    def async_without_volume(self, reason: str) -> None:
        """Record that there is no volume, and why: not a fault of any camera."""
        self._no_volume = reason
        for camera in self.cameras.values():
            camera.async_without_volume(reason)

    async def _attach_camera(
        self, camera: CameraRecorder, known: CameraRecovery | None, alive: Moment | None, reason: str
    ) -> None:
        assert self._footage is not None
        last_end = None
        if known is not None and known.last_end_utc_ns is not None:
            last_end = Moment(known.last_end_utc_ns, known.last_end_boot_ns or 0, known.last_boot or "")
        open_gap, bytes_per_s = (known.open_gap, known.bytes_per_s) if known is not None else (None, 0.0)
        await camera.async_attach(self._footage, last_end, open_gap, alive, reason, bytes_per_s)

    # --- cameras ----------------------------------------------------------------------------------------------

    async def async_add(self, target: Target) -> None:
        """Add a camera, or note its new name; it is connected once it has a stream."""
        self._targets[target.camera] = target
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
        elif self._no_volume:
            camera.async_without_volume(self._no_volume)

    def _target(self, camera: str) -> Target:
        return self._targets.get(camera) or Target(camera, camera)

    async def async_remove(self, camera: str) -> None:
        """Remove a camera; its footage stays until it is erased on schedule."""
        await self.async_set_stream(camera, None)
        known = self.cameras.pop(camera, None)  # from here on nobody tells it anything
        if known is not None:
            await known.async_remove()
        self._targets.pop(camera, None)
        self._silent_since_ns.pop(camera, None)
        self._away_since_ns.pop(camera, None)
        self._log.async_forget(camera)
        self._repairs.async_delete_for_camera(camera)

    async def async_set_stream(self, camera: str, source: StreamSource | None, reason: str = "") -> None:
        """Record this source from now on. The same one again changes nothing; None stops recording for that reason."""
        async with self._locks.setdefault(camera, asyncio.Lock()):
            if self._sources.get(camera) == source and not reason:
                return
            if source is None:
                if self._sources.pop(camera, None) is not None:
                    await self.workers.async_forget(camera)
                if reason and camera in self.cameras:
                    self.cameras[camera].async_tell(wire.Lost(camera, reason, "", 0.0))
            elif camera in self.cameras:  # it may have been removed while its device was asked
                self._sources[camera] = source
                await self.workers.async_record(self._order(camera, source))

    def _order(self, camera: str, source: StreamSource) -> wire.Record:
        known = self.cameras.get(camera)
        stands = known.last_end if known is not None else None
        return wire.Record(
            camera,
            source.url,
            source.username,
            source.password,
            source.transport,
            self._clock.boot,
            self.segment_s,
            source.certificate_sha256,
            stands.boot_ns if stands is not None and stands.boot == self._clock.boot else 0,
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
            reason, detail = inert(message.reason).strip(), inert(message.detail).strip()
            message = msgspec.structs.replace(message, reason=reason, detail=detail)
        known.async_tell(message)

    def _orphaned(self, cameras: set[str]) -> None:
        for name in cameras:
            if name in self.cameras:
                self.cameras[name].async_orphaned()

    def _changed(self, event: str, data: dict[str, object]) -> None:
        if event == "gap_ended":
            self.backfill.async_gap_ended(str(data["camera"]))
        if event == "camera_state" and (known := self.cameras.get(str(data["camera"]))) is not None:
            self._note_state(known)
        if event == "sound_found":
            camera = str(data["camera"])
            sentence, step = reasons.advise(reasons.SOUND_FOUND, name=self._target(camera).name, camera_id=camera)
            self._repairs.async_create(
                f"sound:{camera}", camera_id=camera, severity="error", sentence=sentence, next_step=step
            )
        self._fire(event, data)

    def _note_state(self, camera: CameraRecorder) -> None:
        sentence, _step = self._advise(camera.camera, camera.reason, camera.detail)
        self._log.async_note(camera.camera, camera.state, camera.reason, camera.detail, sentence)

    def _advise(self, camera: str, reason: str, detail: str) -> tuple[str, str]:
        """Return (sentence, next step) about this camera."""
        target = self._target(camera)
        return reasons.advise(
            reason,
            name=target.name,
            camera_id=camera,
            detail=detail,
            source=self._sources.get(camera),
            told_by_device=target.told_by_device,
        )

    # --- alarms -----------------------------------------------------------------------------------------------

    def async_watch(self) -> None:
        """Called once a second: raise or clear the alarm of each camera whose last frame is too old."""
        now_ns = self._clock.boot_ns()
        self.backfill.async_watch(name for name, camera in self.cameras.items() if camera.state == "recording")
        for name, camera in self.cameras.items():
            camera.async_watch()
            last_ns = max(camera.last_frame_boot_ns, self._silent_since_ns.get(name, 0))
            issue = f"camera_silent:{name}"
            stalled = now_ns - last_ns > SILENT_NS
            # Frames may arrive while nothing can be written (no room): that is an alarm too. So is a camera that records only
            # briefly now and then, or fails for a different reason each time.
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
            sentence, step = self._advise(name, reason, camera.detail)
            self._repairs.async_create(issue, camera_id=name, severity="error", sentence=sentence, next_step=step)
