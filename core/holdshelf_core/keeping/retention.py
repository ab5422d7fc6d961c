"""The rolling buffer: room for what is recorded now is made by erasing what is oldest, over all cameras.

Budget = allocated bytes of all footage, held included, plus reservations (DESIGN § 4). Nobody picks what goes: the
lowest sequence number that is not held does. This module decides how much; ``storage.ledger`` alone unlinks.
It must never erase anything that ``may_erase`` refuses, and never block the loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from holdshelf_core.clock import Clock
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.keeping.sweeper import CoversDay, MayErase, Sweeper
from holdshelf_core.reasons import DISK_FULL, DISK_MISSING
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage import Footage
from holdshelf_storage.index import Usage
from holdshelf_storage.ledger import Ledger
from holdshelf_storage.volume import Volume

_LOGGER = logging.getLogger(__name__)

DEFAULT_BUDGET_PERCENT = 90
# Kept free on the disk beside every reservation, for journals and the ledger.
HEADROOM_BYTES = 16 << 20
SPARE_HEADROOM_BYTES = 4 * HEADROOM_BYTES
AHEAD_SHARE = 2000  # 0.05 % of the budget: 500 MB of a terabyte
FOREIGN_REPAIR = "room_taken_by_others"
FULL_REPAIR = "all_room_is_held"


@dataclass(frozen=True, slots=True)
class RoomFigures:
    """The volume at one moment."""

    size_bytes: int
    free_bytes: int
    budget_bytes: int
    usage: Usage


class Retention:
    """Implements ``recorder.ports.Room``. One reservation or sweep at a time."""

    def __init__(
        self,
        *,
        clock: Clock,
        repairs: RepairRegistry,
        may_erase: MayErase,
        hold_lock: threading.Lock,
        covers_day: CoversDay = lambda _camera, _day: False,
        released: Callable[[], int] = lambda: 0,
    ) -> None:
        """``covers_day`` and ``released`` are the holds' (``Protection``): they spare the sweep what is held."""
        self._clock = clock
        self._repairs = repairs
        self._may_erase = may_erase
        self._hold_lock = hold_lock
        self._covers_day = covers_day
        self._released = released
        self._sweeper: Sweeper | None = None
        self._lock = asyncio.Lock()
        self._reserved: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._volume: Volume | None = None
        self._footage: Footage | None = None
        self._budget_bytes: int | None = None
        self._ahead_bytes = 0
        self.swept_bytes = 0
        self.swept_segments = 0
        self.last_sweep_utc_ns = 0

    def async_attach(self, volume: Volume, footage: Footage, ledger: Ledger) -> None:
        """A volume is there."""
        self._volume, self._footage = volume, footage
        self._sweeper = Sweeper(
            footage,
            ledger,
            may_erase=self._may_erase,
            hold_lock=self._hold_lock,
            covers_day=self._covers_day,
            released=self._released,
        )
        self._reserved.clear()
        self._written.clear()

    def async_detach(self) -> None:
        """It is gone."""
        self._volume = self._footage = self._sweeper = None
        self._reserved.clear()
        self._written.clear()

    def async_set_budget(self, budget_bytes: int | None) -> None:
        """Bytes that footage may take; None is 90 % of the volume."""
        self._budget_bytes = budget_bytes

    async def async_room(self) -> RoomFigures | None:
        """What there is now, asked off the loop (a dying disk may take its time); None without a volume."""
        volume, footage, wanted = self._volume, self._footage, self._budget_bytes
        if volume is None or footage is None:
            return None

        def ask() -> RoomFigures:
            size_bytes = volume.size_bytes()
            most_bytes = size_bytes * DEFAULT_BUDGET_PERCENT // 100
            budget_bytes = most_bytes if wanted is None else min(wanted, most_bytes)
            return RoomFigures(size_bytes, volume.free_bytes(), budget_bytes, footage.usage())

        try:
            return await asyncio.to_thread(ask)
        except StorageError as error:
            _LOGGER.warning("%s", error)
            return None

    @property
    def reserved_bytes(self) -> int:
        """Room set aside for open segments."""
        return sum(self._reserved.values())

    def spare_bytes(self) -> int:
        """Free room that no recording waits for: what a bundle may take. Nothing is erased for one. From any thread.

        0 or less: none. Raises StorageError.
        """
        volume = self._volume
        if volume is None:
            return 0
        awaited = sum(list(self._reserved.values())) - sum(list(self._written.values()))
        return volume.free_bytes() - max(0, awaited) - SPARE_HEADROOM_BYTES

    async def async_reserve(self, camera: str, seq: int, size_bytes: int) -> str:
        """See ``recorder.ports.Room``."""
        async with self._lock:
            return await self._claim(seq, size_bytes)

    async def async_grow(self, seq: int, size_bytes: int) -> str:
        """See ``recorder.ports.Room``."""
        async with self._lock:
            return await self._claim(seq, size_bytes)

    def async_written(self, seq: int, size_bytes: int) -> None:
        """See ``recorder.ports.Room``."""
        if seq in self._reserved:
            self._written[seq] = min(size_bytes, self._reserved[seq])

    def async_release(self, seq: int) -> None:
        """See ``recorder.ports.Room``."""
        self._reserved.pop(seq, None)
        self._written.pop(seq, None)

    async def async_relieve(self) -> None:
        """See ``recorder.ports.Room``: real ENOSPC, so erase a little beyond what the figures ask for."""
        async with self._lock:
            if self._volume is not None:
                await asyncio.to_thread(self._volume.reserve_release)
                await self._sweep(max(HEADROOM_BYTES, await self._lacking(0)), "the disk is full")

    async def async_sweep(self) -> str:
        """The scheduled sweep: back under the budget, were it lowered or the figures late. Says what it did."""
        async with self._lock:
            lacking = await self._lacking(0)
            freed = await self._sweep(lacking, "budget") if lacking > 0 else 0
            if self._volume is not None:
                await asyncio.to_thread(self._volume.reserve_restore)
            return f"{freed} bytes erased on schedule" if freed else "nothing to erase"

    async def _claim(self, seq: int, size_bytes: int) -> str:
        if self._volume is None:
            return DISK_MISSING
        more = size_bytes - self._reserved.get(seq, 0)
        lacking = await self._lacking(more)
        if lacking > 0 and await self._has_lost():
            lacking = await self._lacking(more)
        if lacking > 0:
            # A little ahead: finding the oldest over all cameras costs more than erasing it, so a few go at a time.
            await self._sweep(lacking + self._ahead_bytes, "budget")
            if self._volume is None:
                return DISK_MISSING
            if (still := await self._lacking(more)) > 0:
                _LOGGER.warning(
                    "no room for %d bytes: %d lacking after erasing, %d reserved", more, still, self.reserved_bytes
                )
                self._repairs.async_create(
                    FULL_REPAIR,
                    camera_id=None,
                    severity="error",
                    sentence="Recording stops for want of room: nothing on the media disk may be erased.",
                    next_step="Make room on the disk, raise the budget, or archive what is held to another disk.",
                )
                return DISK_FULL
        self._repairs.async_delete(FULL_REPAIR)
        self._reserved[seq] = size_bytes
        return ""

    async def _has_lost(self) -> bool:
        """Whether days were counted that somebody took away: nothing is erased to make up for them."""
        footage = self._footage
        if footage is None:
            return False
        try:
            return await asyncio.to_thread(footage.index.forget_lost) > 0
        except StorageError as error:
            _LOGGER.warning("%s", error)
            return False

    async def _lacking(self, more_bytes: int) -> int:
        """How much must be erased before ``more_bytes`` may be reserved: by the budget, and by the disk itself."""
        room = await self.async_room()
        if room is None:
            return 0
        free_bytes, usage = room.free_bytes, room.usage
        self._ahead_bytes = room.budget_bytes // AHEAD_SHARE
        wanted = self.reserved_bytes + more_bytes
        # What open segments have written is gone from the free room already.
        over_disk = wanted - sum(self._written.values()) + HEADROOM_BYTES - free_bytes
        if not usage.complete:
            # Just started, still counting: only the disk itself is asked. Nothing is erased on a half-known sum.
            return over_disk
        over_budget = usage.allocated_bytes + wanted - room.budget_bytes
        if over_disk > 0 and over_budget <= 0:
            self._repairs.async_create(
                FOREIGN_REPAIR,
                camera_id=None,
                sentence="Other files take room on the media disk, so footage is erased sooner than the budget asks.",
                next_step="Move the other files off the media disk (`df -h`, `du -xh`).",
            )
        elif over_disk <= 0:
            self._repairs.async_delete(FOREIGN_REPAIR)
        return max(over_disk, over_budget)

    async def _sweep(self, need_bytes: int, reason: str) -> int:
        sweeper = self._sweeper
        if sweeper is None or need_bytes <= 0:
            return 0
        try:
            freed, segments = await asyncio.to_thread(sweeper.erase_oldest, need_bytes, reason, self._clock.utc_ns)
        except StorageError as error:
            _LOGGER.error("erasing on schedule failed: %s", error)
            return 0
        self.swept_bytes += freed
        self.swept_segments += segments
        self.last_sweep_utc_ns = self._clock.utc_ns()
        return freed
