"""The oldest goes first, by sequence, over all cameras and days, whatever the wall clock did."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.storage.conftest import House
from tests.storage.footage.footage_files import NOON, NS, record

STARTS = [0, layout.day_start_ns("2026-11-23"), NOON, NOON + 86_400 * NS, layout.day_start_ns("2127-01-01")]

segments = st.lists(
    st.tuples(st.sampled_from(["front", "back"]), st.sampled_from(STARTS), st.integers(0, 23 * 3600)), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(segments, st.booleans(), st.data())
def test_erasing_follows_the_sequence_whatever_the_clock_did(
    tmp_path_factory: pytest.TempPathFactory,
    recorded: list[tuple[str, int, int]],
    counted: bool,
    data: st.DataObject,
) -> None:
    root = tmp_path_factory.mktemp("order")
    init_volume(root / "state", root / "media", 1)
    volume = Volume.attach(root / "state", root / "media")
    try:
        ledger = Ledger(volume)
        footage = Footage(volume, ledger)
        if counted:
            footage.build_index(threading.Event())
        seqs = [record(footage, camera, day + second * NS, seconds=1).seq for camera, day, second in recorded]
        assert seqs == sorted(seqs)
        gone = 0
        while True:
            refs = list(footage.oldest())
            assert [ref.seq for ref in refs] == seqs[gone:]
            if not refs:
                break
            number = data.draw(st.integers(1, len(refs)))
            ledger.erase(refs[:number], "capacity", NOON, lambda ref: True, threading.Lock())
            gone += number
            usage = footage.usage()
            if counted:
                assert sum(camera.segments for camera in usage.cameras.values()) == len(seqs) - gone
                assert usage.allocated_bytes == sum(ref.allocated_bytes for ref in refs[number:])
                for camera, of_camera in usage.cameras.items():
                    left = [ref for ref in refs[number:] if ref.camera == camera]
                    assert of_camera.oldest_utc_ns == (left[0].start_utc_ns if left else None)
                    assert of_camera.newest_utc_ns == (left[-1].end_utc_ns if left else None)
    finally:
        volume.detach()


def test_days_that_interleave_after_a_clock_step_are_merged(footage: Footage) -> None:
    for start in (NOON, NOON + 86_400 * NS, NOON + 60 * NS, NOON + 86_460 * NS):
        record(footage, "front", start, seconds=1)
        record(footage, "back", start, seconds=1)
    refs = list(footage.oldest())
    assert [ref.seq for ref in refs] == list(range(1, 9))
    assert [ref.day[-2:] for ref in refs] == ["24", "24", "25", "25", "24", "24", "25", "25"]


def test_open_segments_are_never_handed_out(footage: Footage) -> None:
    footage.open_segment("front")
    record(footage, "back")
    assert [ref.camera for ref in footage.oldest()] == ["back"]


def test_an_iterator_may_be_kept_while_recording_and_erasing_go_on(
    footage: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    for number in range(6):
        record(footage, "front", NOON + number * 3 * NS)
    refs = footage.oldest()
    first = [next(refs), next(refs)]
    erase(first)
    record(footage, "front", NOON + 18 * NS)
    assert [ref.seq for ref in refs] == [3, 4, 5, 6]


def test_a_file_without_a_journal_line_is_erased_in_its_turn(
    house: House, footage: Footage, erase: Callable[[list[SegmentRef]], int]
) -> None:
    for number in range(3):
        record(footage, "front", NOON + number * 3 * NS)
    path = house.media / "footage/front/2026-11-24/journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    refs = list(footage.oldest())
    assert [ref.seq for ref in refs] == [1, 2, 3]
    assert all(ref.allocated_bytes > 0 for ref in refs)
    assert erase(refs[:2]) == refs[0].allocated_bytes + refs[1].allocated_bytes
