"""STATE cannot be written (remounted read-only by the kernel, or by hand): recording goes on, and status tells the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.faults import read_only
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish


@pytest.fixture(scope="module")
def camera() -> Iterator[RtspServer]:
    with RtspServer([Mount("door")]) as server:
        yield server


def with_door(data: Path, camera: RtspServer, media: Path | None = None) -> Service:
    """A service that has this camera from its start."""
    made = Service(data, media=media)
    furnish(data, {"door": camera.url("door")})
    return made


@pytest.mark.parametrize("torn", [b"", b"\0" * 4096], ids=["a spare", "a torn file"])
def test_recording_goes_on_after_a_kill_although_state_is_read_only(
    tmp_path: Path, camera: RtspServer, torn: bytes
) -> None:
    """Seen: a torn file in `open` kept the whole volume from being used, and people were sent to the camera's power."""
    door = "door"
    with with_door(tmp_path / "data", camera) as service:
        service.await_recording(door)
        service.kill()
        lying = tmp_path / "data/media/footage" / door / "open/0000000900.mp4"
        lying.write_bytes(torn)
        with read_only(tmp_path / "data/state"):
            service.start()
            service.await_recording(door)
            repairs = service.repairs()
            assert "media_volume" not in repairs
            assert "power" not in " ".join(repair.next_step for repair in repairs.values())
            told = wait_for("a repair about the state", lambda: service.repairs().get("state_unwritable"))
            assert "recording continues" in told.next_step
            assert service.client.status().cameras[0].state == "recording"
            # What lay there is not taken for footage, and is named.
            assert lying.exists() == bool(torn)
            service.kill()
        service.start()
        service.await_recording(door)
        assert not lying.exists()
        wait_for("the repair's end", lambda: "state_unwritable" not in service.repairs())
        assert service.verify().problems == []


def test_recording_goes_on_when_state_goes_read_only_while_it_runs(tmp_path: Path, camera: RtspServer) -> None:
    door = "door"
    with with_door(tmp_path / "data", camera) as service:
        service.await_recording(door)
        with read_only(tmp_path / "data/state"):
            wait_for("a repair about the state", lambda: service.repairs().get("state_unwritable"))
            camera.kill()
            wait_for("the gap", lambda: service.camera(door).state != "recording")
            camera.start()
            service.await_recording(door)
        wait_for("the repair's end", lambda: "state_unwritable" not in service.repairs())
        assert service.verify().problems == []


def test_no_disk_at_start_sends_nobody_to_the_cameras(tmp_path: Path, camera: RtspServer) -> None:
    """Seen: "Door cannot be reached. Check its power and network cable", while the media disk was not mounted."""
    media = tmp_path / "media"
    media.mkdir()
    door = "door"
    with with_door(tmp_path / "data", camera, media) as service:
        service.await_recording(door)
        service.stop()
        media.rename(tmp_path / "away")
        service.start()
        wait_for("it is told", lambda: service.camera(door).reason == "disk missing")
        told = wait_for("the alarm", lambda: service.repairs().get(f"camera_silent:{door}"))
        assert told.sentence == "The media disk is missing, so door is not recorded."
        (tmp_path / "away").rename(media)
        service.await_recording(door)
