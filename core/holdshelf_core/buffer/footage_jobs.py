"""Jobs on footage: reading it back each night, checksums of truncated files, and the floor in days."""

from __future__ import annotations

import asyncio
from functools import partial

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.buffer.anchoring import Anchoring
from holdshelf_core.buffer.averages import Averages
from holdshelf_core.buffer.retention import Retention
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.buffer.store import Store
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.policy.holds import EndedHold, ended_holds
from holdshelf_core.policy.listing import counted
from holdshelf_core.times import HOUR_NS
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.layout import DAY_NS, day_start_ns
from holdshelf_storage.volume.index import days_kept

SCRUB_EVERY_DAYS = 30
SCRUB_REPAIR = "scrub"
SHORT_REPAIR, AHEAD_REPAIR = "least_kept", "least_ahead"


class FootageJobs:
    """Footage jobs. Each returns a short result for the list of jobs."""

    def __init__(
        self,
        authorizer: Authorizer,
        store: Store,
        retention: Retention,
        anchoring: Anchoring,
        settings: Settings,
        averages: Averages,
    ) -> None:
        self._authorizer, self._frame = authorizer, authorizer.frame
        self._store, self._retention, self._anchoring, self._settings = store, retention, anchoring, settings
        self._averages = averages
        retention.keeping, retention.now = lambda: authorizer.store.state.policy.keeping, authorizer.now
        retention.ended_holds = self._ended_holds

    def _ended_holds(self) -> list[EndedHold]:
        state = self._authorizer.store.state
        return ended_holds(state.holds.values(), state.policy.ground_words)

    async def async_scrub(self) -> str:
        """Read back yesterday's footage and every thirtieth day before it, so that each file is read the day after, then
        monthly."""
        opened, frame = self._store.opened, self._frame
        if opened is None:
            return "no volume"
        today = frame.clock.utc_ns() // DAY_NS
        footage = opened.footage
        problems: list[str] = []
        book: AnchorBook | None = None
        try:
            await self._anchoring.async_anchor()
            book = await self._anchoring.async_book()
        except (HoldshelfError, StorageError) as error:
            # The bytes are read anyway; that they could not be compared with the log is a finding of its own.
            problems.append(f"Nothing could be compared with the access log: {error}")
        known = {day_start_ns(day) // DAY_NS for camera in footage.cameras() for day in footage.days(camera)}
        known |= {day_start_ns(day) // DAY_NS for _, day in (book.camera_days() if book is not None else ())}
        wanted = sorted(day for day in known if day < today and (today - 1 - day) % SCRUB_EVERY_DAYS == 0)
        segments = 0
        for day in wanted:
            span = (day * DAY_NS, (day + 1) * DAY_NS)
            work = partial(verify, footage, None, *span, True, book=book, stop=frame.stop_threads)
            report = await asyncio.to_thread(work)
            segments += report.segments
            problems += [problem for problem in report.problems if problem not in problems]
        if problems:
            frame.repairs.async_create(
                SCRUB_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"{counted(len(problems), 'problem')} in stored footage, the first: {problems[0]}",
                next_step="Run `holdshelf footage verify --deep`; check the disk's health.",
            )
        else:
            frame.repairs.async_delete(SCRUB_REPAIR)
        read = f"{counted(segments, 'file')} of {counted(len(wanted), 'day')} read"
        return f"{read}, {counted(len(problems), 'problem')}"

    async def async_take_checksums(self) -> str:
        """Compute checksums of segments that were truncated (a dead worker, a full disk)."""
        opened = self._store.opened
        if opened is None:
            return "no volume"
        done = await asyncio.to_thread(opened.footage.hash_pending, self._frame.stop_threads)
        return f"{counted(done, 'file')} repaired" if done else "none to repair"

    async def async_check_floor(self) -> str:
        """Compare the days kept with the policy's least, and each camera's with the floor; both only raise an alarm (P15)."""
        await self._check_least()
        opened, floor, repairs = self._store.opened, self._settings.floor_days, self._frame.repairs
        if opened is None or floor is None or not opened.footage.usage().complete:
            return "nothing to compare"
        now_utc_ns, full = self._frame.clock.utc_ns(), self._retention.last_sweep_utc_ns > 0
        short = 0
        for camera in self._authorizer.store.state.cameras.values():
            usage = opened.footage.usage().cameras.get(camera.id)
            kept = days_kept(usage.since_utc_ns(now_utc_ns) if usage else None, now_utc_ns)
            issue = f"floor:{camera.id}"
            if full and kept < floor:
                short += 1
                repairs.async_create(
                    issue,
                    camera_id=camera.id,
                    sentence=f"{camera.name} keeps {kept:.1f} days of footage, fewer than the {floor:g} asked for.",
                    next_step="Allow footage more space, or lower the cameras' bit rate; see `holdshelf plan`.",
                )
            else:
                repairs.async_delete(issue)
        return f"{short} cameras keep fewer days than asked for" if short else "all keep the days asked for"

    async def _check_least(self) -> None:
        """Tell, as soon as it can be foreseen, that the room is too small for the policy's least."""
        repairs, least = self._frame.repairs, self._authorizer.store.state.policy.keeping
        kept_ns, days = self._retention.kept_ns(), await self._days_of_room()
        if least.at_least_ns is not None and kept_ns is not None and kept_ns < least.at_least_ns:
            hours = kept_ns // HOUR_NS
            if not any(repair.issue_id == SHORT_REPAIR for repair in repairs.async_all()):
                facts = {"clause": "P15", "kept_hours": hours, "at_least": least.at_least_words}
                await self._authorizer.async_service_entry("footage.short", LogForm(facts=facts))
            repairs.async_create(
                SHORT_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"There is no more room: footage was erased after {_long(hours)}, but the policy keeps it "
                f"{least.at_least_words} (P15).",
                next_step="Allow footage more space, or lower the cameras' bit rate; see `holdshelf plan`.",
            )
        else:
            repairs.async_delete(SHORT_REPAIR)
        if least.at_least_ns is not None and days is not None and days * DAY_NS < least.at_least_ns:
            repairs.async_create(
                AHEAD_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"There is room for about {days:g} days of footage, but the policy keeps it "
                f"{least.at_least_words} (P15).",
                next_step="Allow footage more space, or lower the cameras' bit rate; see `holdshelf plan`.",
            )
        else:
            repairs.async_delete(AHEAD_REPAIR)

    async def _days_of_room(self) -> float | None:
        room = await self._retention.async_room()
        if room is None:
            return None
        usages, boot_ns = self._retention.usages(), self._frame.clock.boot_ns()
        cameras = self._authorizer.store.state.cameras
        return self._averages.forecast_days(room.budget_bytes, cameras, usages, boot_ns)


def _long(hours: int) -> str:
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"
