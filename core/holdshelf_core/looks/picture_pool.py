"""Runs the picture workers: one job at a time each, killed when it takes too long, replaced.

A job is refused or answered exactly once, whatever its worker does. Jobs wait in order of arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from holdshelf_core.errors import Unavailable
from holdshelf_core.looks import picture_protocol as wire
from holdshelf_core.processes import worker_link
from holdshelf_core.processes.ends import Ends
from holdshelf_core.processes.worker_process import WorkerProcess

_LOGGER = logging.getLogger(__name__)

MAX_WAITING = 256
START_TIMEOUT_S = 20.0
WAIT_TIMEOUT_S = 30.0
"""For waiting and working together."""
IDLE_S, LAST_IDLE_S = 60.0, 600.0
"""After this long without work all workers but one are ended, and the last one."""
RECYCLE_AFTER = 2_000
"""Pictures per process: whatever a hostile stream leaves in its memory does not stay."""
_RESPAWN_FIRST_S = 0.1
_RESPAWN_CAP_S = 10.0

type Answer = tuple[wire.Shown, bytes] | wire.Failed


@dataclass(slots=True, eq=False)
class Job:
    """One picture to be made. ``fd`` is used only while someone waits for it."""

    show: Callable[[int], wire.Show]
    fd: int
    viewer: str
    answer: asyncio.Future[Answer] = field(init=False)


class _Worker:
    """A worker and its current job."""

    def __init__(self, pool: PicturePool, title: str) -> None:
        self.pool = pool
        self.ready = False
        self.job: Job | None = None
        self.number = 0
        self.made = 0
        self.spent = False
        """It ran out of memory, so its state may be incomplete."""
        self.viewers: set[str] = set()
        self.idle_since_s = 0.0
        self._shown: wire.Shown | None = None
        self._jpeg = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self.process: WorkerProcess[wire.ToService] = WorkerProcess(
            title, wire.decode_to_service, self._heard, lambda: pool.ended(self), worker_link.MAX_MESSAGE_BYTES
        )

    def take(self, job: Job, timeout_s: float) -> None:
        """Send the job to this idle worker."""
        self.job = job
        self.number += 1
        self._shown, self._jpeg = None, bytearray()
        if job.viewer:
            if len(self.viewers) >= MAX_WAITING:
                self.viewers.clear()  # only hints: the worker keeps few decoders itself
            self.viewers.add(job.viewer)
        try:
            self.process.send(wire.encode(job.show(self.number)), job.fd)
        except OSError as error:  # the descriptor was closed meanwhile, or none are left
            _LOGGER.error("a picture's segment cannot be passed on: %s", error.strerror)
            self._answer(wire.Failed(self.number, "disk"))
            return
        self._deadline = asyncio.get_running_loop().call_later(timeout_s, self._too_long)

    def watch_start(self) -> None:
        """Kill the worker if it does not become ready in time."""
        self._deadline = asyncio.get_running_loop().call_later(START_TIMEOUT_S, self._too_long)

    def _too_long(self) -> None:
        _LOGGER.warning("%s took too long and is ended", self.process.title)
        self._fail("Making this picture took too long and was stopped.")
        self.process.kill()

    def _heard(self, message: wire.ToService) -> None:
        match message:
            case worker_link.Ready():
                self.ready = True
                self._quiet()
                self.pool.became_ready(message)
            case wire.Shown() if self._expected(message.job) and message.jpeg_bytes <= wire.MAX_JPEG_BYTES:
                self._shown = message
            case wire.Chunk() if self._expected(message.job) and self._shown is not None:
                self._jpeg += message.data
                missing = self._shown.jpeg_bytes - len(self._jpeg)
                if missing < 0:
                    self.process.kill()
                elif missing == 0:
                    self.made += 1
                    self.pool.made_one()
                    self._answer((self._shown, bytes(self._jpeg)))
            case wire.Failed() if self._expected(message.job):
                self.spent = message.reason == "memory"
                self._answer(message)
            case _:
                _LOGGER.error("%s answered what it was not asked and is ended", self.process.title)
                self.process.kill()

    def _expected(self, job: int) -> bool:
        return self.job is not None and job == self.number

    def _answer(self, answer: Answer) -> None:
        job, self.job = self.job, None
        self._jpeg = bytearray()
        self._quiet()
        if job is not None and not job.answer.done():
            job.answer.set_result(answer)
        self.pool.free(self)

    def _fail(self, sentence: str) -> None:
        job, self.job = self.job, None
        self._quiet()
        if job is not None and not job.answer.done():
            job.answer.set_exception(Unavailable(sentence, "Try again."))

    def _quiet(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def lost(self) -> None:
        """Handle the end of its process."""
        self._fail("The picture could not be made: the process that was decoding it ended.")


class PicturePool:
    """Up to ``most`` workers, while there is something to look at: one takes 38 MB, and most of the time nobody looks."""

    def __init__(self, most: int, timeout_s: float) -> None:
        self._most = max(1, most)
        self._timeout_s = timeout_s
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._open = False
        self._spawned = 0
        self._respawn_s = _RESPAWN_FIRST_S
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._first_ready = asyncio.Event()
        self._closing = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self.ready: worker_link.Ready | None = None
        self._ends = Ends()

    @property
    def failing_since_utc_ns(self) -> int:
        """Since when one worker after another ends by itself and makes no picture; 0 while that is not so."""
        return self._ends.failing_since_utc_ns

    def pids(self) -> list[int]:
        """Return the ids of the running processes."""
        return [worker.process.pid for worker in self._workers if worker.process.pid]

    def open(self) -> None:
        """Accept jobs from now on."""
        self._open = True
        self._closing.clear()

    def warm(self) -> None:
        """Have a worker at hand: pictures will be asked for soon."""
        if self._open and not self._workers and not self._starting:
            self._grow()

    async def async_warm(self) -> None:
        """Have one, and wait until it is ready (or fails to start)."""
        self.warm()
        try:
            await asyncio.wait_for(self._first_ready.wait(), START_TIMEOUT_S)
        except TimeoutError:
            _LOGGER.error("no picture worker is ready; looking will not work until one is")

    async def async_stop(self) -> None:
        """End all workers and fail all waiting jobs."""
        self._open = False
        if self._sweep is not None:
            self._sweep.cancel()
        self._closing.set()
        await asyncio.gather(*self._tasks)
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.lost()
        self._fail_waiting("The service is stopping: no picture can be made.")
        await asyncio.gather(*(worker.process.ask_to_quit(wire.encode(worker_link.Quit())) for worker in workers))

    async def make(self, job: Job) -> Answer:
        """Return the job's answer. Raises Unavailable."""
        if not self._open:
            raise Unavailable("No picture can be made now: the service is stopping.", "Try again.")
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("Too many pictures were requested at once.", "Try again in a moment.")
        job.answer = asyncio.get_running_loop().create_future()
        self._waiting.append(job)
        self._pump()
        try:
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                return await job.answer  # canceled: the future is done, and the job is dropped when it is next seen
        except TimeoutError:
            raise Unavailable("No picture could be made in time.", "Try again.") from None

    def leave(self, viewer: str) -> None:
        """Forget a live view's decoder, in whichever worker it is."""
        for worker in self._workers:
            if viewer in worker.viewers:
                worker.viewers.discard(viewer)
                worker.process.send(wire.encode(wire.Leave(viewer)))

    def became_ready(self, ready: worker_link.Ready) -> None:
        """Handle a worker that became ready."""
        if self.ready is None and not (ready.landlock_abi and ready.seccomp):
            _LOGGER.warning(
                "this kernel confines picture workers only in part (Landlock %s, seccomp %s)",
                ready.landlock_abi or "missing",
                "on" if ready.seccomp else "missing",
            )
        self.ready = ready
        self._respawn_s = _RESPAWN_FIRST_S
        self._ends.began()
        self._first_ready.set()
        self._pump()

    def made_one(self) -> None:
        """Note that a worker has made a picture."""
        self._ends.worked()

    def free(self, worker: _Worker) -> None:
        """Handle a worker that has answered."""
        worker.idle_since_s = asyncio.get_running_loop().time()
        if worker.spent or worker.made >= RECYCLE_AFTER:
            self._retire(worker)
        self._pump()

    def ended(self, worker: _Worker) -> None:
        """Handle a worker whose process is gone: its job has failed, the others continue."""
        worker.lost()
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        self._note_end()
        if not worker.ready:
            # It failed before decoding anything: another one would too, so nobody waits for it.
            self._fail_waiting("No picture can be made now: the decoding process does not start.")
        self._grow(wait_s=0.0 if worker.made else self._respawn_s)
        if not worker.made:
            self._respawn_s = min(_RESPAWN_CAP_S, self._respawn_s * 2)

    def _note_end(self) -> None:
        if self._ends.ended():
            _LOGGER.error("picture workers end again and again")

    def _fail_waiting(self, sentence: str) -> None:
        while self._waiting:
            job = self._waiting.popleft()
            if not job.answer.done():
                job.answer.set_exception(Unavailable(sentence, "Try again."))

    def _pump(self) -> None:
        """Give waiting jobs to idle workers; if none is idle, start another if allowed."""
        while self._waiting:
            job = self._waiting[0]
            if job.answer.done():
                self._waiting.popleft()
                continue
            idle = [worker for worker in self._workers if worker.ready and worker.job is None]
            if not idle:
                if len(self._workers) + self._starting < self._most and self._open:
                    self._grow()
                return
            self._waiting.popleft()
            # A live view goes back to the worker that has its decoder.
            worker = next((w for w in idle if job.viewer and job.viewer in w.viewers), idle[0])
            worker.take(job, self._timeout_s)

    def _grow(self, wait_s: float = 0.0) -> None:
        self._starting += 1
        task = asyncio.create_task(self._spawn(wait_s), name="picture-worker")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _spawn(self, wait_s: float) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait_s)
            if not self._open:
                return
            self._spawned += 1
            worker = _Worker(self, f"picture worker {self._spawned}")
            worker.idle_since_s = asyncio.get_running_loop().time()
            self._workers.append(worker)
            try:
                await worker.process.start("holdshelf_core.looks.worker.main", (str(self._timeout_s),))
            except OSError as error:
                _LOGGER.error("no picture worker can be started: %s", error.strerror)
                self._workers.remove(worker)
                self._note_end()
                self._fail_waiting("No picture can be made now: the system cannot start a process.")
                return
            worker.watch_start()
        finally:
            self._starting -= 1
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)

    def _end_idle(self) -> None:
        self._sweep = None
        if not self._open:
            return
        now_s = asyncio.get_running_loop().time()
        for worker in tuple(reversed(self._workers)):
            most_s = IDLE_S if len(self._workers) > 1 else LAST_IDLE_S
            if worker.ready and worker.job is None and now_s - worker.idle_since_s >= most_s:
                self._retire(worker, again=False)
        if self._workers:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)

    def _retire(self, worker: _Worker, *, again: bool = True) -> None:
        self._workers.remove(worker)
        task = asyncio.create_task(
            worker.process.ask_to_quit(wire.encode(worker_link.Quit())), name="picture-worker-retires"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if again and self._open:
            self._grow()
