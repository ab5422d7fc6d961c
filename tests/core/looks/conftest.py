"""What all of them need: running picture workers, a clip of thirty numbered frames, its segment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdshelf_core.looks.pictures import Burn, OpenPicture, Pictures
from tests.core.looks.clips import Clip, counting, encode, opened
from tests.rig.hang import HANG_S


@pytest.fixture(scope="session")
def clip() -> Clip:
    """Three seconds of H.264, 320 × 180, ten frames and one key frame a second."""
    return encode(counting())


@pytest.fixture
def segment(clip: Clip, tmp_path: Path) -> OpenPicture:
    return opened(clip.write(tmp_path / "segment.mp4"), 3)


@pytest.fixture
async def pictures() -> AsyncIterator[Pictures]:
    made = Pictures(timeout_s=HANG_S)  # which is not the subject: the machine may be busy
    made.open()
    await made.async_confinement()
    yield made
    await made.async_stop()


@pytest.fixture
def burn() -> Burn:
    return Burn(library="Town Library", camera_name="Front desk", person="Ada Director", log_seq=4711)
