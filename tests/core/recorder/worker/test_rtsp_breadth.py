"""RTSP as cameras really speak it: each quirk that recorders are reported to fail on, from a scripted server."""

from __future__ import annotations

import random

import pytest

from holdshelf_core.integration.reasons import advise
from holdshelf_core.recorder.worker import order
from holdshelf_core.recorder.worker.message import session_of, take_message
from holdshelf_core.recorder.worker.source import Hole, SourceError
from tests.core.recorder.worker.rtsp_parts import PPS, SPS, P, dial, expected_footage, recorded, some_footage
from tests.rig.scripted_rtsp import Request, RtpSender, ScriptedRtsp, reply, sdp

# --- the dialogue ---------------------------------------------------------------------------------------------


def test_a_plain_camera_is_recorded_to_its_last_picture() -> None:
    with ScriptedRtsp(media=some_footage(RtpSender())) as server:
        got, error = recorded(dial(server))
    assert got == expected_footage()
    assert error.reason == "stream ended"
    assert [request.method for request in server.requests][:4] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


def test_media_before_the_answer_to_play_is_not_lost() -> None:
    footage = some_footage(RtpSender())
    early = {"PLAY": lambda request: b"".join(footage[:3]) + reply(request)}
    with ScriptedRtsp(media=footage[3:], answers=early) as server:
        assert recorded(dial(server))[0] == expected_footage()


def test_an_old_sessions_media_on_a_new_connection_is_left_out() -> None:
    """live555 of before 2017.06.04 (Reolink RLC-410 and others): before the login, and mixed in afterwards."""
    own, old = RtpSender(), RtpSender(ssrc=0xDEAD, seq=100)
    stale = [b"".join(old.picture([b"\x65\x88" + b"o" * 2000])) for _ in range(8)]
    media = [part for pair in zip(stale, some_footage(own), strict=True) for part in pair]
    with ScriptedRtsp(media=media, before=stale[0]) as server:
        assert recorded(dial(server))[0] == expected_footage()


def test_the_announced_sender_is_the_one_that_counts() -> None:
    own, other = RtpSender(ssrc=0xC517011F), RtpSender(ssrc=0x5BF73F70)
    others = [b"".join(other.picture([b"\x65\x88" + b"o" * 2000])) for _ in range(8)]
    media = [part for pair in zip(others, some_footage(own), strict=True) for part in pair]
    for transport, info in (
        ("RTP/AVP/TCP;ssrc= C517011F ;unicast;interleaved=0-1", ""),
        ("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP-Info: url=x;seq=1;rtptime=5;ssrc=c517011f;"),
    ):
        answers = {"PLAY": lambda request, info=info: reply(request, *([info] if info else []))}
        with ScriptedRtsp(media=media, transport=transport, answers=answers) as server:
            source = dial(server)
            assert source._depacketizer._announced == bytes.fromhex("c517011f")
            assert recorded(source)[0] == expected_footage()


def test_a_sender_that_changes_ends_the_stream_so_that_it_is_dialed_anew() -> None:
    second = RtpSender(ssrc=8)
    with ScriptedRtsp(media=[*some_footage(RtpSender()), *some_footage(second, 60)], stay=True) as server:
        got, error = recorded(dial(server))
    assert got == expected_footage()
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
    with ScriptedRtsp(media=some_footage(RtpSender(channel=channel)), transport=transport) as server:
        assert recorded(dial(server))[0] == expected_footage()


def test_a_camera_that_does_not_send_over_the_connection_is_refused_in_words() -> None:
    group = sdp().replace("t=0 0\r\n", "c=IN IP4 239.1.2.3/32\r\nt=0 0\r\n")
    for says, more in (
        ("multicast only", {"answers": {"SETUP": "461 Unsupported Transport"}, "description": group}),
        ("multicast only", {"transport": "RTP/AVP;multicast;destination=239.1.2.3;port=5000-5001"}),
        ("UDP only", {"transport": "RTP/AVP;unicast;client_port=5000-5001"}),
        ("461 Unsupported", {"answers": {"SETUP": "461 Unsupported Transport"}}),
    ):
        with ScriptedRtsp(**more) as server, pytest.raises(SourceError, match=says) as caught:
            dial(server)
        assert caught.value.reason == "transport refused"


@pytest.mark.parametrize("reason", ["transport refused", "stream moved", "frames lost", "no parameter sets"])
def test_each_refusal_has_a_sentence_and_a_next_step_of_its_own(reason: str) -> None:
    sentence, step = advise(reason, name="Door", camera_id="1")
    assert sentence.startswith(("Door ", "Video from Door "))
    assert reason not in sentence
    assert "camera check" not in step


def test_a_stream_without_key_frames_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "KEY_WAIT_S", 0.5)
    sender, media = RtpSender(), []
    for _ in range(40):
        media += [b"".join(sender.picture([P])), 0.03]
        sender.next(2700)
    with ScriptedRtsp(media=media, stay=True) as server:
        error = recorded(dial(server))[1]
    assert (error.reason, "never a key frame" in error.detail) == ("no frames", True)


def test_a_picture_is_given_once_when_the_next_one_is_long_in_coming() -> None:
    media: list[bytes | float] = []
    for packets in some_footage(RtpSender(), 5):
        media += [packets, 0.7]
    with ScriptedRtsp(media=media) as server:
        assert recorded(dial(server))[0] == expected_footage(5)


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

    with ScriptedRtsp(media=some_footage(RtpSender()), answers={"DESCRIBE": describes}) as server:
        assert recorded(dial(server))[0] == expected_footage()


def test_a_cameras_own_requests_are_answered() -> None:
    asks = b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n"
    strange = b"DESCRIBE * RTSP/1.0\r\nCSeq: 78\r\n\r\n"
    footage = some_footage(RtpSender())
    with ScriptedRtsp(media=[*footage[:4], asks, strange, *footage[4:], 0.1]) as server:
        assert recorded(dial(server))[0] == expected_footage()
    assert [line.split()[1] for line in server.replies] == [b"200", b"501"]


@pytest.mark.parametrize("method", ["REDIRECT", "TEARDOWN"])
def test_a_camera_that_says_it_is_going_is_dialed_anew(method: str) -> None:
    goes = f"{method} * RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://192.0.2.1/\r\n\r\n".encode()
    with ScriptedRtsp(media=[*some_footage(RtpSender()), goes], stay=True) as server:
        got, error = recorded(dial(server))
    assert got == expected_footage()
    assert (error.reason, method in error.detail) == ("stream ended", True)


@pytest.mark.parametrize("cut", [1, 300, 800, 905])
def test_packets_cut_short_cost_their_picture_and_are_a_hole_up_to_the_next_key_frame(cut: int) -> None:
    footage = some_footage(RtpSender(), 12)
    footage[5] = footage[5][:-cut]
    with ScriptedRtsp(media=[b"".join(footage)]) as server:
        got, _ = recorded(dial(server))
    # The picture before may go with it: it was not settled yet that it was whole.
    assert got in (
        [*expected_footage(5), Hole(lasting=False), *expected_footage(4)],
        [*expected_footage(6)[:5], Hole(lasting=False), *expected_footage(4)],
        [*expected_footage(4), Hole(lasting=False), *expected_footage(4)],
    )


def test_empty_packets_and_packets_that_are_no_rtp_between_pictures_cost_nothing() -> None:
    between = [b"$\0\0\0", b"$\0\0\x10" + b"private message!", b"$\1\0\4abcd", b"$\7\0\2xx", b"\r\n"]
    media = [
        part for number, packets in enumerate(some_footage(RtpSender())) for part in (packets, between[number % 5])
    ]
    for joined in ([b"".join(media)], media):
        with ScriptedRtsp(media=joined) as server:
            assert recorded(dial(server))[0] == expected_footage()


def test_garbage_without_end_ends_the_stream() -> None:
    with ScriptedRtsp(media=[*some_footage(RtpSender()), b"\x01\x02\x03" * 400_000]) as server:
        got, error = recorded(dial(server))
    assert got[:7] == expected_footage()[:7]
    assert "neither media nor an answer" in error.detail


def test_a_missing_packet_is_a_hole_up_to_the_next_key_frame() -> None:
    sender = RtpSender()
    footage = some_footage(sender, 12)
    sender.seq, lost = sender.seq, footage[6]
    with ScriptedRtsp(media=[part for part in footage if part is not lost]) as server:
        got, _ = recorded(dial(server))
    # The picture before may go with it: a packet that was cut short may have swallowed the one that is missing.
    assert got in ([*expected_footage(count), Hole(lasting=False), *expected_footage(4)] for count in (5, 6))


def test_a_loss_that_no_key_frame_follows_has_the_camera_dialed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "READ_TIMEOUT_S", 0.2)
    footage = some_footage(RtpSender(), 60, gop=1000)
    media: list[bytes | float] = [*footage[:6]]
    for packet in footage[7:]:
        media += [packet, 0.03]
    with ScriptedRtsp(media=media, stay=True) as server:
        got, error = recorded(dial(server))
    assert got in ([*expected_footage(count, gop=1000), Hole(lasting=False)] for count in (5, 6))
    assert error.reason == "frames lost"


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


@pytest.mark.soak  # eight thousand of them; make test takes the first hundred
def test_thousands_of_damaged_streams() -> None:
    for seed in range(100, 8_100):
        _hold_against_what_was_sent(seed)


def _hold_against_what_was_sent(seed: int) -> None:
    stream, pictures = _damaged(seed)
    with ScriptedRtsp(media=[stream]) as server:
        got, _ = recorded(dial(server))
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
