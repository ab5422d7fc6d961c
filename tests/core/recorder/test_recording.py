"""Lens to disk on real streams: what was recorded is what was sent, and nothing else was received."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.buffer.types import SegmentRow, VerifyReport
from tests.rig.hashes import is_run_of, recorded_hashes
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish

MOUNTS = [
    Mount("h264-720p", media="h264_720p", audio="aac"),
    Mount("h265-360p", media="h265_360p", audio="pcmu"),
    Mount("h264-bigkey", media="h264_bigkey"),
    Mount("h264-100k", media="h264_100k"),
    Mount("sizes", media="h264_change"),
]
SENT = 70
"""Pictures of each camera: some groups of each, and of the one that changes both sizes."""


@dataclass(frozen=True)
class Taken:
    """What a service with several cameras recorded until it was stopped, and what it says of it after the next start."""

    files: dict[str, list[Path]]
    sent: dict[str, list[str]]
    mounts: dict[str, dict[str, Any]]
    left_open: list[Path]
    segments: list[SegmentRow]
    verified: VerifyReport


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    names = [mount.name for mount in MOUNTS]
    service = Service(tmp_path_factory.mktemp("taken") / "data")
    with contextlib.closing(service):
        with RtspServer(MOUNTS) as server:
            furnish(service.data, {name: server.url(name) for name in names})
            service.start()
            service.await_recording(*names)
            before = {name: len(server.sent(name)) for name in names}
            wait_for("enough was sent", lambda: all(len(server.sent(n)) > before[n] + SENT for n in names), every=0.3)
            wait_for("another size of picture", lambda: len(service.segments("sizes")) >= 1, every=0.3)
            service.await_recording("sizes")
            mounts = server.stats()["mounts"]
            assert service.stop() == 0
            sent = {name: server.sent_hashes(name) for name in names}
        footage = service.data / "media" / "footage"
        left_open = [path for name in names for path in (footage / name / "open").iterdir()]
        files = {name: service.files(name) for name in names}
        service.start()
        yield Taken(files, sent, mounts, left_open, service.segments(), service.verify())


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that no test stops; each adds a camera of its own."""
    with Service(tmp_path_factory.mktemp("living") / "data") as running:
        yield running


@pytest.mark.parametrize("name", ["h264-720p", "h265-360p", "h264-bigkey", "h264-100k"])
def test_every_access_unit_is_recorded_as_it_was_sent(taken: Taken, name: str) -> None:
    recorded = recorded_hashes(taken.files[name])
    assert len(recorded) > SENT // 2
    assert is_run_of(recorded, taken.sent[name])


@pytest.mark.alone  # no packet may be lost
def test_every_access_unit_is_recorded_as_it_was_sent_by_udp(service: Service) -> None:
    with RtspServer([Mount("door", audio="pcmu")]) as server:
        camera = service.add(server.url("door"), "Door", transport="udp")
        service.await_recording(camera)
        before = len(server.sent("door"))
        wait_for("enough was sent", lambda: len(server.sent("door")) > before + SENT)
        assert service.stop() == 0
        recorded = recorded_hashes(service.files(camera))
        assert len(recorded) > SENT // 2
        assert is_run_of(recorded, server.sent_hashes("door"))


def test_sound_is_never_asked_for(taken: Taken) -> None:
    for mount in taken.mounts.values():
        assert mount["setups"]["video"] >= 1
        assert mount["setups"]["audio"] == 0
        assert mount["audio_packets"] == 0


def test_a_new_resolution_starts_a_new_segment_and_loses_no_frame(taken: Taken) -> None:
    recorded = recorded_hashes(taken.files["sizes"])
    assert is_run_of(recorded, taken.sent["sizes"])
    sizes = {(row.width, row.height) for row in taken.segments if row.camera == "sizes"}
    assert len(sizes) >= 2


def test_a_camera_with_a_password_is_recorded_over_tls(living: Service) -> None:
    password = "p@ss:w/o%rd"
    mounts = [Mount(auth, auth=auth, password=password, username="view er") for auth in ("basic", "digest")]  # type: ignore[arg-type]
    with RtspServer(mounts, tls=True) as server:
        cameras = [living.add(server.url(m.name), m.name, username="view er", password=password) for m in mounts]
        living.await_recording(*cameras)
        for camera in cameras:
            living.remove(camera)
    assert b"w/o%rd" not in (living.data / "state" / "register.json").read_bytes()
    assert "w/o%rd" not in living.log()


def test_a_camera_that_restarts_leaves_one_gap_with_its_reason(living: Service) -> None:
    with RtspServer([Mount("door")]) as server:
        camera = living.add(server.url("door"), "Gate")
        living.await_recording(camera)
        server.kill()
        wait_for("the loss is noticed", lambda: living.camera(camera).state != "recording")
        server.start()
        living.await_recording(camera)
        reasons = [gap.reason for gap in living.gaps(camera)]
        assert reasons[0] == "connecting"
        assert set(reasons[1:]) <= {"stream ended", "camera unreachable", "no frames"}
        assert len(reasons) > 1


def test_a_stopped_stream_is_alarmed_and_the_alarm_ends(living: Service) -> None:
    with RtspServer([Mount("door")]) as server:
        camera = living.add(server.url("door"), "Stair")
        living.await_recording(camera)
        server.stall("door")
        repair = wait_for("an alarm", lambda: living.repairs().get(f"camera_silent:{camera}"))
        assert "Stair" in repair.sentence
        server.resume("door")
        wait_for("the alarm's end", lambda: f"camera_silent:{camera}" not in living.repairs())


def test_wrong_password_no_stream_and_silence_are_told_apart(living: Service) -> None:
    with RtspServer([Mount("door", auth="digest"), Mount("hall")]) as server:
        door = living.add(server.url("door"), "Lock", username="viewer", password="shelf-42")
        hall = living.add(server.url("hall"), "Hall")
        living.await_recording(door, hall)
        mounts = server.mounts
        server.stop()
        with RtspServer(
            [Mount("door", auth="digest", password="changed"), Mount("other")],
            port=server.port("door"),
        ):
            wait_for("auth refused", lambda: living.camera(door).reason == "auth refused")
            wait_for("unreachable", lambda: living.camera(hall).reason == "camera unreachable")
        assert mounts


def test_service_stops_cleanly_on_sigterm_with_every_file_finished(taken: Taken) -> None:
    assert taken.left_open == []
    assert all(taken.files.values())
    assert taken.verified.problems == []
    assert all(not row.recovered for row in taken.segments)
