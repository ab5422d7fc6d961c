"""Shared fixtures: the real service on a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with an empty data folder."""
    with Service(tmp_path / "data") as running:
        yield running
