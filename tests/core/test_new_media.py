"""A media disk that died: a new one takes its place, and cameras and settings stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from holdshelf_core.api import local
from holdshelf_core.api.errors import HoldshelfError
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service


def _init(data: Path, *, new_media: bool) -> str:
    return local.init(data, media=None, budget_bytes=None, floor_days=None, new_media=new_media)


def test_a_new_disk_takes_the_place_of_a_dead_one(service: Service) -> None:
    with RtspServer([Mount("door")]) as server:
        camera = service.add(server.url("door"), "Door")
        service.await_recording(camera)
        service.stop()
        shutil.rmtree(service.data / "media")
        (service.data / "media").mkdir()
        with pytest.raises(HoldshelfError, match="is its disk mounted"):
            _init(service.data, new_media=False)
        _init(service.data, new_media=True)
        service.start()
        service.await_recording(camera)
        assert service.verify().problems == []


def test_a_disk_that_is_there_is_never_given_up(service: Service) -> None:
    service.stop()
    before = (service.data / "state" / "volume.json").read_bytes()
    with pytest.raises(HoldshelfError, match="nothing is lost"):
        _init(service.data, new_media=True)
    assert (service.data / "state" / "volume.json").read_bytes() == before
