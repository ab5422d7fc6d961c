"""The rig's media: each frame is like no other, and each medium is as heavy as it is meant to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.rig import media
from tests.rig_lines import python


def test_two_processes_that_make_a_medium_at_once_get_the_same_and_leave_nothing_half_made(tmp_path: Path) -> None:
    script = "from tests.rig.media import media; print(media('h264_100k').units[-1])"
    environment = {**os.environ, "HOLDSHELF_RIG_CACHE": str(tmp_path)}
    both = [python(script, env=environment) for _ in range(2)]
    assert {process.communicate()[0].strip() for process in both} == {
        str(media.media("h264_100k").units[-1])
    }  # and the same as on any other day: it is deterministic
    assert len([entry for entry in tmp_path.iterdir() if entry.is_dir()]) == 1


@pytest.mark.parametrize("name", list(media.RECIPES))
def test_every_access_unit_of_a_medium_is_like_no_other(name: str) -> None:
    medium = media.media(name)
    assert medium.seconds >= 60
    assert len({unit.sha256 for unit in medium.units}) == len(medium.units)


def test_the_media_are_as_heavy_as_they_are_meant_to_be() -> None:
    assert media.media("h264_720p").bits_per_second == pytest.approx(2e6, rel=0.1)
    assert media.media("h264_100k").bits_per_second == pytest.approx(1e5, rel=0.2)
    keys = [unit.size for unit in media.media("h264_bigkey").units if unit.is_key]
    assert min(keys) >= 1_000_000
