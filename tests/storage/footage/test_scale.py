"""The cost follows the answer, not the archive. (bench/archive.py measures the same with a million segments.)"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from holdshelf_storage import layout
from holdshelf_storage.footage.verify import verify
from tests.storage.archive import make_archive
from tests.storage.conftest import House


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """How many files and folders a call opens, lists or asks the kernel about."""
    count = 0

    def counted[**P, R](real: Callable[P, R]) -> Callable[P, R]:
        def call(*arguments: P.args, **more: P.kwargs) -> R:
            nonlocal count
            count += 1
            return real(*arguments, **more)

        return call

    for name in ("open", "stat", "lstat", "listdir", "scandir"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr("builtins.open", counted(open))

    def measure(call: Callable[[], object]) -> int:
        before = count
        call()
        return count - before

    return measure


type LookedAt = Callable[[Callable[[], object]], int]


def test_a_camera_day_is_found_by_its_own_files_first_day_and_last_alike(house: House, looked_at: LookedAt) -> None:
    archive = make_archive(house.root / "old", 1, 12, 1440)
    _, _, footage = house.attach(archive.state.parent)
    counts = []
    for day in (archive.days[0], archive.days[-1]):
        start = layout.day_start_ns(day)
        spans = footage.query("camera-01", start, start + layout.DAY_NS)
        assert len(spans) == 1440
        counts.append(looked_at(lambda start=start: footage.query("camera-01", start, start + layout.DAY_NS)))
    assert max(counts) < 20, "its 1,440 files are not looked at, nor the other days"


def test_starting_does_not_look_at_the_archive(house: House, looked_at: LookedAt) -> None:
    """Three times the days, and not one file or folder more."""
    counts = []
    for number, days in enumerate((40, 120)):
        archive = make_archive(house.root / f"old-{number}", 4, days, 20)

        def start(archive_root: object = archive.state.parent) -> None:
            _, _, footage = house.attach(archive_root)  # type: ignore[arg-type]
            footage.recover()
            footage.open_segment("camera-01")
            house.detach()

        counts.append(looked_at(start))
    assert counts[0] == counts[1]


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
