"""When a process that ended is begun anew: after longer and longer pauses, and soon where it was at work for long. By a clock of
the test's (ADR 71)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import msgspec
import pytest

from holdshelf_core.processes import ends as ends_module
from holdshelf_core.processes import worker_link
from holdshelf_core.processes.ends import ENDS, GOOD_LIFE_S, Ends
from holdshelf_core.processes.online_link import Ready
from holdshelf_core.processes.online_process import OnlineProcess
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.workers import RecorderWorker, WorkerPool
from tests.rig.hand_clock import HandTime, hand_time


@pytest.fixture
async def hand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HandTime]:
    async with hand_time(monkeypatch, ends_module) as made:
        yield made


class SaysHello(OnlineProcess[Ready]):
    """A real process that says what nobody asked for, and ends."""

    def __init__(self) -> None:
        super().__init__("__hello__", "says hello", lambda line: msgspec.json.decode(line, type=Ready))
        self.ends = 0

    def begin(self) -> None:
        self._begin()

    def _set_up(self) -> msgspec.Struct:
        return Ready(0, seccomp=False)

    def _ended(self) -> None:
        self.ends += 1


async def test_a_process_that_talks_to_others_is_begun_anew_after_longer_and_longer_pauses(hand: HandTime) -> None:
    process = SaysHello()
    process.begin()
    first_ns = hand.clock.utc_ns()
    for count, pause_s in enumerate((0.5, 1, 2, 4, 8, 16, 32, 60, 60), 1):
        await hand.until(lambda count=count: process.ends == count)
        assert process.failing_since_utc_ns == (first_ns if count >= ENDS else 0)
        await hand.forward(pause_s - 0.01)
        assert process.pid is None
        await hand.forward(0.01)
        await hand.until(lambda count=count: process.pid or process.ends > count)
    await hand.until(lambda: process.ends == 10)
    await process.async_stop()


async def test_after_one_that_was_there_for_a_minute_the_next_is_begun_soon(hand: HandTime) -> None:
    begun_s: list[float] = []
    lives_s = iter([1, 1, 1, 1, 60, 1, 1, 1000])

    class Lives(SaysHello):
        """In place of a process: it is there for so long."""

        async def _live(self) -> None:
            begun_s.append(hand.time())
            await asyncio.sleep(next(lives_s))

    process = Lives()
    process.begin()
    await hand.forward(200)
    await process.async_stop()
    pauses_s = [later - earlier for earlier, later in itertools.pairwise(begun_s)]
    assert pauses_s == pytest.approx([1 + 0.5, 1 + 1, 1 + 2, 1 + 4, 60 + 0.5, 1 + 1, 1 + 2])


@pytest.fixture
async def begun(monkeypatch: pytest.MonkeyPatch) -> list[RecorderWorker]:
    """Workers as the pool begins them; they are no processes."""
    found: list[RecorderWorker] = []

    async def spawn(worker: RecorderWorker, _lock_fd: int) -> None:
        found.append(worker)

    monkeypatch.setattr(RecorderWorker, "spawn", spawn)
    return found


async def test_a_recorder_worker_that_dies_again_and_again_is_begun_anew_after_longer_and_longer_pauses(
    hand: HandTime, begun: list[RecorderWorker]
) -> None:
    orphans: list[set[str]] = []
    pool = WorkerPool(lambda _message: None, orphans.append)
    await pool.async_open(-1)
    await pool.async_record(wire.Record("door", "rtsp://192.0.2.7/", None, None, "tcp", "boot-1", 60.0, None, 0))

    async def dies(pause_s: float) -> None:
        count = len(begun)
        pool._exited(begun[-1])
        assert orphans[-1] == {"door"}
        await hand.forward(pause_s - 0.01)
        assert len(begun) == count
        await hand.forward(0.02)
        assert len(begun) == count + 1
        assert begun[-1].cameras == {"door"}

    for pause_s in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10):
        await dies(pause_s)
    await hand.forward(61)
    for pause_s in (0.1, 0.2, 0.4):
        await dies(pause_s)
    pool._exited(begun[-1])
    count = len(begun)
    await pool.async_shut()
    await hand.forward(3600)
    assert len(begun) == count, "none after the end"


async def test_processes_that_end_one_after_another_are_told_since_the_first_until_one_lasts(hand: HandTime) -> None:
    ends = Ends()
    first_ns = hand.clock.utc_ns()

    async def lives(seconds: float) -> bool:
        ends.began()
        await hand.forward(seconds)
        told = ends.ended()
        await hand.forward(1)
        return told

    assert [ends.ended(), *[await lives(3) for _ in range(ENDS - 2)]] == [False] * (ENDS - 1)
    assert ends.failing_since_utc_ns == 0, "what ends now and then is begun anew, and that is all"
    assert await lives(3)
    assert ends.failing_since_utc_ns == first_ns
    assert not await lives(GOOD_LIFE_S - 1), "it is told once"
    assert ends.failing_since_utc_ns == first_ns
    ends.began()
    assert ends.failing_since_utc_ns == first_ns
    await hand.forward(GOOD_LIFE_S)
    assert ends.failing_since_utc_ns == 0
    ends.ended()
    assert ends.failing_since_utc_ns == 0, "counted anew"
    for _ in range(ENDS):
        await lives(3)
    assert ends.failing_since_utc_ns
    ends.worked()
    assert ends.failing_since_utc_ns == 0


async def test_cameras_whose_recorder_dies_again_and_again_are_named_until_one_lasts(
    hand: HandTime, begun: list[RecorderWorker]
) -> None:
    pool = WorkerPool(lambda _message: None, lambda _orphans: None)
    await pool.async_open(-1)
    await pool.async_record(wire.Record("door", "rtsp://192.0.2.7/", None, None, "tcp", "boot-1", 60.0, None, 0))
    for count in range(ENDS):
        assert pool.failing() == set(), count
        pool._ready(begun[-1], worker_link.Ready(5, seccomp=True))
        await hand.forward(1)
        pool._exited(begun[-1])
        await hand.forward(11)
    assert pool.failing() == {"door"}
    pool._ready(begun[-1], worker_link.Ready(5, seccomp=True))
    await hand.forward(GOOD_LIFE_S)
    assert pool.failing() == set()
    await pool.async_shut()


async def test_a_recorder_that_cannot_be_started_is_tried_again_and_its_cameras_are_named(
    hand: HandTime, begun: list[RecorderWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    can, tried = RecorderWorker.spawn, 0

    async def cannot(_worker: RecorderWorker, _lock_fd: int) -> None:
        nonlocal tried
        tried += 1
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(RecorderWorker, "spawn", cannot)
    pool = WorkerPool(lambda _message: None, lambda _orphans: None)
    await pool.async_open(-1)
    await pool.async_record(wire.Record("door", "rtsp://192.0.2.7/", None, None, "tcp", "boot-1", 60.0, None, 0))
    assert (tried, pool.failing()) == (1, set())
    await hand.forward(30)
    assert tried > ENDS and pool.failing() == {"door"}
    monkeypatch.setattr(RecorderWorker, "spawn", can)
    await hand.forward(11)
    assert [worker.cameras for worker in begun] == [{"door"}]
    await pool.async_shut()
