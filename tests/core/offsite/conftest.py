"""One Ceph for all that `make test-s3` runs, and a shelf with a bucket of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import ceph as rig
from tests.rig.ceph import Ceph


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    with rig.running() as made:
        yield made


@pytest.fixture
def elsewhere(ceph: Ceph, tmp_path: Path) -> Iterator[object]:
    from holdshelf_core.offsite.sealing import new_key  # noqa: PLC0415 - what needs no store is tried without
    from tests.rig.elsewhere import Elsewhere, place_of  # noqa: PLC0415

    private, public = new_key()
    made = Elsewhere(tmp_path, place_of(ceph, recipient=public), private)
    yield made
    made.close()
