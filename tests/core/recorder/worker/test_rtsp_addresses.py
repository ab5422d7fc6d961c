"""Where a camera says that its streams are: redirects, bases and control addresses, as cameras really write them."""

from __future__ import annotations

import pytest

from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.sdp import base_url, track_url
from holdshelf_core.recorder.worker.source import SourceError
from tests.core.recorder.worker.rtsp_parts import dial, expected_footage, recorded, some_footage
from tests.rig.scripted_rtsp import Request, RtpSender, ScriptedRtsp, reply


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Moved Temporarily", "305 Use Proxy"])
def test_a_redirect_is_followed_once_at_the_same_host(status: str) -> None:
    with ScriptedRtsp(media=some_footage(RtpSender())) as there:
        for location in (there.url, there.url.replace("/stream", "/other")):
            moved = {"DESCRIBE": lambda request, to=location: reply(request, f"Location: {to}", status=status)}
            with ScriptedRtsp(answers=moved) as here:
                assert recorded(dial(here))[0] == expected_footage()
            assert there.asked("DESCRIBE")[-1].url == location


def test_a_relative_redirect_and_one_that_options_gives_are_followed() -> None:
    def moves(request: Request) -> bytes:
        return b"" if request.number else reply(request, "Location: /elsewhere", status="301 Moved Permanently")

    with ScriptedRtsp(media=some_footage(RtpSender()), answers={"OPTIONS": moves}) as server:
        assert recorded(dial(server))[0] == expected_footage()
    assert server.asked("DESCRIBE")[0].url == f"rtsp://127.0.0.1:{server.port}/elsewhere"


@pytest.mark.parametrize(
    "location",
    ["rtsp://192.0.2.1:554/x", "rtsp://user:secret@localhost.example/x", "http://127.0.0.1/x", "", "rtsp://"],
)
def test_a_redirect_elsewhere_is_refused_in_a_sentence(location: str) -> None:
    moved = {"DESCRIBE": lambda request: reply(request, f"Location: {location}", status="302 Moved")}
    with ScriptedRtsp(answers=moved) as server, pytest.raises(SourceError) as caught:
        RtspSource(server.url, "viewer", "shelf-42")
    assert caught.value.reason == "stream moved"
    assert "secret" not in caught.value.detail


def test_redirects_without_end_are_refused() -> None:
    moved = {"DESCRIBE": lambda request: reply(request, "Location: /round", status="302 Moved")}
    with ScriptedRtsp(answers=moved) as server, pytest.raises(SourceError, match="from one address to the next"):
        dial(server)
    assert len(server.asked("DESCRIBE")) == 2


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://h/live", "track1", "rtsp://h/live/track1"),
        ("rtsp://h/live/", "track1", "rtsp://h/live/track1"),
        ("rtsp://h/live/", "/track1", "rtsp://h/live/track1"),
        ("rtsp://h/cam?channel=1&subtype=0/", "trackID=0", "rtsp://h/cam?channel=1&subtype=0/trackID=0"),
        ("rtsp://h/live", "rtsp://h/live/track1", "rtsp://h/live/track1"),
        ("rtsp://h/live/", "*", "rtsp://h/live/"),
        ("rtsp://h/live/", "", "rtsp://h/live/"),
    ],
)
def test_control_addresses(base: str, control: str, expected: str) -> None:
    assert track_url(base, control) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", "rtsp://10.0.0.9:8554/s"),
        ("rtsp://10.0.0.9:8554/s/", "rtsp://10.0.0.9:8554/s/"),
        ("rtsp://rtsp://cam.lan:554/s/", "rtsp://cam.lan:554/s/"),
        ("192.168.1.10:554/s/", "rtsp://192.168.1.10:554/s/"),
        ("/s/", "rtsp://10.0.0.9:8554/s/"),
        ("http://evil/", "rtsp://10.0.0.9:8554/s"),
        ("rtsp://h/a b\x07", "rtsp://10.0.0.9:8554/s"),
    ],
)
def test_content_base_is_put_right(said: str, expected: str) -> None:
    assert base_url(said, "rtsp://10.0.0.9:8554/s") == expected


def test_a_content_base_names_addresses_and_is_never_dialed() -> None:
    with ScriptedRtsp(media=some_footage(RtpSender()), base="rtsp://192.0.2.7/nat/") as server:
        assert recorded(dial(server))[0] == expected_footage()
    assert server.asked("SETUP")[0].url == "rtsp://192.0.2.7/nat/track1"
    assert server.asked("PLAY")[0].url == "rtsp://192.0.2.7/nat/"


def test_a_login_inside_the_address_stays_out_of_what_is_sent() -> None:
    with ScriptedRtsp() as server:
        RtspSource(server.url.replace("//", "//me:secret@"), None, None).close()
    assert not any("secret" in request.url for request in server.requests)
