"""One camera on the service's side: its segments, its gaps, its state. Handles the worker's messages.

Everything that touches the disk for a camera goes through one queue, in order; each step documents what it may assume about the
order. Every second of a camera's life is in a segment or in a gap with a reason (DESIGN § 4, "Gaps").
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import Awaitable, Callable

from holdshelf_core.clock import Clock
from holdshelf_core.integration import reasons
from holdshelf_core.recorder.ports import Disk, Room
from holdshelf_core.recorder.record import OpenGap, Record
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.times import NS
from holdshelf_storage.errors import AudioFound, DiskFull, StorageError, SyncFailed, VolumeError, VolumeReadOnly
from holdshelf_storage.footage.footage import Footage, OpenSegment, SegmentFacts
from holdshelf_storage.volume.gap_lines import Moment
from holdshelf_storage.volume.journal import Gap, Segment

_LOGGER = logging.getLogger(__name__)

# Of a camera that nothing is known of yet; a segment that outgrows its room gets more (``async_beat``).
FIRST_RESERVATION_BYTES = 8 << 20
LEAST_RESERVATION_BYTES = 2 << 20
# A proper worker has one segment open and one spare; a few more wait for a slow or missing disk.
MAX_OPEN = 16


class CameraRecorder:
    """Records one camera. Created by ``Recorder``; all methods run on the loop."""

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
        self._left: dict[int, SegmentFacts | None] = {}
        """Segments safely stored in `open` without a journal line yet: the disk accepts none."""
        self._current = 0
        self._record = Record(camera, clock=clock, disk=disk, changed=changed)
        self._given_up = ""
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()
        """What is done for this camera, one after the other; None ends it."""
        self._task: asyncio.Task[None] | None = None
        self._attaching = asyncio.Lock()
        """Held while it is attached, detached or removed."""
        self.bytes_per_s = 0.0
        self._last_bytes_per_s = 0.0
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
        self.clock_ahead_ns: int | None = None
        """How far the camera's own clock is ahead of ours; None while it does not tell. Nothing is timed by it (ADR 24)."""

    # --- start and stop ----------------------------------------------------------------------------------------------

    @property
    def is_recording(self) -> bool:
        """Return whether a segment is being written."""
        return self._current != 0

    @property
    def current_seq(self) -> int:
        """Return the sequence number of the segment being written, 0 if none."""
        return self._current

    @property
    def waiting(self) -> int:
        """Return how many of its worker's messages are still to be handled."""
        return self._queue.qsize()

    @property
    def gap(self) -> OpenGap | None:
        """Return the ongoing gap."""
        return self._record.gap

    @property
    def last_gap(self) -> tuple[int, int, str] | None:
        """Return start, end (0: ongoing) and reason of the latest gap."""
        return self._record.last_gap

    def async_recovered(self, start_utc_ns: int, end_utc_ns: int) -> None:
        """A stretch of its past was had from the camera itself."""
        self._record.recovered(start_utc_ns, end_utc_ns)

    @property
    def last_end(self) -> Moment | None:
        """Return the time up to which its record is complete."""
        return self._record.stands

    async def async_attach(
        self,
        footage: Footage,
        last_end: Moment | None,
        open_gap: Gap | None,
        alive: Moment | None,
        reason: str,
        bytes_per_s: float = 0.0,
    ) -> None:
        """Start using the volume: see ``Record.async_attach``. ``bytes_per_s``: of its last segments there."""
        async with self._attaching:
            self._footage = footage
            self._last_bytes_per_s = self._last_bytes_per_s or bytes_per_s
            if self.state == "stopped":
                self._set_state("waiting", reasons.CONNECTING)
            await self._record.async_attach(footage, last_end, open_gap, alive, reason)
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name=f"camera-{self.camera}")

    async def async_detach(self, reason: str, *, writable: bool) -> None:
        """After the worker has ended: finish what it left, and begin the gap that lasts until frames come again."""
        await self._last_turn(lambda: self._detach(reason, writable=writable))

    async def _detach(self, reason: str, *, writable: bool) -> None:
        await self._settle_open()
        if writable:
            self._set_state("away", reason)
            await self._record.switch(reason)
        self._record.async_detach(reason)
        self._set_state("stopped", reason)
        for opened in self._open.values():
            with contextlib.suppress(OSError):
                os.close(opened.fd)
            self._room.async_release(opened.seq)
        self._open.clear()
        self._left.clear()
        self._current = 0
        self._footage = None

    def async_without_volume(self, reason: str) -> None:
        """Record that there is no volume, and why."""
        self._set_state("stopped", reason)

    async def async_remove(self) -> None:
        """Stop recording for good: the last gap ends now."""
        await self._last_turn(self._finish)

    async def _finish(self) -> None:
        await self._settle_open()
        await self._record.finish(reasons.CAMERA_REMOVED)

    async def async_settled(self) -> None:
        """Wait until everything reported so far is on disk."""
        if self._task is not None:
            await self._queue.join()

    def async_tell(self, message: wire.ToService) -> None:
        """Handle a worker's message about this camera."""
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
            case wire.Dialing():
                if self.state != "recording":
                    self._set_state("dialling", self.reason, self.detail)

    def async_beat(self, beat: wire.Beat) -> None:
        """Handle one second's progress: live figures, and an open segment that outgrows its room."""
        grown = max(0, beat.received_bytes - self._received_bytes)
        self._received_bytes = beat.received_bytes
        self.bytes_per_s = grown if not self.bytes_per_s else self.bytes_per_s * 0.95 + grown * 0.05
        self.clock_ahead_ns = beat.clock_ahead_ns
        if beat.last_frame_boot_ns:
            self.last_frame_boot_ns = beat.last_frame_boot_ns
        if beat.seq and beat.seq == self._current:
            self.current_bytes = beat.bytes
            self._room.async_written(beat.seq, beat.bytes)
            reserved = self._reserved.get(beat.seq, 0)
            if reserved and beat.bytes > reserved * 3 // 4:
                self._reserved[beat.seq] = reserved * 2
                self._put(lambda: self._grow(beat.seq, reserved * 2))

    def async_watch(self) -> None:
        """Called once a second: handle a set wall clock, and retry what a full disk did not accept."""
        if (
            self._task is not None
            and self._queue.empty()
            and (self._left or self._record.owes or self._record.is_stepped())
        ):
            self._put(self._catch_up)

    async def _catch_up(self) -> None:
        await self._record.step()
        await self._record.pay()
        for seq, facts in list(self._left.items()):
            opened = self._open.get(seq)
            if opened is None:
                del self._left[seq]
            elif facts is None:
                await self._salvage(opened)
            else:
                await self._close(opened, facts, relieve=False)

    def async_orphaned(self) -> None:
        """After its worker died: truncate open segments to their last whole fragment and keep them."""
        self._put(self._orphaned)

    async def _last_turn(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it after everything reported so far; what is reported meanwhile comes too late. Not beside the queue: of gaps that
        two write at once one is lost or told twice."""
        async with self._attaching:
            if self._task is None:
                await act()
                return
            self._put(act)
            self._queue.put_nowait(None)
            await asyncio.wait((self._task,))

    def _put(self, act: Callable[[], Awaitable[None]]) -> None:
        self._queue.put_nowait(act)

    async def _run(self) -> None:
        while True:
            act = await self._queue.get()
            try:
                if act is None:
                    break
                await act()
            except StorageError as error:
                _LOGGER.error("camera %s: %s", self.camera, error)
            except Exception:  # one camera's error must not end its queue: later segments still need closing
                _LOGGER.exception("camera %s: an act failed", self.camera)
            finally:
                self._queue.task_done()
        self._task = None
        while not self._queue.empty():
            self._queue.get_nowait()
            self._queue.task_done()

    def _set_state(self, state: str, reason: str, detail: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.since_boot_ns = self._clock.boot_ns()
            self.state, self.reason, self.detail = state, reason, detail
            self._changed("camera_state", {"camera": self.camera, "state": state, "reason": reason})

    # --- segments ---------------------------------------------------------------------------------------------

    def needed_bytes(self) -> int:
        """Return the likely size of one segment: from the rates of the last one and of the last seconds, plus half."""
        rate = max(self.bytes_per_s, self._last_bytes_per_s)
        if not rate:
            return FIRST_RESERVATION_BYTES
        return max(LEAST_RESERVATION_BYTES, int(rate * self._segment_s * 1.5))

    async def _wanted(self) -> None:
        footage = self._footage
        if footage is None or len(self._open) >= MAX_OPEN:
            self._send(wire.Deny(self.camera, reasons.DISK_MISSING if footage is None else reasons.DISK_FULL), None)
            return
        size_bytes = self.needed_bytes()
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
        given_up, self._given_up = self._given_up, ""
        await self._record.begun(start, given_up or message.why)
        self._set_state("recording", "")

    async def _closed(self, message: wire.Closed) -> None:
        opened = self._open.get(message.seq)
        if opened is None or self._footage is None:
            return
        if message.seq == self._current:
            self._current = 0
        await self._record.pay()
        await self._close(opened, facts_of(message))

    async def _close(self, opened: OpenSegment, facts: SegmentFacts, *, relieve: bool = True) -> None:
        """Close a complete segment. What a full disk does not accept now is retried; its bytes are safe in `open`."""
        footage = self._footage
        if footage is None:
            return
        try:
            try:
                segment = await self._disk(footage.close_segment, opened, facts)
            except DiskFull:
                if not relieve:
                    raise
                await self._room.async_relieve()
                segment = await self._disk(footage.close_segment, opened, facts)
        except SyncFailed:
            self._given_up = reasons.DISK_ERROR
            await self._abandon(opened, "the disk failed while it was written")
        except AudioFound as error:
            self._given_up = reasons.SOUND_FOUND
            await self._abandon(opened, "sound was found in it")
            self._changed("sound_found", {"camera": self.camera, "sentence": str(error)})
        except (DiskFull, VolumeError) as error:
            if opened.seq not in self._left:
                _LOGGER.warning("camera %s: %s", self.camera, error)
            self._left[opened.seq] = facts
            end_boot_ns = facts.start_boot_ns + facts.duration_ns
            self._record.reached(Moment(facts.start_utc_ns + facts.duration_ns, end_boot_ns, facts.boot))
        except StorageError as error:
            _LOGGER.error("camera %s: %s", self.camera, error)
            await self._salvage(opened)
        else:
            self._is_kept(segment)

    def _is_kept(self, segment: Segment) -> None:
        self._forget(segment.seq)
        self._record.reached(Moment(segment.end_utc_ns, segment.end_boot_ns, segment.boot))
        if segment.duration_ns >= NS:
            self._last_bytes_per_s = segment.bytes * NS / segment.duration_ns
        self._changed("segment_closed", {"camera": self.camera, "seq": segment.seq})

    async def _torn(self, message: wire.Torn) -> None:
        if message.seq == self._current:
            self._current = 0
        opened = self._open.get(message.seq)
        if opened is None:
            return
        failed = message.sync or message.errno == errno.EIO
        full = message.errno in (errno.ENOSPC, errno.EDQUOT)
        at = self._record.at(message.at_boot_ns)
        if failed:
            await self._abandon(opened, "the disk failed while it was written")
        else:
            if full:
                await self._room.async_relieve()
            await self._salvage(opened, at)
        if self._current:
            return  # another one is already being written
        reason = reasons.DISK_READ_ONLY if message.errno == errno.EROFS else reasons.DISK_ERROR
        reason = reasons.DISK_FULL if full and not failed else reason
        await self._lose(reason, os.strerror(message.errno), at)

    async def _returned(self, seq: int) -> None:
        opened = self._open.get(seq)
        if opened is not None and self._footage is not None:
            self._forget(seq)
            await self._disk(self._footage.return_spare, opened)

    async def _orphaned(self) -> None:
        self._current = 0
        await self._settle_open()
        await self._lose(reasons.RECORDER_RESTARTED, "")

    async def _settle_open(self) -> None:
        """Keep everything complete in open segments, now that its worker has ended."""
        for opened in list(self._open.values()):
            facts = self._left.get(opened.seq)
            if facts is not None:
                await self._close(opened, facts)
            else:
                await self._salvage(opened)

    async def _salvage(self, opened: OpenSegment, until: Moment | None = None) -> None:
        """Keep the complete part of a segment whose worker cannot finish it; it had ended by ``until`` (now)."""
        footage = self._footage
        if footage is None:
            return
        until = until or self._record.now()
        try:
            segment = await self._disk(footage.cut_segment, opened, until)
        except SyncFailed:
            await self._abandon(opened, "the disk failed while it was written")
        except AudioFound as error:
            _LOGGER.warning("camera %s: %s", self.camera, error)
            self._forget(opened.seq)
        except StorageError as error:
            if opened.seq not in self._left:
                _LOGGER.warning("camera %s: %s", self.camera, error)
            # It stays in open/, to be retried or found by recovery: its time is not missing.
            self._left.setdefault(opened.seq, None)
            with contextlib.suppress(StorageError):
                whole = await self._disk(footage.whole_until, opened, until)
                if whole is not None:
                    self._record.reached(whole)
        else:
            if segment is None:
                self._forget(opened.seq)
            else:
                self._is_kept(segment)

    async def _abandon(self, opened: OpenSegment, why: str) -> None:
        self._forget(opened.seq)
        if self._footage is not None:
            try:
                await self._disk(self._footage.abandon_segment, opened, why)
            except StorageError as error:
                _LOGGER.error("camera %s: %s", self.camera, error)

    def _forget(self, seq: int) -> None:
        self._open.pop(seq, None)
        self._left.pop(seq, None)
        self._reserved.pop(seq, None)
        self._room.async_release(seq)
        if seq == self._current:
            self._current = 0

    # --- gaps -------------------------------------------------------------------------------------------------

    async def _lost(self, message: wire.Lost) -> None:
        await self._lose(message.reason, message.detail, self._record.at(message.at_boot_ns))

    async def _lose(self, reason: str, detail: str, at: Moment | None = None) -> None:
        """Begin a gap at that moment (default now), for this reason."""
        self._set_state("away", reason, detail)
        self.detail = detail
        await self._record.switch(reason, detail, at)

    def _disk_reason(self, error: StorageError) -> str:
        if isinstance(error, DiskFull):
            return reasons.DISK_FULL
        if isinstance(error, VolumeReadOnly):
            return reasons.DISK_READ_ONLY
        return reasons.DISK_MISSING if isinstance(error, VolumeError) else reasons.DISK_ERROR


def facts_of(message: wire.Closed) -> SegmentFacts:
    """Return what its worker says about a complete segment."""
    return SegmentFacts(
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
        frames_root=message.frames_root,
    )
