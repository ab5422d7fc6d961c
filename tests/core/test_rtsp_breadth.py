"""RTSP as cameras really speak it: each quirk that recorders are reported to fail on, from a scripted server."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from holdshelf_core.reasons import advise
from holdshelf_core.recorder import worker_rtsp
from holdshelf_core.recorder.worker_auth import Credentials
from holdshelf_core.recorder.worker_libav import LibavSource
from holdshelf_core.recorder.worker_message import session_of, take_message
from holdshelf_core.recorder.worker_nal import split_sample
from holdshelf_core.recorder.worker_rtsp import RtspSource
from holdshelf_core.recorder.worker_sdp import base_url, parse_sdp, track_url
from holdshelf_core.recorder.worker_source import Hole, NotUnderstoodError, SourceError
from tests.rig.scripted_rtsp import Request, RtpSender, ScriptedRtsp, reply, sdp

SPS, PPS = b"\x67\x64\x00\x1f" + b"s" * 8, b"\x68\xee" + b"p" * 4
IDR, P = b"\x65\x88" + b"i" * 3000, b"\x41\x9a" + b"q" * 900
KEY = [SPS, PPS, IDR]


def _footage(sender: RtpSender, count: int = 8, gop: int = 4) -> list[bytes]:
    packets = []
    for number in range(count):
        packets.append(b"".join(sender.picture(KEY if number % gop == 0 else [P])))
        sender.next()
    return packets


def _expected(count: int = 8, gop: int = 4) -> list[list[bytes]]:
    return [KEY if number % gop == 0 else [P] for number in range(count)]


def _recorded(source: RtspSource) -> tuple[list[list[bytes] | Hole], SourceError]:
    """What the source gives until it ends, and why it ended."""
    got: list[list[bytes] | Hole] = []
    try:
        for picture in source.pictures():
            got.append(picture if isinstance(picture, Hole) else split_sample(picture.data))
    except SourceError as error:
        return got, error
    finally:
        source.close()
    raise AssertionError("a source ends by an error only")


def _dial(server: ScriptedRtsp, user: str | None = None, password: str | None = None) -> RtspSource:
    return RtspSource(server.url, user, password)


# --- the dialogue ---------------------------------------------------------------------------------------------


def test_a_plain_camera_is_recorded_to_its_last_picture() -> None:
    with ScriptedRtsp(media=_footage(RtpSender())) as server:
        got, error = _recorded(_dial(server))
    assert got == _expected()
    assert error.reason == "stream ended"
    assert [request.method for request in server.requests][:4] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


def test_media_before_the_answer_to_play_is_not_lost() -> None:
    footage = _footage(RtpSender())
    early = {"PLAY": lambda request: b"".join(footage[:3]) + reply(request)}
    with ScriptedRtsp(media=footage[3:], answers=early) as server:
        assert _recorded(_dial(server))[0] == _expected()


def test_an_old_sessions_media_on_a_new_connection_is_left_out() -> None:
    """live555 of before 2017.06.04 (Reolink RLC-410 and others): before the login, and mixed in afterwards."""
    own, old = RtpSender(), RtpSender(ssrc=0xDEAD, seq=100)
    stale = [b"".join(old.picture([b"\x65\x88" + b"o" * 2000])) for _ in range(8)]
    media = [part for pair in zip(stale, _footage(own), strict=True) for part in pair]
    with ScriptedRtsp(media=media, before=stale[0]) as server:
        assert _recorded(_dial(server))[0] == _expected()


def test_the_announced_sender_is_the_one_that_counts() -> None:
    own, other = RtpSender(ssrc=0xC517011F), RtpSender(ssrc=0x5BF73F70)
    others = [b"".join(other.picture([b"\x65\x88" + b"o" * 2000])) for _ in range(8)]
    media = [part for pair in zip(others, _footage(own), strict=True) for part in pair]
    for transport, info in (
        ("RTP/AVP/TCP;ssrc= C517011F ;unicast;interleaved=0-1", ""),
        ("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP-Info: url=x;seq=1;rtptime=5;ssrc=c517011f;"),
    ):
        answers = {"PLAY": lambda request, info=info: reply(request, *([info] if info else []))}
        with ScriptedRtsp(media=media, transport=transport, answers=answers) as server:
            source = _dial(server)
            assert source._depacketizer._announced == bytes.fromhex("c517011f")
            assert _recorded(source)[0] == _expected()


def test_a_sender_that_changes_ends_the_stream_so_that_it_is_dialled_anew() -> None:
    second = RtpSender(ssrc=8)
    with ScriptedRtsp(media=[*_footage(RtpSender()), *_footage(second, 60)], stay=True) as server:
        got, error = _recorded(_dial(server))
    assert got == _expected()
    assert (error.reason, "SSRC" in error.detail) == ("stream ended", True)


@pytest.mark.parametrize(
    ("transport", "channel"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=10-11;ssrc=00000007", 10),
        ("RTP/AVP/TCP;unicast;destination=10.0.0.1;source=10.0.0.2;interleaved=4", 4),
        ("RTP/AVP;unicast;interleaved = 2-3", 2),  # Escam Q6 leaves out /TCP
    ],
)
def test_channels_are_the_servers_to_choose(transport: str, channel: int) -> None:
    with ScriptedRtsp(media=_footage(RtpSender(channel=channel)), transport=transport) as server:
        assert _recorded(_dial(server))[0] == _expected()


def test_multicast_is_refused_in_a_sentence() -> None:
    offered = sdp().replace("t=0 0\r\n", "c=IN IP4 239.1.2.3/32\r\nt=0 0\r\n")
    for more in (
        {"answers": {"SETUP": "461 Unsupported Transport"}, "description": offered},
        {"transport": "RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001"},
    ):
        with ScriptedRtsp(**more) as server, pytest.raises(SourceError, match="multicast only") as caught:
            _dial(server)
        assert caught.value.reason == "transport refused"
        assert not isinstance(caught.value, NotUnderstoodError)


def test_a_camera_that_wants_another_transport_is_left_to_libavformat_and_then_refused_in_words() -> None:
    with ScriptedRtsp(answers={"SETUP": "461 Unsupported Transport"}) as server:
        with pytest.raises(NotUnderstoodError):
            _dial(server)
        with pytest.raises(SourceError) as caught:
            LibavSource(server.url, None, None, "tcp")
    assert caught.value.reason == "transport refused"


@pytest.mark.parametrize("reason", ["transport refused", "stream moved", "frames lost", "no parameter sets"])
def test_each_refusal_has_a_sentence_and_a_next_step_of_its_own(reason: str) -> None:
    sentence, step = advise(reason, name="Door", camera_id="1")
    assert sentence.startswith(("Door ", "Video of Door "))
    assert reason not in sentence
    assert "camera check" not in step


def test_a_stream_without_key_frames_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_rtsp, "KEY_WAIT_S", 0.5)
    sender, media = RtpSender(), []
    for _ in range(40):
        media += [b"".join(sender.picture([P])), 0.03]
        sender.next(2700)
    with ScriptedRtsp(media=media, stay=True) as server:
        error = _recorded(_dial(server))[1]
    assert (error.reason, "never a key frame" in error.detail) == ("no frames", True)


def test_a_picture_is_given_once_when_the_next_one_is_long_in_coming() -> None:
    media: list[bytes | float] = []
    for packets in _footage(RtpSender(), 5):
        media += [packets, 0.7]
    with ScriptedRtsp(media=media) as server:
        assert _recorded(_dial(server))[0] == _expected(5)


# --- addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Moved Temporarily", "305 Use Proxy"])
def test_a_redirect_is_followed_once_at_the_same_host(status: str) -> None:
    with ScriptedRtsp(media=_footage(RtpSender())) as there:
        for location in (there.url, there.url.replace("/stream", "/other")):
            moved = {"DESCRIBE": lambda request, to=location: reply(request, f"Location: {to}", status=status)}
            with ScriptedRtsp(answers=moved) as here:
                assert _recorded(_dial(here))[0] == _expected()
            assert there.asked("DESCRIBE")[-1].url == location


def test_a_relative_redirect_and_one_that_options_gives_are_followed() -> None:
    def moves(request: Request) -> bytes:
        return b"" if request.number else reply(request, "Location: /elsewhere", status="301 Moved Permanently")

    with ScriptedRtsp(media=_footage(RtpSender()), answers={"OPTIONS": moves}) as server:
        assert _recorded(_dial(server))[0] == _expected()
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
        _dial(server)
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


def test_a_content_base_names_addresses_and_is_never_dialled() -> None:
    with ScriptedRtsp(media=_footage(RtpSender()), base="rtsp://192.0.2.7/nat/") as server:
        assert _recorded(_dial(server))[0] == _expected()
    assert server.asked("SETUP")[0].url == "rtsp://192.0.2.7/nat/track1"
    assert server.asked("PLAY")[0].url == "rtsp://192.0.2.7/nat/"


def test_a_login_inside_the_address_stays_out_of_what_is_sent() -> None:
    with ScriptedRtsp() as server:
        RtspSource(server.url.replace("//", "//me:secret@"), None, None).close()
    assert not any("secret" in request.url for request in server.requests)


# --- messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("12345678", ("12345678", 0)),
        ("12345678;timeout=60", ("12345678", 60)),
        ("  12345678 ; Timeout = 60 ", ("12345678", 60)),
        ("abc;foo=bar; timeout=8;baz", ("abc", 8)),
        ('abc;timeout="30"', ("abc", 30)),
        ("abc;timeout=", ("abc", 0)),
        ("", ("", 0)),
    ],
)
def test_session_headers(header: str, expected: tuple[str, int]) -> None:
    assert session_of(header) == expected


@pytest.mark.parametrize(
    "message",
    [
        b"RTSP/1.0 200 OK\nCSeq: 1\nPublic: X\n\n",
        b"RTSP/1.0  200  OK\r\nCSEQ : 0\r\n \r\nPublic:X\r\n\r\n",  # a line of one space (Luma x20)
        b"RTSP/1.0 200\r\nPublic: X\r\n\r\n",
    ],
)
def test_answers_are_read_loosely(message: bytes) -> None:
    answer, used = take_message(message + b"$\0\0\1a") or (None, 0)
    assert answer is not None
    assert (answer.status, answer.headers["public"], used) == (200, "X", len(message))


def test_answers_with_a_wrong_number_or_length_or_empty_lines_between_are_understood() -> None:
    def describes(request: Request) -> bytes:
        body = sdp()
        said = f"RTSP/1.0 200 OK\r\nCSeq: 0\r\nContent-Length: {len(body) - 24}\r\n\r\n{body}\r\n\r\n"
        return b"\r\n\r\n" + said.encode()

    with ScriptedRtsp(media=_footage(RtpSender()), answers={"DESCRIBE": describes}) as server:
        assert _recorded(_dial(server))[0] == _expected()


def test_a_cameras_own_requests_are_answered() -> None:
    asks = b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n"
    strange = b"DESCRIBE * RTSP/1.0\r\nCSeq: 78\r\n\r\n"
    footage = _footage(RtpSender())
    with ScriptedRtsp(media=[*footage[:4], asks, strange, *footage[4:], 0.1]) as server:
        assert _recorded(_dial(server))[0] == _expected()
    assert [line.split()[1] for line in server.replies] == [b"200", b"501"]


@pytest.mark.parametrize("method", ["REDIRECT", "TEARDOWN"])
def test_a_camera_that_says_it_is_going_is_dialled_anew(method: str) -> None:
    goes = f"{method} * RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://192.0.2.1/\r\n\r\n".encode()
    with ScriptedRtsp(media=[*_footage(RtpSender()), goes], stay=True) as server:
        got, error = _recorded(_dial(server))
    assert got == _expected()
    assert (error.reason, method in error.detail) == ("stream ended", True)


@pytest.mark.parametrize("cut", [1, 300, 800, 905])
def test_packets_cut_short_cost_their_picture_and_are_a_hole_up_to_the_next_key_frame(cut: int) -> None:
    footage = _footage(RtpSender(), 12)
    footage[5] = footage[5][:-cut]
    with ScriptedRtsp(media=[b"".join(footage)]) as server:
        got, _ = _recorded(_dial(server))
    # The picture before may go with it: it was not settled yet that it was whole.
    assert got in (
        [*_expected(5), Hole(lasting=False), *_expected(4)],
        [*_expected(6)[:5], Hole(lasting=False), *_expected(4)],
        [*_expected(4), Hole(lasting=False), *_expected(4)],
    )


def test_empty_packets_and_packets_that_are_no_rtp_between_pictures_cost_nothing() -> None:
    between = [b"$\0\0\0", b"$\0\0\x10" + b"private message!", b"$\1\0\4abcd", b"$\7\0\2xx", b"\r\n"]
    media = [part for number, packets in enumerate(_footage(RtpSender())) for part in (packets, between[number % 5])]
    for joined in ([b"".join(media)], media):
        with ScriptedRtsp(media=joined) as server:
            assert _recorded(_dial(server))[0] == _expected()


def test_garbage_without_end_ends_the_stream() -> None:
    with ScriptedRtsp(media=[*_footage(RtpSender()), b"\x01\x02\x03" * 400_000]) as server:
        got, error = _recorded(_dial(server))
    assert got[:7] == _expected()[:7]
    assert "neither media nor an answer" in error.detail


def test_a_missing_packet_is_a_hole_up_to_the_next_key_frame() -> None:
    sender = RtpSender()
    footage = _footage(sender, 12)
    sender.seq, lost = sender.seq, footage[6]
    with ScriptedRtsp(media=[part for part in footage if part is not lost]) as server:
        got, _ = _recorded(_dial(server))
    # The picture before may go with it: a packet that was cut short may have swallowed the one that is missing.
    assert got in ([*_expected(count), Hole(lasting=False), *_expected(4)] for count in (5, 6))


def test_a_loss_that_no_key_frame_follows_has_the_camera_dialled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_rtsp, "READ_TIMEOUT_S", 0.2)
    footage = _footage(RtpSender(), 60, gop=1000)
    media: list[bytes | float] = [*footage[:6]]
    for packet in footage[7:]:
        media += [packet, 0.03]
    with ScriptedRtsp(media=media, stay=True) as server:
        got, error = _recorded(_dial(server))
    assert got in ([*_expected(count, gop=1000), Hole(lasting=False)] for count in (5, 6))
    assert error.reason == "frames lost"


# --- keepalive ------------------------------------------------------------------------------------------------


def _slowly(seconds: float, every_s: float = 0.1) -> list[bytes | float]:
    sender, media = RtpSender(), []
    for number in range(round(seconds / every_s)):
        media += [b"".join(sender.picture(KEY if number % 5 == 0 else [P])), every_s]
        sender.next(round(every_s * 90_000))
    return media


@pytest.fixture
def kept_alive(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Records a camera whose sessions lapse after a second; gives the methods of the keepalives."""
    monkeypatch.setattr(worker_rtsp, "LEAST_KEEPALIVE_S", 0.1)

    def record(answers: dict[str, Any] | None = None, *, login: bool = False, **more: Any) -> list[str]:
        scripted = {"SETUP": _set_up, **(answers or {})}
        with ScriptedRtsp(media=_slowly(1.8), answers=scripted, **more) as server:
            got, _ = _recorded(_dial(server, *(("u", "p") if login else ())))
        assert len(got) == 18
        methods = [request.method for request in server.requests]
        assert {request.headers["session"] for request in server.requests[methods.index("PLAY") :]} == {"77"}
        return [method for method in methods[methods.index("PLAY") + 1 :] if method != "TEARDOWN"]

    return record


def _set_up(request: Request) -> bytes:
    return reply(request, "Session: 77 ; timeout=1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")


OFFERS = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"


def test_sessions_are_kept_alive_by_options_or_get_parameter_as_offered(kept_alive: Callable[..., list[str]]) -> None:
    assert kept_alive(public=OFFERS) == ["GET_PARAMETER"] * 3
    assert kept_alive() == ["OPTIONS"] * 3


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented", "454 Session Not Found"])
def test_a_camera_that_refuses_get_parameter_is_kept_alive_by_options(
    status: str, kept_alive: Callable[..., list[str]]
) -> None:
    def refuses(request: Request) -> bytes:  # with the CSeq of the request before, as Tapo C220 and C520WS answer
        return f"RTSP/1.0 {status}\r\nCSeq: {int(request.headers['cseq']) - 1}\r\n\r\n".encode()

    methods = kept_alive({"GET_PARAMETER": refuses}, public=OFFERS)
    assert methods in (["GET_PARAMETER", *["OPTIONS"] * 3], ["GET_PARAMETER", *["OPTIONS"] * 4])


def test_a_camera_that_never_answers_get_parameter_is_kept_alive_by_options(
    kept_alive: Callable[..., list[str]],
) -> None:
    assert kept_alive({"GET_PARAMETER": b"\r\n"}, public=OFFERS) == ["GET_PARAMETER", "OPTIONS", "OPTIONS"]


def test_a_lapsed_session_ends_soon_when_the_pictures_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_rtsp, "DISOWNED_S", 0.4)
    lapsed = {
        "SETUP": _set_up,
        "OPTIONS": lambda request: reply(request, status="454 Session Not Found" if request.number else "200 OK"),
    }
    with ScriptedRtsp(media=_slowly(1.5), answers=lapsed, stay=True) as server:
        began = time.monotonic()
        got, error = _recorded(_dial(server))
    assert len(got) == 15
    assert (error.reason, error.detail) == ("stale session", "454 Session Not Found")
    assert time.monotonic() - began < 6


def test_a_keepalive_that_is_asked_for_a_new_login_gets_it(kept_alive: Callable[..., list[str]]) -> None:
    def options(request: Request) -> bytes:
        nonce = "second" if request.number else "first"
        if request.number and 'nonce="second"' not in request.headers.get("authorization", ""):
            return reply(request, f'WWW-Authenticate: Digest realm="r", nonce="{nonce}"', status="401 Unauthorized")
        return reply(request)

    def describes(request: Request) -> bytes:
        if "authorization" in request.headers:
            return b""
        return reply(request, 'WWW-Authenticate: Digest realm="r", nonce="first"', status="401 Unauthorized")

    methods = kept_alive({"OPTIONS": options, "DESCRIBE": describes}, login=True)
    assert methods[:2] == ["OPTIONS", "OPTIONS"]  # the second at once, with the new nonce
    assert len(methods) == 4


def test_a_camera_that_hangs_up_at_teardown_is_left_in_peace() -> None:
    with ScriptedRtsp(media=_footage(RtpSender()), answers={"TEARDOWN": lambda _request: None}, stay=True) as server:
        source = _dial(server)
        server.done.wait(5)
        source.close()
    assert source._socket.fileno() == -1


def test_teardown_waits_for_its_answer_and_not_for_long() -> None:
    with ScriptedRtsp(media=[*_footage(RtpSender()), 0.3, *_footage(RtpSender(), 200)], stay=True) as server:
        source = _dial(server)
        server.done.wait(5)
        began = time.monotonic()
        source.close()
        assert time.monotonic() - began < 2
        wait = time.monotonic() + 2
        while not server.asked("TEARDOWN") and time.monotonic() < wait:
            time.sleep(0.02)
    assert server.asked("TEARDOWN")[0].headers["session"] == "12345678"


# --- logins ---------------------------------------------------------------------------------------------------


def _checks(
    challenge: str, *, user: str = "Jäger", password: str = "p€ss", only: str = ""
) -> Callable[[Request], bytes]:
    """A server's side of digest, written apart from ours: right, or 401 with the challenge."""

    def answer(request: Request) -> bytes:
        given = request.headers.get("authorization", "")
        realms = [f'realm="{m[1]}"' for m in re.finditer(r'realm="([^"]*)"', challenge, re.IGNORECASE)]
        if given and not any(realm in given for realm in realms):
            return reply(request, status="400 Bad Request")
        if given and (not only or only in given) and _is_right(given, request.method, user, password):
            return b""
        return reply(
            request, *[f"WWW-Authenticate: {one}" for one in challenge.split(" | ")], status="401 Unauthorized"
        )

    return answer


def _is_right(given: str, method: str, user: str, password: str) -> bool:
    fields = {m[1]: m[2] or m[3] for m in re.finditer(r'([\w-]+)=(?:"([^"]*)"|([^",\s]+))', given)}
    fields = {name: value.encode("latin-1").decode() for name, value in fields.items()}
    names = {"": "md5", "MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
    algorithm = fields.get("algorithm", "")

    def h(text: str) -> str:
        return hashlib.new(names[algorithm.replace("-sess", "")], text.encode()).hexdigest()

    name = h(f"{user}:{fields['realm']}") if fields.get("userhash") == "true" else user
    first = h(f"{user}:{fields['realm']}:{password}")
    if algorithm.endswith("-sess"):
        first = h(f"{first}:{fields['nonce']}:{fields['cnonce']}")
    second = h(f"{method}:{fields['uri']}" + (f":{h('')}" if fields.get("qop") == "auth-int" else ""))
    middle = f"{fields['nc']}:{fields['cnonce']}:{fields['qop']}:" if "qop" in fields else ""
    return fields["username"] == name and fields["response"] == h(f"{first}:{fields['nonce']}:{middle}{second}")


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="r", nonce="n"',
        'Digest realm="r",nonce="n",algorithm=MD5,qop="auth"',
        'Digest realm="r", nonce="n", algorithm="SHA-256", stale="FALSE"',
        'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth, auth-int", opaque="o"',
        'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=SHA-256-sess, qop=auth, userhash=true, charset=UTF-8',
        'Digest realm="r", nonce="n", algorithm=MD5-sess',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"',
        'Basic realm="r" | Digest realm="r", nonce="n"',
        'Digest realm="r", nonce="n" | Digest realm="r", nonce="n2", algorithm=SHA-256, qop="auth" | Basic realm="r"',
        'Digest realm="Überwachung", nonce="n", qop="auth"',
        'digest REALM="r", NONCE=abc',
    ],
)
def test_logins(challenge: str) -> None:
    asks = _checks(challenge.encode().decode("latin-1") if "Ü" in challenge else challenge)
    answers = dict.fromkeys(("DESCRIBE", "SETUP", "PLAY"), asks)
    if "Ü" in challenge:
        answers = dict.fromkeys(answers, lambda request: asks(request).decode().encode("latin-1"))
    with ScriptedRtsp(media=_footage(RtpSender()), answers=answers) as server:
        assert _recorded(_dial(server, "Jäger", "p€ss"))[0] == _expected()
        assert len(server.asked("DESCRIBE")) == 2
    with ScriptedRtsp(answers=answers) as server, pytest.raises(SourceError) as caught:
        _dial(server, "Jäger", "wrong")
    assert caught.value.reason == "auth refused"
    assert len(server.asked("DESCRIBE")) <= 3  # accounts are locked for guessing


def test_an_algorithm_that_the_camera_gets_wrong_gives_way_to_the_next_it_offers() -> None:
    both = 'Digest realm="r", nonce="n", algorithm=SHA-256 | Digest realm="r", nonce="n" | Basic realm="r"'
    answers = dict.fromkeys(("DESCRIBE", "SETUP", "PLAY"), _checks(both, only="Digest"))

    def only_md5(request: Request) -> bytes:
        if "SHA-256" in request.headers.get("authorization", ""):
            del request.headers["authorization"]
        return answers["SETUP"](request)

    with ScriptedRtsp(answers={**answers, "DESCRIBE": only_md5}) as server:
        _dial(server, "Jäger", "p€ss").close()
    with ScriptedRtsp(answers={**answers, "DESCRIBE": only_md5}) as server, pytest.raises(SourceError):
        _dial(server, "Jäger", "wrong")
    assert not any("Basic" in request.headers.get("authorization", "") for request in server.requests)


def test_a_nonce_that_is_good_once_is_renewed_for_each_request() -> None:
    issued = []

    def once(request: Request) -> bytes:
        given = request.headers.get("authorization", "")
        if issued and f'nonce="{issued[-1]}"' in given and _is_right(given, request.method, "u", "p"):
            issued.append(f"n{len(issued)}")
            return b""
        issued.append(f"n{len(issued)}")
        stale = ", stale=true" if given else ""
        return reply(request, f'WWW-Authenticate: Digest realm="r", nonce="{issued[-1]}"{stale}', status="401 No")

    with ScriptedRtsp(answers=dict.fromkeys(("DESCRIBE", "SETUP", "PLAY"), once)) as server:
        _dial(server, "u", "p").close()


def test_the_next_nonce_may_come_with_an_answer() -> None:
    credentials = Credentials("u", "p")
    assert credentials.challenge('Digest realm="r", nonce="a", qop="auth"')
    credentials.renew('nextnonce="b", qop=auth')
    assert 'nonce="b"' in credentials.answer("PLAY", "x")
    assert "nc=00000002" in credentials.answer("PLAY", "x")


def test_a_camera_that_hangs_up_after_asking_for_a_login_is_dialled_again() -> None:
    def asks(request: Request) -> bytes | None:
        if "authorization" in request.headers:
            return b"" if request.number > 1 else None
        return reply(request, 'WWW-Authenticate: Basic realm="r"', "Connection: close", status="401 Unauthorized")

    with ScriptedRtsp(media=_footage(RtpSender()), answers={"DESCRIBE": asks}) as server:
        assert _recorded(_dial(server, "u", "p"))[0] == _expected()


# --- descriptions ---------------------------------------------------------------------------------------------

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
    with ScriptedRtsp(description=both, media=_footage(RtpSender())) as server:
        assert _recorded(_dial(server))[0] == _expected()
    assert [request.url.rsplit("/", 1)[1] for request in server.asked("SETUP")] == ["track1"]


def test_the_kernel_lets_go_of_every_connection() -> None:
    with ScriptedRtsp(media=_footage(RtpSender())) as server:
        sources = [_dial(server) for _ in range(3)]
        for source in sources:
            _recorded(source)
            assert source._socket.fileno() == -1
            assert isinstance(source._socket, socket.socket)


# --- anything may be missing ----------------------------------------------------------------------------------


def _damaged(seed: int) -> tuple[bytes, list[list[bytes]]]:
    """A stream in which packets are left out, cut short, sent twice, or have garbage between them; and its pictures."""
    dice = random.Random(seed)
    sender, packets, pictures = RtpSender(), [], []
    for number in range(60):
        filler = number.to_bytes(4) + dice.randbytes(dice.choice((30, 400, 2500, 6000)))
        nals = [SPS, PPS, b"\x65\x88" + filler] if number % 6 == 0 else [b"\x41\x9a" + filler]
        if dice.random() < 0.3:
            nals.append(b"\x41\x5a" + filler[:600])
        pictures.append(nals)
        packets += sender.picture(nals, marker=seed % 3 > 0)
        sender.next()
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(12, len(packets))  # there is a beginning
        how = dice.randrange(4)
        if how == 0:
            packets[at] = b""
        elif how == 1:
            packets[at] = packets[at][: dice.randrange(len(packets[at]))] if packets[at] else b""
        elif how == 2:
            packets[at] += dice.randbytes(dice.randint(1, 3000))
        else:
            packets[at] += packets[at]
    return b"".join(packets), pictures


@pytest.mark.parametrize("seeds", [range(start, start + 20) for start in range(0, 80, 20)])
def test_what_is_given_was_sent_and_what_is_missing_is_in_a_hole(seeds: range) -> None:
    for seed in seeds:
        _hold_against_what_was_sent(seed)


@pytest.mark.soak
def test_thousands_of_damaged_streams() -> None:
    for seed in range(100, 8_100):
        _hold_against_what_was_sent(seed)


def _hold_against_what_was_sent(seed: int) -> None:
    stream, pictures = _damaged(seed)
    with ScriptedRtsp(media=[stream]) as server:
        got, _ = _recorded(_dial(server))
    expected, hole = 0, True
    for each in got:
        if isinstance(each, Hole):
            hole = True
            continue
        assert each in pictures, f"torn ({seed})"
        number = pictures.index(each)
        assert number == expected or (number > expected and hole), seed
        assert not hole or number % 6 == 0, seed
        expected, hole = number + 1, False
    assert len(got) > 10
