"""The shelf is a second belt: it survives a lost footage folder, gives nothing up that is not in its day, and can be
interrupted anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage import layout
from holdshelf_storage.errors import FootageError, StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger, ShelfLink
from holdshelf_storage.ledger.lines import Unshelve
from holdshelf_storage.shelf.shelf import Shelf
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.journal import Gap, GapEnd, Segment, StoredSegment
from tests.storage.conftest import House
from tests.storage.crash import Steps, tree
from tests.storage.faulty import FaultyDisk
from tests.storage.footage.footage_files import BOOT, NOON, NS, record
from tests.storage.shelf.shelf_rig import DAY_NS, FACTS, HOLD, again, put

YES = lambda: True  # noqa: E731


@pytest.fixture
def shelf(house: House, footage: Footage, ledger: Ledger) -> Shelf:
    return Shelf(house.volumes[0], ledger, footage)


def names(house: House, hold: str = HOLD) -> list[str]:
    return sorted(path.name for path in (house.media / "shelf" / hold).rglob("*Z.mp4"))


def five(footage: Footage, camera: str = "front") -> list[Segment]:
    """Five segments of three seconds; the last begins on the next day."""
    starts = [*(NOON + number * 3 * NS for number in range(4)), NOON + DAY_NS]
    return [record(footage, camera, start) for start in starts]


def take_off(shelf: Shelf, hold: str = HOLD) -> bool:
    return shelf.remove(hold, "hold lifted", NOON, YES, threading.Lock())


# -- what lies there --------------------------------------------------------------------------------------------------


def test_what_touches_the_span_lies_there_under_a_second_name_and_nothing_else(
    house: House, footage: Footage, shelf: Shelf
) -> None:
    segments = five(footage)
    put(shelf, HoldSpan("front", NOON + 4 * NS, NOON + 9 * NS), HoldSpan("front", NOON + DAY_NS + NS, None))
    assert names(house) == [segments[1].name, segments[2].name, segments[4].name]
    for segment in (segments[1], segments[2], segments[4]):
        footage_file = house.media / footage.path_of("front", segment)
        day = layout.day_of(segment.start_utc_ns)
        assert footage_file.samefile(house.media / "shelf" / HOLD / "front" / day / segment.name)
    assert shelf.holds() == {HOLD: FACTS}


def test_the_stock_command_checks_a_shelved_day(house: House, footage: Footage, shelf: Shelf) -> None:
    five(footage)
    put(shelf, HoldSpan("front", NOON, NOON + 9 * NS))
    day = house.media / "shelf" / HOLD / "front" / "2026-11-24"
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], check=False, cwd=day, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert len(checked.stdout.splitlines()) == 3
    lines, bad = journal.decode((day / "journal.jsonl").read_bytes())
    assert not bad
    assert [line.seq for line in lines if isinstance(line, Segment)] == [1, 2, 3]


def test_gaps_that_touch_the_span_are_copied_with_their_ends(house: House, footage: Footage, shelf: Shelf) -> None:
    record(footage, "front", NOON)
    over = footage.start_gap("front", Gap(start_utc_ns=NOON + 3 * NS, start_boot_ns=0, boot=BOOT, reason="unreachable"))
    footage.end_gap("front", over, GapEnd(end_utc_ns=NOON + 6 * NS, elapsed_ns=3 * NS))
    record(footage, "front", NOON + 6 * NS)
    footage.start_gap("front", Gap(start_utc_ns=NOON + 9 * NS, start_boot_ns=0, boot=BOOT, reason="auth refused"))
    shelf.write_hold(HOLD, FACTS)
    found = shelf.shelve(HOLD, [HoldSpan("front", NOON + 4 * NS, NOON + 60 * NS)])
    assert (found.linked, found.open_gaps) == (1, 1)
    lines, _ = journal.decode((house.media / "shelf" / HOLD / "front/2026-11-24/journal.jsonl").read_bytes())
    assert [line.reason for line in lines if isinstance(line, Gap)] == ["unreachable", "auth refused"]
    assert sum(isinstance(line, GapEnd) for line in lines) == 1


def test_a_second_pass_writes_nothing_and_a_later_one_takes_in_what_is_new(
    house: House, footage: Footage, shelf: Shelf
) -> None:
    five(footage)
    span = HoldSpan("front", NOON, None)
    put(shelf, span)
    disk = FaultyDisk(house.root)
    with disk.watching():
        shelf.shelve(HOLD, [span])
        assert disk.calls == 0
    record(footage, "front", NOON + DAY_NS + 3 * NS)
    assert shelf.shelve(HOLD, [span]).linked == 1
    assert len(names(house)) == 6


def test_a_shelf_that_somebody_emptied_is_filled_again(house: House, footage: Footage, shelf: Shelf) -> None:
    five(footage)
    span = HoldSpan("front", NOON, None)
    put(shelf, span)
    before = names(house)
    shutil.rmtree(house.media / "shelf" / HOLD / "front")
    shelf.shelve(HOLD, [span])
    assert names(house) == before
    (house.media / "shelf" / HOLD / "front/2026-11-24" / before[0]).unlink()
    shelf.recheck()
    shelf.shelve(HOLD, [span])
    assert names(house) == before


def test_a_checksum_that_comes_later_reaches_the_shelf(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    from tests.storage.footage.footage_files import segment_bytes, write  # noqa: PLC0415

    write(opened, segment_bytes("front", opened.seq))
    shelf, footage, _ = again(house)
    span = HoldSpan("front", NOON, NOON + 9 * NS)
    shelf.write_hold(HOLD, FACTS)
    assert shelf.shelve(HOLD, [span]).pending == 1
    footage.hash_pending()
    assert shelf.shelve(HOLD, [span]).pending == 0
    sums = house.media / "shelf" / HOLD / "front/2026-11-24/SHA256SUMS"
    assert len(sums.read_text().splitlines()) == 1


# -- interrupted --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_shelving_may_be_interrupted_at_any_step_and_is_finished_by_the_next_pass(
    house: House, tmp_path: Path, fault: str
) -> None:
    volume, ledger, footage = house.attach()
    segments = [record(footage, "front", NOON + number * 3 * NS) for number in range(2)]
    segments.append(record(footage, "front", NOON + DAY_NS))
    span = HoldSpan("front", NOON, None)
    steps = Steps(house.root, tmp_path)
    shelf = Shelf(volume, ledger, footage)
    with steps.watching():
        put(shelf, span)
    assert len(steps.moments) > 20
    for moment in steps.moments:
        copy = getattr(moment, fault)
        shelf, footage, _ = again(house, copy)
        shelf.mend(threading.Event())
        put(shelf, span)
        found = sorted(path.name for path in (copy / "media" / "shelf" / HOLD).rglob("*Z.mp4"))
        assert found == [segment.name for segment in segments], moment.step
        assert shelf.index.read(f"shelf/{HOLD}/hold.json") == FACTS
        assert verify(footage, deep=True).problems == [], moment.step
        before = tree(copy)
        put(shelf, span)
        assert tree(copy) == before, moment.step
        house.detach()


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_taking_off_the_shelf_may_be_interrupted_at_any_step_and_loses_no_footage(
    house: House, tmp_path: Path, fault: str
) -> None:
    volume, ledger, footage = house.attach()
    segments = [record(footage, "front", NOON + number * 3 * NS) for number in range(2)]
    segments.append(record(footage, "back", NOON + DAY_NS))
    shelf = Shelf(volume, ledger, footage)
    put(shelf, HoldSpan("front", NOON, None), HoldSpan("back", NOON, None))
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        assert take_off(shelf)
    assert not (house.media / "shelf" / HOLD).exists()
    told = False
    for moment in steps.moments:
        copy = getattr(moment, fault)
        told = told or moment.step.startswith("fdatasync state/ledger")
        shelf, footage, ledger = again(house, copy)
        if not told:
            assert len(shelf.links(HOLD)) == 3, moment.step
        assert (HOLD in shelf.holds() and shelf.holds()[HOLD] == FACTS) or not shelf.links(HOLD), moment.step
        assert take_off(shelf), moment.step
        assert shelf.holds() == {}, moment.step
        assert [ref.seq for ref in footage.oldest()] == [1, 2, 3], moment.step
        assert verify(footage, deep=True).problems == [], moment.step
        house.detach()
    assert told


def test_a_full_disk_while_shelving_loses_nothing_and_the_next_pass_goes_on(
    house: House, footage: Footage, shelf: Shelf
) -> None:
    five(footage)
    span = HoldSpan("front", NOON, None)
    disk = FaultyDisk(house.root)
    refused = 0
    with disk.watching():
        for after in range(1, 100):
            disk.arm("ENOSPC", after)
            try:
                put(shelf, span, hold=f"H-{after}")
            except StorageError:
                refused += 1
            done = not disk.fired
            disk.disarm()
            put(shelf, span, hold=f"H-{after}")
            assert len(names(house, f"H-{after}")) == 5
            if done:
                break
    assert refused > 10
    assert done
    assert verify(footage, deep=True).problems == []


# -- disasters ------------------------------------------------------------------------------------------------------------


def test_a_lost_footage_folder_is_found_on_the_shelf_and_put_back(house: House, footage: Footage, shelf: Shelf) -> None:
    segments = five(footage)
    gap = footage.start_gap("front", Gap(start_utc_ns=NOON + 12 * NS, start_boot_ns=0, boot=BOOT, reason="x"))
    footage.end_gap("front", gap, GapEnd(end_utc_ns=NOON + 15 * NS, elapsed_ns=3 * NS))
    put(shelf, HoldSpan("front", NOON + 4 * NS, NOON + 20 * NS))
    contents = {s.seq: (house.media / footage.path_of("front", s)).read_bytes() for s in segments[1:4]}
    shutil.rmtree(house.media / "footage")

    def check(footage: Footage) -> None:
        found = footage.query("front", NOON, NOON + 20 * NS)
        there = [one for one in found if isinstance(one, StoredSegment)]
        assert [(one.seq, one.erased) for one in there] == [(2, False), (3, False), (4, False)]
        assert [one.reason for one in found if not isinstance(one, StoredSegment)] == ["x"]
        for one in there:
            fd = footage.open_closed("front", one)
            assert os.pread(fd, 1 << 20, 0) == contents[one.seq]
            os.close(fd)

    check(footage)  # while it is missing, from the shelf
    shelf, footage, _ = again(house)
    footage.build_index(threading.Event())
    assert footage.usage().allocated_bytes == 0
    check(footage)
    mended = shelf.mend(threading.Event())
    assert (mended.linked, mended.problems, mended.shelf_only_bytes) == (3, [], 0)
    check(footage)
    assert footage.usage().cameras["front"].segments == 3
    assert [ref.seq for ref in footage.oldest()] == [2, 3, 4]
    assert verify(footage, deep=True).problems == []
    # What was recorded meanwhile and what came back go in the order in which they were recorded.
    later = record(footage, "front", NOON + 2 * DAY_NS)
    assert [ref.seq for ref in footage.oldest()] == [2, 3, 4, later.seq]
    assert footage.folders.latest("front")[0] == "2026-11-26"


@pytest.mark.parametrize("fault", ["killed", "cut"])
def test_putting_back_may_be_interrupted_at_any_step(house: House, tmp_path: Path, fault: str) -> None:
    volume, ledger, footage = house.attach()
    record(footage, "front", NOON)
    record(footage, "front", NOON + 3 * NS)
    shelf = Shelf(volume, ledger, footage)
    put(shelf, HoldSpan("front", NOON, None))
    shutil.rmtree(house.media / "footage")
    shelf, _, _ = again(house)
    steps = Steps(house.root, tmp_path)
    with steps.watching():
        shelf.mend(threading.Event())
    for moment in steps.moments:
        shelf, footage, _ = again(house, getattr(moment, fault))
        assert shelf.mend(threading.Event()).problems == []
        assert [ref.seq for ref in footage.oldest()] == [1, 2], moment.step
        assert verify(footage, deep=True).problems == [], moment.step
        house.detach()


def test_recording_goes_on_after_the_footage_folder_was_deleted_under_it(house: House, footage: Footage) -> None:
    record(footage, "front", NOON)
    shutil.rmtree(house.media / "footage")
    record(footage, "front", NOON + 3 * NS)
    assert [ref.seq for ref in footage.oldest()] == [2]


def test_what_only_the_shelf_has_goes_back_before_its_name_there_goes(
    house: House, footage: Footage, shelf: Shelf
) -> None:
    segments = five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    for segment in segments[:2]:
        (house.media / footage.path_of("front", segment)).unlink()
    assert take_off(shelf)
    assert [ref.seq for ref in footage.oldest()] == [1, 2, 3, 4, 5]
    assert verify(footage, deep=True).problems == []


def test_another_file_of_the_same_name_keeps_the_shelfs_unless_its_checksum_agrees(
    house: House, footage: Footage, shelf: Shelf
) -> None:
    segments = five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    good, bad = (house.media / footage.path_of("front", segment) for segment in segments[:2])
    for path, content in ((good, good.read_bytes()), (bad, bytes(segments[1].bytes))):
        path.unlink()
        path.write_bytes(content)
    assert not take_off(shelf)
    assert names(house) == [segments[1].name]
    assert HOLD in shelf.holds()


def test_the_ledger_gives_up_no_name_whose_file_is_not_in_its_day(
    house: House, footage: Footage, ledger: Ledger, shelf: Shelf
) -> None:
    (segment, *_) = five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    (house.media / footage.path_of("front", segment)).unlink()
    links = shelf.links(HOLD)
    kept = ledger.unshelve(HOLD, links, "x", NOON, YES, threading.Lock(), folder_too=True)
    assert [link.name for link in kept] == [segment.name]
    assert names(house) == [segment.name]
    assert isinstance(next(iter(ledger.entries())), Unshelve)


def test_each_name_is_asked_about_under_the_lock(house: House, footage: Footage, shelf: Shelf) -> None:
    five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    lock = threading.Lock()
    left = [3]

    def may() -> bool:
        assert lock.locked()
        left[0] -= 1
        return left[0] >= 0

    assert not shelf.remove(HOLD, "hold lifted", NOON, may, lock)
    assert len(names(house)) == 2
    assert shelf.holds() == {HOLD: FACTS}


def test_two_holds_of_the_same_footage_do_not_touch_each_other(house: House, footage: Footage, shelf: Shelf) -> None:
    five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    put(shelf, HoldSpan("front", NOON + 4 * NS, None), hold="H-2026-0002")
    assert take_off(shelf)
    assert len(names(house, "H-2026-0002")) == 4
    shutil.rmtree(house.media / "footage")
    shelf, footage, _ = again(house)
    shelf.mend(threading.Event())
    assert [ref.seq for ref in footage.oldest()] == [2, 3, 4, 5]


def test_a_strangers_file_on_the_shelf_stays_and_is_named(house: House, footage: Footage, shelf: Shelf) -> None:
    five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    stranger = house.media / "shelf" / HOLD / "front" / "notes.txt"
    stranger.write_text("mine")
    with pytest.raises(StorageError):
        take_off(shelf)
    assert stranger.read_text() == "mine"
    assert shelf.holds() == {HOLD: FACTS}
    stranger.unlink()
    assert take_off(shelf)


def test_a_name_that_is_no_hold_or_no_segment_reaches_nothing(
    house: House, footage: Footage, ledger: Ledger, shelf: Shelf
) -> None:
    five(footage)
    for hold in ("../state", "..", "", ".x", "a/b", "x" * 41):
        with pytest.raises(FootageError):
            shelf.write_hold(hold, b"")
        with pytest.raises(FootageError):
            take_off(shelf, hold)
    put(shelf, HoldSpan("front", NOON, None))
    for link in (ShelfLink("front", "2026-11-24", "../journal.jsonl"), ShelfLink("front", "..", names(house)[0])):
        with pytest.raises(StorageError):
            ledger.unshelve(HOLD, [link], "x", NOON, YES, threading.Lock(), folder_too=False)
    outside = house.root / "outside"
    outside.mkdir()
    (house.media / "shelf" / "H-2026-0009").symlink_to(outside)
    assert shelf.links("H-2026-0009") == []
    with pytest.raises(StorageError):
        shelf.shelve("H-2026-0009", [HoldSpan("front", NOON, None)])
    assert list(outside.iterdir()) == []


# -- the budget ------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_put_back_counts_towards_the_budget_once(
    house: House, footage: Footage, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = five(footage)
    put(shelf, HoldSpan("front", NOON, None))
    put(shelf, HoldSpan("front", NOON, None), hold="H-2026-0002")
    shutil.rmtree(house.media / "footage")
    shelf, footage, _ = again(house)
    footage.build_index(threading.Event())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        mended = shelf.mend(threading.Event())
    assert len(mended.problems) == 4
    assert footage.usage().allocated_bytes == sum(segment.allocated_bytes for segment in segments)
    assert shelf.mend(threading.Event()).problems == []
    assert footage.usage().allocated_bytes == sum(segment.allocated_bytes for segment in segments)
    assert footage.usage().shelf_only_bytes == 0
