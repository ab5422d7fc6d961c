"""The worker processes, as the service sees them: started, pinned, spoken to, and replaced when they die.

A worker inherits two descriptors: its control socket, and the volume's lock, so that no new service records while
an old worker still may. DESIGN § 3.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from holdshelf_core.recorder import protocol as wire
from holdshelf_core.worker_process import QUIT_TIMEOUT_S, WorkerProcess, cores

CAMERAS_PER_WORKER = 16
_RESPAWN_FIRST_S = 0.1
_RESPAWN_CAP_S = 10.0
_GOOD_LIFE_S = 60.0


class RecorderWorker(WorkerProcess[wire.ToService]):
    """One recorder worker, and the cameras it was given."""

    def __init__(
        self, index: int, on_message: Callable[[wire.ToService], None], on_exit: Callable[[RecorderWorker], None]
    ) -> None:
        super().__init__(
            f"recorder worker {index}",
            wire.decode_to_service,
            on_message,
            lambda: on_exit(self),
            wire.MAX_MESSAGE_BYTES,
        )
        self.index = index
        self.cameras: set[str] = set()

    async def spawn(self, lock_fd: int) -> None:
        """Start it on its core, with the volume's lock."""
        allowed = cores()
        core = str(allowed[self.index % len(allowed)])
        await self.start("holdshelf_core.recorder.worker", (core,), (lock_fd,))

    def tell(self, message: wire.ToWorker, fd: int | None = None) -> None:
        """Queue a message; see ``send``."""
        self.send(wire.encode(message), fd)

    async def quit(self) -> None:
        """Ask it to finish its segments and end."""
        await self.ask_to_quit(wire.encode(wire.Quit()))


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
        self._workers: dict[int, RecorderWorker] = {}
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
            worker.tell(order)
        elif self._open:
            await self._rebalance()

    async def async_forget(self, camera: str) -> None:
        """Finish its segment and stop dialling it; returns when the worker has said its last word about it."""
        self._orders.pop(camera, None)
        worker = self._worker_of(camera)
        if worker is None:
            return
        ended = self._ending.setdefault(camera, asyncio.Event())
        worker.tell(wire.Forget(camera))
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
        worker.tell(message, fd)
        return True

    def pids(self) -> list[int]:
        """For status and tests."""
        return [worker.pid for worker in self._workers.values() if worker.pid]

    def _worker_of(self, camera: str) -> RecorderWorker | None:
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
                worker.tell(order)

    async def _spawn(self, index: int) -> None:
        worker = RecorderWorker(index, self._on_message, self._exited)
        self._workers[index] = worker
        self._born[index] = asyncio.get_running_loop().time()
        await worker.spawn(self._lock_fd)

    def _exited(self, worker: RecorderWorker) -> None:
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
