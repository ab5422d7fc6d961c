"""The holds of a running service: what they do each minute, what they warn of, and when in doubt."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.buffer.retention import FULL_REPAIR, HEADROOM_BYTES, STILL_ASKS_NS, Retention, RoomFigures
from holdshelf_core.clock import Clock
from holdshelf_core.holds.held_room import FORECAST_REPAIR
from holdshelf_core.holds.holds import MENDED_REPAIR, SHELF_REPAIR, Holds
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.reasons import DISK_FULL
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage.volume.days import SegmentRef
from tests.core.holds.conftest import DAY_NS, HOLD, Keeping, hold
from tests.rig.hang import HANG_S
from tests.storage.footage.footage_files import NOON, NS

SPAN = HoldSpan("front", NOON, None)


class Told(Clock):
    """A clock that stands where the footage is."""

    def __init__(self, keeping: Keeping) -> None:
        super().__init__()
        self._keeping = keeping
        self.ahead_ns = 0

    def boot_ns(self) -> int:
        return super().boot_ns() + self.ahead_ns

    def utc_ns(self) -> int:
        return self._keeping.now

    def trusted_utc_ns(self) -> int:
        return self._keeping.now


class House:
    """Holds over an attached volume, as the service has them."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping
        clock = Told(keeping)
        self.bus = EventBus(clock.utc_ns)
        self.repairs = RepairRegistry(self.bus, clock.utc_ns)
        self.lock = threading.Lock()
        self.holds = Holds(clock=clock, repairs=self.repairs, hold_lock=self.lock)
        self.clock = clock

    async def attach(self) -> None:
        self.holds.apply(self.keeping.rows)
        await self.holds.async_attach(self.keeping)

    def told(self, issue: str) -> Any:
        return next((repair for repair in self.repairs.async_all() if repair.issue_id == issue), None)

    def lies(self) -> list[int]:
        return [ref.seq for ref in self.keeping.footage.oldest()]


@pytest.fixture
async def house(keeping: Keeping) -> AsyncIterator[House]:
    for number in range(3):
        keeping.record("front", NOON + number * 3 * NS)
        keeping.record("back", NOON + number * 3 * NS)
    keeping.rows[HOLD] = hold(SPAN)
    made = House(keeping)
    yield made
    await made.holds.async_detach()


def ref(camera: str = "back") -> SegmentRef:
    return SegmentRef(camera, "2026-11-24", 1, "x", 4096, NOON, NOON + NS)


# --- in doubt -------------------------------------------------------------------------------------------------------


async def test_everything_stays_until_state_and_shelf_have_been_read(house: House) -> None:
    assert house.holds.protects(ref())
    house.holds.apply(house.keeping.rows)
    assert house.holds.protects(ref()), "the shelf may know more"
    before = house.holds.released()
    await house.holds.async_attach(house.keeping)
    assert not house.holds.protects(ref())
    assert house.holds.protects(ref("front"))
    assert house.holds.released() != before, "what was passed over is looked at again"
    await house.holds.async_detach()
    assert house.holds.protects(ref())


async def test_nothing_is_erased_while_the_state_is_not_whole_and_it_is_afterwards(house: House) -> None:
    keeping = house.keeping
    keeping.rows.clear()
    doubt = True
    house.holds.in_doubt = lambda: doubt
    # An intent that a crash left: it is asked about again, and everything must stay.
    refs = list(keeping.footage.oldest())

    class Crash(Exception):
        pass

    def crash(_: SegmentRef) -> bool:
        raise Crash

    with pytest.raises(Crash):
        keeping.ledger.erase(refs[:2], "budget", keeping.now, crash, house.lock)
    await house.attach()
    assert house.lies() == [1, 2, 3, 4, 5, 6]
    assert house.holds.covers_day("front", "2026-11-24")
    before = house.holds.released()
    doubt = False
    assert house.holds.released() != before
    assert not house.holds.covers_day("front", "2026-11-24")
    assert house.holds.may_erase(ref())


async def test_a_shelf_that_cannot_be_read_stops_no_recording_and_is_read_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.keeping.place(hold(SPAN))
    house.keeping.restart()
    real = os.open

    def broken(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith("hold.json"):
            raise OSError(5, "Input/output error")
        return real(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", broken)
        await house.attach()
    assert "hold.json" in house.told(SHELF_REPAIR).sentence
    assert house.holds.protects(ref()), "nothing is erased meanwhile"
    await house.holds.async_work()
    assert not house.holds.protects(ref())
    assert house.told(SHELF_REPAIR) is None


async def test_a_disk_that_goes_while_the_shelf_is_worked_on_is_a_sentence(house: House) -> None:
    await house.attach()
    await house.holds.async_work()
    house.keeping.record("front", NOON + 9 * NS)
    working = asyncio.create_task(house.holds.async_shelve(house.keeping.rows[HOLD]))
    await house.holds.async_detach()
    await asyncio.wait_for(working, HANG_S)


# --- each minute ------------------------------------------------------------------------------------------------------


async def test_a_lifted_hold_leaves_the_shelf_and_what_stops_that_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = house.keeping.root / "media/shelf"
    await house.attach()
    await house.holds.async_work()
    assert list(shelf.rglob("*Z.mp4"))
    house.keeping.rows[HOLD] = hold(SPAN, state="lifted", version=4, grace_end_utc_ns=NOON)
    house.holds.apply(house.keeping.rows)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", broken_disk)
        assert "let go" not in await house.holds.async_work()
    assert house.told(SHELF_REPAIR).sentence.startswith(f"The lifted hold {HOLD} could not be removed from the shelf: ")
    assert house.holds.protects(ref("front")), "what still lies there is not erased elsewhere"
    assert ", 1 lifted ones let go" in await house.holds.async_work()
    assert list(shelf.rglob("*Z.mp4")) == []
    assert not house.holds.protects(ref("front"))
    assert len(house.lies()) == 6, "its turn comes when the room is needed"


async def test_a_span_that_has_just_ended_is_looked_at_for_ten_minutes_more(house: House) -> None:
    """What was being written as it ended is closed by then, and belongs to the hold."""
    keeping = house.keeping
    end = NOON + 12 * NS
    keeping.rows[HOLD] = hold(HoldSpan("front", NOON, end))
    keeping.now = end + NS
    await house.attach()
    await house.holds.async_work()
    before = len(list((keeping.root / "media/shelf").rglob("*Z.mp4")))
    keeping.record("front", NOON + 9 * NS)
    keeping.now = end + 9 * 60 * NS
    await house.holds.async_work()
    assert len(list((keeping.root / "media/shelf").rglob("*Z.mp4"))) == before + 1
    keeping.now = end + 11 * 60 * NS
    assert await house.holds.async_work() == "1 holds looked at"
    assert await house.holds.async_work() == "0 holds looked at"


def broken_disk(*_: Any, **__: Any) -> None:
    raise OSError(5, "Input/output error")


async def test_a_folder_that_is_deleted_under_the_running_service_is_put_back(house: House) -> None:
    await house.attach()
    await house.holds.async_work()
    assert house.told(MENDED_REPAIR) is None
    shutil.rmtree(house.keeping.root / "media/footage")
    # What is recorded next makes folders anew, under which the held files lack.
    house.keeping.record("front", NOON + 9 * NS)
    assert house.lies() == [7]
    assert "3 files put back" in await house.holds.async_work()
    assert house.lies() == [1, 3, 5, 7]
    assert house.told(MENDED_REPAIR).sentence.startswith("3 files on hold had disappeared")
    assert "put back" not in await house.holds.async_work()
    # What is gone for good takes no room any more.
    files = (house.keeping.root / "media/footage").rglob("*Z.mp4")
    assert house.keeping.footage.usage().allocated_bytes == sum(path.stat().st_blocks * 512 for path in files)


async def test_deleted_footage_makes_nothing_else_roll_off(house: House) -> None:
    """Were what was deleted still counted, the next file would be erased to make room for it."""
    keeping = house.keeping
    keeping.rows.clear()
    await house.attach()
    retention = Retention(
        clock=house.clock, repairs=house.repairs, may_erase=house.holds.may_erase, hold_lock=house.lock
    )
    retention.async_attach(keeping.volume, keeping.footage, keeping.ledger)
    used = keeping.footage.usage().allocated_bytes
    retention.async_set_budget(used + 8192)
    shutil.rmtree(keeping.root / "media/footage/front")
    keeping.record("yard", NOON + 9 * NS)
    assert await retention.async_reserve("yard", 99, used // 2) == ""
    assert house.lies() == [2, 4, 6, 7]


# --- room -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def full(house: House) -> Retention:
    """A budget that what is held leaves 8 KiB of."""
    house.keeping.rows[HOLD] = hold(SPAN, HoldSpan("back", NOON, None))
    await house.attach()
    retention = Retention(
        clock=house.clock, repairs=house.repairs, may_erase=house.holds.may_erase, hold_lock=house.lock
    )
    retention.async_attach(house.keeping.volume, house.keeping.footage, house.keeping.ledger)
    retention.async_set_budget(house.keeping.footage.usage().allocated_bytes + 8192)
    return retention


async def test_the_want_of_room_is_told_once_while_any_camera_lacks_it(
    house: House, full: Retention, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    said: list[str] = []
    for event in ("repair_opened", "repair_closed"):
        house.bus.async_listen(event, lambda heard: said.append(heard.type))
    for seq in range(100, 110):
        assert await full.async_reserve("front", seq, 1 << 20) == DISK_FULL
        assert await full.async_reserve("back", 200 + seq, 4096) == "", "a small camera finds room beside it"
        full.async_release(200 + seq)
        assert house.told(FULL_REPAIR) is not None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no room for 1048576 bytes of camera front" in caplog.text
    assert await full.async_reserve("front", 110, 4096) == ""
    assert house.told(FULL_REPAIR) is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert said == ["repair_opened", "repair_closed"]


async def test_a_camera_that_asks_no_more_leaves_no_want_of_room_behind(house: House, full: Retention) -> None:
    assert await full.async_reserve("front", 100, 1 << 20) == DISK_FULL
    house.clock.ahead_ns = STILL_ASKS_NS
    assert await full.async_reserve("back", 101, 4096) == ""
    assert house.told(FULL_REPAIR) is None


@pytest.mark.parametrize(
    ("room_days", "severity", "words"),
    [
        (15, None, ""),
        (13, "warning", "in about 13.0 days"),
        (2, "error", "in about 2.0 days"),
        (0.125, "error", "in about 3 hours"),
        (0.01, "error", "within the hour"),
        (-1, "error", "now"),
    ],
)
async def test_scene_5_the_warning_comes_days_before_held_footage_takes_all_the_room(
    house: House, room_days: float, severity: str | None, words: str
) -> None:
    keeping = house.keeping
    keeping.now = NOON + 9 * NS
    await house.attach()
    usage = keeping.footage.usage()
    held = usage.cameras["front"].allocated_bytes
    a_day = held * DAY_NS // (9 * NS)

    async def room() -> RoomFigures:
        return RoomFigures(10**15, 10**14, held + round(room_days * a_day), usage)

    house.holds.room = room
    said = await house.holds.async_watch_room()
    repair = house.told(FORECAST_REPAIR)
    if severity is None:
        assert repair is None
        assert said == f"{held / 1e9:.1f} GB held, room for 15 days"
        return
    assert repair.severity == severity
    assert repair.sentence.startswith(f"Recording stops {words}: holds will have filled the disk")
    # It ends by itself.
    keeping.rows.clear()
    house.holds.apply(keeping.rows)
    await house.holds.async_sweep_lifted()
    keeping.work.shelf.recheck()
    house.holds.book.left_shelf(HOLD)
    await house.holds.async_watch_room()
    assert house.told(FORECAST_REPAIR) is None


async def test_the_disk_itself_may_be_less_than_the_budget(house: House) -> None:
    keeping = house.keeping
    keeping.now = NOON + 9 * NS
    await house.attach()
    usage = keeping.footage.usage()

    async def room() -> RoomFigures:
        return RoomFigures(10**15, HEADROOM_BYTES, 10**14, usage)

    house.holds.room = room
    seen = await house.holds.async_forecast()
    assert seen.room_bytes == usage.allocated_bytes
    assert seen.held_bytes == usage.cameras["front"].allocated_bytes
    assert seen.recording_stops_days is not None


async def test_a_hold_is_written_down_even_where_the_shelf_is_all_there_is(house: House) -> None:
    await house.attach()
    new = hold(HoldSpan("back", NOON, None), key="H-2026-0002")
    await house.holds.async_protect(new)
    assert await house.holds.async_write_down(new)
    assert (house.keeping.root / "media/shelf/H-2026-0002/hold.json").exists()
    await house.holds.async_detach()
    assert not await house.holds.async_write_down(new)
    assert "the media disk is missing" in house.told("hold_not_shelved:H-2026-0002").sentence


async def test_placing_waits_for_the_unlink_that_is_under_way(house: House, tmp_path: Path) -> None:
    """A segment is asked about and unlinked under one lock: whoever placed a hold has come before or after both."""
    await house.attach()
    new = hold(HoldSpan("back", NOON, None), key="H-2026-0002")
    with house.lock:
        placing = asyncio.create_task(house.holds.async_protect(new))
        await asyncio.sleep(0.05)
        assert not placing.done()
        assert house.holds.protects(ref()), "every later question meets it"
    await asyncio.wait_for(placing, HANG_S)
