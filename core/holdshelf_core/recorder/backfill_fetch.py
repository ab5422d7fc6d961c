"""One fetch of what a camera has recorded itself: the service's side of a replay worker (ADR 44).

The worker is started for it and ends after it. Its messages are believed as far as they are possible: a segment that does not lie
in the gap that was asked about, or overlaps what was fetched before it, is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from dataclasses import dataclass

from msgspec.structs import replace

from holdshelf_core.clock import Clock
from holdshelf_core.inert import inert
from holdshelf_core.integration import reasons
from holdshelf_core.processes.worker_process import QUIT_TIMEOUT_S
from holdshelf_core.recorder.camera import FIRST_RESERVATION_BYTES, facts_of
from holdshelf_core.recorder.ports import Disk, Room
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.workers import WorkerPool
from holdshelf_core.times import NS
from holdshelf_storage.errors import AudioFound, DiskFull, StorageError
from holdshelf_storage.footage.footage import Footage, OpenSegment
from holdshelf_storage.volume.journal import FromCamera, Segment

_LOGGER = logging.getLogger(__name__)

MAX_OPEN = 4
LIMIT_S = 300.0
"""For one fetch, beside what its bytes may take."""
OF_THE_DISK = frozenset(
    {reasons.DISK_FULL, reasons.DISK_ERROR, reasons.DISK_READ_ONLY, reasons.DISK_MISSING, reasons.RECORDER_RESTARTED}
)


@dataclass(slots=True)
class Outcome:
    """How a fetch ended. ``reason``: '' when the camera had sent what it was asked for."""

    reason: str = ""
    detail: str = ""
    foreign: int = 0
    """Pictures that were dropped because of their times."""
    frames: int = 0
    recovered_ns: int = 0
    reached_utc_ns: int = 0
    """Where the last of what was kept ends, by the clock of the gap; 0: nothing was."""

    @property
    def is_ours(self) -> bool:
        """Return whether what went wrong is nothing of the camera's."""
        return self.reason in OF_THE_DISK


class BackfillFetch:
    """One fetch. Use it once: ``async_run``."""

    def __init__(self, order: wire.Record, footage: Footage, clock: Clock, disk: Disk, room: Room) -> None:
        assert order.replay is not None
        self._order, self._replay, self._camera = order, order.replay, order.camera
        self._footage, self._clock, self._disk, self._room = footage, clock, disk, room
        self._open: dict[int, OpenSegment] = {}
        self._reserved: dict[int, int] = {}
        self._reached_ns = order.replay.start_utc_ns
        self._queue: asyncio.Queue[wire.OfCameras | None] = asyncio.Queue()
        self._pool = WorkerPool(self._queue.put_nowait, lambda _cameras: self._queue.put_nowait(None))
        self._over = asyncio.Event()
        self._trouble = ""
        self.bytes = 0
        """Size of the segment being written."""
        self.outcome = Outcome(reasons.RECORDER_RESTARTED)
        self.closed: list[Segment] = []

    async def async_run(self, lock_fd: int) -> Outcome:
        """Fetch until the worker says that it is over, or has taken too long. When canceled, what is whole is kept."""
        pool = self._pool
        handling = asyncio.create_task(self._handle(), name=f"fetch-{self._camera}")
        span_s = (self._replay.end_utc_ns - self._replay.start_utc_ns) / NS
        try:
            await pool.async_record(self._order)
            await pool.async_open(lock_fd)
            async with asyncio.timeout(LIMIT_S + 4 * span_s):
                await self._over.wait()
        except TimeoutError:
            self.outcome = Outcome(reasons.NO_FRAMES, "it took too long")
        finally:
            with contextlib.suppress(Exception):
                await pool.async_forget(self._camera)
            await pool.async_shut()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIT_TIMEOUT_S):  # what handles it may have been canceled, too
                    await self._queue.join()
            handling.cancel()
            await self._settle()
        self.outcome.recovered_ns = sum(segment.duration_ns for segment in self.closed)
        self.outcome.reached_utc_ns = max((segment.end_utc_ns for segment in self.closed), default=0)
        if self._trouble:
            self.outcome.reason = self._trouble
        return self.outcome

    async def _handle(self) -> None:
        while True:
            message = await self._queue.get()
            try:
                await self._told(message)
            except StorageError as error:
                _LOGGER.error("camera %s: what was fetched cannot be kept: %s", self._camera, error)
                self._trouble = reasons.DISK_FULL if isinstance(error, DiskFull) else reasons.DISK_ERROR
            except Exception:
                _LOGGER.exception("camera %s: fetching failed", self._camera)
            finally:
                self._queue.task_done()

    async def _told(self, message: wire.OfCameras | None) -> None:
        match message:
            case None:  # its worker died; a fetch that was cut off is begun again another time
                self._over.set()
            case wire.Want():
                await self._wanted()
            case wire.Closed():
                await self._closed(message)
            case wire.Torn():
                self._trouble = reasons.DISK_FULL if message.errno == errno.ENOSPC else reasons.DISK_ERROR
                await self._keep_whole(message.seq)
            case wire.Returned():
                opened = self._forget(message.seq)
                if opened is not None:
                    await self._disk(self._footage.return_spare, opened)
            case wire.Progress():
                for beat in message.beats:
                    await self._beat(beat)
            case wire.Fetched():
                reason, detail = inert(message.reason).strip(), inert(message.detail).strip()
                self.outcome = Outcome(reason, detail, message.foreign, message.frames)
                self._over.set()
            case wire.Ended():
                self._pool.async_ended(self._camera)
            case _:
                pass

    def worker_pids(self) -> list[int]:
        """Return the process id of its worker; empty before it runs and after it ended."""
        return self._pool.pids()

    # --- segments -----------------------------------------------------------------------------------------------------

    async def _wanted(self) -> None:
        opened = None
        refusal = reasons.DISK_FULL
        if len(self._open) < MAX_OPEN:
            opened = await self._disk(self._footage.open_segment, self._camera)
            refusal = await self._room.async_reserve(self._camera, opened.seq, FIRST_RESERVATION_BYTES)
            if not refusal and self._pool.send(self._camera, wire.Grant(self._camera, opened.seq), opened.fd):
                self._open[opened.seq], self._reserved[opened.seq] = opened, FIRST_RESERVATION_BYTES
                return
            self._room.async_release(opened.seq)
            await self._disk(self._footage.return_spare, opened)
        self._trouble = refusal or reasons.DISK_MISSING
        self._pool.send(self._camera, wire.Deny(self._camera, self._trouble))

    async def _beat(self, beat: wire.Beat) -> None:
        reserved = self._reserved.get(beat.seq, 0)
        self.bytes = beat.bytes
        self._room.async_written(beat.seq, beat.bytes)
        if reserved and beat.bytes > reserved * 3 // 4:
            self._reserved[beat.seq] = reserved * 2
            if await self._room.async_grow(beat.seq, reserved * 2):
                self._trouble = reasons.DISK_FULL
                self._pool.send(self._camera, wire.Cut(self._camera, beat.seq))

    async def _closed(self, message: wire.Closed) -> None:
        opened = self._open.get(message.seq)
        if opened is None:
            return
        replay, end_ns = self._replay, message.start_utc_ns + message.duration_ns
        if message.start_utc_ns < self._reached_ns or end_ns > replay.end_utc_ns or not message.duration_ns:
            _LOGGER.warning("camera %s: what was fetched lies outside its gap, and is given up", self._camera)
            await self._abandon(opened, "it lies outside the gap that was asked about")
            return
        facts = replace(
            facts_of(message),
            boot="",
            start_boot_ns=0,
            from_camera=FromCamera(
                gap=replay.gap,
                fetched_utc_ns=replay.fetched_utc_ns,
                start_utc_ns=message.start_utc_ns + replay.shift_ns,
                offset_ns=replay.offset_ns,
            ),
        )
        try:
            segment = await self._disk(self._footage.close_segment, opened, facts)
        except DiskFull:
            await self._room.async_relieve()
            try:
                segment = await self._disk(self._footage.close_segment, opened, facts)
            except StorageError:
                await self._abandon(opened, "there was no room for it")
                raise
        except AudioFound:
            self.outcome.reason = reasons.SOUND_FOUND
            await self._abandon(opened, "sound was found in it")
            return
        except StorageError:
            await self._abandon(opened, "it could not be kept")
            raise
        self._is_kept(segment)

    def _is_kept(self, segment: Segment) -> None:
        self._forget(segment.seq)
        self._reached_ns = max(self._reached_ns, segment.end_utc_ns)
        self.closed.append(segment)

    async def _keep_whole(self, seq: int) -> None:
        """Keep the complete part of a segment whose worker cannot finish it."""
        opened = self._open.get(seq)
        if opened is None:
            return
        try:
            segment = await self._disk(self._footage.cut_segment, opened)
        except StorageError:
            await self._abandon(opened, "it could not be kept")
            raise
        if segment is None:
            self._forget(seq)
        else:
            self._is_kept(segment)

    async def _settle(self) -> None:
        for seq in list(self._open):
            try:
                await self._keep_whole(seq)
            except StorageError as error:
                _LOGGER.warning("camera %s: %s", self._camera, error)

    async def _abandon(self, opened: OpenSegment, why: str) -> None:
        self._forget(opened.seq)
        try:
            await self._disk(self._footage.abandon_segment, opened, why)
        except StorageError as error:
            _LOGGER.error("camera %s: %s", self._camera, error)

    def _forget(self, seq: int) -> OpenSegment | None:
        self._reserved.pop(seq, None)
        self._room.async_release(seq)
        return self._open.pop(seq, None)
