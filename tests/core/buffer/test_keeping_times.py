"""Keeping by time: what is older than the policy keeps it goes, oldest first, whatever the clock was set to. Holds stay."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.buffer.retention import Retention
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.policy.holds import EndedHold
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.lengths import KeepingTimes
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import Intent
from holdshelf_storage.volume import reserve
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import FromCamera
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig.hand_clock import HandClock
from tests.storage.footage.footage_files import NS, facts_of, segment_bytes, write

HOUR_S = 3600
MOST = KeepingTimes(at_most_ns=72 * HOUR_S * NS, at_most_words="at most 72 hours")
CAMERAS = ("desk", "door", "hall")


class SteppedClock(HandClock):
    """``offset_ns`` of the wall clock is set by hand; trusted time is the true one."""

    def __init__(self) -> None:
        super().__init__()
        self.true_offset_ns = self.offset_ns
        self._trusted_utc_ns, self._trusted_boot_ns = self.true_offset_ns, 0

    def trusted_utc_ns(self) -> int:
        return self.true_offset_ns + self.now_ns

    def reboot(self) -> None:
        """What the heartbeat keeps of the boot that ends, and another one that counts from zero."""
        self._boots[self.boot] = self.true_offset_ns
        wall_ns = self.utc_ns()
        self.true_offset_ns += self.now_ns
        self.now_ns, self.boot = 0, f"boot-{len(self._boots) + 1}"
        self.offset_ns = wall_ns
        self._trusted_utc_ns = self.true_offset_ns


class House:
    """Three cameras, a segment every six hours, and a rolling buffer with room enough."""

    def __init__(self, root: Path) -> None:
        init_volume(root / "state", root / "media", 1)
        self.clock = SteppedClock()
        self.volume = Volume.attach(root / "state", root / "media")
        self.ledger = Ledger(self.volume)
        self.footage = Footage(self.volume, self.ledger)
        self.footage.recover()
        self.footage.build_index(threading.Event())
        self.held: set[int] = set()
        self.released = 0
        self.born: dict[int, int] = {}
        """By segment, when it ended in truth."""
        self.recovered: set[int] = set()
        self.retention = Retention(
            clock=self.clock,
            repairs=RepairRegistry(EventBus(self.clock.utc_ns), self.clock.utc_ns),
            may_erase=lambda ref: ref.seq not in self.held,
            hold_lock=threading.Lock(),
            released=lambda: self.released,
        )
        self.retention.keeping = lambda: MOST
        self.retention.now = lambda: Now(self.clock.utc_ns(), self.clock.trusted_utc_ns())
        self.retention.async_attach(self.volume, self.footage, self.ledger)

    def record(self, camera: str, *, recovered_hours: float = 0) -> int:
        """A segment that ends now; or one of so many hours ago, recovered from the camera."""
        opened = self.footage.open_segment(camera)
        start = self.clock.utc_ns() - 3 * NS - round(recovered_hours * HOUR_S) * NS
        data = segment_bytes(camera, opened.seq, start)
        write(opened, data)
        facts = facts_of(data, start, boot=self.clock.boot, run=f"{self.clock.boot}-{self.clock.offset_ns}")
        facts.start_boot_ns = self.clock.now_ns - 3 * NS
        if recovered_hours:
            facts.boot, facts.start_boot_ns = "", 0
            facts.from_camera = FromCamera(gap=1, fetched_utc_ns=self.clock.utc_ns(), start_utc_ns=start, offset_ns=0)
            self.recovered.add(opened.seq)
        facts.sha256 = hashlib.sha256(data).hexdigest()
        self.footage.close_segment(opened, facts)
        self.born[opened.seq] = self.clock.trusted_utc_ns() - round(recovered_hours * HOUR_S) * NS
        return opened.seq

    def there(self) -> set[int]:
        return {ref.seq for ref in self.refs()}

    def refs(self) -> Iterator[SegmentRef]:
        for camera in self.footage.cameras():
            for day in self.footage.days(camera):
                yield from self.footage.folders.refs(camera, day)

    def due(self) -> set[int]:
        before = self.clock.trusted_utc_ns() - (MOST.at_most_ns or 0)
        return {seq for seq, ended in self.born.items() if ended <= before}

    def erased(self) -> list[tuple[str, list[int]]]:
        """By intent of the ledger: its reason, and what it names."""
        entries = [entry for entry in self.ledger.entries() if isinstance(entry, Intent)]
        return [(entry.reason, sorted(seq for part in entry.days for seq in part.seqs)) for entry in entries]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(reserve, "RESERVE_BYTES", 256 * 1024)
    made = House(tmp_path)
    yield made
    made.volume.detach()


async def test_what_is_older_than_the_limit_goes_with_the_next_sweep_and_nothing_younger(house: House) -> None:
    for _ in range(16):
        for camera in CAMERAS:
            house.record(camera)
        house.clock.forward(6 * HOUR_S)
    assert house.due()
    said = await house.retention.async_sweep()
    assert said == f"{len(house.due())} files were older than the policy keeps footage"
    assert house.there() == set(house.born) - house.due()
    assert {reason for reason, _ in house.erased()} == {"at most 72 hours"}
    assert await house.retention.async_sweep() == "nothing to erase"


async def test_one_file_is_said_to_be_one(house: House) -> None:
    house.record("door")
    house.clock.forward(80 * HOUR_S)
    assert await house.retention.async_sweep() == "1 file was older than the policy keeps footage"


async def test_without_a_limit_nothing_goes_by_age(house: House) -> None:
    house.retention.keeping = KeepingTimes
    house.record("door")
    house.clock.forward(400 * 24 * HOUR_S)
    assert await house.retention.async_sweep() == "nothing to erase"
    assert house.there() == set(house.born)


async def test_a_hold_keeps_it_and_its_end_lets_it_go(house: House) -> None:
    first, second = house.record("door"), house.record("door")
    house.held.add(first)
    house.clock.forward(80 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == {first} and second in house.due()
    house.held.clear()
    house.released += 1
    await house.retention.async_sweep()
    assert house.there() == set()


async def test_the_ledger_says_what_the_last_day_of_a_hold_let_go_and_what_the_limit_did(house: House) -> None:
    seqs = []
    for camera in ("door", "door", "desk", "door"):
        seqs.append(house.record(camera))
        house.clock.forward(60)
    before, held, early, after = seqs
    spans = {ref.seq: (ref.camera, ref.start_utc_ns, ref.end_utc_ns) for ref in house.refs()}
    house.clock.forward(80 * HOUR_S)
    ended = house.clock.utc_ns()
    house.retention.ended_holds = lambda: [
        EndedHold(*spans[held], ended, "the last day of its hold: an excerpt"),
        EndedHold(*spans[early], ended - 20 * HOUR_S * NS, "the last day of its hold: a claim"),
    ]
    await house.retention.async_sweep()
    assert house.erased() == [
        ("at most 72 hours", [before]),
        ("the last day of its hold: an excerpt", [held]),
        ("at most 72 hours", [early, after]),
    ], "in order, and a hold that ended before the limit let nothing go"


@pytest.mark.parametrize("ahead_s", [HOUR_S, 400 * 24 * HOUR_S])
async def test_what_was_recorded_by_a_clock_ahead_goes_by_its_true_age(house: House, ahead_s: int) -> None:
    house.clock.step(ahead_s)
    ahead = house.record("door")
    house.clock.step(-ahead_s)
    house.clock.forward(HOUR_S)
    later = house.record("door")
    house.clock.forward(71.5 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == {later}, f"{ahead} is 72.5 hours old"


@pytest.mark.parametrize("behind_s", [HOUR_S, 400 * 24 * HOUR_S])
async def test_what_was_recorded_by_a_clock_behind_goes_no_sooner(house: House, behind_s: int) -> None:
    before = house.record("door")
    house.clock.step(-behind_s)
    house.clock.forward(HOUR_S)
    behind = house.record("door")
    house.clock.step(behind_s)
    house.clock.forward(HOUR_S)
    after = house.record("door")
    await house.retention.async_sweep()
    assert house.there() == {before, behind, after}
    house.clock.forward(70.5 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == {behind, after}


@pytest.mark.parametrize("step_s", [400 * 24 * HOUR_S, -400 * 24 * HOUR_S])
async def test_in_doubt_about_the_time_nothing_goes_by_age(house: House, step_s: int) -> None:
    seq = house.record("door")
    house.clock.forward(80 * HOUR_S)
    house.clock.step(step_s)
    await house.retention.async_sweep()
    assert house.there() == {seq}
    house.clock.step(-step_s)
    await house.retention.async_sweep()
    assert house.there() == set()


async def test_after_a_reboot_the_age_is_known(house: House) -> None:
    house.clock.step(HOUR_S)
    ahead = house.record("door")
    house.clock.step(-HOUR_S)
    house.clock.reboot()
    house.clock.forward(71.5 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == {ahead}
    house.clock.forward(0.6 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == set()


async def test_what_was_recovered_from_a_camera_goes_by_the_time_that_it_shows(house: House) -> None:
    first = house.record("door")
    house.clock.forward(20 * HOUR_S)
    late = house.record("door", recovered_hours=25)
    second = house.record("door")
    house.clock.forward(48 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == {first, second}, f"{late} shows what was 73 hours ago"
    house.clock.forward(5 * HOUR_S)
    await house.retention.async_sweep()
    assert house.there() == {second}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_the_clock_does_nothing_outlives_the_limit_and_nothing_goes_before(
    house: House, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(70):
        match chance.choice(["pass", "pass", "pass", "set", "right", "hold", "lift", "reboot", "recover"]):
            case "pass":
                house.clock.forward(chance.choice([1, 4, 9]) * HOUR_S)
            case "set":
                house.clock.step(chance.choice([-40 * 24, -2, 1, 30, 400 * 24]) * HOUR_S)
            case "right" | "reboot" as which:
                house.clock.offset_ns = house.clock.true_offset_ns
                if which == "reboot":
                    house.clock.reboot()
            case "hold" if house.there():
                house.held.add(chance.choice(sorted(house.there())))
            case "lift" if house.held:
                house.held.discard(chance.choice(sorted(house.held)))
                house.released += 1
            case "recover" if house.clock.offset_ns == house.clock.true_offset_ns:
                house.record(chance.choice(CAMERAS), recovered_hours=chance.choice([1, 30, 60]))
            case _:
                house.record(chance.choice(CAMERAS))
        house.record(chance.choice(CAMERAS))
        await house.retention.async_sweep()
        there = house.there()
        assert set(house.born) - there <= house.due(), "nothing went before its time"
        if house.clock.offset_ns == house.clock.true_offset_ns:
            assert there & house.due() <= house.held, "nothing outlived it but by a hold"
    named = [seq for _, seqs in house.erased() for seq in seqs]
    assert len(named) == len(set(named)), "each is named once"


def test_lines_without_a_boot_are_read(house: House) -> None:
    """Of older versions, and of what a crash cut."""
    house.record("door")
    (ref,) = house.refs()
    assert (ref.boot, ref.end_boot_ns, ref.is_recovered) == ("boot-1", house.clock.now_ns, False)
    assert not msgspec.structs.replace(ref, boot="").boot
