"""Lens to disk on real streams: what was recorded is what was sent, and nothing else was received."""

from __future__ import annotations

import pytest

from tests.rig.hashes import is_run_of, recorded_hashes
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for


@pytest.mark.parametrize(
    ("media", "audio", "transport"),
    [
        ("h264_720p", "aac", "tcp"),
        ("h265_360p", "pcmu", "tcp"),
        pytest.param("h264_small", "pcmu", "udp", marks=pytest.mark.alone),  # no packet may be lost
        ("h264_bigkey", None, "tcp"),
        ("h264_100k", None, "tcp"),
    ],
)
def test_every_access_unit_is_recorded_as_it_was_sent(service: Service, media: str, audio: str, transport: str) -> None:
    with RtspServer([Mount("door", media=media, audio=audio)]) as server:
        camera = service.add(server.url("door"), "Door", transport=transport)
        service.await_recording(camera)
        before = len(server.sent("door"))
        wait_for("enough was sent", lambda: len(server.sent("door")) > before + 110)
        assert service.stop() == 0
        recorded = recorded_hashes(service.files(camera))
        assert len(recorded) > 60
        assert is_run_of(recorded, server.sent_hashes("door"))


def test_sound_is_never_asked_for(service: Service) -> None:
    with RtspServer([Mount("a", audio="aac"), Mount("b", media="h265_360p", audio="pcmu")]) as server:
        cameras = [service.add(server.url(name), name) for name in ("a", "b")]
        service.await_recording(*cameras)
        mounts = server.stats()["mounts"]
        for mount in mounts.values():
            assert mount["setups"]["video"] >= 1
            assert mount["setups"]["audio"] == 0
            assert mount["audio_packets"] == 0


def test_a_new_resolution_starts_a_new_segment_and_loses_no_frame(service: Service) -> None:
    with RtspServer([Mount("door", media="h264_change")]) as server:
        camera = service.add(server.url("door"), "Door")
        service.await_recording(camera)
        wait_for("three sizes of picture", lambda: len(service.segments(camera)) >= 2)
        service.stop()
        files = service.files(camera)
        recorded = recorded_hashes(files)
        assert is_run_of(recorded, server.sent_hashes("door"))
    service.start()
    sizes = {(row.width, row.height) for row in service.segments(camera)}
    assert len(sizes) >= 2


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_camera_with_a_password_is_recorded_over_tls(service: Service, auth: str) -> None:
    mount = Mount("door", auth=auth, password="p@ss:w/o%rd", username="view er")  # type: ignore[arg-type]
    with RtspServer([mount], tls=True) as server:
        camera = service.add(server.url("door"), "Door", username="view er", password="p@ss:w/o%rd")
        service.await_recording(camera)
    assert b"w/o%rd" not in (service.data / "state" / "register.json").read_bytes()
    assert "w/o%rd" not in service.log()


def test_a_camera_that_restarts_leaves_one_gap_with_its_reason(service: Service) -> None:
    with RtspServer([Mount("door")]) as server:
        camera = service.add(server.url("door"), "Door")
        service.await_recording(camera)
        server.kill()
        wait_for("the loss is noticed", lambda: service.camera(camera).state != "recording")
        server.start()
        service.await_recording(camera)
        reasons = [gap.reason for gap in service.gaps(camera)]
        assert reasons[0] == "connecting"
        assert set(reasons[1:]) <= {"stream ended", "camera unreachable", "no frames"}
        assert len(reasons) > 1


def test_a_stopped_stream_is_alarmed_and_the_alarm_ends(service: Service) -> None:
    with RtspServer([Mount("door")]) as server:
        camera = service.add(server.url("door"), "Door")
        service.await_recording(camera)
        server.stall("door")
        repair = wait_for("an alarm", lambda: service.repairs().get(f"camera_silent:{camera}"))
        assert "Door" in repair.sentence
        server.resume("door")
        wait_for("the alarm's end", lambda: f"camera_silent:{camera}" not in service.repairs())


def test_wrong_password_no_stream_and_silence_are_told_apart(service: Service) -> None:
    with RtspServer([Mount("door", auth="digest"), Mount("hall")]) as server:
        door = service.add(server.url("door"), "Door", username="viewer", password="shelf-42")
        hall = service.add(server.url("hall"), "Hall")
        service.await_recording(door, hall)
        mounts = server.mounts
        server.stop()
        with RtspServer(
            [Mount("door", auth="digest", password="changed"), Mount("other")],
            port=server.port("door"),
        ):
            wait_for("auth refused", lambda: service.camera(door).reason == "auth refused")
            wait_for("unreachable", lambda: service.camera(hall).reason == "camera unreachable")
        assert mounts


def test_service_stops_cleanly_on_sigterm_with_every_file_finished(service: Service) -> None:
    with RtspServer([Mount("a"), Mount("b", media="h265_360p")]) as server:
        cameras = [service.add(server.url(name), name) for name in ("a", "b")]
        service.await_recording(*cameras)
        assert service.stop() == 0
    for camera in cameras:
        assert not list((service.data / "media" / "footage" / camera / "open").iterdir())
        assert service.files(camera)
    service.start()
    assert service.verify().problems == []
    assert all(not row.recovered for row in service.segments())
