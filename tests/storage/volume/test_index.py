"""Sums over the archive: counted in the background, current from the first moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.index import days_kept
from tests.storage.archive import make_archive
from tests.storage.conftest import House
from tests.storage.footage.footage_files import NOON, NS, record, segment_bytes, write

NEVER = threading.Event()
DAY_NS = 86_400 * NS


def test_how_many_days_back_footage_goes() -> None:
    assert days_kept(NOON, NOON + 3 * DAY_NS // 2) == 1.5
    assert days_kept(None, NOON) == 0
    assert days_kept(NOON, NOON - DAY_NS) == 0, "the clock is behind it"


def test_usage_counts_allocated_bytes_of_what_lies_there(house: House, footage: Footage) -> None:
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    record(footage, "back", NOON)
    footage.open_segment("back")
    assert footage.build_index(NEVER)
    usage = footage.usage()
    assert usage.complete
    assert usage.allocated_bytes == sum(path.stat().st_blocks * 512 for path in house.media.glob("footage/*/2*/*.mp4"))
    front = usage.cameras["front"]
    assert (front.segments, front.recorded_ns) == (3, 9 * NS)
    assert (front.oldest_utc_ns, front.newest_utc_ns) == (NOON, NOON + 9 * NS)


def test_what_was_recorded_by_a_clock_that_was_ahead_does_not_say_since_when_there_is_footage(footage: Footage) -> None:
    record(footage, "front", NOON + 365 * DAY_NS)  # by a clock that was a year ahead
    record(footage, "front", NOON)
    assert footage.build_index(NEVER)
    front = footage.usage().cameras["front"]
    assert (front.oldest_utc_ns, front.newest_utc_ns) == (NOON + 365 * DAY_NS, NOON + 3 * NS)
    assert (front.earliest_utc_ns, front.latest_utc_ns) == (NOON, NOON + 365 * DAY_NS + 3 * NS)
    assert front.since_utc_ns(NOON + 10 * NS) == NOON
    assert front.since_utc_ns(NOON + 400 * DAY_NS) == NOON + 365 * DAY_NS, "the first by sequence, while that has come"


def test_a_clock_that_was_set_back_within_a_day_leaves_its_earliest_and_its_latest_footage(
    footage: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    """Seen in the campaign: what was on hold was said to use 0 bytes, as the day's last file began before its first."""
    record(footage, "front", NOON)
    record(footage, "front", NOON + 600 * NS)
    record(footage, "front", NOON - 3600 * NS)  # set back by an hour
    assert footage.build_index(NEVER)
    front = footage.usage().cameras["front"]
    assert (front.oldest_utc_ns, front.newest_utc_ns) == (NOON, NOON - 3597 * NS)
    assert (front.earliest_utc_ns, front.latest_utc_ns) == (NOON - 3600 * NS, NOON + 603 * NS)
    record(footage, "front", NOON - 7200 * NS)
    assert footage.usage().cameras["front"].earliest_utc_ns == NOON - 7200 * NS, "counted as it comes, too"
    refs = list(footage.oldest())
    assert erase([refs[1]]), "neither the first nor the last by sequence"
    front = footage.usage().cameras["front"]
    assert (front.earliest_utc_ns, front.latest_utc_ns) == (NOON - 7200 * NS, NOON + 3 * NS)


def test_usage_is_not_complete_before_all_is_counted_and_says_so(house: House) -> None:
    archive = make_archive(house.root / "old", 2, 3, 20)
    _, _, footage = house.attach(archive.state.parent)
    assert not footage.usage().complete
    stop = threading.Event()
    stop.set()
    assert not footage.build_index(stop)
    assert not footage.usage().complete
    assert footage.build_index(NEVER)
    assert sum(camera.segments for camera in footage.usage().cameras.values()) == 120


def test_what_is_closed_and_erased_while_counting_is_counted_once(house: House) -> None:
    archive = make_archive(house.root / "old", 2, 4, 50)
    _, ledger, footage = house.attach(archive.state.parent)
    counter = threading.Thread(target=footage.build_index, args=(NEVER,))
    counter.start()
    for number in range(10):
        record(footage, "camera-01", NOON + number * 3 * NS)
        refs = footage.oldest()
        ledger.erase([next(refs), next(refs)], "capacity", NOON, lambda ref: True, threading.Lock())
    counter.join()
    usage = footage.usage()
    refs_left = list(footage.oldest())
    assert usage.complete
    assert sum(camera.segments for camera in usage.cameras.values()) == len(refs_left) == 400 + 10 - 20
    assert usage.allocated_bytes == sum(ref.allocated_bytes for ref in refs_left)
    assert sum(camera.recorded_ns for camera in usage.cameras.values()) == sum(
        ref.end_utc_ns - ref.start_utc_ns for ref in refs_left
    )


def test_a_cut_segment_is_counted(footage: Footage) -> None:
    footage.build_index(NEVER)
    opened = footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq)[:-1])
    segment = footage.cut_segment(opened)
    assert segment is not None
    assert footage.usage().allocated_bytes == segment.allocated_bytes


def test_a_recovered_segment_that_was_never_hashed_is_found_by_counting(house: House, footage: Footage) -> None:
    opened = footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq))
    footage.cut_segment(opened)
    for number in range(200):  # so many lines later that recovery's look at the tail does not meet it
        record(footage, "front", NOON + (number + 1) * 3 * NS, seconds=1)
    house.detach()
    _, _, footage = house.attach()
    footage.recover()
    assert footage.hash_pending() == 0
    footage.build_index(NEVER)
    assert footage.hash_pending() == 1


def test_usage_is_cheap_enough_to_be_asked_on_an_event_loop(
    footage: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    record(footage, "front")
    footage.build_index(NEVER)
    first = footage.usage()
    assert footage.usage() is first
    erase(list(footage.oldest()))
    assert footage.usage() is not first
    assert footage.usage().cameras["front"].segments == 0
