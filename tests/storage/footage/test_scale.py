"""The cost follows the answer, not the archive. (bench/archive.py measures the same with a million segments.)"""

from __future__ import annotations

import threading
import time

from holdshelf_storage import layout
from holdshelf_storage.footage.verify import verify
from tests.storage.archive import make_archive
from tests.storage.conftest import House


def best_ms(call: object, times: int = 5) -> float:
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()  # type: ignore[operator]
        taken.append((time.process_time() - began) * 1000)
    return min(taken)


def test_a_camera_day_is_found_in_20_ms_first_day_and_last_alike(house: House) -> None:
    archive = make_archive(house.root / "old", 1, 12, 1440)
    _, _, footage = house.attach(archive.state.parent)
    for day in (archive.days[0], archive.days[-1]):
        start = layout.day_start_ns(day)
        spans = footage.query("camera-01", start, start + layout.DAY_NS)
        assert len(spans) == 1440
        assert best_ms(lambda start=start: footage.query("camera-01", start, start + layout.DAY_NS)) < 20


def test_starting_does_not_look_at_the_archive(house: House) -> None:
    """Twenty times the days cost nothing that one could see."""
    taken = []
    for number, days in enumerate((2, 40)):
        archive = make_archive(house.root / f"old-{number}", 4, days, 60)

        def start(archive_root: object = archive.state.parent) -> None:
            _, _, footage = house.attach(archive_root)  # type: ignore[arg-type]
            footage.recover()
            footage.open_segment("camera-01")
            house.detach()

        taken.append(best_ms(start))
    # Looking at each of its 9,600 files would take longer.
    assert taken[1] < taken[0] + 100


def test_a_synthetic_archive_is_a_sound_one(house: House) -> None:
    archive = make_archive(house.root / "old", 2, 2, 30)
    _, ledger, footage = house.attach(archive.state.parent)
    report = verify(footage, deep=True)
    assert (report.segments, report.problems) == (120, [])
    assert footage.recover().problems == []
    footage.build_index(threading.Event())
    refs = list(footage.oldest())
    assert [ref.seq for ref in refs] == list(range(1, 121))
    ledger.erase(refs[:70], "capacity", 1, lambda ref: True, threading.Lock())
    assert footage.days("camera-01") == [archive.days[1]]
    assert verify(footage).problems == []
