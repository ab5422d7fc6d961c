"""The worker processes, as the service sees them: started, pinned, spoken to, and replaced when they die.

A worker inherits two descriptors: its control socket, and the volume's lock, so that no new service records while
an old worker still may. DESIGN § 3.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable

import msgspec

from holdshelf_core.recorder import protocol as wire

_LOGGER = logging.getLogger(__name__)

CAMERAS_PER_WORKER = 16
QUIT_TIMEOUT_S = 5.0
_RESPAWN_FIRST_S = 0.1
_RESPAWN_CAP_S = 10.0
_GOOD_LIFE_S = 60.0


def cores() -> list[int]:
    """The cores that this process may use, so that workers pin themselves to allowed ones."""
    return sorted(os.sched_getaffinity(0))


class WorkerProcess:
    """One worker: its process and its control socket. ``on_message`` and ``on_exit`` are called on the loop."""

    def __init__(
        self,
        index: int,
        lock_fd: int,
        on_message: Callable[[WorkerProcess, wire.ToService], None],
        on_exit: Callable[[WorkerProcess], None],
    ) -> None:
        self.index = index
        self.cameras: set[str] = set()
        self._lock_fd = lock_fd
        self._on_message = on_message
        self._on_exit = on_exit
        self._link: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._outbox: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._watch: asyncio.Task[None] | None = None
        self.quitting = False

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Spawn it and listen."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        allowed = cores()
        core = str(allowed[self.index % len(allowed)])
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the folder that the service was started in must not shadow a module
                "-m",
                "holdshelf_core.recorder.worker",
                str(theirs.fileno()),
                core,
                pass_fds=(theirs.fileno(), self._lock_fd),
                stdin=asyncio.subprocess.DEVNULL,
                # Threads that demux share two arenas: half the memory, no measurable time (CAMERAS.md).
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
            )
        finally:
            theirs.close()
        self._link = ours
        asyncio.get_running_loop().add_reader(ours, self._readable)
        self._watch = asyncio.create_task(self._wait(), name=f"worker-{self.index}")

    async def _wait(self) -> None:
        assert self._process is not None
        code = await self._process.wait()
        # What it said before it died is still in the socket: facts of closed segments come first.
        self._readable()
        self._hang_up()
        if not self.quitting:
            _LOGGER.warning("recorder worker %d ended by itself (%s)", self.index, code)
        self._on_exit(self)

    def _readable(self) -> None:
        link = self._link
        while link is not None:
            try:
                packet = link.recv(wire.MAX_MESSAGE_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet = b""
            if not packet:
                asyncio.get_running_loop().remove_reader(link)
                return
            try:
                self._on_message(self, wire.decode_to_service(packet))
            except msgspec.MsgspecError:
                _LOGGER.error("recorder worker %d sent nonsense and is ended", self.index)
                self.kill()

    def send(self, message: wire.ToWorker, fd: int | None = None) -> None:
        """Queue a message; a descriptor is duplicated for the way, the caller keeps its own."""
        if self._link is None:
            return
        fds = (os.dup(fd),) if fd is not None else ()
        self._outbox.append((wire.encode(message), fds))
        self._flush()

    def _flush(self) -> None:
        link = self._link
        if link is None:
            return
        loop = asyncio.get_running_loop()
        while self._outbox:
            packet, fds = self._outbox[0]
            try:
                if fds:
                    socket.send_fds(link, [packet], list(fds))
                else:
                    link.send(packet)
            except (BlockingIOError, InterruptedError):
                loop.add_writer(link, self._flush)
                return
            except OSError:
                break  # it is gone; _wait tells
            self._outbox.popleft()
            for one in fds:
                os.close(one)
        loop.remove_writer(link)

    async def quit(self) -> None:
        """Ask it to finish its segments and end; after ``QUIT_TIMEOUT_S`` it is killed."""
        self.quitting = True
        self.send(wire.Quit())
        if self._watch is not None:
            _done, pending = await asyncio.wait({self._watch}, timeout=QUIT_TIMEOUT_S)
            if pending:
                _LOGGER.warning("recorder worker %d did not end in %.0f s and is killed", self.index, QUIT_TIMEOUT_S)
                self.kill()
                await self._watch

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _hang_up(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(link)
            loop.remove_writer(link)
            link.close()
        while self._outbox:
            for fd in self._outbox.popleft()[1]:
                os.close(fd)


class WorkerPool:
    """min(cores, ⌈cameras / 16⌉) workers, and which camera is whose."""

    def __init__(
        self,
        on_message: Callable[[wire.ToService], None],
        on_orphans: Callable[[set[str]], None],
    ) -> None:
        """``on_orphans`` hears of cameras whose worker died, before a new one takes them."""
        self._on_message = on_message
        self._on_orphans = on_orphans
        self._orders: dict[str, wire.Record] = {}
        self._workers: dict[int, WorkerProcess] = {}
        self._lock_fd = -1
        self._open = False
        self._respawn_s: dict[int, float] = {}
        self._born: dict[int, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: dict[str, asyncio.Event] = {}
        self._balancing = asyncio.Lock()

    async def async_open(self, lock_fd: int) -> None:
        """The volume is there: start workers and dial every camera that is ordered."""
        self._lock_fd, self._open = lock_fd, True
        await self._rebalance()

    async def async_shut(self) -> None:
        """Finish every segment and end all workers; orders stay for the next ``async_open``."""
        self._open = False
        for task in list(self._tasks):
            task.cancel()
        async with self._balancing:
            workers = list(self._workers.values())
            self._workers.clear()
        await asyncio.gather(*(worker.quit() for worker in workers))

    async def async_record(self, order: wire.Record) -> None:
        """Dial this camera from now on."""
        self._orders[order.camera] = order
        worker = self._worker_of(order.camera)
        if worker is not None:
            worker.send(order)
        elif self._open:
            await self._rebalance()

    async def async_forget(self, camera: str) -> None:
        """Finish its segment and stop dialling it; returns when the worker has said its last word about it."""
        self._orders.pop(camera, None)
        worker = self._worker_of(camera)
        if worker is None:
            return
        ended = self._ending.setdefault(camera, asyncio.Event())
        worker.send(wire.Forget(camera))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), QUIT_TIMEOUT_S)
        self._ending.pop(camera, None)
        worker.cameras.discard(camera)

    def async_ended(self, camera: str) -> None:
        """A worker finished a forgotten camera's last segment."""
        if camera in self._ending:
            self._ending[camera].set()

    def send(self, camera: str, message: wire.ToWorker, fd: int | None = None) -> bool:
        """Tell a camera's worker; False when it has none now."""
        worker = self._worker_of(camera)
        if worker is None:
            return False
        worker.send(message, fd)
        return True

    def pids(self) -> list[int]:
        """For status and tests."""
        return [worker.pid for worker in self._workers.values() if worker.pid]

    def _worker_of(self, camera: str) -> WorkerProcess | None:
        return next((w for w in self._workers.values() if camera in w.cameras), None)

    async def _rebalance(self) -> None:
        # One at a time: a camera given to a worker that is still starting would not be heard.
        async with self._balancing:
            wanted = min(len(cores()), -(-len(self._orders) // CAMERAS_PER_WORKER))
            for index in range(wanted):
                if index not in self._workers and self._open:
                    await self._spawn(index)
            self._assign()

    def _assign(self) -> None:
        for camera, order in self._orders.items():
            if self._worker_of(camera) is None and self._workers:
                worker = min(self._workers.values(), key=lambda w: len(w.cameras))
                worker.cameras.add(camera)
                worker.send(order)

    async def _spawn(self, index: int) -> None:
        worker = WorkerProcess(index, self._lock_fd, lambda _worker, message: self._on_message(message), self._exited)
        self._workers[index] = worker
        self._born[index] = asyncio.get_running_loop().time()
        await worker.start()

    def _exited(self, worker: WorkerProcess) -> None:
        if worker.quitting or not self._open or self._workers.get(worker.index) is not worker:
            return
        del self._workers[worker.index]
        self._on_orphans(set(worker.cameras))
        lived_s = asyncio.get_running_loop().time() - self._born[worker.index]
        wait_s = _RESPAWN_FIRST_S if lived_s > _GOOD_LIFE_S else self._respawn_s.get(worker.index, _RESPAWN_FIRST_S)
        self._respawn_s[worker.index] = min(_RESPAWN_CAP_S, wait_s * 2)
        task = asyncio.create_task(self._respawn(wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respawn(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if self._open:
            await self._rebalance()
