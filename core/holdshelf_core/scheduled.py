"""The scheduled jobs: sweep, checksums, holds and their reviews, signs, room."""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tzlocal import get_localzone

from holdshelf_core import checklist, commissioning, ends, release_duties
from holdshelf_core.hold_duties import async_hold_duties
from holdshelf_core.log_check import async_nightly
from holdshelf_storage.layout import day_start_ns
from holdshelf_storage.verify import verify

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

DAY_S = 86_400.0
DAY_NS = 86_400 * 1_000_000_000

SCRUB_EVERY_DAYS = 30
NIGHT = time(3, 30)


def _until_night_s() -> float:
    """Seconds until the next 03:30, local time: when disks have the least else to do."""
    now = datetime.now(get_localzone())
    tonight = datetime.combine(now.date(), NIGHT, now.tzinfo)
    if tonight <= now:
        tonight += timedelta(days=1)
    return (tonight - now).total_seconds()


async def _signs(holdshelf: Holdshelf) -> str:
    """As days pass, signs and cameras are to be checked and waivers end (P3, P4): repairs, never a stop."""
    commissioning.async_raise_repairs(holdshelf)
    due = sum(repair.issue_id.startswith("entrance:") for repair in holdshelf.repairs.async_all())
    return f"{due} signs to look after, {checklist.async_raise_repairs(holdshelf)} more repairs of the checklist"


async def _papers(holdshelf: Holdshelf) -> str:
    """As days pass, the paper behind an emergency release is due (P13), and printed stills are (P14)."""
    papers, sheets = release_duties.async_raise_repairs(holdshelf), ends.async_tell_sheets(holdshelf)
    return f"{papers} papers and {sheets} printed stills overdue"


async def _camera_events(holdshelf: Holdshelf) -> str:
    """What cameras told goes with the footage of its day."""
    opened = holdshelf.store.opened
    if opened is None:
        return "no volume"
    footage, known = opened.footage, set(holdshelf.known_footage_cameras())

    def kept(camera: str) -> set[str]:
        return set(footage.days(camera)) if camera in known else set()

    gone = await asyncio.to_thread(holdshelf.camera_events.forget, kept, holdshelf.clock.utc_ns())
    return f"{gone} days forgotten"


def _add_papers(holdshelf: Holdshelf) -> None:
    jobs = holdshelf.jobs
    jobs.async_add(
        "papers",
        "see whether papers that were to follow a release are overdue",
        600,
        partial(_papers, holdshelf),
        soon_s=60,
    )
    jobs.async_add(
        "outbox",
        "remove bundles, papers and stills whose days are over",
        3600,
        holdshelf.outboxes.async_expire,
        soon_s=1,
    )
    jobs.async_add(
        "report",
        "make and keep the report of a quarter that is over",
        3600,
        holdshelf.reports.async_keep_due,
        soon_s=120,
    )


def async_add_jobs(holdshelf: Holdshelf) -> None:
    """Register all jobs; they run once ``jobs.async_start`` was called."""

    async def sweep() -> str:
        return await holdshelf.retention.async_sweep()

    async def scrub() -> str:
        """Yesterday's footage, and every thirtieth day before it: each file is read the day after, then monthly."""
        opened = holdshelf.store.opened
        if opened is None:
            return "no volume"
        today = holdshelf.clock.utc_ns() // DAY_NS
        known = {
            day_start_ns(day) // DAY_NS for camera in opened.footage.cameras() for day in opened.footage.days(camera)
        }
        wanted = sorted(day for day in known if day < today and (today - 1 - day) % SCRUB_EVERY_DAYS == 0)
        segments, problems = 0, []
        for day in wanted:
            span = (day * DAY_NS, (day + 1) * DAY_NS)
            work = partial(verify, opened.footage, None, *span, True, stop=holdshelf.stop_threads)
            report = await asyncio.to_thread(work)
            segments += report.segments
            problems += report.problems
        if problems:
            holdshelf.repairs.async_create(
                "scrub",
                camera_id=None,
                severity="error",
                sentence=f"{len(problems)} problems in stored footage, the first: {problems[0]}",
                next_step="Run `holdshelf footage verify --deep`; check the disk's health.",
            )
        else:
            holdshelf.repairs.async_delete("scrub")
        return f"{segments} files of {len(wanted)} days read, {len(problems)} problems"

    async def hashes() -> str:
        """Segments that were cut back (a dead worker, a full disk) get their checksum here."""
        opened = holdshelf.store.opened
        if opened is None:
            return "no volume"
        done = await asyncio.to_thread(opened.footage.hash_pending, holdshelf.stop_threads)
        return f"{done} files mended" if done else "none to mend"

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
        return f"{len(short)} cameras keep fewer days than asked for" if short else "all keep the days asked for"

    jobs = holdshelf.jobs
    jobs.async_add(
        "sweep", "erase the oldest footage on schedule when it takes more than its room", 60, sweep, soon_s=20
    )
    jobs.async_add(
        "scrub", "read footage back and compare it with its checksums", DAY_S, scrub, soon_s=_until_night_s()
    )
    jobs.async_add(
        "access log", "verify the access log", DAY_S, partial(async_nightly, holdshelf), soon_s=_until_night_s() + 600
    )
    jobs.async_add(
        "camera events",
        "forget what cameras told of days that have gone",
        3600,
        partial(_camera_events, holdshelf),
        soon_s=300,
    )
    jobs.async_add("checksums", "take the checksums of files that were cut back after a fault", 60, hashes, soon_s=30)
    jobs.async_add("health", "compare the days kept with those asked for", 600, health, soon_s=60)
    jobs.async_add(
        "signs", "see which signs at entrances are to be checked", 600, partial(_signs, holdshelf), soon_s=60
    )
    _add_papers(holdshelf)
    jobs.async_add(
        "holds",
        "keep what is on hold, let go what was lifted",
        60,
        partial(async_hold_duties, holdshelf),
        soon_s=1,
    )
    jobs.async_add(
        "held room", "warn before what is held takes all the room", 600, holdshelf.holds.async_watch_room, soon_s=15
    )
