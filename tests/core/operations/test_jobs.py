"""Scheduled work: it runs although it is late, tells its last result, and no clock step stops it. By a clock of the test's
(ADR 71)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from apscheduler.executors import base as executors
from apscheduler.schedulers import base as schedulers

from holdshelf_core.errors import Unavailable
from holdshelf_core.operations import jobs as jobs_module
from holdshelf_core.operations import scheduled
from holdshelf_core.operations.jobs import Job, Jobs
from holdshelf_storage.errors import DiskFull
from tests.rig.hand_clock import NS, HandTime, hand_time

DAY_S = 86_400


@pytest.fixture
async def hand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HandTime]:
    async with hand_time(monkeypatch, jobs_module, scheduled, schedulers, executors) as made:
        yield made


@pytest.fixture
async def jobs(hand: HandTime) -> AsyncIterator[Jobs]:
    jobs = Jobs()
    yield jobs
    await jobs.async_stop()


def only(jobs: Jobs) -> Job:
    (job,) = jobs.async_all()
    return job


class Runs:
    """A job that notes how many seconds after the beginning it runs."""

    def __init__(self, hand: HandTime) -> None:
        self._clock, self._began_ns = hand.clock, hand.clock.now_ns
        self.at_s: list[float] = []

    async def run(self) -> str:
        self.at_s.append((self._clock.now_ns - self._began_ns) / NS)
        return "3 files erased"


async def test_a_job_runs_soon_after_the_start_and_then_at_its_interval_and_tells_its_result(
    jobs: Jobs, hand: HandTime
) -> None:
    runs = Runs(hand)
    jobs.async_add("sweep", "erase the oldest", 60, runs.run, soon_s=20)
    assert (only(jobs).last_result, only(jobs).last_utc_ns) == ("has not run yet", None)
    jobs.async_start()
    await hand.forward(19.9)
    assert runs.at_s == []
    await hand.forward(2.2)
    (first_s,) = runs.at_s
    assert 20 <= first_s <= 22
    job = only(jobs)
    assert job.last_result == "3 files erased"
    assert job.last_utc_ns == pytest.approx(hand.clock.utc_ns() - (22.1 - first_s) * NS, abs=1000)
    assert job.next_utc_ns == pytest.approx(job.last_utc_ns + 60 * NS, abs=1000)
    await hand.forward(3600)
    assert runs.at_s == pytest.approx([first_s + 60 * number for number in range(61)], abs=0.001)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("The disk is away.", "Mount it."), "failed: The disk is away. Mount it."),
        (DiskFull("The ledger could not be written: no room."), "failed: The ledger could not be written: no room."),
        (ValueError("secret detail"), "failed: ValueError"),
    ],
)
async def test_a_job_that_fails_says_why_and_it_and_the_others_go_on(
    jobs: Jobs, hand: HandTime, error: Exception, words: str
) -> None:
    failures, runs = 0, Runs(hand)

    async def bad() -> str:
        nonlocal failures
        failures += 1
        raise error

    jobs.async_add("bad", "", 60, bad, soon_s=0)
    jobs.async_add("good", "", 60, runs.run, soon_s=1)
    jobs.async_start()
    await hand.forward(10)
    assert [job.last_result for job in jobs.async_all()] == [words, "3 files erased"]
    await hand.forward(600)
    assert (failures, len(runs.at_s)) == (11, 11)


@pytest.mark.parametrize("late_s", [1.5, 5 * 3600])
async def test_a_job_is_late_when_the_loop_was_held_up_and_runs_all_the_same_and_once(
    jobs: Jobs, hand: HandTime, late_s: float
) -> None:
    """APScheduler's own default skips a job that starts more than a second late."""
    runs = Runs(hand)
    jobs.async_add("job", "", 3600, runs.run, soon_s=0.1)
    jobs.async_start()
    hand.clock.forward(late_s)  # nothing runs meanwhile
    await hand.settled()
    assert runs.at_s == [late_s]


async def test_a_job_that_takes_longer_than_its_interval_runs_once_at_a_time(jobs: Jobs, hand: HandTime) -> None:
    at_work, most, ended = 0, 0, 0

    async def slow() -> str:
        nonlocal at_work, most, ended
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(200)
        at_work -= 1
        ended += 1
        return ""

    jobs.async_add("slow", "", 60, slow, soon_s=0)
    jobs.async_start()
    await hand.forward(3600)
    assert most == 1
    assert ended == 15, "every fourth minute"
    assert only(jobs).last_took_s == pytest.approx(200)


async def test_stopping_ends_a_job_that_is_under_way_and_is_no_error(
    jobs: Jobs, hand: HandTime, caplog: pytest.LogCaptureFixture
) -> None:
    ended = asyncio.Event()

    async def slow() -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return ""

    jobs.async_add("slow", "", 60, slow, soon_s=0)
    jobs.async_start()
    await hand.forward(1)
    assert not ended.is_set()
    await jobs.async_stop()
    await hand.settled()  # the scheduler's own task ends
    assert ended.is_set()
    assert caplog.records == []


@pytest.mark.parametrize(("step_s", "every_s"), [(-3600, 60), (-30 * DAY_S, 60), (3600, 600), (30 * DAY_S, DAY_S)])
async def test_after_a_clock_step_a_job_is_due_within_its_interval_and_goes_on_at_it(
    jobs: Jobs, hand: HandTime, step_s: float, every_s: float
) -> None:
    """Without a hand on the scheduler it would wait an hour more after a step back, and ten minutes after one forward."""
    runs = Runs(hand)
    jobs.async_add("job", "", every_s, runs.run, soon_s=0)
    jobs.async_start()
    await hand.forward(10)
    assert len(runs.at_s) == 1
    hand.clock.step(step_s)
    jobs.async_clock_stepped()
    if step_s > 0:
        await hand.forward(1)
        assert len(runs.at_s) == 2, "it was due meanwhile, however often"
    await hand.forward(every_s)
    assert len(runs.at_s) in (2, 3)
    before = len(runs.at_s)
    await hand.forward(20 * every_s)
    assert len(runs.at_s) == before + 20


class _Counted(Jobs):
    """What is to run is counted, and noted by its wall clock, in place of being run."""

    def __init__(self, hand: HandTime) -> None:
        super().__init__()
        self.runs: dict[str, list[float]] = {}
        self._hand = hand

    def async_add(
        self, name: str, what: str, every_s: float, run: Callable[[], Awaitable[str]], *, soon_s: float
    ) -> None:
        runs = self.runs.setdefault(name, [])

        async def counted() -> str:
            runs.append(self._hand.clock.utc_ns() / NS)
            return ""

        super().async_add(name, what, every_s, counted, soon_s=soon_s)


class _Anything:
    """In place of each part of the service."""

    def __getattr__(self, _name: str) -> _Anything:
        return self


async def test_in_two_days_each_job_of_the_service_runs_as_often_as_it_is_to_and_the_nights_at_night(
    hand: HandTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = ZoneInfo("America/New_York")
    monkeypatch.setattr(scheduled, "get_localzone", lambda: zone)
    jobs = _Counted(hand)
    asked = inspect.signature(scheduled.async_add_jobs).parameters
    scheduled.async_add_jobs(jobs, *[cast(Any, _Anything())], **{n: cast(Any, _Anything()) for n in [*asked][2:]})
    jobs.async_start()
    await hand.forward(2 * DAY_S)
    every_s = {job.name: job.every_s for job in jobs.async_all()}
    for name, runs in jobs.runs.items():
        assert 2 * DAY_S / every_s[name] - 1 <= len(runs) <= 2 * DAY_S / every_s[name] + 1, name
    assert {every_s[name] for name in ("sweep", "holds", "missing")} == {60}
    for name in ("scrub", "access log"):
        hours = {datetime.fromtimestamp(at_s, zone).hour for at_s in jobs.runs[name]}
        assert hours <= {3, 4, 5}, "put off by a tenth of the time until then at most"
    await jobs.async_stop()
