"""The worker processes as the service sees them: started, pinned to cores, connected, and replaced when they die.

WebRTC cameras have their own workers: a different confinement, and five times the work. A worker's messages are accepted only
about its own cameras; one that sends anything else counts as compromised, and is ended.

A worker inherits two descriptors: its control socket, and the volume's lock, so that no new service records while an old worker
still may. DESIGN § 3.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable

from holdshelf_core.processes import worker_link
from holdshelf_core.processes.ends import Ends
from holdshelf_core.processes.worker_process import QUIT_TIMEOUT_S, WorkerProcess, cores
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.names import addresses_of, kind_of

_LOGGER = logging.getLogger(__name__)

CAMERAS_PER_WORKER = {"rtsp": 16, "whep": 8, "replay": 16}
_LOOKUPS_AT_A_TIME = 16
_RESPAWN_FIRST_S = 0.1
_RESPAWN_CAP_S = 10.0
_GOOD_LIFE_S = 60.0


class RecorderWorker(WorkerProcess[wire.ToService]):
    """One recorder worker, and its cameras. ``slot`` is its kind, and its number within that kind."""

    def __init__(
        self,
        slot: tuple[str, int],
        on_message: Callable[[RecorderWorker, wire.ToService], None],
        on_exit: Callable[[RecorderWorker], None],
    ) -> None:
        kind, index = slot
        super().__init__(
            f"recorder worker {index}" if kind == "rtsp" else f"{kind} recorder worker {index}",
            wire.decode_to_service,
            lambda message: on_message(self, message),
            lambda: on_exit(self),
            worker_link.MAX_MESSAGE_BYTES,
        )
        self.slot = slot
        self.cameras: set[str] = set()
        self.former: set[str] = set()
        """Its previous cameras: a last message about those may be on its way."""
        self.lookups = 0

    async def spawn(self, lock_fd: int) -> None:
        """Start it on its core, with the volume's lock."""
        allowed = cores()
        kind, index = self.slot
        # Workers of two kinds begin at opposite ends of the cores.
        core = allowed[index % len(allowed)] if kind == "rtsp" else allowed[-1 - index % len(allowed)]
        await self.start("holdshelf_core.recorder.worker.main", (str(core), kind), (lock_fd,))

    def tell(self, message: wire.ToWorker, fd: int | None = None) -> None:
        """Queue a message; see ``send``."""
        self.send(wire.encode(message), fd)

    async def quit(self) -> None:
        """Ask it to finish its segments and end."""
        await self.ask_to_quit(wire.encode(worker_link.Quit()))


class WorkerPool:
    """min(cores, ⌈cameras / 16⌉) workers of each kind, and which camera belongs to which."""

    def __init__(
        self,
        on_message: Callable[[wire.OfCameras], None],
        on_orphans: Callable[[set[str]], None],
    ) -> None:
        """``on_orphans`` gets the cameras whose worker died, before a new one takes them."""
        self._on_message = on_message
        self._on_orphans = on_orphans
        self._orders: dict[str, wire.Record] = {}
        self._workers: dict[tuple[str, int], RecorderWorker] = {}
        self._lock_fd = -1
        self._open = False
        self._respawn_s: dict[tuple[str, int], float] = {}
        self._born: dict[tuple[str, int], float] = {}
        self._ends: dict[tuple[str, int], Ends] = {}
        self._ended_with: dict[tuple[str, int], set[str]] = {}
        """The cameras of each one that ended last."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: dict[str, asyncio.Event] = {}
        self._balancing = asyncio.Lock()
        self.confinement: dict[str, worker_link.Ready] = {}
        """The confinement reported by the last worker of each kind; for ``doctor``."""

    async def async_open(self, lock_fd: int) -> None:
        """Start workers on the volume and connect to every ordered camera."""
        self._lock_fd, self._open = lock_fd, True
        await self._rebalance()

    async def async_shut(self) -> None:
        """Finish every segment and end all workers; orders are kept for the next ``async_open``."""
        self._open = False
        for task in list(self._tasks):
            task.cancel()
        async with self._balancing:
            workers = list(self._workers.values())
            self._workers.clear()
        await asyncio.gather(*(worker.quit() for worker in workers))

    async def async_record(self, order: wire.Record) -> None:
        """Record this camera from now on."""
        self._orders[order.camera] = order
        worker = self._worker_of(order.camera)
        if worker is not None and worker.slot[0] != kind_of(order.url, order.transport):
            await self._take_away(order.camera, worker)
            worker = None
        if worker is not None:
            worker.tell(order)
        elif self._open:
            await self._rebalance()

    async def async_forget(self, camera: str) -> None:
        """Finish its segment and disconnect it; returns when the worker has sent its last message about it."""
        self._orders.pop(camera, None)
        worker = self._worker_of(camera)
        if worker is not None:
            await self._take_away(camera, worker)

    async def _take_away(self, camera: str, worker: RecorderWorker) -> None:
        ended = self._ending.setdefault(camera, asyncio.Event())
        worker.tell(wire.Forget(camera))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), QUIT_TIMEOUT_S)
        self._ending.pop(camera, None)
        worker.cameras.discard(camera)
        worker.former.add(camera)

    def async_ended(self, camera: str) -> None:
        """A worker finished a forgotten camera's last segment."""
        if camera in self._ending:
            self._ending[camera].set()

    def send(self, camera: str, message: wire.ToWorker, fd: int | None = None) -> bool:
        """Send a message to a camera's worker; False when it has none now."""
        worker = self._worker_of(camera)
        if worker is None:
            return False
        worker.tell(message, fd)
        return True

    def async_end(self, camera: str) -> None:
        """Kill this camera's worker; a new one takes over its cameras."""
        worker = self._worker_of(camera)
        if worker is not None:
            worker.kill()

    def failing(self) -> set[str]:
        """Return the cameras whose worker ends by itself again and again, or cannot be started."""
        failing = [slot for slot, ends in self._ends.items() if ends.failing_since_utc_ns]
        return self._orders.keys() & {camera for slot in failing for camera in self._ended_with[slot]}

    def pids(self) -> list[int]:
        """Return the workers' process ids, for status and tests."""
        return [worker.pid for worker in self._workers.values() if worker.pid]

    def _worker_of(self, camera: str) -> RecorderWorker | None:
        return next((w for w in self._workers.values() if camera in w.cameras), None)

    async def _rebalance(self) -> None:
        # One at a time: a camera given to a worker that is still starting would be missed.
        async with self._balancing:
            for kind, share in CAMERAS_PER_WORKER.items():
                count = sum(kind_of(order.url, order.transport) == kind for order in self._orders.values())
                for index in range(min(len(cores()), -(-count // share))):
                    if (kind, index) not in self._workers and self._open:
                        await self._spawn((kind, index))
            self._assign()

    def _assign(self) -> None:
        for camera, order in self._orders.items():
            kind = kind_of(order.url, order.transport)
            workers = [worker for worker in self._workers.values() if worker.slot[0] == kind]
            if self._worker_of(camera) is None and workers:
                worker = min(workers, key=lambda w: len(w.cameras))
                worker.cameras.add(camera)
                worker.tell(order)

    async def _spawn(self, slot: tuple[str, int]) -> None:
        worker = RecorderWorker(slot, self._heard, self._exited)
        self._workers[slot] = worker
        self._born[slot] = asyncio.get_running_loop().time()
        try:
            await worker.spawn(self._lock_fd)
        except OSError as error:
            _LOGGER.error("%s cannot be started: %s", worker.title, error.strerror)
            del self._workers[slot]
            self._begin_anew(worker, {camera for camera in self._orders if self._worker_of(camera) is None})

    def _heard(self, worker: RecorderWorker, message: wire.ToService) -> None:
        """Handle a worker's message: its own matters here; messages about a camera are passed on, if it is one of its own."""
        if isinstance(message, worker_link.Ready):
            self._ready(worker, message)
            return
        if isinstance(message, wire.Resolve):
            self._resolve(worker, message.host)
            return
        of = {beat.camera for beat in message.beats} if isinstance(message, wire.Progress) else {message.camera}
        if not of <= worker.cameras | worker.former:
            _LOGGER.error("%s spoke of a camera that is not its own, and is ended", worker.title)
            worker.kill()
        elif all(self._worker_of(camera) in (worker, None) for camera in of):
            self._on_message(message)

    def _ready(self, worker: RecorderWorker, ready: worker_link.Ready) -> None:
        kind = worker.slot[0]
        self._ends.setdefault(worker.slot, Ends()).began()
        if self.confinement.get(kind) != ready and not (ready.landlock_abi and ready.seccomp):
            _LOGGER.warning(
                "this kernel confines recorder workers only in part (Landlock %s, seccomp %s)",
                ready.landlock_abi or "missing",
                "on" if ready.seccomp else "missing",
            )
        self.confinement[kind] = ready

    def _resolve(self, worker: RecorderWorker, host: str) -> None:
        """Resolve a host for a confined worker. A few at a time, so that endless requests gain nothing."""
        if worker.lookups >= _LOOKUPS_AT_A_TIME:
            worker.tell(wire.Named(host, []))
            return
        worker.lookups += 1
        loop = asyncio.get_running_loop()

        def answer(addresses: list[str]) -> None:
            worker.lookups -= 1
            worker.tell(wire.Named(host, addresses))

        def look_up() -> None:
            addresses = addresses_of(host)
            with contextlib.suppress(RuntimeError):  # the service has ended meanwhile
                loop.call_soon_threadsafe(answer, addresses)

        # A daemon: the C library may take half a minute with an unreachable name server, and nobody waits for that.
        threading.Thread(target=look_up, name="lookup", daemon=True).start()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _exited(self, worker: RecorderWorker) -> None:
        if worker.quitting or not self._open or self._workers.get(worker.slot) is not worker:
            return
        del self._workers[worker.slot]
        self._on_orphans(set(worker.cameras))
        self._begin_anew(worker, set(worker.cameras))

    def _begin_anew(self, worker: RecorderWorker, cameras: set[str]) -> None:
        """Have another one in a moment: this one, which had or was to have these cameras, has ended by itself."""
        self._ended_with[worker.slot] = cameras
        if self._ends.setdefault(worker.slot, Ends()).ended():
            _LOGGER.error("%s ends again and again", worker.title)
        lived_s = asyncio.get_running_loop().time() - self._born[worker.slot]
        wait_s = _RESPAWN_FIRST_S if lived_s > _GOOD_LIFE_S else self._respawn_s.get(worker.slot, _RESPAWN_FIRST_S)
        self._respawn_s[worker.slot] = min(_RESPAWN_CAP_S, wait_s * 2)
        self._keep(asyncio.create_task(self._respawn(wait_s)))

    async def _respawn(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if self._open:
            await self._rebalance()
