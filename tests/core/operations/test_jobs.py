"""Scheduled work: it runs although it is late, tells its last result, and no clock step stops it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from holdshelf_core.errors import Unavailable
from holdshelf_core.operations.jobs import Job, Jobs
from holdshelf_storage.errors import DiskFull
from tests.rig.faults import FakeClock
from tests.rig.hang import HANG_S


@pytest.fixture
async def jobs() -> AsyncIterator[Jobs]:
    jobs = Jobs()
    yield jobs
    await jobs.async_stop()


def only(jobs: Jobs) -> Job:
    (job,) = jobs.async_all()
    return job


async def test_a_job_runs_soon_after_the_start_and_tells_its_result(jobs: Jobs) -> None:
    ran = asyncio.Event()

    async def sweep() -> str:
        ran.set()
        return "3 files erased"

    jobs.async_add("sweep", "erase the oldest", 60, sweep, soon_s=0.1)
    assert (only(jobs).last_result, only(jobs).last_utc_ns) == ("has not run yet", None)
    began_ns = time.time_ns()
    jobs.async_start()
    async with asyncio.timeout(HANG_S):
        await ran.wait()
        while only(jobs).last_result == "has not run yet":
            await asyncio.sleep(0)
    job = only(jobs)
    assert job.last_result == "3 files erased"
    now_ns = time.time_ns()
    assert job.last_utc_ns is not None
    assert began_ns <= job.last_utc_ns <= now_ns
    assert job.next_utc_ns is not None
    assert began_ns + 50 * 10**9 < job.next_utc_ns < now_ns + 70 * 10**9


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("The disk is away.", "Mount it."), "failed: The disk is away. Mount it."),
        (DiskFull("The ledger could not be written: no room."), "failed: The ledger could not be written: no room."),
        (ValueError("secret detail"), "failed: ValueError"),
    ],
)
async def test_a_job_that_fails_says_why_and_the_others_go_on(jobs: Jobs, error: Exception, words: str) -> None:
    async def bad() -> str:
        raise error

    async def good() -> str:
        return "well"

    jobs.async_add("bad", "", 60, bad, soon_s=0)
    jobs.async_add("good", "", 60, good, soon_s=0.1)
    jobs.async_start()
    async with asyncio.timeout(HANG_S):
        while "has not run yet" in (said := [job.last_result for job in jobs.async_all()]):
            await asyncio.sleep(0)
    assert said == [words, "well"]


async def test_a_job_is_late_when_the_loop_was_held_up_and_runs_all_the_same(jobs: Jobs) -> None:
    """APScheduler's own default skips a job that starts more than a second late."""
    ran = asyncio.Event()

    async def job() -> str:
        ran.set()
        return ""

    jobs.async_add("job", "", 3600, job, soon_s=0.1)
    jobs.async_start()
    time.sleep(1.5)
    async with asyncio.timeout(HANG_S):
        await ran.wait()


async def test_stopping_ends_a_job_that_is_under_way_and_is_no_error(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return ""

    jobs.async_add("slow", "", 60, slow, soon_s=0.01)
    jobs.async_start()
    async with asyncio.timeout(HANG_S):
        await began.wait()
        await jobs.async_stop()
        await asyncio.sleep(0)  # the scheduler's own task ends
    assert ended.is_set()
    assert caplog.records == []


_UNDER_A_CLOCK = """
import asyncio, sys
from holdshelf_core.operations.jobs import Jobs

async def main():
    jobs, runs = Jobs(), asyncio.Queue()
    async def job():
        runs.put_nowait(1)
        return ""
    jobs.async_add("job", "", float(sys.argv[1]), job, soon_s=0.1)
    jobs.async_start()
    await runs.get()
    print("ran", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    jobs.async_clock_stepped()
    await asyncio.wait_for(runs.get(), 60)
    print("ran", flush=True)
    await jobs.async_stop()

asyncio.run(main())
"""


@pytest.mark.parametrize(("step_s", "every_s"), [(-3600, 2), (3600, 600)], ids=["back", "forward"])
def test_after_a_clock_step_a_job_is_due_within_its_interval(step_s: float, every_s: float) -> None:
    """Without a hand on the scheduler it would wait an hour more after a step back, and ten minutes after one forward."""
    with FakeClock() as fake:
        process = subprocess.Popen(
            [sys.executable, "-c", _UNDER_A_CLOCK, str(every_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=fake.environment(),
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "ran\n"
            fake.step(step_s)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ran\n"
