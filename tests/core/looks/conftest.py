"""What all of them need: running picture workers, a clip of thirty numbered frames, its segment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio.plugin import PytestAsyncioFunction

from holdshelf_core.looks.pictures import Burn, OpenPicture, Pictures
from tests.core.looks.clips import Clip, counting, encode, opened
from tests.rig.hang import HANG_S


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The async tests of a file run in one loop, as the workers that they share belong to one."""
    for item in items:
        if isinstance(item, PytestAsyncioFunction) and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="session")
def clip() -> Clip:
    """Three seconds of H.264, 320 × 180, ten frames and one key frame a second."""
    return encode(counting())


@pytest.fixture
def segment(clip: Clip, tmp_path: Path) -> OpenPicture:
    return opened(clip.write(tmp_path / "segment.mp4"), 3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def picture_workers() -> AsyncIterator[Pictures]:
    """Started once for a file.

    No clock ends a picture here: what is hostile has to meet a bound, and what is honest gets its time.
    """
    made = Pictures(timeout_s=HANG_S)
    made.open()
    await made.async_confinement()
    yield made
    await made.async_stop()


@pytest_asyncio.fixture(loop_scope="module")
async def pictures(picture_workers: Pictures) -> AsyncIterator[Pictures]:
    yield picture_workers
    picture_workers.forget_viewer("v")


@pytest.fixture
def burn() -> Burn:
    return Burn(library="Town Library", camera_name="Front desk", person="Ada Director", log_seq=4711)
