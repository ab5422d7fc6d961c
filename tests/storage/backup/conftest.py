"""A filled STATE, and a backup of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdshelf_storage.backup.backup import backup
from tests.storage.backup.archives import NOW, fill
from tests.storage.conftest import House


@pytest.fixture
def state(house: House) -> Path:
    fill(house.state)
    return house.state


@pytest.fixture
def archive(state: Path, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    backup(state, path, NOW)
    return path
