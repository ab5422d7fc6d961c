"""Scheduled work: APScheduler's asyncio scheduler, set up at each start, with the last result of each job.

APScheduler's defaults do not suit a recorder: a job that starts 1 s late is skipped. Here late jobs run
(``misfire_grace_time=None``), piled-up runs are merged into one, and a clock step wakes the scheduler (DESIGN § 4).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from holdshelf_core.errors import HoldshelfError
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """One job and its last result. ``run`` returns a short text."""

    name: str
    what: str
    every_s: float
    run: Callable[[], Awaitable[str]]
    last_utc_ns: int | None = None
    last_took_s: float | None = None
    last_result: str = "has not run yet"
    next_utc_ns: int | None = None


class Jobs:
    """All scheduled work of the service."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._jobs: dict[str, Job] = {}
        self._running: set[asyncio.Task[None]] = set()

    def async_add(
        self, name: str, what: str, every_s: float, run: Callable[[], Awaitable[str]], *, soon_s: float
    ) -> None:
        """Run a job every ``every_s``, first after ``soon_s``; jitter keeps jobs from starting in the same second."""
        job = Job(name, what, every_s, run)
        self._jobs[name] = job
        first = datetime.now(UTC) + timedelta(seconds=soon_s * random.uniform(1.0, 1.1))  # noqa: S311
        self._scheduler.add_job(
            self._start,
            IntervalTrigger(seconds=max(1, round(every_s)), start_date=first),
            args=[job],
            id=name,
            next_run_time=first,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def async_start(self) -> None:
        """Start the scheduler: from then on jobs run when they are due."""
        self._scheduler.start()

    async def async_stop(self) -> None:
        """Stop the scheduler; running jobs are canceled."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def async_clock_stepped(self) -> None:
        """Wake the scheduler after a clock step, as it waits for a wall time on the monotonic clock."""
        if not self._scheduler.running:
            return
        now = datetime.now(UTC)
        for job in self._jobs.values():
            planned = self._scheduler.get_job(job.name)
            # After a step back, the next run would otherwise be as far ahead as the step was long.
            if planned is not None and planned.next_run_time > now + timedelta(seconds=job.every_s):
                self._scheduler.modify_job(job.name, next_run_time=now + timedelta(seconds=job.every_s))
        self._scheduler.wakeup()

    def async_all(self) -> list[Job]:
        """All jobs, with their next run."""
        for job in self._jobs.values():
            planned = self._scheduler.get_job(job.name) if self._scheduler.running else None
            job.next_utc_ns = (
                int(planned.next_run_time.timestamp() * 1e9) if planned and planned.next_run_time else None
            )
        return list(self._jobs.values())

    async def _start(self, job: Job) -> None:
        task = asyncio.create_task(self._run(job), name=f"job-{job.name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # A job that a stop ends is none that failed: the scheduler would log it as an error.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)

    async def _run(self, job: Job) -> None:
        began = time.monotonic()
        job.last_utc_ns = time.time_ns()
        try:
            job.last_result = await job.run()
        except (HoldshelfError, StorageError) as error:
            job.last_result = f"failed: {error}"
        except Exception as error:  # a job's error is reported and must not stop the scheduler
            _LOGGER.exception("job %s failed", job.name)
            job.last_result = f"failed: {type(error).__name__}"
        job.last_took_s = time.monotonic() - began
