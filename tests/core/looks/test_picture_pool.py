"""Picture workers are there while somebody looks, and at no other time. Real processes, by a clock of the test's (ADR 71)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from holdshelf_core.errors import Unavailable
from holdshelf_core.looks.picture_pool import Job, PicturePool
from holdshelf_core.processes import ends
from holdshelf_core.processes.ends import ENDS, GOOD_LIFE_S
from holdshelf_core.processes.worker_process import WorkerProcess
from tests.rig.hand_clock import HandTime, hand_time


@pytest_asyncio.fixture(loop_scope="module")
async def hand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HandTime]:
    async with hand_time(monkeypatch, ends) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def pool(hand: HandTime) -> AsyncIterator[PicturePool]:
    pool = PicturePool(2, 5.0)
    yield pool
    for worker in pool._workers:
        worker.process.kill()  # no time passes in which one that hangs would be ended
    await pool.async_stop()


async def started(pool: PicturePool, hand: HandTime, count: int = 1) -> list[int]:
    """Their process ids, once so many are ready."""
    await hand.until(lambda: sum(worker.ready for worker in pool._workers) == count)
    return pool.pids()


def a_job() -> Job:
    """Of a picture that is never sent: none of these tests lets a worker answer."""
    return Job(lambda _number: pytest.fail("it is sent"), -1, "")


async def test_a_worker_starts_when_pictures_will_be_asked_for_and_ends_when_nobody_has_for_long(
    pool: PicturePool, hand: HandTime
) -> None:
    pool.warm()
    await hand.forward(3600)
    assert pool.pids() == [], "it is not open yet"
    pool.open()
    assert pool.pids() == []
    for _ in range(2):
        pool.warm()
        pool.warm()
        await started(pool, hand)
        assert len(pool.pids()) == 1, "it is asked for twice and started once"
        await hand.forward(590)
        assert len(pool.pids()) == 1, "the last one stays for ten minutes"
        await hand.forward(70)
        await hand.until(lambda: not pool.pids())
    await hand.forward(3600)
    assert pool.pids() == []


async def test_of_several_workers_the_others_end_after_a_minute(pool: PicturePool, hand: HandTime) -> None:
    pool.open()
    pool._grow()
    pool._grow()
    await started(pool, hand, 2)
    await hand.forward(50)
    assert len(pool.pids()) == 2
    await hand.forward(70)
    assert len(pool.pids()) == 1
    await hand.forward(400)
    assert len(pool.pids()) == 1


async def test_a_worker_that_is_not_ready_in_time_is_ended_and_who_waits_for_it_is_told(
    pool: PicturePool, hand: HandTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = WorkerProcess.start

    async def stopped_at_once(self: WorkerProcess[object], *given: object) -> None:
        await start(self, *given)  # type: ignore[arg-type]
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    monkeypatch.setattr(WorkerProcess, "start", stopped_at_once)
    pool.open()
    waiting = asyncio.create_task(pool.make(a_job()))
    await hand.until(pool.pids)
    (hangs,) = pool.pids()
    monkeypatch.undo()
    await hand.forward(19)
    assert pool.pids() == [hangs]
    assert not waiting.done()
    await hand.forward(1)
    await hand.until(waiting.done)
    with pytest.raises(Unavailable, match="the decoding process does not start"):
        await waiting
    await hand.forward(1)
    assert await started(pool, hand) != [hangs], "another one follows"


async def test_a_picture_that_nobody_makes_in_half_a_minute_is_refused(
    pool: PicturePool, hand: HandTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_grow", lambda: None)  # all workers are at work for others
    pool.open()
    waiting = asyncio.create_task(pool.make(a_job()))
    await hand.forward(29.9)
    assert not waiting.done()
    await hand.forward(0.1)
    with pytest.raises(Unavailable, match="No picture could be made in time"):
        await waiting


async def test_workers_that_do_not_start_are_tried_after_longer_and_longer_pauses(
    pool: PicturePool, hand: HandTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = 0
    start = WorkerProcess.start

    async def counted(self: WorkerProcess[object], *given: object) -> None:
        nonlocal begun
        begun += 1
        await start(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(WorkerProcess, "start", counted)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    pool.open()
    pool.warm()
    await hand.settled()
    for count, pause_s in enumerate((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10), 1):
        await hand.until(lambda: not pool._workers and pool._starting)
        assert begun == count
        await hand.forward(pause_s - 0.01)
        assert begun == count
        await hand.forward(0.01)
        assert begun == count + 1


async def test_workers_that_end_one_after_another_are_told_until_one_lasts_or_makes_a_picture(
    pool: PicturePool, hand: HandTime
) -> None:
    pool.open()
    pool.warm()
    for _ in range(2):
        for count in range(ENDS):
            assert not pool.failing_since_utc_ns, count
            (pid,) = await started(pool, hand)
            os.kill(pid, signal.SIGKILL)
            await hand.until(lambda: not pool._workers)
            await hand.forward(10)
        assert pool.failing_since_utc_ns
        await started(pool, hand)
        assert pool.failing_since_utc_ns
        await hand.forward(GOOD_LIFE_S)
        assert not pool.failing_since_utc_ns
    for _ in range(ENDS):
        (pid,) = await started(pool, hand)
        os.kill(pid, signal.SIGKILL)
        await hand.until(lambda: not pool._workers)
        await hand.forward(10)
    assert pool.failing_since_utc_ns
    pool.made_one()
    assert not pool.failing_since_utc_ns
