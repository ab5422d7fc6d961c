"""Holds under random sequences of place, extend, lift, sweep, archive, crash, lost footage and lost state, on a disk that fails.

After every step: not one held byte is lost, and over the budget nothing lies that nobody holds (P16, P15). The sequences are
numbered; a failure names its seed and its steps, and ``run_sequence(root, SEED)`` plays it again.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_storage.volume import index, reserve
from tests.core.holds.hold_sequences import run_sequence
from tests.rig.faults import LoopImage

SEQUENCES, PARTS = 160, 4


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A small reserve, no pauses for other threads, and no record of the thousands of warnings that faults deserve."""
    monkeypatch.setattr(reserve, "RESERVE_BYTES", 256 * 1024)
    monkeypatch.setattr(index, "_PAUSE_S", 0)
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Faults are made by hand here, so memory does for a disk; a folder on disk where there is no /dev/shm."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="holdshelf-sequences-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, first: int, count: int, length: int = 30) -> Counter[str]:
    met: Counter[str] = Counter()
    open_before = len(os.listdir("/proc/self/fd"))
    for seed in range(first, first + count):
        root = folder / str(seed)
        root.mkdir()
        met += run_sequence(root / "data", seed, length).tally
        shutil.rmtree(root)
    assert len(os.listdir("/proc/self/fd")) <= open_before + 3, "descriptors are left open"
    return met


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_p16_random_sequences_lose_no_held_byte_and_keep_nothing_else_over_the_budget(memory: Path, part: int) -> None:
    count = SEQUENCES // PARTS
    met = run(memory, part * count, count)
    # What would prove nothing is seen: erasing went past held footage, shelves came and went, crashes came.
    assert met["erased"] > 2 * count
    for what in ("sweeps past held ones", "entry waits", "united", "taken off the shelf", "copied", "put back"):
        assert met[what] > count // 20, (what, met)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_p16_a_thousand_longer_sequences_lose_no_held_byte_either(memory: Path) -> None:
    met = run(memory, int(os.environ.get("HOLDSHELF_SEED", "100000")), 1000, 90)
    assert met["erased"] > 6000


def on_real_disk(first: int, count: int) -> Counter[str]:
    met: Counter[str] = Counter()
    for seed in range(first, first + count):
        with LoopImage(100) as disk:
            met += run_sequence(disk.mount_point / "data", seed, disk=disk).tally
    return met


@pytest.mark.timeout(600)
def test_p16_held_bytes_survive_power_cuts_of_a_real_disk() -> None:
    met = on_real_disk(0, 10)
    assert met["power cuts"] > 15
    assert met["sweeps past held ones"] > 2


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_p16_held_bytes_survive_hundreds_of_power_cuts_of_a_real_disk() -> None:
    met = on_real_disk(int(os.environ.get("HOLDSHELF_SEED", "200000")), 200)
    assert met["power cuts"] > 200
