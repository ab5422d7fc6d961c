"""The recorder's own RTSP client: answers, SDP and logins, honest and hostile."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.recorder.worker.auth import Credentials
from holdshelf_core.recorder.worker.message import take_message
from holdshelf_core.recorder.worker.sdp import parse_sdp
from holdshelf_core.recorder.worker.source import SourceError

SPS, PPS = b"\x67\x64\x00\x1f\xac", b"\x68\xee\x3c\x80"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=cam\r\na=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:track2\r\n"
    "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n"
    f"a=fmtp:97 packetization-mode=1;sprop-parameter-sets={base64.b64encode(SPS).decode()},"
    f"{base64.b64encode(PPS).decode()};profile-level-id=64001f\r\na=control:track1\r\n"
)


def test_the_video_track_is_found_behind_the_sound() -> None:
    track = parse_sdp(SDP.encode())
    assert (track.codec, track.payload_type, track.ticks_per_s, track.control) == ("h264", 97, 90_000, "track1")
    assert track.parameter_sets == {SPS, PPS}


def test_broken_parameter_sets_are_left_to_the_key_frames() -> None:
    assert parse_sdp(SDP.replace("sprop-parameter-sets=", "sprop-parameter-sets=!!,").encode()).codec == "h264"


@pytest.mark.parametrize(
    ("media", "offered"),
    [
        ("m=video 0 RTP/AVP 26\r\n", "mjpeg"),
        ("m=audio 0 RTP/AVP 0\r\n", "format 0"),
        ("m=video 0 RTP/AVP 33\r\n", "MPEG-TS"),
        ("", "nothing"),
    ],
)
def test_what_cannot_be_recorded_is_named(media: str, offered: str) -> None:
    with pytest.raises(SourceError, match=offered) as caught:
        parse_sdp(("v=0\r\ns=-\r\n" + media).encode())
    assert caught.value.reason == "not recordable"


@given(st.binary(max_size=400))
def test_any_sdp_is_a_track_or_a_refusal(body: bytes) -> None:
    try:
        parse_sdp(b"v=0\r\nm=video 0 RTP/AVP 96\r\n" + body)
    except SourceError as error:
        assert error.reason == "not recordable"


def test_answers_come_whole_or_not_at_all() -> None:
    whole = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 3\r\n\r\nabc"
    assert take_message(whole[:-1]) is None
    answer, used = take_message(whole + b"$...") or (None, 0)
    assert answer is not None
    assert (answer.status, answer.body, used) == (200, b"abc", len(whole))
    request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    assert take_message(request) == (None, len(request))


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 100, b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"RTSP/1.0 what\r\n\r\n", b"x" * 70_000],
)
def test_an_answer_that_makes_no_sense_ends_the_dialogue(garbage: bytes) -> None:
    with pytest.raises(SourceError):
        take_message(garbage)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_a_wait_or_an_end(data: bytes) -> None:
    try:
        taken = take_message(data)
    except SourceError:
        return
    assert taken is None or 0 < taken[1] <= len(data)


def _fields(header: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in header.removeprefix("Digest ").split(","))


@pytest.mark.parametrize(("algorithm", "make"), [("", hashlib.md5), (', algorithm="SHA-256"', hashlib.sha256)])
def test_digest_answers_as_the_standards_say(algorithm: str, make) -> None:
    credentials = Credentials("Mufasa", "Circle of Life")
    assert credentials.challenge(f'Digest realm="r", nonce="n", qop="auth,auth-int"{algorithm}, opaque="o"')
    fields = _fields(credentials.answer("DESCRIBE", "rtsp://h/x"))

    def digest(text: str) -> str:
        return make(text.encode()).hexdigest()

    first, second = digest("Mufasa:r:Circle of Life"), digest("DESCRIBE:rtsp://h/x")
    nonce_part = f"n:{fields['nc']}:{fields['cnonce'].strip(chr(34))}:auth"
    assert fields["response"] == f'"{digest(f"{first}:{nonce_part}:{second}")}"'
    assert fields["opaque"] == '"o"'


def test_the_strongest_understood_challenge_is_answered() -> None:
    credentials = Credentials("u", "p")
    both = 'Basic realm="r", Digest realm="r", nonce="m", Digest realm="r", nonce="s", algorithm=SHA-256'
    assert credentials.challenge(both)
    assert 'nonce="s"' in credentials.answer("SETUP", "rtsp://h/x")
    assert credentials.challenge('Digest realm="r", nonce="x", algorithm=MD4, Basic realm="r"')
    assert credentials.answer("SETUP", "u") == "Basic " + base64.b64encode(b"u:p").decode()
    assert not credentials.challenge('Negotiate, Digest realm="r", nonce="x", algorithm=MD4')
