"""The jobs that exist so far: sweep, checksum scrub, room forecast. Holds, reviews and reports come with the rules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from holdshelf_storage.verify import verify

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

DAY_S = 86_400.0
DAY_NS = 86_400 * 1_000_000_000


def async_add_jobs(holdshelf: Holdshelf) -> None:
    """Register all jobs; they run once ``jobs.async_start`` was called."""

    async def sweep() -> str:
        return await holdshelf.retention.async_sweep()

    async def scrub() -> str:
        """Two days' worth each night: every file is read about twice a month at 30 days kept."""
        opened = holdshelf.store.opened
        if opened is None:
            return "no volume"
        end_utc_ns = holdshelf.clock.utc_ns()
        report = await asyncio.to_thread(verify, opened.footage, None, end_utc_ns - DAY_NS, end_utc_ns, True)
        if report.problems:
            holdshelf.repairs.async_create(
                "scrub",
                camera_id=None,
                severity="error",
                sentence=f"{len(report.problems)} problems in stored footage: {report.problems[0]}",
                next_step="Run `holdshelf footage verify`; check the disk's health.",
            )
        else:
            holdshelf.repairs.async_delete("scrub")
        return f"{report.segments} segments read, {len(report.problems)} problems"

    async def health() -> str:
        """The floor in days only alarms (P15)."""
        opened, floor = holdshelf.store.opened, holdshelf.settings.floor_days
        if opened is None or floor is None or not opened.footage.usage().complete:
            return "nothing to compare"
        short = []
        for entry in holdshelf.entries.async_all():
            usage = opened.footage.usage().cameras.get(entry.entry_id)
            full = holdshelf.retention.last_sweep_utc_ns > 0
            kept = (holdshelf.clock.utc_ns() - usage.oldest_utc_ns) / DAY_NS if usage and usage.oldest_utc_ns else 0.0
            issue = f"floor:{entry.entry_id}"
            if full and kept < floor:
                short.append(entry.title)
                holdshelf.repairs.async_create(
                    issue,
                    camera_id=entry.entry_id,
                    sentence=f"{entry.title} keeps {kept:.1f} days of footage, fewer than the {floor:g} asked for.",
                    next_step="Give the media more room, or lower the cameras' bit rate; see `holdshelf plan`.",
                )
            else:
                holdshelf.repairs.async_delete(issue)
        return f"{len(short)} cameras under the floor"

    jobs = holdshelf.jobs
    jobs.async_add("sweep", "erase the oldest footage when over the budget", 60, sweep, soon_s=20)
    jobs.async_add("scrub", "read the last day's footage back and compare checksums", DAY_S, scrub, soon_s=3 * 3600)
    jobs.async_add("health", "compare days kept with the floor", 600, health, soon_s=60)
