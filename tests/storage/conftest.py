"""A volume of its own for each test, on the real disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import reserve
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.volume import Volume, init_volume


@dataclass
class House:
    """A set-up data folder, and the parts of storage over it."""

    root: Path
    volumes: list[Volume] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def media(self) -> Path:
        return self.root / "media"

    def attach(self, root: Path | None = None) -> tuple[Volume, Ledger, Footage]:
        """Attaches the volume, or a copy of it at `root`."""
        root = root or self.root
        volume = Volume.attach(root / "state", root / "media")
        self.volumes.append(volume)
        ledger = Ledger(volume)
        return volume, ledger, Footage(volume, ledger)

    def detach(self) -> None:
        for volume in self.volumes:
            volume.detach()
        self.volumes.clear()


@pytest.fixture(autouse=True)
def _small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MB for each test would be a strain on the disk; its size is what test_volume looks at."""
    monkeypatch.setattr(reserve, "RESERVE_BYTES", 256 * 1024)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    init_volume(tmp_path / "data" / "state", tmp_path / "data" / "media", 1)
    made = House(tmp_path / "data")
    yield made
    made.detach()


@pytest.fixture
def volume(house: House) -> Volume:
    return house.attach()[0]


@pytest.fixture
def ledger(volume: Volume) -> Ledger:
    return Ledger(volume)


@pytest.fixture
def footage(volume: Volume, ledger: Ledger) -> Footage:
    return Footage(volume, ledger)


@pytest.fixture
def erase(ledger: Ledger) -> Callable[[list[SegmentRef]], int]:
    """Erases segments that nobody holds."""
    return lambda refs: ledger.erase(refs, "capacity", 1_800_000_000 * 10**9, lambda ref: True, threading.Lock())
