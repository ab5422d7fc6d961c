"""SDP as cameras really write it: tracks, parameter sets, what cannot be recorded."""

from __future__ import annotations

import socket

import pytest

from holdshelf_core.recorder.worker.sdp import parse_sdp
from holdshelf_core.recorder.worker.source import SourceError
from tests.core.recorder.worker.rtsp_parts import PPS, SPS, dial, expected_footage, recorded, some_footage
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp, sdp

H264 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"


@pytest.mark.parametrize(
    "body",
    [
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:track1\n",
        "m=video 0 RTP/AVP 96\ra=rtpmap:96 H264/90000\ra=control:track1",
        "v=0\r\n\r\n m=video  -1353744643  RTP/AVP  96\r\n\ta=rtpmap: 96  h264 / 90000\r\nc=IN IP4 '&\r\na=Control: track1\r\n",
        "v=0\r\ns=a\r\ns=b\r\nm=application/MERCURY 0 RTP/AVP smart/1/90000\r\na=rtpmap:95 MERCURY/90000\r\n" + H264,
        H264 + "\0\0\0",
    ],
)
def test_descriptions_are_read_loosely(body: str) -> None:
    track = parse_sdp(body.encode())
    assert (track.codec, track.payload_type, track.ticks_per_s, track.control) == ("h264", 96, 90_000, "track1")


def test_a_description_in_another_charset_is_read() -> None:
    assert parse_sdp("v=0\r\ns=摄像头\r\ni=Überwachung\r\n".encode("gb18030") + H264.encode()).control == "track1"


def test_of_several_video_tracks_the_first_that_can_be_recorded_is_and_a_sentence_says_so() -> None:
    body = "m=video 0 RTP/AVP 26\r\na=control:jpeg\r\n" + H264 + H264.replace("track1", "track2")
    track = parse_sdp(body.encode())
    assert track.control == "track1"
    assert track.note == "it offers 3 video tracks (mjpeg, H264, H264); the first H.264 or H.265 one is recorded"
    assert not parse_sdp(H264.encode()).note


@pytest.mark.parametrize(
    ("codec", "fmtp"),
    [("H265", "sprop-max-don-diff=2"), ("H265", "sprop-depack-buf-nalus=1"), ("H264", "packetization-mode=2")],
)
def test_interleaved_pictures_are_refused_in_a_sentence(codec: str, fmtp: str) -> None:
    with pytest.raises(SourceError, match=r"out of order.*turn interleaving off") as caught:
        parse_sdp(sdp(codec=codec, fmtp=fmtp).encode())
    assert caught.value.reason == "not recordable"
    assert parse_sdp(sdp(codec=codec, fmtp="sprop-max-don-diff=0;packetization-mode=1").encode()).payload_type == 96


def test_parameter_sets_in_the_description_are_found_wherever_and_however_they_stand() -> None:
    whole = sdp(sets=[SPS, PPS])
    assert parse_sdp(whole.encode()).parameter_sets == {SPS, PPS}
    fmtp = next(line for line in whole.split("\r\n") if line.startswith("a=fmtp"))
    elsewhere = whole.replace(fmtp + "\r\n", "") + "m=audio 0 RTP/AVP 0\r\n" + fmtp + "\r\n"
    assert parse_sdp(elsewhere.encode()).parameter_sets == {SPS, PPS}
    assert parse_sdp(whole.replace("=\r\n", "\r\n").replace("==", "").encode()).parameter_sets == {SPS, PPS}
    started = sdp(sets=[b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS])
    assert parse_sdp(started.encode()).parameter_sets == {SPS, PPS}
    assert parse_sdp(whole.replace("sprop-parameter-sets=", "sprop-parameter-sets=,").encode()).parameter_sets == {
        SPS,
        PPS,
    }


def test_audio_is_never_set_up() -> None:
    both = "m=audio 0 RTP/AVP 0\r\na=control:sound\r\n" + H264
    with ScriptedRtsp(description=both, media=some_footage(RtpSender())) as server:
        assert recorded(dial(server))[0] == expected_footage()
    assert [request.url.rsplit("/", 1)[1] for request in server.asked("SETUP")] == ["track1"]


def test_the_kernel_lets_go_of_every_connection() -> None:
    with ScriptedRtsp(media=some_footage(RtpSender())) as server:
        sources = [dial(server) for _ in range(3)]
        for source in sources:
            recorded(source)
            assert source._socket.fileno() == -1
            assert isinstance(source._socket, socket.socket)
