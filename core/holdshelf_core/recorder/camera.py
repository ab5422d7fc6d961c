"""One camera on the service's side: its segments, its gaps, its state. The worker's messages end here.

Everything that touches the disk for a camera goes through one queue, in order; what it may assume of order is
written at each step. Every second of a camera's life is in a segment or in a gap with a reason (DESIGN § 4, "Gaps").
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from holdshelf_core import reasons
from holdshelf_core.clock import Clock
from holdshelf_core.recorder import protocol as wire
from holdshelf_core.recorder.ports import Disk, Room
from holdshelf_storage.errors import AudioFound, DiskFull, StorageError, SyncFailed, VolumeError, VolumeReadOnly
from holdshelf_storage.footage import Footage, OpenSegment, SegmentFacts
from holdshelf_storage.journal import Gap, GapEnd

_LOGGER = logging.getLogger(__name__)

NS = 1_000_000_000
FIRST_RESERVATION_BYTES = 16 << 20
LEAST_RESERVATION_BYTES = 4 << 20
# Two segments are one unbroken stretch when the second begins within this of the first one's end.
UNBROKEN_NS = NS // 2
# An honest worker has one segment open and one spare; a few more wait for a disk that is slow or gone.
MAX_OPEN = 16
ACTIVITY_S = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time on both clocks."""

    utc_ns: int
    boot_ns: int
    boot: str


@dataclass(slots=True)
class OpenGap:
    """A gap under way; ``number`` is 0 until its line is on disk (a full or missing disk cannot take it)."""

    since: Moment
    reason: str
    detail: str = ""
    number: int = 0


class CameraRecorder:
    """Records one camera. Made by ``Recorder``; all methods run on the loop."""

    def __init__(
        self,
        camera: str,
        *,
        clock: Clock,
        disk: Disk,
        room: Room,
        send: Callable[[wire.ToWorker, int | None], bool],
        changed: Callable[[str, dict[str, object]], None],
        segment_s: float,
    ) -> None:
        self.camera = camera
        self._segment_s = segment_s
        self._clock = clock
        self._disk = disk
        self._room = room
        self._send = send
        self._changed = changed
        self._footage: Footage | None = None
        self._open: dict[int, OpenSegment] = {}
        self._current = 0
        self._gap: OpenGap | None = None
        self._last_end: Moment | None = None
        self._last_run = ""
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.bytes_per_s = 0.0
        self._received_bytes = 0
        self._reserved: dict[int, int] = {}
        self.state = "waiting"
        self.reason = reasons.CONNECTING
        self.detail = ""
        self.since_boot_ns = clock.boot_ns()
        self.last_frame_boot_ns = 0
        self.current_start_utc_ns = 0
        self.current_bytes = 0
        self.codec, self.width, self.height = "", 0, 0
        self.activity_bytes_per_s: deque[int] = deque(maxlen=ACTIVITY_S)
        self.last_gap: tuple[int, int, str] | None = None

    # --- life -------------------------------------------------------------------------------------------------

    def now(self) -> Moment:
        """This moment."""
        return Moment(self._clock.utc_ns(), self._clock.boot_ns(), self._clock.boot)

    @property
    def is_recording(self) -> bool:
        """A segment is being written."""
        return self._current != 0

    @property
    def current_seq(self) -> int:
        """Sequence of the segment that is being written, 0 when there is none."""
        return self._current

    @property
    def waiting(self) -> int:
        """How many of its worker's messages are still to be acted on."""
        return self._queue.qsize()

    @property
    def gap(self) -> OpenGap | None:
        """The gap under way."""
        return self._gap

    @property
    def last_end(self) -> Moment | None:
        """Where the last closed segment ended."""
        return self._last_end

    async def async_attach(
        self, footage: Footage, last_end: Moment | None, open_gap: Gap | None, alive: Moment | None, reason: str
    ) -> None:
        """The volume is there (again). ``last_end`` and ``open_gap`` are what its journals say of this camera.

        ``alive`` is the last moment the service is known to have lived: an older gap ends there, and ``reason``
        (service stopped, disk missing) covers the rest until frames come.
        """
        self._footage = footage
        self._last_end = last_end
        pending, self._gap = self._gap, None
        if open_gap is not None:
            since = Moment(open_gap.start_utc_ns, open_gap.start_boot_ns, open_gap.boot)
            self._gap = OpenGap(since, open_gap.reason, open_gap.detail, open_gap.gap)
            if open_gap.reason != reason and alive is not None and alive.utc_ns > since.utc_ns:
                await self._end_gap(alive, reason)
                await self._begin_gap(alive, reason)
        elif last_end is not None:
            await self._begin_gap(last_end, reason)
        elif pending is not None:
            await self._begin_gap(pending.since, pending.reason, pending.detail)
        else:
            await self._begin_gap(self.now(), reasons.CONNECTING)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"camera-{self.camera}")

    async def async_detach(self, reason: str, *, writable: bool) -> None:
        """The worker has ended: settle what it left, and begin the gap that goes on until frames come again."""
        await self.async_settled()
        for opened in list(self._open.values()):
            await self._salvage(opened)
        if writable:
            await self._switch_gap(reason, "")
        elif self._gap is None:
            self._gap = OpenGap(self._last_end or self.now(), reason)
        self._set_state("stopped", reason)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for opened in self._open.values():
            with contextlib.suppress(OSError):
                os.close(opened.fd)
            self._room.async_release(opened.seq)
        self._open.clear()
        self._current = 0
        self._footage = None

    async def async_remove(self) -> None:
        """No more: the last gap ends now."""
        await self.async_settled()
        for opened in list(self._open.values()):
            await self._salvage(opened)
        if self._gap is None and self._last_end is not None:
            await self._begin_gap(self._last_end, reasons.CAMERA_REMOVED)
        if self._gap is not None:
            await self._end_gap(self.now(), reasons.CAMERA_REMOVED)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def async_settled(self) -> None:
        """Everything that was told so far is on disk."""
        if self._task is not None:
            await self._queue.join()

    def async_tell(self, message: wire.ToService) -> None:
        """A worker's message about this camera."""
        match message:
            case wire.Started():
                self._put(lambda: self._started(message))
            case wire.Closed():
                self._put(lambda: self._closed(message))
            case wire.Torn():
                self._put(lambda: self._torn(message))
            case wire.Lost():
                self._put(lambda: self._lost(message))
            case wire.Want():
                self._put(self._wanted)
            case wire.Returned():
                self._put(lambda: self._returned(message.seq))
            case wire.Dialling():
                if self.state != "recording":
                    self._set_state("dialling", self.reason)

    def async_beat(self, beat: wire.Beat) -> None:
        """One second's progress: live figures, and an open segment that outgrows its room."""
        grown = max(0, beat.received_bytes - self._received_bytes)
        self._received_bytes = beat.received_bytes
        self.activity_bytes_per_s.append(grown)
        self.bytes_per_s = grown if not self.bytes_per_s else self.bytes_per_s * 0.95 + grown * 0.05
        if beat.last_frame_boot_ns:
            self.last_frame_boot_ns = beat.last_frame_boot_ns
        if beat.seq and beat.seq == self._current:
            self.current_bytes = beat.bytes
            self._room.async_written(beat.seq, beat.bytes)
            reserved = self._reserved.get(beat.seq, 0)
            if reserved and beat.bytes > reserved * 3 // 4:
                self._reserved[beat.seq] = reserved * 2
                self._put(lambda: self._grow(beat.seq, reserved * 2))

    def async_orphaned(self) -> None:
        """Its worker died: what is open is cut back to its last whole fragment and kept."""
        self._put(self._orphaned)

    def _put(self, act: Callable[[], Awaitable[None]]) -> None:
        self._queue.put_nowait(act)

    async def _run(self) -> None:
        while True:
            act = await self._queue.get()
            try:
                await act()
            except StorageError as error:
                _LOGGER.error("camera %s: %s", self.camera, error)
            except Exception:  # one camera's fault must not end its queue: later segments still need closing
                _LOGGER.exception("camera %s: an act failed", self.camera)
            finally:
                self._queue.task_done()

    def _set_state(self, state: str, reason: str, detail: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.since_boot_ns = self._clock.boot_ns()
            self.state, self.reason, self.detail = state, reason, detail
            self._changed("camera_state", {"camera": self.camera, "state": state, "reason": reason})

    # --- segments ---------------------------------------------------------------------------------------------

    async def _wanted(self) -> None:
        footage = self._footage
        if footage is None or len(self._open) >= MAX_OPEN:
            self._send(wire.Deny(self.camera, reasons.DISK_MISSING), None)
            return
        size_bytes = FIRST_RESERVATION_BYTES
        if self.bytes_per_s:
            size_bytes = max(LEAST_RESERVATION_BYTES, int(self.bytes_per_s * self._segment_s * 1.5))
        try:
            opened = await self._disk(footage.open_segment, self.camera)
        except StorageError as error:
            _LOGGER.warning("camera %s: %s", self.camera, error)
            if isinstance(error, DiskFull):
                await self._room.async_relieve()
            self._send(wire.Deny(self.camera, self._disk_reason(error)), None)
            return
        refusal = await self._room.async_reserve(self.camera, opened.seq, size_bytes)
        if refusal or not self._send(wire.Grant(self.camera, opened.seq), opened.fd):
            self._room.async_release(opened.seq)
            await self._disk(footage.return_spare, opened)
            self._send(wire.Deny(self.camera, refusal or reasons.DISK_MISSING), None)
            return
        self._open[opened.seq] = opened
        self._reserved[opened.seq] = size_bytes

    async def _grow(self, seq: int, size_bytes: int) -> None:
        if seq in self._open and await self._room.async_grow(seq, size_bytes):
            self._send(wire.Cut(self.camera, seq), None)

    async def _started(self, message: wire.Started) -> None:
        start = Moment(message.start_utc_ns, message.start_boot_ns, self._clock.boot)
        self._current = message.seq
        self.current_start_utc_ns, self.current_bytes = message.start_utc_ns, 0
        self.codec, self.width, self.height = message.codec, message.width, message.height
        # Where the wall clock was set even a boundary of no length is a gap: UTC there has a hole or a fold. Where frames
        # were lost each one counts.
        last, stepped = self._last_end, message.why in (reasons.CLOCK_STEPPED, reasons.FRAMES_LOST)
        if self._gap is not None:
            await self._end_gap(start, "")
        elif last is not None and (stepped or start.boot_ns - last.boot_ns > UNBROKEN_NS):
            await self._begin_gap(last, message.why or reasons.CAMERA_RECONNECTED)
            await self._end_gap(start, "")
        self._last_run = message.run
        self._set_state("recording", "")

    async def _closed(self, message: wire.Closed) -> None:
        opened = self._open.get(message.seq)
        if opened is None or self._footage is None:
            return
        facts = SegmentFacts(
            start_utc_ns=message.start_utc_ns,
            duration_ns=message.duration_ns,
            run=message.run,
            boot=message.boot,
            start_boot_ns=message.start_boot_ns,
            sha256=message.sha256,
            bytes=message.bytes,
            codec=message.codec,
            width=message.width,
            height=message.height,
            frames=message.frames,
            activity=message.activity,
        )
        if message.seq == self._current:
            self._current = 0
        for attempt in range(12):
            try:
                segment = await self._disk(self._footage.close_segment, opened, facts)
            except DiskFull:
                # The bytes are safe in open/; only their journal line has no room yet.
                await self._room.async_relieve()
                await asyncio.sleep(min(1.0, 0.1 * 2**attempt))
                continue
            except SyncFailed:
                await self._abandon(opened, "the disk failed while it was written")
                return
            except AudioFound as error:
                await self._abandon(opened, "sound was found in it")
                self._changed("sound_found", {"camera": self.camera, "sentence": str(error)})
                return
            except VolumeError:
                return  # stays in open/; recovery closes it when the volume is back
            except StorageError as error:
                _LOGGER.error("camera %s: %s", self.camera, error)
                await self._salvage(opened)
                return
            break
        else:
            return
        self._forget(opened.seq)
        self._ended_at(segment.start_utc_ns + segment.duration_ns, segment.start_boot_ns + segment.duration_ns)
        self._changed("segment_closed", {"camera": self.camera, "seq": segment.seq, "bytes": segment.bytes})

    async def _torn(self, message: wire.Torn) -> None:
        if message.seq == self._current:
            self._current = 0
        opened = self._open.get(message.seq)
        if opened is None:
            return
        if message.sync or message.errno == errno.EIO:
            await self._abandon(opened, "the disk failed while it was written")
            await self._switch_gap(reasons.DISK_ERROR, os.strerror(message.errno))
            return
        await self._salvage(opened)
        full = message.errno in (errno.ENOSPC, errno.EDQUOT)
        if full:
            await self._room.async_relieve()
        reason = (
            reasons.DISK_FULL
            if full
            else reasons.DISK_READ_ONLY
            if message.errno == errno.EROFS
            else reasons.DISK_ERROR
        )
        await self._switch_gap(reason, os.strerror(message.errno))

    async def _returned(self, seq: int) -> None:
        opened = self._open.get(seq)
        if opened is not None and self._footage is not None:
            self._forget(seq)
            await self._disk(self._footage.return_spare, opened)

    async def _orphaned(self) -> None:
        self._current = 0
        for opened in list(self._open.values()):
            await self._salvage(opened)
        await self._switch_gap(reasons.RECORDER_RESTARTED, "")

    async def _salvage(self, opened: OpenSegment) -> None:
        """Keep what is whole of a segment whose worker cannot finish it."""
        if self._footage is None:
            return
        try:
            segment = await self._disk(self._footage.cut_segment, opened)
        except SyncFailed:
            await self._abandon(opened, "the disk failed while it was written")
            return
        except StorageError as error:
            _LOGGER.warning("camera %s: %s", self.camera, error)
            return  # it stays in open/, where recovery finds it
        self._forget(opened.seq)
        if segment is not None:
            self._ended_at(segment.start_utc_ns + segment.duration_ns, segment.start_boot_ns + segment.duration_ns)
            self._changed("segment_closed", {"camera": self.camera, "seq": segment.seq, "bytes": segment.bytes})

    async def _abandon(self, opened: OpenSegment, why: str) -> None:
        self._forget(opened.seq)
        if self._footage is not None:
            try:
                await self._disk(self._footage.abandon_segment, opened, why)
            except StorageError as error:
                _LOGGER.error("camera %s: %s", self.camera, error)

    def _forget(self, seq: int) -> None:
        self._open.pop(seq, None)
        self._reserved.pop(seq, None)
        self._room.async_release(seq)
        if seq == self._current:
            self._current = 0

    def _ended_at(self, utc_ns: int, boot_ns: int) -> None:
        self._last_end = Moment(utc_ns, boot_ns, self._clock.boot)

    # --- gaps -------------------------------------------------------------------------------------------------

    async def _lost(self, message: wire.Lost) -> None:
        self._set_state("away", message.reason, message.detail)
        self.detail = message.detail
        await self._switch_gap(message.reason, message.detail)

    async def _switch_gap(self, reason: str, detail: str) -> None:
        """From here on the gap has this reason: a new one begins, or the one under way ends and another begins."""
        if self.state != "stopped":
            self._set_state("away", reason, detail)
        if self._gap is None:
            await self._begin_gap(self._last_end or self.now(), reason, detail)
        elif self._gap.reason != reason:
            now = self.now()
            await self._end_gap(now, reason)
            await self._begin_gap(now, reason, detail)

    async def _begin_gap(self, since: Moment, reason: str, detail: str = "") -> None:
        self._gap = OpenGap(since, reason, detail)
        self.last_gap = (since.utc_ns, 0, reason)
        await self._write_gap(self._gap)
        self._changed("gap_began", {"camera": self.camera, "reason": reason})

    async def _write_gap(self, gap: OpenGap) -> None:
        if self._footage is None:
            return
        line = Gap(
            start_utc_ns=gap.since.utc_ns,
            start_boot_ns=gap.since.boot_ns,
            boot=gap.since.boot,
            reason=gap.reason,
            detail=gap.detail,
        )
        try:
            written = await self._disk(self._footage.start_gap, self.camera, line)
            gap.number = written.gap
        except StorageError as error:
            _LOGGER.warning("camera %s: the gap could not be written yet: %s", self.camera, error)

    async def _end_gap(self, end: Moment, reason: str) -> None:
        gap, self._gap = self._gap, None
        if gap is None or self._footage is None:
            return
        if not gap.number:  # it began while nothing could be written
            await self._write_gap(gap)
        elapsed_ns = end.boot_ns - gap.since.boot_ns if end.boot == gap.since.boot else end.utc_ns - gap.since.utc_ns
        self.last_gap = (gap.since.utc_ns, end.utc_ns, gap.reason)
        opened = Gap(
            gap=gap.number,
            start_utc_ns=gap.since.utc_ns,
            start_boot_ns=gap.since.boot_ns,
            boot=gap.since.boot,
            reason=gap.reason,
        )
        line = GapEnd(
            gap=gap.number,
            end_utc_ns=end.utc_ns,
            elapsed_ns=max(0, elapsed_ns),
            reason=reason,
            boot=end.boot,
            end_boot_ns=end.boot_ns,
        )
        try:
            await self._disk(self._footage.end_gap, self.camera, opened, line)
        except StorageError as error:
            _LOGGER.warning("camera %s: the end of a gap could not be written: %s", self.camera, error)
        self._changed("gap_ended", {"camera": self.camera, "reason": gap.reason})

    def _disk_reason(self, error: StorageError) -> str:
        if isinstance(error, DiskFull):
            return reasons.DISK_FULL
        if isinstance(error, VolumeReadOnly):
            return reasons.DISK_READ_ONLY
        return reasons.DISK_MISSING if isinstance(error, VolumeError) else reasons.DISK_ERROR
