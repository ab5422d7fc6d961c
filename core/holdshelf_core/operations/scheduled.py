"""The scheduled jobs: their intervals and first runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from functools import partial

from tzlocal import get_localzone

from holdshelf_core.access_log.check import async_nightly
from holdshelf_core.access_log.register_care import RegisterCare
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.backups.age import BackupAge
from holdshelf_core.backups.backups import Backups
from holdshelf_core.buffer.anchoring import Anchoring
from holdshelf_core.buffer.footage_jobs import FootageJobs
from holdshelf_core.buffer.retention import Retention
from holdshelf_core.buffer.store import Store
from holdshelf_core.holds.holds import Holds
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.looks.camera_events import CameraEvents
from holdshelf_core.operations.disk_health import DiskHealth
from holdshelf_core.operations.jobs import Jobs
from holdshelf_core.operations.losses import Losses
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.outbox.papers import Papers
from holdshelf_core.people import expiry
from holdshelf_core.policy_file.adopted import async_look
from holdshelf_core.reports.quarter_report import Reports
from holdshelf_core.timestamps.timestamps import Timestamps
from holdshelf_core.witnesses.witnesses import Witnesses

DAY_S, HOUR_S = 86_400.0, 3_600.0
NIGHT = time(3, 30)


def _until_night_s() -> float:
    """Return the seconds until the next 03:30 local time, when disks are least busy."""
    now = datetime.now(get_localzone())
    tonight = datetime.combine(now.date(), NIGHT, now.tzinfo)
    if tonight <= now:
        tonight += timedelta(days=1)
    return (tonight - now).total_seconds()


async def _signs(
    repairs: RepairRegistry, raise_entrances: Callable[[], None], raise_checklist: Callable[[], int]
) -> str:
    """Update the repairs for signs and camera checks that become due, and waivers that end (P3, P4). They never stop
    recording."""
    raise_entrances()
    due = sum(repair.issue_id.startswith("entrance:") for repair in repairs.async_all())
    return f"{due} signs to look after, {raise_checklist()} more repairs of the checklist"


async def _papers(authorizer: Authorizer, raise_releases: Callable[[], int]) -> str:
    """Update the repairs for papers that become due: those of emergency releases (P13) and printed stills (P14)."""
    papers, sheets = raise_releases(), expiry.async_tell_sheets(authorizer)
    return f"{papers} papers and {sheets} printed stills overdue"


async def _policy_file(authorizer: Authorizer) -> str:
    adopted = authorizer.store.state.adopted
    return await async_look(
        authorizer.frame, adopted.file_sha256 if adopted is not None else "", authorizer.store.policy
    )


async def _forget_camera_events(events: CameraEvents, store: Store, utc_ns: Callable[[], int]) -> str:
    """Delete camera events together with the footage of their day."""
    opened = store.opened
    if opened is None:
        return "no volume"
    footage, known = opened.footage, set(store.known_cameras())

    def kept(camera: str) -> set[str]:
        return set(footage.days(camera)) if camera in known else set()

    gone = await asyncio.to_thread(events.forget, kept, utc_ns())
    return f"{gone} days forgotten"


def async_add_jobs(
    jobs: Jobs,
    authorizer: Authorizer,
    *,
    store: Store,
    retention: Retention,
    footage: FootageJobs,
    anchoring: Anchoring,
    care: RegisterCare,
    events: CameraEvents,
    outboxes: Outboxes,
    sealed: Papers,
    reports: Reports,
    witnesses: Witnesses,
    timestamps: Timestamps,
    backups: Backups,
    holds: Holds,
    losses: Losses,
    hold_duties: Callable[[], Awaitable[str]],
    raise_entrances: Callable[[], None],
    raise_checklist: Callable[[], int],
    raise_releases: Callable[[], int],
) -> None:
    """Register all jobs; they run once ``jobs.async_start`` was called.

    ``raise_…``: updates the repairs of a subject.
    """
    frame, add, night_s = authorizer.frame, jobs.async_add, _until_night_s()
    add(
        "sweep",
        "erase the oldest footage on schedule when it takes more than its room",
        60,
        retention.async_sweep,
        soon_s=20,
    )
    add(
        "scrub",
        "read footage back and compare it with its checksums and the access log",
        DAY_S,
        footage.async_scrub,
        soon_s=night_s,
    )
    add("anchors", "anchor in the access log what was recorded and erased", HOUR_S, anchoring.async_anchor, soon_s=300)
    add("missing", "look for footage that is gone and was not erased", 60, anchoring.async_look_for_missing, soon_s=5)
    add("access log", "verify the access log", DAY_S, partial(async_nightly, care), soon_s=night_s + 600)
    add("witnesses", "have others countersign the access log's head", 600, witnesses.async_look, soon_s=330)
    add("time stamp", "have the access log's head stamped with the time", 600, timestamps.async_look, soon_s=340)
    forget = partial(_forget_camera_events, events, store, frame.clock.utc_ns)
    add("camera events", "forget what cameras told of days that have gone", HOUR_S, forget, soon_s=300)
    add(
        "checksums",
        "take the checksums of files that were cut back after a fault",
        60,
        footage.async_take_checksums,
        soon_s=30,
    )
    add("health", "compare the days kept with those asked for", 600, footage.async_check_floor, soon_s=60)
    add("losses", "see which cameras lose footage again and again", 60, losses.async_look, soon_s=5)
    signs = partial(_signs, frame.repairs, raise_entrances, raise_checklist)
    add("signs", "see which signs at entrances are to be checked", 600, signs, soon_s=60)
    papers = partial(_papers, authorizer, raise_releases)
    add("papers", "see whether papers that were to follow a release are overdue", 600, papers, soon_s=60)
    add("outbox", "remove bundles, papers and stills whose days are over", HOUR_S, outboxes.async_expire, soon_s=1)
    add("sealed papers", "remove sealed papers whose days are over", HOUR_S, sealed.async_expire, soon_s=3)
    age, disks = BackupAge(authorizer, lambda: backups.scheduled is not None), DiskHealth(frame)
    add("backups", "see how old the newest backup is", HOUR_S, age.async_look, soon_s=90)
    add("scheduled backup", "make a backup and verify it at its target, once a day", 60, backups.async_look, soon_s=40)
    add("disk health", "ask the disks whether they are failing (smartctl)", DAY_S, disks.async_look, soon_s=45)
    add("report", "make and keep the report of a quarter that is over", HOUR_S, reports.async_keep_due, soon_s=120)
    add("coverage", "count what there is of yesterday", 600, reports.coverage.async_count_yesterday, soon_s=30)
    add("holds", "keep what is on hold, let go what was lifted", 60, hold_duties, soon_s=1)
    add(
        "policy file",
        "see whether the adopted policy file is as it was adopted",
        HOUR_S,
        partial(_policy_file, authorizer),
        soon_s=50,
    )
    add("held room", "warn before what is held takes all the room", 600, holds.async_watch_room, soon_s=15)
