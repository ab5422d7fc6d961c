"""The rolling buffer: makes room for new recordings by erasing the oldest footage over all cameras.

Budget = allocated bytes of all footage, held included, plus reservations (DESIGN § 4). Nobody picks what is erased: it is always
the lowest sequence number that is not held. This module decides how much; only ``storage.ledger`` unlinks. It must never erase
anything that ``may_erase`` refuses, and never block the loop.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from holdshelf_core.buffer.sweeper import CoversDay, MayErase, Sweeper
from holdshelf_core.clock import Clock
from holdshelf_core.integration.reasons import DISK_FULL, DISK_MISSING
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.policy.holds import EndedHold
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.lengths import KeepingTimes
from holdshelf_core.times import NS
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.layout import day_of
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.index import CameraUsage, Usage
from holdshelf_storage.volume.volume import Volume

_LOGGER = logging.getLogger(__name__)

DEFAULT_BUDGET_PERCENT = 90
# Kept free on the disk on top of all reservations, for journals and the ledger.
HEADROOM_BYTES = 16 << 20
SPARE_HEADROOM_BYTES = 4 * HEADROOM_BYTES
AHEAD_SHARE = 2000  # 0.05% of the budget: 500 MB of a terabyte
FOREIGN_REPAIR = "room_taken_by_others"
FULL_REPAIR = "all_room_is_held"
FULL_FOR_NS = 3600 * NS
STILL_ASKS_NS = 60 * NS
"""A camera that was refused room asks again within seconds. One that has not asked for this long waits for no room."""


@dataclass(frozen=True, slots=True)
class RoomFigures:
    """The volume's figures at one moment."""

    size_bytes: int
    free_bytes: int
    budget_bytes: int
    usage: Usage
    reserved_bytes: int = 0
    """Reserved for what the cameras write in the coming minutes."""
    awaited_bytes: int = 0
    """How much of that is not on the disk yet."""

    @property
    def open_on_disk_bytes(self) -> int:
        """Bytes that can still be reserved before the disk is full; < 0: that much is lacking."""
        return self.free_bytes - self.awaited_bytes - HEADROOM_BYTES

    @property
    def open_in_budget_bytes(self) -> int:
        """Bytes that can still be reserved within the budget, as far as footage is counted."""
        return self.budget_bytes - self.usage.allocated_bytes - self.reserved_bytes

    @property
    def open_bytes(self) -> int:
        """Bytes that can be reserved before something must be erased, by the disk and by the budget."""
        if not self.usage.complete:
            # Just started and still counting: only the disk is checked. Nothing is erased on incomplete totals.
            return self.open_on_disk_bytes
        return min(self.open_on_disk_bytes, self.open_in_budget_bytes)


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
        """``covers_day`` and ``released`` come from ``holds.protection``: they let the sweep skip what is held."""
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
        self._refused = ""
        self._without_room: dict[str, int] = {}
        """Cameras that were refused room, with the boot time of the last refusal."""
        self.swept_bytes = 0
        self.swept_segments = 0
        self.last_sweep_utc_ns = 0
        self.keeping: Callable[[], KeepingTimes] = KeepingTimes
        """How long the policy in force keeps footage; set once the policy is known."""
        self.now: Callable[[], Now] = lambda: Now(clock.utc_ns(), clock.trusted_utc_ns())
        self.ended_holds: Callable[[], Iterable[EndedHold]] = tuple
        """What the last day of a hold let go; set once the holds are known."""
        self._made_room: tuple[int, int] | None = None
        """When footage had to make room last, by boot time, and how old it was."""

    def async_attach(self, volume: Volume, footage: Footage, ledger: Ledger) -> None:
        """Start using an attached volume."""
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
        """Stop using the volume, which is gone."""
        self._volume = self._footage = self._sweeper = None
        self._reserved.clear()
        self._written.clear()

    def async_set_budget(self, budget_bytes: int | None) -> None:
        """Set the bytes that footage may use; None is 90% of the volume."""
        self._budget_bytes = budget_bytes

    async def async_room(self) -> RoomFigures | None:
        """Return the figures now, read off the loop as a dying disk may be slow; None without a volume."""
        volume, footage, wanted = self._volume, self._footage, self._budget_bytes
        reserved_bytes, awaited_bytes = self.reserved_bytes, self.awaited_bytes
        if volume is None or footage is None:
            return None

        def ask() -> RoomFigures:
            size_bytes = volume.size_bytes()
            most_bytes = size_bytes * DEFAULT_BUDGET_PERCENT // 100
            budget_bytes = most_bytes if wanted is None else min(wanted, most_bytes)
            usage = footage.usage()
            return RoomFigures(size_bytes, volume.free_bytes(), budget_bytes, usage, reserved_bytes, awaited_bytes)

        try:
            return await asyncio.to_thread(ask)
        except StorageError as error:
            _LOGGER.warning("%s", error)
            return None

    def usages(self) -> Mapping[str, CameraUsage]:
        """Return how much footage there is of each camera, from memory; nothing without a volume."""
        return self._footage.usage().cameras if self._footage is not None else {}

    @property
    def reserved_bytes(self) -> int:
        """Return the room reserved for open segments."""
        return sum(self._reserved.values())

    @property
    def awaited_bytes(self) -> int:
        """Return how much of that open segments have not written yet; the rest is already missing from the free space."""
        return max(0, sum(list(self._reserved.values())) - sum(list(self._written.values())))

    def spare_bytes(self) -> int:
        """Return free room that no recording needs and a bundle may use. Nothing is erased for a bundle. From any thread.

        0 or less: none. Raises StorageError.
        """
        volume = self._volume
        if volume is None:
            return 0
        return volume.free_bytes() - self.awaited_bytes - SPARE_HEADROOM_BYTES

    async def async_reserve(self, camera: str, seq: int, size_bytes: int) -> str:
        """See ``recorder.ports.Room``."""
        async with self._lock:
            refusal = await self._claim(seq, size_bytes)
            if refusal == DISK_FULL:
                self._tell_full(camera, size_bytes)
            elif not refusal:
                self._tell_room(camera)
            return refusal

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
        """See ``recorder.ports.Room``. Called on a real ENOSPC, so it erases a little more than the figures require."""
        async with self._lock:
            if self._volume is not None:
                await asyncio.to_thread(self._volume.reserve_release)
                await self._sweep(max(HEADROOM_BYTES, await self._lacking(0)), "the disk is full")

    async def async_sweep(self) -> str:
        """Run the scheduled sweep: erase what the policy keeps no longer, then down to the budget after it was lowered or the
        figures lagged. Returns what it did."""
        segments = 0
        while True:
            async with self._lock:  # some at a time: cameras wait for room meanwhile
                over = await self._erase_over()
            segments += over
            if not over:
                break
        async with self._lock:
            lacking = await self._lacking(0)
            freed = await self._sweep(lacking, "budget") if lacking > 0 else 0
            if self._volume is not None:
                await asyncio.to_thread(self._volume.reserve_restore)
        if segments:
            were = "1 file was" if segments == 1 else f"{segments} files were"
            return f"{were} older than the policy keeps footage"
        return "the oldest was erased on schedule" if freed else "nothing to erase"

    async def _erase_over(self) -> int:
        """Erase some segments that are older than the policy keeps any. Returns how many. In doubt about the time none is."""
        sweeper, footage, keeping, now = self._sweeper, self._footage, self.keeping(), self.now()
        if sweeper is None or footage is None or keeping.at_most_ns is None or now.doubtful:
            return 0
        if not footage.usage().complete:
            return 0
        at_most_ns = keeping.at_most_ns
        before_ns = now.earliest_utc_ns - at_most_ns
        ended: dict[str, list[EndedHold]] = {}
        for one in self.ended_holds():
            ended.setdefault(one.camera, []).append(one)

        def is_over(ref: SegmentRef) -> bool:
            return self._end_utc_ns(ref) <= before_ns

        def rule(ref: SegmentRef) -> str:
            # A hold that ended before the limit kept it no longer than the limit did.
            over_ns = self._end_utc_ns(ref) + at_most_ns
            last = [one for one in ended.get(ref.camera, ()) if one.kept(ref.start_utc_ns, ref.end_utc_ns)]
            last = [one for one in last if one.ended_utc_ns > over_ns]
            return max(last, key=lambda one: one.ended_utc_ns).rule if last else keeping.at_most_words

        try:
            freed, segments = await asyncio.to_thread(
                sweeper.erase_over, is_over, day_of(max(0, before_ns)), rule, self._clock.utc_ns
            )
        except StorageError as error:
            _LOGGER.error("erasing what the policy keeps no longer failed: %s", error)
            return 0
        self._swept(freed, segments)
        return segments

    def kept_ns(self) -> int | None:
        """Return how old footage was that had to make room in the last hour; None: none had to."""
        if self._made_room is None or self._clock.boot_ns() - self._made_room[0] > FULL_FOR_NS:
            return None
        return self._made_room[1]

    def _end_utc_ns(self, ref: SegmentRef) -> int:
        """When a segment ended, by boot time where that is known: its own time is that of a wall clock that anybody may set."""
        known = self._clock.time_of(ref.boot, ref.end_boot_ns) if ref.boot else None
        return ref.end_utc_ns if known is None else known

    async def _claim(self, seq: int, size_bytes: int) -> str:
        if self._volume is None:
            return DISK_MISSING
        more = size_bytes - self._reserved.get(seq, 0)
        lacking = await self._lacking(more)
        if lacking > 0 and await self._has_lost():
            lacking = await self._lacking(more)
        if lacking > 0:
            # Erases a little ahead: finding the oldest over all cameras costs more than erasing it, so a few are erased at a
            # time.
            await self._sweep(lacking + self._ahead_bytes, "budget")
            if self._volume is None:
                return DISK_MISSING
            if await self._lacking(more) > 0:
                return DISK_FULL
        self._reserved[seq] = size_bytes
        return ""

    def _tell_full(self, camera: str, size_bytes: int) -> None:
        """Opens the repair; logged once, at its start, because each camera asks again every few seconds."""
        if not self._without_room:
            _LOGGER.warning("no room for %d bytes of camera %s, and nothing to erase for them", size_bytes, camera)
        self._without_room[camera] = self._clock.boot_ns()
        refused = self._refused
        self._repairs.async_create(
            FULL_REPAIR,
            camera_id=None,
            severity="error",
            sentence="Recording stops: the disk is full and nothing on it may be erased."
            if not refused
            else f"Recording stops because the disk is full and nothing can be erased on schedule. {refused}",
            next_step="Free space on the disk, raise the budget, or archive holds to another disk."
            if not refused
            else "Fix that first; recording then resumes automatically.",
        )

    def _tell_room(self, camera: str) -> None:
        """Closes the repair once no camera waits for room: a small file may find some where a large one does not."""
        if not self._without_room:
            return
        since_ns = self._clock.boot_ns() - STILL_ASKS_NS
        self._without_room.pop(camera, None)
        self._without_room = {name: at_ns for name, at_ns in self._without_room.items() if at_ns > since_ns}
        if not self._without_room:
            _LOGGER.info("there is room for every camera again")
            self._repairs.async_delete(FULL_REPAIR)

    async def _has_lost(self) -> bool:
        """Return whether counted days were removed by somebody: nothing is erased to compensate for them."""
        footage = self._footage
        if footage is None:
            return False
        try:
            return await asyncio.to_thread(footage.index.forget_lost) > 0
        except StorageError as error:
            _LOGGER.warning("%s", error)
            return False

    async def _lacking(self, more_bytes: int) -> int:
        """Return how much must be erased before ``more_bytes`` can be reserved, by the budget and by the disk itself."""
        room = await self.async_room()
        if room is None:
            return 0
        # Never further ahead than what the cameras are about to write.
        self._ahead_bytes = min(room.budget_bytes // AHEAD_SHARE, room.reserved_bytes + max(0, more_bytes))
        lacking = more_bytes - room.open_bytes
        over_disk = more_bytes - room.open_on_disk_bytes
        if not room.usage.complete:
            return lacking
        if over_disk > 0 and more_bytes <= room.open_in_budget_bytes:
            self._repairs.async_create(
                FOREIGN_REPAIR,
                camera_id=None,
                sentence="Other files take up space on the media disk, so footage is erased sooner than the budget requires.",
                next_step="Move the other files off the media disk (`df -h`, `du -xh`).",
            )
        elif room.open_on_disk_bytes >= room.open_in_budget_bytes:
            # Not as soon as there is room: erasing makes some, for a moment.
            self._repairs.async_delete(FOREIGN_REPAIR)
        return lacking

    async def _sweep(self, need_bytes: int, reason: str) -> int:
        sweeper = self._sweeper
        if sweeper is None or need_bytes <= 0:
            return 0
        try:
            freed, segments = await asyncio.to_thread(sweeper.erase_oldest, need_bytes, reason, self._clock.utc_ns)
            self._refused = ""
        except StorageError as error:
            self._refused = str(error)
            _LOGGER.error("erasing on schedule failed: %s", error)
            return 0
        self._swept(freed, segments)
        self.last_sweep_utc_ns = self._clock.utc_ns()
        if segments and sweeper.last_erased is not None:
            age_ns = max(0, self.now().earliest_utc_ns - self._end_utc_ns(sweeper.last_erased))
            self._made_room = self._clock.boot_ns(), age_ns
        return freed

    def _swept(self, freed: int, segments: int) -> None:
        self.swept_bytes += freed
        self.swept_segments += segments
