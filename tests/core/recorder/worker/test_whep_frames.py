"""Packets that come late, twice, out of order or never: what is passed on is whole, and stands behind a Hole when not all is."""

from __future__ import annotations

import random
import struct

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket

from holdshelf_core.recorder.worker.source import Hole, Picture
from holdshelf_core.recorder.worker.whep_frames import GIVE_UP_S, Frames
from tests.rig.scripted_rtsp import length_prefixed

SSRC = b"\0\0\x30\x39"
FIRST_SEQ = 65_500  # wraps soon
GOP = 10


class Sender:
    """Pictures of a key frame with its parameter sets (STAP-A, FU-A) or a slice, in packets of ``most_bytes``."""

    def __init__(self, *, hevc: bool = False, sizes: tuple[int, ...] = (40, 450, 2300), most_bytes: int = 100) -> None:
        self.hevc, self.sizes, self.most_bytes = hevc, sizes, most_bytes
        self.seq, self.stamp = FIRST_SEQ, 0xFFFFF000
        self.pictures: list[bytes] = []
        self.packets: list[tuple[int, bytes]] = []
        """(number of its picture, packet)"""

    def send(self, number: int) -> None:
        rng = random.Random(number)
        if self.hevc:
            self._send_hevc(number, rng)
            return
        sets = [b"\x67" + rng.randbytes(9).replace(b"\0", b"\1"), b"\x68\xce\x38\x80"] if number % GOP == 0 else []
        body = rng.randbytes(rng.choice(self.sizes)).replace(b"\0", b"\1")
        slices = [(b"\x65" if sets else b"\x41") + b"\x88" + body]
        payloads = []
        if sets:
            payloads.append(b"\x78" + b"".join(len(nal).to_bytes(2) + nal for nal in sets))
        for nal in slices:
            if len(nal) <= self.most_bytes:
                payloads.append(nal)
                continue
            step = self.most_bytes - 2
            pieces = [nal[1 + at : 1 + at + step] for at in range(0, len(nal) - 1, step)]
            for place, piece in enumerate(pieces):
                flags = (0x80 if place == 0 else 0) | (0x40 if place == len(pieces) - 1 else 0)
                payloads.append(bytes((nal[0] & 0xE0 | 28, flags | nal[0] & 0x1F)) + piece)
        self._put(number, payloads, sets + slices)

    def _send_hevc(self, number: int, rng: random.Random) -> None:
        sets = [b"\x40\x01abc", b"\x42\x01" + rng.randbytes(8).replace(b"\0", b"\1"), b"\x44\x01def"]
        sets = sets if number % GOP == 0 else []
        header = b"\x26\x01" if sets else b"\x02\x01"
        nal = header + b"\x88" + rng.randbytes(rng.choice((400, 1500))).replace(b"\0", b"\1")
        payloads = [b"\x60\x01" + b"".join(len(part).to_bytes(2) + part for part in sets)] if sets else []
        pieces = [nal[2:][at : at + 97] for at in range(0, len(nal) - 2, 97)]
        for place, piece in enumerate(pieces):
            flags = (0x80 if place == 0 else 0) | (0x40 if place == len(pieces) - 1 else 0)
            payloads.append(b"\x62\x01" + bytes((flags | header[0] >> 1,)) + piece)
        self._put(number, payloads, [*sets, nal])

    def _put(self, number: int, payloads: list[bytes], nals: list[bytes]) -> None:
        for place, payload in enumerate(payloads):
            marker = 0x80 if place == len(payloads) - 1 else 0
            head = struct.pack(">BBHI", 0x80, marker | 96, self.seq, self.stamp) + SSRC
            self.packets.append((number, head + payload))
            self.seq = (self.seq + 1) & 0xFFFF
        self.stamp = (self.stamp + 6000) & 0xFFFFFFFF
        self.pictures.append(length_prefixed(nals))


class Line:
    """Carries packets to ``Frames`` and its answers back; the clock is ours."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.said: list[object] = []
        self.now_s = 100.0
        codec = "hevc" if sender.hevc else "h264"
        self.frames = Frames(
            {96: codec, 97: codec}, bytes, bytes, lambda data: self.said.extend(RtcpPacket.parse(data))
        )
        self.out: list[Picture | Hole] = []

    def bring(self, packets: list[bytes], *, after_s: float = 0.02) -> None:
        self.now_s += after_s
        self.out += self.frames.take(packets, self.now_s)
        self.out += self.frames.tick(self.now_s)

    def asked_for(self) -> list[int]:
        return [seq for packet in self.said if isinstance(packet, RtcpRtpfbPacket) for seq in packet.lost]


def _check(line: Line, lost: set[int]) -> None:
    """Pictures come whole and in order; after a Hole a key frame follows; whoever lost a packet is not among them."""
    place, after_hole, given = -1, True, []
    for item in line.out:
        if isinstance(item, Hole):
            after_hole = True
            continue
        number = line.sender.pictures.index(item.data)
        assert number > place
        if after_hole:
            assert item.is_key
        else:
            assert number == place + 1, "pictures are missing and no Hole says so"
        place, after_hole = number, False
        given.append(number)
    assert not lost & set(given)
    # Every picture is given whose group of pictures is whole up to it.
    for start in range(0, len(line.sender.pictures), GOP):
        for number in range(start, min(start + GOP, len(line.sender.pictures))):
            if any(each in lost for each in range(start - 1, number + 1)):
                break
            assert number in given


@pytest.mark.parametrize("hevc", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_lost_packets_cost_whole_pictures_and_leave_a_hole(seed: int, hevc: bool) -> None:
    sender = Sender(hevc=hevc)
    for number in range(60):
        sender.send(number)
    rng = random.Random(seed)
    line = Line(sender)
    lost: set[int] = set()
    kept: list[bytes] = []
    # The last group stays whole: a loss at the very end is nothing that could be noticed yet.
    for number, packet in sender.packets:
        if 0 < number < 50 and rng.random() < (0.002, 0.01, 0.05)[seed % 3]:
            lost.add(number)
        else:
            kept.append(packet)
    for at in range(0, len(kept), 7):
        line.bring(kept[at : at + 7])
    for _ in range(50):
        line.bring([])
    _check(line, lost)
    assert not lost or any(isinstance(item, Hole) for item in line.out)


@pytest.mark.parametrize("seed", range(6))
def test_packets_that_overtake_one_another_or_come_again_cost_nothing(seed: int) -> None:
    sender = Sender()
    for number in range(40):
        sender.send(number)
    rng = random.Random(seed)
    packets = [packet for _, packet in sender.packets]
    for at in range(1, len(packets) - 9):
        if rng.random() < 0.2:
            packets.insert(at + rng.randint(1, 8), packets.pop(at))
    packets = [packet for packet in packets for _ in range(rng.choice((1, 1, 1, 2)))]
    line = Line(sender)
    for at in range(0, len(packets), 5):
        line.bring(packets[at : at + 5])
    assert [item.data for item in line.out if isinstance(item, Picture)] == sender.pictures
    assert not any(isinstance(item, Hole) for item in line.out)


def test_what_is_missing_is_asked_for_and_taken_when_it_comes_in_time() -> None:
    sender = Sender()
    for number in range(20):
        sender.send(number)
    line = Line(sender)
    packets = [packet for _, packet in sender.packets]
    missing = [10, 11, 40]
    line.bring([packet for at, packet in enumerate(packets) if at not in missing])
    line.bring([])
    assert sorted(set(line.asked_for())) == sorted((FIRST_SEQ + at) & 0xFFFF for at in missing)
    line.bring([packets[at] for at in missing], after_s=GIVE_UP_S / 2)
    assert [item.data for item in line.out if isinstance(item, Picture)] == sender.pictures


def test_a_key_frame_of_1_mb_waits_for_a_packet_of_its_beginning_and_is_never_passed_on_torn() -> None:
    sender = Sender(sizes=(1_000_000,), most_bytes=1200)
    sender.send(0)
    line = Line(sender)
    packets = [packet for _, packet in sender.packets]
    assert len(packets) > 800
    for at in range(0, len(packets), 64):
        line.bring([packet for packet in packets[at : at + 64] if packet is not packets[1]], after_s=0.001)
    line.bring([])
    assert line.out == []
    assert line.asked_for()
    line.bring(packets[1:2])
    assert [item.data for item in line.out if isinstance(item, Picture)] == sender.pictures


def test_a_key_frame_is_asked_for_at_the_start_and_after_a_loss_and_ever_more_rarely() -> None:
    sender = Sender()
    for number in range(30):
        sender.send(number)
    line = Line(sender)
    line.bring([packet for number, packet in sender.packets if 3 <= number < 5])

    def asked() -> int:
        return sum(isinstance(packet, RtcpPsfbPacket) for packet in line.said)

    assert asked() == 1
    for _ in range(1000):
        line.bring([])
    assert 4 <= asked() <= 10
    line.bring([packet for number, packet in sender.packets if 5 <= number < 13])
    before = asked()
    line.bring([packet for number, packet in sender.packets if 14 <= number < 20])
    line.bring([], after_s=1.0)
    assert asked() == before + 1
    line.bring([packet for number, packet in sender.packets if number >= 20])
    assert isinstance(line.out[-1], Picture)
    assert any(isinstance(item, Hole) for item in line.out)


def test_a_hole_that_lasts_is_told_again() -> None:
    sender = Sender()
    for number in range(10):
        sender.send(number)
    line = Line(sender)
    line.bring([packet for number, packet in sender.packets if number not in (4,)])
    for _ in range(300):
        line.bring([])
    holes = [item for item in line.out if isinstance(item, Hole)]
    assert [hole.lasting for hole in holes[:3]] == [False, True, True]


def test_forged_malformed_and_strange_packets_change_nothing() -> None:
    sender = Sender()
    for number in range(20):
        sender.send(number)
    line = Line(sender)
    rng = random.Random(3)
    good = [packet for _, packet in sender.packets]
    for packet in good:
        junk = [
            rng.randbytes(rng.randint(0, 60)),
            b"\x80\xc8" + rng.randbytes(26),
            packet[:8] + b"evil" + packet[12:],
            good[0],
        ]
        line.bring([junk[rng.randrange(4)], packet], after_s=0.001)
    assert [item.data for item in line.out if isinstance(item, Picture)] == sender.pictures


def test_a_goodbye_and_a_sender_that_takes_over_end_the_stream() -> None:
    sender = Sender()
    for number in range(3):
        sender.send(number)
    line = Line(sender)
    line.bring([packet for _, packet in sender.packets])
    line.bring([bytes(RtcpRrPacket(1)) + bytes(RtcpByePacket([int.from_bytes(SSRC)]))])
    assert line.frames.ended == "the peer said goodbye"
    line = Line(sender)
    packets = [packet for _, packet in sender.packets]
    line.bring(packets)
    line.bring([packet[:8] + b"new!" + packet[12:] for packet in packets], after_s=0.1)
    assert line.frames.ended == ""
    line.bring([packet[:8] + b"new!" + packet[12:] for packet in packets], after_s=3.0)
    assert "another stream" in line.frames.ended


def test_another_profile_of_the_same_codec_goes_on() -> None:
    sender = Sender()
    for number in range(20):
        sender.send(number)
    line = Line(sender)
    line.bring(
        [packet[:1] + bytes((packet[1] | 1,)) + packet[2:] if n >= 10 else packet for n, packet in sender.packets]
    )
    assert [item.data for item in line.out if isinstance(item, Picture)] == sender.pictures


def test_reports_count_what_was_lost() -> None:
    sender = Sender()
    for number in range(40):
        sender.send(number)
    line = Line(sender)
    packets = [packet for _, packet in sender.packets]
    line.bring(packets[:10])
    line.bring([packet for at, packet in enumerate(packets) if at >= 10 and at % 10], after_s=1.5)
    report = [packet for packet in line.said if isinstance(packet, RtcpRrPacket)][-1].reports[0]
    assert report.ssrc == int.from_bytes(SSRC)
    assert report.highest_sequence & 0xFFFF == (FIRST_SEQ + len(packets) - 1) & 0xFFFF
    assert report.packets_lost == sum(1 for at in range(10, len(packets)) if at % 10 == 0)
