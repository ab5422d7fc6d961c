"""Holds: footage that must be kept, from the first moment on.

A hold is *protected* as soon as it is requested: in memory, under the lock that each single unlink takes. Then, in the background
and resumable, it is *shelved*: every segment gets a second link on the shelf (``shelf_work``). A lift goes in the opposite order:
log entry, links off the shelf, protection. ``holds.book`` knows which holds exist.

This module must never release anything that the state does not call lifted or archived, and never blocks the loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from holdshelf_core.buffer.forecast import Forecast, forecast
from holdshelf_core.buffer.retention import HEADROOM_BYTES, RoomFigures
from holdshelf_core.clock import Clock
from holdshelf_core.errors import Conflict, Unavailable
from holdshelf_core.holds.archive import Receipt, check_disk, check_folder
from holdshelf_core.holds.book import HoldBook
from holdshelf_core.holds.coverage import CoverageSpan
from holdshelf_core.holds.held_room import async_warn, bytes_per_day
from holdshelf_core.holds.shelf_work import ShelfWork
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.policy.holds import grace_over
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.listing import counted
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_core.times import DAY_NS
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.layout import MAX_TIME_NS
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import StoredSegment
from holdshelf_storage.volume.volume import Volume

_LOGGER = logging.getLogger(__name__)

MENDED_REPAIR = "footage_put_back"
SHELF_REPAIR = "shelf_trouble"
RECHECK_NS = DAY_NS

type AskRoom = Callable[[], Awaitable[RoomFigures | None]]


class OpenedVolume(Protocol):
    """The opened volume, as holds use it. ``buffer.store.Opened`` is one; its room is above this one."""

    @property
    def volume(self) -> Volume: ...
    @property
    def footage(self) -> Footage: ...
    @property
    def ledger(self) -> Ledger: ...


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """A hold's state. ``shelved``: everything closed at the last pass is linked on the shelf."""

    shelved: bool


class Holds:
    """All holds of the installation. Methods run on the loop; slow work runs in its own thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        repairs: RepairRegistry,
        hold_lock: threading.Lock,
        room: AskRoom | None = None,
        reserved_bytes: Callable[[], int] = lambda: 0,
        in_doubt: Callable[[], bool] = lambda: False,
    ) -> None:
        """``room`` and ``reserved_bytes`` come from retention, for the forecast; ``in_doubt``: the state is incomplete, so
        everything must stay. They may be set later."""
        self.book = HoldBook()
        self.protection = self.book.protection
        self.room = room
        self.reserved_bytes = reserved_bytes
        self.in_doubt = in_doubt
        self._clock = clock
        self._repairs = repairs
        self._hold_lock = hold_lock
        self._work: ShelfWork | None = None
        self._footage: Footage | None = None
        self._volume: Volume | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._archiving: set[str] = set()
        self._reading: set[asyncio.Future[Any]] = set()
        self._looked = False
        self._mended = False
        self._rechecked_utc_ns = 0

    # --- what the rolling buffer asks, from its threads ---------------------------------------------------------

    def protects(self, ref: SegmentRef) -> bool:
        """Return whether this segment must stay. Everything must until both the state and the shelf have been read."""
        return not self._looked or self.in_doubt() or self.protection.protects(ref)

    def may_erase(self, ref: SegmentRef) -> bool:
        """Return the opposite, as retention and the ledger ask it."""
        return not self.protects(ref)

    def covers_day(self, camera: str, day: str) -> bool:
        """Return whether all of a day must stay, so that it need not be examined."""
        return not self._looked or self.in_doubt() or self.protection.covers_day(camera, day)

    def released(self) -> int:
        """Return a number that changes whenever something may have become erasable."""
        return 2 * self.protection.released + (1 if self._looked and not self.in_doubt() else 0)

    # --- start and stop ------------------------------------------------------------------------------------------------

    def apply(self, rows: Mapping[str, Hold]) -> None:
        """Set the state's table of holds, complete; called at start and after each change."""
        self.book.apply(rows)

    async def async_attach(self, opened: OpenedVolume) -> None:
        """Start using a volume: find what is on its shelf, then finish what the ledger had begun.

        Call ``apply`` before, when the state is known. Nothing is erased before the shelf was read; failing that is a repair,
        retried by ``async_work``, and does not prevent recording.
        """
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="shelf")
        work = ShelfWork(opened.volume, opened.ledger, opened.footage, self.book, self._hold_lock, self._clock.utc_ns)
        self._work, self._footage, self._volume = work, opened.footage, opened.volume
        self._mended = False
        await self._look(work)

    async def _look(self, work: ShelfWork) -> None:
        try:
            await self._run(work.look)
            self._looked = True
            await self._run(work.replay, self.may_erase)
        except StorageError as error:
            self._trouble(str(error))

    async def async_detach(self) -> None:
        """Stop using the volume; returns when no thread works on it any more."""
        self._looked = False
        work, threads = self._work, self._threads
        self._work = self._footage = self._volume = self._threads = None
        if work is not None:
            work.stop.set()
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)
        if self._reading:
            await asyncio.wait(set(self._reading))

    # --- placing, and what actions need ------------------------------------------------------------------------------

    async def async_protect(self, hold: Hold) -> None:
        """Protect everything that this version of the hold keeps, in addition to what was kept before."""
        self.book.ask(hold)
        # An unlink in progress was checked before; every one after we had the lock is checked against the new hold.
        if self._hold_lock.acquire(blocking=False):
            self._hold_lock.release()
        else:
            await asyncio.to_thread(self._wait_for_unlink)

    def _wait_for_unlink(self) -> None:
        with self._hold_lock:
            pass

    async def async_unprotect(self, hold_id: str, previous: Hold | None) -> None:
        """Undo ``async_protect`` after a refusal: keep what was kept before, no more."""
        self.book.unask(hold_id, previous)

    def standing(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return (the holds in force, those lifted by the log's word whose links have left the shelf). Of the second, none while
        anything is in doubt: what is kept elsewhere is let go by them."""
        in_force = tuple(hold.id for hold in self.book.in_force())
        if not self._looked or not self.protection.known or self.in_doubt():
            return in_force, ()
        on_shelf = set(self.book.to_remove())
        known = (hold for hold in sorted(self.book.known()) if hold not in on_shelf and self.book.is_lifted(hold))
        return in_force, tuple(known)

    async def async_write_down(self, hold: Hold) -> bool:
        """Write hold.json on the shelf, so that a restart finds a hold whose entry waits. Returns False, with a repair, on
        failure."""
        work = self._work
        if work is None:
            self._not_shelved(hold.id, "the media disk is missing")
            return False
        try:
            await self._beside(work.write_down, hold.id)
        except StorageError as error:
            self._not_shelved(hold.id, str(error))
            return False
        return True

    async def async_shelve(self, hold: Hold) -> None:
        """Link every segment of a hold on the shelf. A failure becomes a repair and is retried by ``async_work``."""
        work = self._work
        if work is not None:
            await self._shelve(work, hold.id)

    def async_recheck(self) -> None:
        """Look at every hold again, also those of times long past: footage was added there."""
        if self._work is not None:
            self._work.recheck()

    async def async_facts(self, hold: Hold) -> HoldFacts:
        """Return a hold's state."""
        work = self._work
        if work is None:
            return HoldFacts(False)
        standing = work.standing.get(hold.id)
        shelved = standing is not None and standing.shelved and standing.version >= hold.version
        return HoldFacts(shelved)

    async def async_coverage(self, spans: Sequence[HoldSpan], hold_id: str = "") -> list[CoverageSpan]:
        """Return what each span contains, to the second; nothing while there is no volume. Raises Unavailable."""
        work = self._work
        if work is None:
            return []
        try:
            return await self._beside(work.coverage, tuple(spans), hold_id)
        except StorageError as error:
            raise Unavailable(f"What the hold covers cannot be read: {error}") from None

    async def async_recorded_until(self, hold: Hold, after_utc_ns: int) -> dict[str, int]:
        """Return, for each camera kept until lifted, the latest end of footage recorded after that time, 0 for none.

        {} while there is no volume. Raises Unavailable.
        """
        footage = self._footage
        cameras = {span.camera for span in hold.spans if span.end_utc_ns is None}
        if footage is None or not cameras:
            return {}

        def read() -> dict[str, int]:
            found = {camera: footage.query(camera, after_utc_ns, MAX_TIME_NS) for camera in cameras}
            return {
                camera: max((span.end_utc_ns for span in spans if isinstance(span, StoredSegment)), default=0)
                for camera, spans in found.items()
            }

        try:
            return await self._beside(read)
        except StorageError as error:
            raise Unavailable(f"What {hold.id} keeps cannot be read, so the hold was not lifted: {error}") from None

    async def async_forecast(self) -> Forecast:
        """Return the total held, and when it will fill the room."""
        work, footage, room = self._work, self._footage, None
        if self.room is not None:
            room = await self.room()
        if work is None or footage is None:
            return Forecast(0, 0, 0.0, None)
        try:
            held = await self._beside(work.held_bytes.protected, self.protection)
        except StorageError as error:
            _LOGGER.warning("%s", error)
            return Forecast(0, 0, 0.0, None)
        if room is None or not room.usage.complete:
            return Forecast(held, 0, 0.0, None)
        usage = room.usage.allocated_bytes
        most = min(room.budget_bytes, usage + room.free_bytes - HEADROOM_BYTES) - self.reserved_bytes()
        cameras = self.protection.cameras()
        now = self._clock.utc_ns()
        rates = await self._beside(lambda: {camera: bytes_per_day(footage, camera, now) for camera in cameras})
        return forecast(held, max(0, most), now, {c: self.protection.spans(c) for c in cameras}, rates)

    async def async_archive(self, hold: Hold, folder: Path) -> Receipt:
        """Copy a hold to FOLDER/HOLD and verify the copy. Nothing is released until the state says ``archived_to``.

        Raises BadRequest (not a folder, or on our disk), Conflict (already being archived), Unavailable.
        """
        work, volume = self._work, self._volume
        if work is None or volume is None:
            raise Unavailable("The media disk is missing.", "Mount it, then archive the hold.")
        if hold.id in self._archiving:
            raise Conflict(f"{hold.id} is already being archived.", "Wait for that to end.")
        self._archiving.add(hold.id)
        try:
            await asyncio.to_thread(check_folder, folder, volume)
            await asyncio.to_thread(check_disk, folder, volume)
            await self._run(work.shelve, hold.id)
            return await self._beside(work.archive, hold.id, folder)
        except StorageError as error:
            raise Unavailable(f"{hold.id} could not be archived: {error}", "Nothing was deleted.") from None
        finally:
            self._archiving.discard(hold.id)

    # --- scheduled ----------------------------------------------------------------------------------------------

    def united(self) -> list[Hold]:
        """Return rows that the shelf has and the state lacks: to be logged as "hold.united", then ``apply``."""
        return self.book.to_unite() if self._looked and self.protection.known else []

    def due(self, is_over: Callable[[Hold, Now], bool] = grace_over) -> list[Hold]:
        """Return holds whose grace period (or last day) is over, as the lifted rows to log. Empty while the clocks disagree.

        Valid only at this moment: ask again under ``order`` before the entry is written.
        """
        return self.book.due(Now(self._clock.utc_ns(), self._clock.trusted_utc_ns()), is_over)

    async def async_sweep_lifted(self) -> int:
        """Remove lifted holds from the shelf, then end their protection; returns how many."""
        work, gone = self._work, 0
        for key in self.book.to_remove() if work is not None and self._looked else ():
            assert work is not None
            try:
                gone += await self._run(work.remove, key)
            except StorageError as error:
                self._trouble(f"The lifted hold {key} could not be removed from the shelf: {error}")
        return gone

    async def async_work(self) -> str:
        """The job, every minute: repair once after an attach, remove lifted holds, shelve what is new."""
        work = self._work
        if work is not None and not self._looked:
            await self._look(work)
        if work is None or not self._looked:
            return "no volume"
        now = self._clock.utc_ns()
        if abs(now - self._rechecked_utc_ns) > RECHECK_NS:
            self._rechecked_utc_ns = now
            self._mended = False
            await self._run(work.recheck)
        mended = "" if self._mended and not await self._has_lost(work) else await self._mend(work)
        gone = await self.async_sweep_lifted()
        archived = await self.async_let_go_archived()
        wanted = work.wants_shelving()
        for key in wanted:
            await self._shelve(work, key)
        let_go = (f", {gone} lifted ones let go" if gone else "") + (
            f", {archived} archived ones let go" if archived else ""
        )
        return f"{len(wanted)} holds looked at{let_go}{mended}"

    async def async_let_go_archived(self) -> int:
        """Remove archived footage from the shelf, then end its protection; returns for how many holds."""
        work = self._work
        if work is None or not self._looked:
            return 0
        try:
            return len(await self._run(work.let_go_archived))
        except StorageError as error:
            self._trouble(f"Archived footage could not be removed from the shelf: {error}")
        return 0

    async def async_watch_room(self) -> str:
        """The job that warns days before held footage fills the room (P15, P16)."""
        return async_warn(await self.async_forecast(), self._repairs)

    # --- helpers ------------------------------------------------------------------------------------------------

    async def _has_lost(self, work: ShelfWork) -> bool:
        try:
            return await self._run(work.has_lost_footage)
        except StorageError as error:
            self._trouble(str(error))
            return False

    async def _mend(self, work: ShelfWork) -> str:
        try:
            found = await self._run(work.mend)
        except StorageError as error:
            self._trouble(str(error))
            return ""
        self._mended = not found.problems and not found.stopped
        if found.problems:
            self._trouble(f"Footage on hold could not be restored to its day: {found.problems[0]}")
        else:
            self._repairs.async_delete(SHELF_REPAIR)
        if found.linked:
            self._repairs.async_create(
                MENDED_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"{counted(found.linked, 'file')} on hold had disappeared, and came back from the shelf.",
                next_step="Find out who or what removed them. Check the disk and the accounts on this machine.",
            )
        return f", {counted(found.linked, 'file')} put back" if found.linked else ""

    async def _shelve(self, work: ShelfWork, key: str) -> None:
        try:
            await self._run(work.shelve, key)
        except StorageError as error:
            self._not_shelved(key, str(error))
        except Unavailable as error:  # the disk is being detached; shelving resumes when it is back
            _LOGGER.info("%s was not put on the shelf now: %s", key, error)
        else:
            self._repairs.async_delete(f"hold_not_shelved:{key}")

    def _not_shelved(self, key: str, why: str) -> None:
        self._repairs.async_create(
            f"hold_not_shelved:{key}",
            camera_id=None,
            severity="error",
            sentence=f"Hold {key} is in force, but not on the shelf yet: {why}",
            next_step="None of it is erased. Holdshelf tries again every minute. Free space on the disk or repair it.",
        )

    def _trouble(self, sentence: str) -> None:
        self._repairs.async_create(
            SHELF_REPAIR,
            camera_id=None,
            severity="error",
            sentence=sentence,
            next_step="Holdshelf tries again every minute. If this persists, run `holdshelf footage verify`.",
        )

    async def _run[**P, T](self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in the thread that changes the shelf, one call at a time."""
        threads = self._threads
        if threads is None:
            raise Unavailable("The media disk is missing.")
        work = asyncio.get_running_loop().run_in_executor(threads, lambda: func(*args, **kwargs))
        try:
            return await work
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise Unavailable("The media disk is being detached.", "Try again when it is back.") from None

    async def _beside[**P, T](self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in another thread, in parallel to a long pass over the shelf. ``async_detach`` waits for it."""
        task = asyncio.ensure_future(asyncio.to_thread(func, *args, **kwargs))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)
        return await asyncio.shield(task)
