"""Holds: what must stay, from the first moment on.

A hold is *protected* as soon as it is asked for: in memory, under the lock that each single unlink takes. Then, in the
background and resumable, it is *shelved*: every segment gets a second name on the shelf (``shelf_work``). A lift lets
go in the opposite order: log entry, names off the shelf, protection. ``hold_book`` knows which holds there are.

This module must never let anything go that the state does not call lifted or archived, and never blocks the loop.
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

from holdshelf_core.clock import Clock
from holdshelf_core.errors import Conflict, Unavailable
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.keeping.archive import Receipt, check_disk, check_folder
from holdshelf_core.keeping.coverage import CoverageSpan
from holdshelf_core.keeping.forecast import DAY_NS, Forecast, forecast
from holdshelf_core.keeping.held_room import async_warn, bytes_per_day
from holdshelf_core.keeping.hold_book import HoldBook
from holdshelf_core.keeping.protection import merged_by_camera
from holdshelf_core.keeping.retention import HEADROOM_BYTES, RoomFigures
from holdshelf_core.keeping.shelf_work import ShelfWork
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_storage.days import SegmentRef
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage import Footage
from holdshelf_storage.ledger import Ledger
from holdshelf_storage.volume import Volume

_LOGGER = logging.getLogger(__name__)

MENDED_REPAIR = "footage_put_back"
SHELF_REPAIR = "shelf_trouble"
RECHECK_NS = DAY_NS

type AskRoom = Callable[[], Awaitable[RoomFigures | None]]


class OpenedVolume(Protocol):
    """What ``store.Opened`` has."""

    @property
    def volume(self) -> Volume: ...
    @property
    def footage(self) -> Footage: ...
    @property
    def ledger(self) -> Ledger: ...


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """``shelved``: all that was closed at the last pass has its second name. ``held_bytes``: allocated on the volume."""

    shelved: bool
    held_bytes: int


class Holds:
    """All holds of the installation. Methods run on the loop; what is slow runs in a thread of its own."""

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
        """``room`` and ``reserved_bytes`` are retention's, for the forecast; ``in_doubt``: the state is not whole, so that
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
        """Whether this segment must stay. Everything must until both the state and the shelf have been read."""
        return not self._looked or self.in_doubt() or self.protection.protects(ref)

    def may_erase(self, ref: SegmentRef) -> bool:
        """The opposite, as retention and the ledger ask it."""
        return not self.protects(ref)

    def covers_day(self, camera: str, day: str) -> bool:
        """Whether a day needs no look since all of it must stay."""
        return not self._looked or self.in_doubt() or self.protection.covers_day(camera, day)

    def released(self) -> int:
        """Another number whenever something may have become erasable."""
        return 2 * self.protection.released + (1 if self._looked and not self.in_doubt() else 0)

    # --- life ---------------------------------------------------------------------------------------------------

    def apply(self, rows: Mapping[str, Hold]) -> None:
        """The state's table of holds, whole, after each change of it and once at start."""
        self.book.apply(rows)

    async def async_attach(self, opened: OpenedVolume) -> None:
        """A volume is there: finds what lies on its shelf, then finishes what the ledger had begun.

        Call ``apply`` before, when the state is known. Nothing is erased before the shelf was read; where it cannot be,
        that is a repair, tried again by ``async_work``, and no reason to record nothing.
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
        """It is gone, or about to be: returns when no thread works on it any more."""
        self._looked = False
        work, threads = self._work, self._threads
        self._work = self._footage = self._volume = self._threads = None
        if work is not None:
            work.stop.set()
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)
        if self._reading:
            await asyncio.wait(set(self._reading))

    # --- placing, and what acts ask ---------------------------------------------------------------------------------

    async def async_protect(self, hold: Hold) -> None:
        """From now on nothing that this version of the hold keeps is erased, whatever was kept before stays kept too."""
        self.book.ask(hold)
        # The unlink that is under way had asked before; once the lock was ours, every later one has asked after.
        if self._hold_lock.acquire(blocking=False):
            self._hold_lock.release()
        else:
            await asyncio.to_thread(self._wait_for_unlink)

    def _wait_for_unlink(self) -> None:
        with self._hold_lock:
            pass

    async def async_unprotect(self, hold_id: str, previous: Hold | None) -> None:
        """It was refused: what was kept before is kept, no more."""
        self.book.unask(hold_id, previous)

    async def async_write_down(self, hold: Hold) -> bool:
        """Writes hold.json on the shelf, so that a restart finds a hold whose entry waits. False, with a repair, when not."""
        work = self._work
        if work is None:
            self._not_shelved(hold.id, "the media disk is not there")
            return False
        try:
            await self._beside(work.write_down, hold.id)
        except StorageError as error:
            self._not_shelved(hold.id, str(error))
            return False
        return True

    async def async_shelve(self, hold: Hold) -> None:
        """Gives every segment of it a second name. Trouble becomes a repair and is tried again by ``async_work``."""
        work = self._work
        if work is not None:
            await self._shelve(work, hold.id)

    async def async_facts(self, hold: Hold) -> HoldFacts:
        """How a hold stands."""
        work = self._work
        if work is None:
            return HoldFacts(False, 0)
        standing = work.standing.get(hold.id)
        shelved = standing is not None and standing.shelved and standing.version >= hold.version
        kept = self.protection.kept(hold.id)
        try:
            return HoldFacts(shelved, await self._beside(_bytes_of, work, kept.spans if kept else ()))
        except StorageError as error:
            _LOGGER.warning("%s", error)
            return HoldFacts(shelved, 0)

    async def async_coverage(self, spans: Sequence[HoldSpan], hold_id: str = "") -> list[CoverageSpan]:
        """What is there of each span, to the second; nothing while there is no volume. Raises Unavailable."""
        work = self._work
        if work is None:
            return []
        try:
            return await self._beside(work.coverage, tuple(spans), hold_id)
        except StorageError as error:
            raise Unavailable(f"What the hold covers cannot be read: {error}") from None

    async def async_forecast(self) -> Forecast:
        """What is held in all, and when that will have taken the room."""
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
        """Copies a hold to FOLDER/HOLD and proves the copy. Nothing is let go until the state says ``archived_to``.

        Raises BadRequest (not a folder, ours), Conflict (being archived already), Unavailable.
        """
        work, volume = self._work, self._volume
        if work is None or volume is None:
            raise Unavailable("The media disk is not there.", "Mount it, then archive the hold.")
        if hold.id in self._archiving:
            raise Conflict(f"{hold.id} is being archived already.", "Wait for that to end.")
        self._archiving.add(hold.id)
        try:
            await asyncio.to_thread(check_folder, folder, volume)
            await asyncio.to_thread(check_disk, folder, volume)
            await self._run(work.shelve, hold.id)
            return await self._beside(work.archive, hold.id, folder)
        except StorageError as error:
            raise Unavailable(f"{hold.id} could not be archived: {error}", "Nothing was let go.") from None
        finally:
            self._archiving.discard(hold.id)

    # --- scheduled ----------------------------------------------------------------------------------------------

    def united(self) -> list[Hold]:
        """Rows that the state lacks and the shelf has: to be logged as "hold.united", then ``apply``."""
        return self.book.to_unite() if self._looked and self.protection.known else []

    def due(self) -> list[Hold]:
        """Holds whose days of grace are over, as the lifted rows to log. Empty while the clocks disagree.

        The answer is of this moment: ask again under the lock of acts before the entry is written.
        """
        return self.book.due(self._clock.utc_ns(), self._clock.trusted_utc_ns())

    async def async_sweep_lifted(self) -> int:
        """Takes the names of lifted holds off the shelf, then ends their protection; returns how many holds went."""
        work, gone = self._work, 0
        for key in self.book.to_remove() if work is not None and self._looked else ():
            assert work is not None
            try:
                gone += await self._run(work.remove, key)
            except StorageError as error:
                self._trouble(f"The lifted hold {key} could not leave the shelf: {error}")
        return gone

    async def async_work(self) -> str:
        """The job, every minute: mend once after an attach, take off what is lifted, shelve what is new."""
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
        """Has what was archived leave the shelf, then lose its protection; returns of how many holds."""
        work = self._work
        if work is None or not self._looked:
            return 0
        try:
            return len(await self._run(work.let_go_archived))
        except StorageError as error:
            self._trouble(f"Archived footage could not leave the shelf: {error}")
        return 0

    async def async_watch_room(self) -> str:
        """The job that warns days before held footage takes all the room (P15, P16)."""
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
            self._trouble(f"Held footage could not be put back into its day: {found.problems[0]}")
        else:
            self._repairs.async_delete(SHELF_REPAIR)
        if found.linked:
            self._repairs.async_create(
                MENDED_REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"{found.linked} held files had disappeared from the footage and were put back from the shelf.",
                next_step="Find out who or what removed them; check the disk and the accounts of this machine.",
            )
        return f", {found.linked} files put back" if found.linked else ""

    async def _shelve(self, work: ShelfWork, key: str) -> None:
        try:
            await self._run(work.shelve, key)
        except StorageError as error:
            self._not_shelved(key, str(error))
        except Unavailable as error:  # the disk is being let go of; it is shelved when that is back
            _LOGGER.info("%s was not put on the shelf now: %s", key, error)
        else:
            self._repairs.async_delete(f"hold_not_shelved:{key}")

    def _not_shelved(self, key: str, why: str) -> None:
        self._repairs.async_create(
            f"hold_not_shelved:{key}",
            camera_id=None,
            severity="error",
            sentence=f"Hold {key} is in force, but not on the shelf yet: {why}",
            next_step="Nothing of it is erased. It is tried again every minute; make room or mend the disk.",
        )

    def _trouble(self, sentence: str) -> None:
        self._repairs.async_create(
            SHELF_REPAIR,
            camera_id=None,
            severity="error",
            sentence=sentence,
            next_step="It is tried again every minute; run `holdshelf footage verify` if it lasts.",
        )

    async def _run[**P, T](self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In the thread in which the shelf changes, one work after another."""
        threads = self._threads
        if threads is None:
            raise Unavailable("The media disk is not there.")
        work = asyncio.get_running_loop().run_in_executor(threads, lambda: func(*args, **kwargs))
        try:
            return await work
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise Unavailable("The media disk is being let go of.", "Try again when it is back.") from None

    async def _beside[**P, T](self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In another thread, beside a pass over the shelf that may take long. ``async_detach`` waits for its end."""
        task = asyncio.ensure_future(asyncio.to_thread(func, *args, **kwargs))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)
        return await asyncio.shield(task)


def _bytes_of(work: ShelfWork, spans: Sequence[HoldSpan]) -> int:
    return sum(work.held_bytes.of(camera, held) for camera, held in merged_by_camera(spans).items())
