"""A full or read-only disk: appends are refused in one sentence, nothing half written stays, and it works again after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.errors import DiskFull, StorageError, VolumeReadOnly
from holdshelf_storage.volume.reserve import Reserve
from tests.rig.faults import LoopImage, SizedTmpfs, fill
from tests.rig.parts import program, run
from tests.storage.access_log.log_parts import MONTH_NS, NOVEMBER, entry, made, opened, problems, publics

pytestmark = pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="mounting needs root")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with SizedTmpfs(8) as disk:
        yield disk.mount_point / "state"


def long_entry(number: int) -> tuple[dict[str, object], dict[str, str]]:
    public, private = entry(number, private=True)
    return public, {**private, "text": "x" * 30_000}


def test_on_a_full_disk_appends_are_refused_and_succeed_once_there_is_room(small_disk: Path) -> None:
    with opened(small_disk) as log:
        log.append(*entry(0))
        before = (small_disk / "access" / "2026-11.jsonl").read_bytes()
        filler = fill(small_disk)
        for number in range(1, 4):
            with pytest.raises(DiskFull) as refused:
                log.append(*long_entry(number))
            assert str(refused.value).count(".") == 1
            assert "the disk is full" in str(refused.value)
            assert (small_disk / "access" / "2026-11.jsonl").read_bytes() == before
        assert isinstance(log.unwritable, DiskFull)
        assert log.problem is None
        filler.unlink()
        assert log.append(*long_entry(5)) == 2
        assert log.append(*entry(6, NOVEMBER + MONTH_NS)) == 3
        assert log.unwritable is None
        assert len(publics(log)) == 3
    assert problems(small_disk) == []


def test_the_reserve_is_spent_on_the_log_before_it_refuses(small_disk: Path) -> None:
    small_disk.mkdir()
    reserve = Reserve(small_disk, 512 * 1024)
    assert reserve.restore()
    with opened(small_disk, reserve=reserve) as log:
        log.append(*entry(0))
        fill(small_disk)
        for number in range(1, 10):
            assert log.append(*long_entry(number)) == number + 1
        assert not reserve.is_whole
        with pytest.raises(DiskFull):
            for number in range(10, 100):
                log.append(*long_entry(number))
        size = log.size
    with opened(small_disk, reserve=reserve) as log:
        assert (log.problem, log.size) == (None, size)
    assert problems(small_disk) == []


def test_a_log_cannot_be_begun_on_a_full_disk_and_says_so(small_disk: Path) -> None:
    small_disk.mkdir()
    filler = fill(small_disk)
    with pytest.raises(DiskFull, match="the disk is full"):
        AccessLog.open(small_disk)
    filler.unlink()
    with opened(small_disk) as log:
        assert log.append(*entry(0)) == 1
    assert problems(small_disk) == []


def test_a_log_on_a_read_only_disk_is_opened_read_and_not_written(small_disk: Path) -> None:
    made(small_disk, range(3))
    with (small_disk / "access" / "2026-11.jsonl").open("ab") as file:
        file.write(b'{"private":{"no')  # what a crash left
    remount(small_disk, "ro")
    log = AccessLog.open(small_disk)
    try:
        assert log.problem is None
        assert isinstance(log.unwritable, VolumeReadOnly)
        assert len(publics(log)) == 3
        assert log.public_key.check(log.head()).size == 3
        with pytest.raises(VolumeReadOnly, match="read-only"):
            log.append(*entry(3))
        remount(small_disk, "rw")
        assert log.append(*entry(3)) == 4
    finally:
        log.close()
    assert problems(small_disk) == []


def remount(state: Path, how: str) -> None:
    run(program("mount", "mount"), "-o", f"remount,{how}", str(state.parent))


def test_a_disk_that_goes_read_only_under_the_log_costs_only_what_was_not_confirmed() -> None:
    with LoopImage(16) as disk:
        state = disk.mount_point / "state"
        state.mkdir()
        log = AccessLog.open(state)
        for number in range(5):
            log.append(*entry(number))
        disk.force_read_only()
        for number in range(5, 8):
            with pytest.raises(StorageError) as refused:
                log.append(*entry(number))
            assert str(refused.value).endswith(".")
        assert log.problem is None
        assert log.unwritable is not None
        assert len(publics(log)) == 5
        log.close()
        disk.mend()
        with opened(state) as log:
            assert log.problem is None
            assert len(publics(log)) >= 5
            assert log.append(*entry(8)) == log.size
        assert problems(state) == []
