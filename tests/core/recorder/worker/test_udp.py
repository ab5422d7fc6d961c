"""RTSP by UDP and multicast: what is given was sent, what the line lost is in a hole, and a hostile sender harms nobody."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import pytest

from holdshelf_core.recorder.worker import bounds, udp
from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_core.recorder.worker.ports import PORTS, join
from holdshelf_core.recorder.worker.reorder import MAX_HELD, MAX_HELD_BYTES, Reorder
from holdshelf_core.recorder.worker.rtcp import MAX_MEMBERS, ReceiverReports, SenderReports
from holdshelf_core.recorder.worker.rtsp import RECEIVE_BYTES
from holdshelf_core.recorder.worker.source import Hole, SourceError
from holdshelf_core.recorder.worker.udp import UdpSource
from tests.core.recorder.worker.rtsp_parts import KEY, PPS, SPS, expected_footage, recorded, some_footage
from tests.rig.hang import HANG_S
from tests.rig.scripted_rtsp import Answer, RtpSender, ScriptedRtsp, reply, sdp
from tests.rig.udp_rtsp import HOST, UdpRtsp, lossy, report, split

HEVC_SETS = [b"\x40\x01v" + b"v" * 9, b"\x42\x01s" + b"s" * 9, b"\x44\x01p" + b"p" * 4]
GOP = 6


def _stream(
    seed: int, *, hevc: bool = False, b_frames: bool = False, count: int = 66
) -> tuple[list[bytes | float], list[list[bytes]]]:
    """Pictures as a camera sends them, each unlike the others; with B-frames two of three are shown earlier.

    Together they find room in the socket, should the machine be too busy to read them.
    """
    dice = random.Random(seed)
    sender, media, pictures = RtpSender(), [], []
    first = sender.stamp
    for number in range(count):
        filler = number.to_bytes(4) + dice.randbytes(dice.choice((30, 400, 2500)))
        is_key = number % GOP == 0
        if hevc:
            nals = [*HEVC_SETS, b"\x26\x01\x80" + filler] if is_key else [b"\x02\x01\x80" + filler]
        else:
            nals = [SPS, PPS, b"\x65\x88" + filler] if is_key else [b"\x41\x9a" + filler]
        if dice.random() < 0.3:  # another slice of the same picture
            nals.append((b"\x02\x01\x20" if hevc else b"\x41\x5a") + filler[:600])
        pictures.append(nals)
        place = number % GOP
        shown = number + ((2, -1, -1)[(place - 1) % 3] if b_frames and place else 0)
        sender.stamp = (first + 3000 * shown) % 2**32
        media += [b"".join(sender.picture(nals, hevc=hevc)), 0.002]
    return media, pictures


def _held_against(got: list[list[bytes] | Hole], pictures: list[list[bytes]]) -> int:
    """Nothing is torn, and what is missing is in a hole that a key frame ends. Returns how many holes.

    What comes before the first key frame is recorded by nobody.
    """
    expected, hole, holes = 0, True, 0
    for each in itertools.dropwhile(lambda one: not isinstance(one, Hole) and len(one) < 3, got):
        if isinstance(each, Hole):
            hole, holes = True, holes + 1
            continue
        assert each in pictures, "torn"
        number = pictures.index(each)
        assert number == expected or (number > expected and hole)
        assert not hole or number % GOP == 0
        expected, hole = number + 1, False
    return holes


@pytest.mark.parametrize("hevc", [False, True])
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.03, 0.05])
def test_no_picture_is_torn_and_each_that_is_missing_is_in_a_hole(loss: float, hevc: bool) -> None:
    holes = 0
    for b_frames in (False, True):
        media, pictures = _stream(hevc, hevc=hevc, b_frames=b_frames)
        line = lossy(b_frames, loss, late=0.05)
        with UdpRtsp(media=media, line=line, description=sdp(codec="H265" if hevc else "H264")) as server:
            got, error = recorded(UdpSource(server.url, None, None))
        holes += _held_against(got, pictures)
        assert error.reason == "stream ended"
        assert loss or got == pictures, "what comes late is put in its place"
        assert [p for p in got if not isinstance(p, Hole)]
    assert bool(holes) == bool(loss)


@pytest.mark.soak  # 400 connections
def test_hundreds_of_lossy_lines() -> None:
    for seed in range(400):
        media, pictures = _stream(seed, hevc=bool(seed % 2), b_frames=bool(seed // 2 % 2))
        line = lossy(seed, seed % 6 / 100, late=0.1)
        with UdpRtsp(media=media, line=line, description=sdp(codec="H265" if seed % 2 else "H264")) as server:
            _held_against(recorded(UdpSource(server.url, None, None))[0], pictures)


def test_packets_twice_late_beyond_patience_and_numbered_anew_cost_no_unseen_picture() -> None:
    for seed in range(3):
        media, pictures = _stream(seed)
        dice = random.Random(seed)
        packets = [packet for item in media if isinstance(item, bytes) for packet in split(item)]
        if seed % 3 == 0:  # every tenth comes twice
            sent = [again for packet in packets for again in ([packet, packet] if dice.random() < 0.1 else [packet])]
        elif seed % 3 == 1:  # one is late by more than anything waits for
            at = dice.randrange(30, len(packets) - 70)
            sent = [*packets[:at], *packets[at + 1 : at + 40], 0.4, *packets[at + 40 : at + 50], packets[at]]
            sent += packets[at + 50 :]
        else:  # the camera counts anew from some number
            at = dice.randrange(30, len(packets) - 70)
            seqs = itertools.count(dice.randrange(65_536))
            sent = packets[:at] + [p[:2] + struct.pack(">H", next(seqs) % 65_536) + p[4:] for p in packets[at:]]
        paced = (item for packet in sent for item in (packet, 0.0005))

        def framed(items: Iterator[bytes | float]) -> Iterator[bytes | float]:
            for item in items:
                yield item if isinstance(item, float) else b"$\0" + struct.pack(">H", len(item)) + item

        with UdpRtsp(media=framed(paced)) as server:
            got, _ = recorded(UdpSource(server.url, None, None))
        holes = _held_against(got, pictures)
        assert len([each for each in got if not isinstance(each, Hole)]) > 40
        assert (holes == 0) == (seed % 3 == 0)


def test_a_key_frame_without_its_parameter_sets_is_none_before_the_first_whole_one() -> None:
    """The first key frame is torn, and so nothing tells yet what belongs to one."""
    sender = RtpSender(seq=0)
    footage = [list(split(packets)) for packets in some_footage(sender, 12)]
    del footage[0][3], footage[4][0]
    media = (b"$\0" + len(packet).to_bytes(2) + packet for packets in footage for packet in packets)
    with UdpRtsp(media=media) as server:
        got, _ = recorded(UdpSource(server.url, None, None))
    keys = [nals for nals in got if not isinstance(nals, Hole) and len(nals) > 1]
    assert keys == [KEY]


def test_a_goodbye_ends_the_stream_with_all_its_pictures() -> None:
    sender = RtpSender()
    with UdpRtsp(media=some_footage(sender, 8), stay=True) as server:
        source = UdpSource(server.url, None, None)
        assert server.done.wait(HANG_S)
        server.say(report(99, 1e9, bye=True))  # somebody else's
        server.say(report(sender.ssrc, 1e9, bye=True))
        got, error = recorded(source)
    assert got == expected_footage(8)
    assert (error.reason, "BYE" in error.detail) == ("stream ended", True)


def test_a_way_is_opened_through_a_firewall_and_reports_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdshelf_core.recorder.worker.rtcp.LEAST_INTERVAL_S", 0.2)
    monkeypatch.setattr(udp, "LISTEN_S", 0.05)
    sender = RtpSender(seq=100)
    media = [item for packet in some_footage(sender, 25) for item in (packet, 0.03)]
    with UdpRtsp(media=media, line=lossy(3, 0.1)) as server:
        source = UdpSource(server.url, None, None)
        opening, hello = server.rtp.recv(99), server.rtcp.recv(999)
        assert (opening[0] >> 6, len(opening)) == (2, 12)
        assert (hello[1], hello[9]) == (201, 202), "RR and SDES"
        ahead_s = time.time() + 2_208_988_800 + 7200.0
        server.say(report(sender.ssrc, ahead_s))
        recorded(source)
        reports = []
        server.rtcp.settimeout(HANG_S)
        while not reports or reports[-1][-8:-6] != b"\x81\xcb":  # BYE is the last
            reports.append(server.rtcp.recv(999))
    assert len(reports) >= 2
    ssrc, lost, highest, _jitter, stamp, since = struct.unpack(">IIIIII", reports[-1][8:32])
    assert (ssrc, highest) == (sender.ssrc, sender.seq - 1)
    sent = sender.seq - 100
    assert len(reports) < sent, "one for many packets"
    assert 0 < lost & 0xFFFFFF < 0.3 * sent
    assert stamp == int(ahead_s * 65_536) & 0xFFFFFFFF or abs(stamp - (int(ahead_s * 65_536) & 0xFFFFFFFF)) < 10
    assert 0 < since < HANG_S * 65_536
    assert source.clock_ahead_ns is not None
    assert abs(source.clock_ahead_ns / 1e9 - 7200.0) < HANG_S


def test_the_session_is_kept_alive_beside_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdshelf_core.recorder.worker.rtsp.LEAST_KEEPALIVE_S", 0.2)
    sent = 0

    def media() -> Iterator[bytes | float]:
        nonlocal sent
        for packet in some_footage(RtpSender(), round(20 * HANG_S)):
            if len(server.asked("OPTIONS")) >= 2:
                return
            sent += 1
            yield packet
            yield 0.05

    with UdpRtsp(media=media(), session="1;timeout=1") as server:
        got, _ = recorded(UdpSource(server.url, None, None))
    assert len(server.asked("OPTIONS")) >= 2
    assert got == expected_footage(sent)


def test_a_camera_that_sends_from_another_port_than_it_told_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "LOOSEN_AFTER_S", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        for tells in (True, False):
            media = [1.0 if tells else 0.0, *some_footage(RtpSender())]
            with UdpRtsp(media=media, sends_from=other, tells_port=tells) as server:
                assert recorded(UdpSource(server.url, None, None))[0] == expected_footage()


def test_another_sender_counts_once_the_known_one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdshelf_core.recorder.worker.reorder.CHANGED_AFTER_S", 0.3)
    second = [item for packet in some_footage(RtpSender(ssrc=8), 60) for item in (packet, 0.03)]
    with UdpRtsp(media=[*some_footage(RtpSender()), *second], stay=True) as server:
        got, error = recorded(UdpSource(server.url, None, None))
    assert got == expected_footage()
    assert (error.reason, "SSRC" in error.detail) == ("stream ended", True)
    said = "RTP/AVP;unicast;client_port={};ssrc=0000DEAD"  # another one than comes
    answers = {"SETUP": lambda r: reply(r, "Session: 1", "Transport: " + said.format(server.port_of(r)))}
    with UdpRtsp(media=second, answers=answers) as server:
        assert recorded(UdpSource(server.url, None, None))[0][-1] == expected_footage(60)[-1]


def test_nothing_that_comes_is_told_apart_from_silence_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdshelf_core.recorder.worker.rtsp.READ_TIMEOUT_S", 0.4)
    for media, reason in (((), "media unreachable"), (some_footage(RtpSender()), "no frames")):
        with UdpRtsp(media=media, stay=True) as server:
            _, error = recorded(UdpSource(server.url, None, None))
        assert error.reason == reason
    assert str(PORTS[0])[:2] in str(error.detail) or error.reason == "no frames"


def test_reports_come_at_the_standards_pace() -> None:
    heard = SenderReports()
    reports = ReceiverReports(heard)
    waits: dict[int, list[float]] = {}
    for members in (1, 1000):
        heard.members = set(range(members))
        for _ in range(300):
            reports.plan(100.0, 50_000.0)
            waits.setdefault(members, []).append((reports.due_s or 0.0) - 100.0)
    first, *others = waits[1]
    assert 0.5 * 2.5 / 1.21829 <= first <= 1.5 * 2.5 / 1.21828
    assert all(0.5 * 5 / 1.21829 <= wait <= 1.5 * 5 / 1.21828 for wait in others)
    assert 3.5 < sum(others) / len(others) < 4.7
    # Many members share a twentieth of the bandwidth: 1001 reports of 128 bytes at 1875 bytes a second.
    assert 0.8 < sum(waits[1000]) / 300 / (1001 * 128 / (50_000 * 0.05 * 0.75) / 1.21828) < 1.2


def test_what_a_sender_says_of_itself_is_read_loosely_and_bounded() -> None:
    dice, heard = random.Random(3), SenderReports()
    for _ in range(3000):
        heard.take(dice.randbytes(dice.randrange(200)), 7, 0.0, 0)
        heard.take(bytes((0x80 | dice.randrange(32), dice.choice((200, 201, 203)))) + dice.randbytes(99), 7, 0.0, 0)
    group = SenderReports()
    for ssrc in range(2000):
        heard.take(report(ssrc + 2**20, 1e9), None, 0.0, 0)
        group.count(struct.pack(">BBHI", 0x80, 201, 1, ssrc % 30))
        group.count(struct.pack(">BBHI", 0x81, 203, 1, ssrc))
    assert len(heard.members) <= MAX_MEMBERS
    assert len(group.members) == 30
    near, utc_ns = SenderReports(), 1_800_000_000 * 10**9
    near.take(report(7, 0.0), 7, 0.0, utc_ns)
    assert near.clock_ahead_ns is None, "it has no clock"
    near.take(report(8, 1.0), 7, 0.0, utc_ns)
    assert near.clock_ahead_ns is None, "another sender's"
    for at_s in (1_800_000_000 + 2_208_988_800 - 60.5, (1_800_000_000 + 2_208_988_800 - 60) % 2**32):
        near.take(report(7, at_s), 7, 0.0, utc_ns)
    assert near.clock_ahead_ns == -60 * 10**9, "by the latest of the last few"


@pytest.mark.parametrize(
    ("description", "answers", "by_group", "says"),
    [
        (sdp(), {"SETUP": "461 Unsupported Transport"}, False, "461"),
        (
            sdp().replace("t=0", "c=IN IP4 239.1.2.3/9\r\nt=0"),
            {"SETUP": "461 Unsupported Transport"},
            False,
            "multicast only",
        ),
        (sdp(), {"SETUP": lambda r: reply(r, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1")}, False, "TCP"),
        (
            sdp(),
            {"SETUP": lambda r: reply(r, "Session: 1", "Transport: RTP/AVP;multicast")},
            True,
            "no multicast group",
        ),
        (
            sdp(),
            {
                "SETUP": lambda r: reply(
                    r, "Session: 1", "Transport: RTP/AVP;multicast;destination=224.0.0.251;port=5353"
                )
            },
            True,
            "no multicast group",
        ),
        (
            sdp().replace("t=0", "a=source-filter: incl IN IP4 232.1.2.3 192.0.2.9\r\nt=0"),
            {"SETUP": lambda r: reply(r, "Session: 1", "Transport: RTP/AVP;multicast;destination=232.1.2.3;port=5004")},
            True,
            "another host",
        ),
    ],
)
def test_ways_that_cannot_be_gone_are_refused_in_words(
    description: str, answers: dict[str, Answer], by_group: bool, says: str
) -> None:
    with (
        ScriptedRtsp(description=description, answers=answers) as server,
        pytest.raises(SourceError, match=says) as found,
    ):
        UdpSource(server.url, None, None, by_group=by_group)
    assert found.value.reason == "transport refused"


# --- multicast ------------------------------------------------------------------------------------------------


def _described(group: str, port: int, source: str = "") -> str:
    lines = f"c=IN IP4 {group}/1\r\n" + (f"a=source-filter: incl IN IP4 {group} {source}\r\n" if source else "")
    return sdp().replace("t=0", f"{lines}t=0").replace("m=video 0", f"m=video {port}")


@pytest.mark.parametrize(("group", "source"), [("239.255.42.1", ""), ("232.77.42.1", HOST), ("239.255.42.2", HOST)])
def test_multicast_is_recorded_also_of_a_group_that_one_alone_may_send_to(group: str, source: str) -> None:
    port = random.SystemRandom().randrange(30_000, 32_000, 2)
    with UdpRtsp(
        media=[0.2, *some_footage(RtpSender())], group=(group, port), description=_described(group, port, source)
    ) as server:
        if not source:  # the answer need not say what the description says
            server._answers["SETUP"] = lambda request: reply(request, "Session: 1", "Transport: RTP/AVP;multicast")
            server.to = (group, port)
        with socket.create_connection((HOST, server.port)) as control:  # another one here watches it, too
            other = join(control, group, (port, port + 1), "", frozenset({source} - {""}))
        one = UdpSource(server.url, None, None, by_group=True)
        assert recorded(one)[0] == expected_footage()
        other.close()
    assert server.asked("SETUP")[0].headers["transport"] == "RTP/AVP;multicast"
    assert one._pair is not None
    assert (one._pair.reports_to is None) == bool(source), "such a group takes no reports"


def test_what_another_host_sends_to_the_group_is_left_out() -> None:
    group, port = "239.255.42.3", random.SystemRandom().randrange(30_000, 32_000, 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))
        other.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST))

        def line(items: Iterable[bytes | float]) -> Iterator[bytes | float]:
            for item in items:
                if isinstance(item, bytes):
                    other.sendto(item[:12] + bytes(len(item) - 12), (group, port))
                yield item

        footage = some_footage(RtpSender())
        with UdpRtsp(media=footage, line=line, group=(group, port), description=_described(group, port)) as server:
            assert recorded(UdpSource(server.url, None, None, by_group=True))[0] == expected_footage()


# --- hostile --------------------------------------------------------------------------------------------------


def test_what_others_send_and_forge_costs_an_honest_camera_no_picture() -> None:
    """From another address; under another SSRC; far ahead; far too large; goodbyes of others; no RTP at all."""
    sender, dice = RtpSender(), random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))

        def line(items: Iterable[bytes | float]) -> Iterator[bytes | float]:
            for item in items:
                yield item
                if isinstance(item, bytes):
                    forged = bytearray(item)
                    forged[12:] = bytes(len(item) - 12)
                    stranger.sendto(forged, server.to)
                    stranger.sendto(report(sender.ssrc, 1e9, bye=True), server.reports_to)
                    server.say(report(99, 1e9, bye=True) + dice.randbytes(9))
                    ahead = (int.from_bytes(item[2:4]) + dice.randrange(4000, 60_000)) % 65_536
                    yield item[:2] + struct.pack(">H", ahead) + item[4:]
                    yield item[:8] + b"forg" + item[12:]
                    # Seldom: one takes a sixth of the socket, and what finds no room is lost.
                    yield item[:8] + b"huge" + bytes(60_000 if item[3] % 16 == 9 else 0)
                    yield dice.randbytes(dice.randrange(40))

        for tells in (True, False):
            with UdpRtsp(media=[], line=line, tells_port=tells, stay=True) as server:
                media = [item for packet in some_footage(sender, 16) for item in (packet, 0.01)]
                server._media = [0.1, *media] if tells else [media[0], *media[1:]]
                source = UdpSource(server.url, None, None)
                got: list[list[bytes] | Hole] = []
                room = memoryview(bytearray(RECEIVE_BYTES))
                ends_s = time.monotonic() + HANG_S
                while len(got) < 16 and time.monotonic() < ends_s:
                    items, ended = source.read(room)
                    assert ended is None
                    got += [each if isinstance(each, Hole) else split_sample(each.data) for each in items]
                    time.sleep(0.002)
                source.close()
            assert got == expected_footage(16)


@pytest.mark.parametrize("forge", [lambda item: item[:8] + b"othr", lambda item: item[:12], lambda _item: b"x" * 12])
def test_a_flood_is_read_in_turns_and_then_let_go_of(
    forge: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "WINDOW_S", 0.5)
    monkeypatch.setattr(bounds, "MAX_BYTES_PER_S", 20_000)
    monkeypatch.setattr("holdshelf_core.recorder.worker.reorder.CHANGED_AFTER_S", 60.0)
    monkeypatch.setattr(udp, "MAX_TURN_PACKETS", 50)
    sender = RtpSender()
    packet = next(split(some_footage(sender, 1)[0]))
    room, turns, began_s = memoryview(bytearray(RECEIVE_BYTES)), [], time.monotonic()
    calls: list[int] = []

    class Counted:
        def __init__(self, rtp: socket.socket) -> None:
            self._rtp = rtp

        def __getattr__(self, name: str) -> object:
            return getattr(self._rtp, name)

        def recvfrom_into(self, *arguments: Any) -> object:
            calls[-1] += 1
            return self._rtp.recvfrom_into(*arguments)

    def flood() -> None:
        with contextlib.suppress(OSError):
            for number in itertools.count():
                data = bytearray(forge(packet))
                data[2:4] = (number * 977 % 65_536).to_bytes(2)
                server.rtp.sendto(data, server.to)

    with UdpRtsp(media=some_footage(sender, 2), stay=True) as server:
        source = UdpSource(server.url, None, None)
        threading.Thread(target=flood, daemon=True).start()
        ended = None
        while ended is None and time.monotonic() - began_s < HANG_S:
            calls.append(0)
            assert source._pair is not None
            source._rtp = cast(socket.socket, Counted(source._pair.rtp))
            _items, ended = source.read(room)
            turns.append(source.has_more)
        source.close()
    assert ended is not None
    assert ended.reason == "not recordable"
    assert any(turns), "what does not fit into one turn waits for the next"
    assert max(calls) <= 50


def test_what_waits_for_packets_that_never_come_is_bounded() -> None:
    order = Reorder(96, None)
    sender, dice = RtpSender(seq=0), random.Random(1)
    packet = next(split(sender.packet(bytes(60_000))))
    order.take(packet, 0.0)
    tracemalloc.start()
    for number in range(3000):
        seq = dice.randrange(2, 2900)
        order.take(packet[:2] + seq.to_bytes(2) + packet[4:], number / 1000)
        assert len(order.held) <= MAX_HELD
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MAX_HELD_BYTES
