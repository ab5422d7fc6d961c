"""RTP as cameras really send it: markers and time stamps that lie, senders that change, bytes that are missing."""

from __future__ import annotations

import itertools
import struct

import pytest

from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_core.recorder.worker.rtp import Depacketizer
from holdshelf_core.recorder.worker.source import Picture
from tests.rig.scripted_rtsp import PAYLOAD_TYPE as PT
from tests.rig.scripted_rtsp import RtpSender

SPS, PPS, SEI, AUD = b"\x67\x64\x00\x1f" + b"s" * 8, b"\x68\xee" + b"p" * 4, b"\x06\x05" + b"e" * 20, b"\x09\x10"
IDR, P = b"\x65\x88" + b"i" * 5000, b"\x41\x9a" + b"q" * 900
LATER_IDR, LATER = b"\x65\x48" + b"j" * 3000, b"\x41\x5a" + b"r" * 700  # slices that are not their picture's first
VPS5, SPS5, PPS5 = b"\x40\x01" + b"v" * 9, b"\x42\x01" + b"s" * 9, b"\x44\x01" + b"p" * 4
IDR5, P5, LATER5 = b"\x26\x01\xaf" + b"i" * 5000, b"\x02\x01\xd0" + b"q" * 900, b"\x02\x01\x50" + b"r" * 900
SUFFIX5, AUD5 = b"\x50\x01" + b"x" * 9, b"\x46\x01\x50"


def _of(*, codec: str = "h264", doubt: bool = True, **more: object) -> Depacketizer:
    return Depacketizer(codec, PT, doubt_markers=doubt, **more)  # type: ignore[arg-type]


def _all(depacketizer: Depacketizer, *packets: bytes) -> list[Picture]:
    data = b"".join(packets)
    position, pictures = depacketizer.drain(data, 0)
    assert position == len(data)
    return pictures + depacketizer.flush()


def _nals(pictures: list[Picture]) -> list[list[bytes]]:
    return [split_sample(picture.data) for picture in pictures]


def _steps(pictures: list[Picture]) -> list[int]:
    return [after.ticks - before.ticks for before, after in itertools.pairwise(pictures)]


# --- markers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marks", ["every packet", "every slice", "none", "last"])
def test_markers_may_say_what_they_like(marks: str) -> None:
    sender, packets = RtpSender(), []
    expected = []
    for number in range(8):
        nals = [SPS, PPS, IDR, LATER_IDR] if number % 4 == 0 else [P, LATER]
        expected.append(nals)
        for nal in nals:
            whole = sender.fragments(nal, marker=False) if len(nal) > 1200 else [sender.packet(nal)]
            if marks == "every packet":
                whole = [_marked(packet) for packet in whole]
            elif marks == "every slice" or (marks == "last" and nal is nals[-1]):
                whole[-1] = _marked(whole[-1])
            packets += whole
        sender.next()
    sender.packet(b"")
    pictures = _all(_of(), *packets, sender.packet(AUD))
    # What ends the last picture is the next one: with no marker to go by, nobody can tell that it is whole.
    assert _nals(pictures) in (expected, expected[:-1])
    assert [picture.is_key for picture in pictures[:5]] == [True, False, False, False, True]
    assert set(_steps(pictures)) == {6000}


def _marked(packet: bytes) -> bytes:
    return packet[:5] + bytes((packet[5] | 0x80,)) + packet[6:]


def test_a_true_marker_is_believed_after_a_few_pictures_and_costs_no_delay() -> None:
    sender, depacketizer, given = RtpSender(), _of(), []
    for number in range(6):
        pictures = depacketizer.drain(b"".join(sender.picture([SPS, PPS, IDR] if not number else [P])), 0)[1]
        given.append(len(pictures))
        sender.next()
    assert given == [0, 1, 1, 2, 1, 1]


def test_a_marker_is_settled_when_nothing_follows() -> None:
    sender, depacketizer = RtpSender(), _of()
    assert depacketizer.drain(b"".join(sender.picture([SPS, PPS, IDR])), 0)[1] == []
    assert depacketizer.waiting
    assert _nals(depacketizer.settle()) == [[SPS, PPS, IDR]]
    assert not depacketizer.waiting


def test_a_marker_that_lies_late_costs_the_rest_of_its_picture_and_is_never_believed_again() -> None:
    sender, depacketizer, pictures = RtpSender(), _of(), []
    for number in range(5):
        pictures += depacketizer.drain(b"".join(sender.picture([SPS, PPS, IDR] if not number else [P])), 0)[1]
        sender.next()
    for _ in range(3):
        both = sender.packet(P, marker=True) + sender.packet(LATER, marker=True)
        pictures += depacketizer.drain(both, 0)[1]
        sender.next()
    assert depacketizer.markers_lie
    assert _nals(pictures[5:]) == [[P], [P, LATER]]
    assert depacketizer.damaged == 1


# --- where a picture ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize("doubt", [True, False])
def test_parameter_sets_with_the_time_stamp_of_the_picture_before_belong_to_the_next(doubt: bool) -> None:
    # Reolink RLC-822A: SPS, marked, and PPS come with the last picture's time stamp, the key frame with a new one.
    sender, packets = RtpSender(), []
    for _ in range(4):
        packets += [sender.packet(SPS, marker=True), sender.packet(PPS)]
        sender.next()
        packets += sender.picture([IDR])
        sender.next()
        packets += sender.picture([P])
    pictures = _all(_of(doubt=doubt), *packets)
    assert _nals(pictures) == [[SPS, PPS, IDR], [P]] * 4
    assert [picture.is_key for picture in pictures] == [True, False] * 4


def test_parameter_sets_and_sei_with_their_own_time_stamps_go_with_the_picture_that_follows() -> None:
    sender, packets = RtpSender(), []
    for _ in range(3):
        for nal in (AUD, SPS, PPS, SEI):
            packets.append(sender.packet(nal, marker=True))
            sender.next(1)
        packets += sender.picture([IDR])
        sender.next()
    pictures = _all(_of(), *packets)
    assert _nals(pictures) == [[AUD, SPS, PPS, SEI, IDR]] * 3
    assert pictures[0].sets == {SPS, PPS}


def test_access_units_of_nothing_but_delimiters_and_sei_make_no_picture() -> None:
    sender, depacketizer = RtpSender(), _of()
    packets = []
    for _ in range(30):
        packets += [sender.packet(AUD), sender.packet(SEI, marker=True)]
        sender.next()
    assert _all(depacketizer, *packets) == []
    # Nor do they gather without end.
    flood = b"\x06\x05" + b"e" * 1000
    for _ in range(2000):
        depacketizer.drain(sender.packet(flood, marker=True), 0)
        sender.next()
    assert sum(map(len, depacketizer._parts)) < 1 << 20


def test_two_pictures_with_one_time_stamp_stay_two() -> None:
    sender, packets = RtpSender(), []
    for number in range(5):
        packets += sender.picture([SPS, PPS, IDR] if not number else [P])
        packets += sender.picture([P])
        sender.next()
    assert _nals(_all(_of(), *packets)) == [[SPS, PPS, IDR], *[[P]] * 9]


def test_h265_pictures_end_where_the_next_first_slice_begins() -> None:
    sender, packets = RtpSender(), []
    for number in range(4):
        nals = [AUD5, VPS5, SPS5, PPS5, IDR5, SUFFIX5] if not number else [P5, LATER5]
        packets += sender.picture(nals, hevc=True, marker=False)
    pictures = _all(_of(codec="hevc"), *packets, sender.packet(AUD5))
    assert _nals(pictures) == [[AUD5, VPS5, SPS5, PPS5, IDR5, SUFFIX5], *[[P5, LATER5]] * 3]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_stream_that_is_joined_inside_a_picture_begins_with_the_next(codec: str) -> None:
    sender, hevc = RtpSender(), codec == "hevc"
    first, later, key = (P5, LATER5, IDR5) if hevc else (P, LATER, IDR)
    packets = sender.picture([first, later], hevc=hevc)[1:]
    sender.next()
    packets += sender.picture([key], hevc=hevc)
    assert _nals(_all(_of(codec=codec), *packets)) == [[key]]


# --- fragments and aggregates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_fragment_whose_end_never_came_tears_its_picture_though_no_number_is_missing(codec: str) -> None:
    sender, hevc = RtpSender(), codec == "hevc"
    key, later, after = (IDR5, LATER5, P5) if hevc else (IDR, LATER_IDR, P)
    cut = (sender.fragments5 if hevc else sender.fragments)(key, marker=False)
    sender.seq = (sender.seq - 1) % 65_536  # the camera did not count the one that it left out
    packets = cut[:-1] + sender.picture([later], hevc=hevc)
    sender.next()
    packets += sender.picture([after], hevc=hevc)
    depacketizer = _of(codec=codec)
    assert _nals(_all(depacketizer, *packets)) == [[after]]
    assert depacketizer.damaged == 1


def test_a_picture_whose_last_slice_is_lost_is_not_whole() -> None:
    sender = RtpSender()
    packets = sender.picture([SPS, PPS, IDR, LATER])
    lost = packets[:-1]
    sender.next()
    depacketizer = _of()
    assert _nals(_all(depacketizer, *lost, *sender.picture([P]))) == [[P]]
    assert depacketizer.damaged == 1


def test_empty_and_single_fragments_are_taken() -> None:
    sender = RtpSender()
    single = bytes((0x7C, 0xC1)) + P[1:]
    start, rest = bytes((0x7C, 0x81)), bytes((0x7C, 0x41)) + P[1:]
    packets = [sender.packet(single, marker=True)]
    sender.next()
    packets += [sender.packet(start), sender.packet(bytes((0x7C, 0x01))), sender.packet(rest, marker=True)]
    sender.next()
    # The type of later fragments is not looked at, nor is the reserved bit (Tiandy sends nonsense there).
    fragments = sender.fragments(IDR, 1000)
    packets += [
        p if number == 0 else p[:17] + bytes((p[17] & 0xC0 | 0x3F,)) + p[18:] for number, p in enumerate(fragments)
    ]
    assert [nals[0][1:] for nals in _nals(_all(_of(), *packets))] == [P[1:], P[1:], IDR[1:]]


def test_filling_behind_an_aggregate_is_left_out() -> None:
    sender = RtpSender()
    body = b"".join(struct.pack(">H", len(nal)) + nal for nal in (SPS, PPS, P))
    packets = [sender.packet(b"\x78" + body + filling, marker=True) for filling in (b"\0\0", b"\0" * 7, b"\0")]
    assert _nals(_all(_of(doubt=False), *packets)) == [[SPS, PPS, P]] * 3
    assert _all(_of(), RtpSender().packet(b"\x78" + body + b"\0\7abc", marker=True)) == []


@pytest.mark.parametrize("how", ["in fragments", "in one packet", "with a start code first"])
def test_a_byte_stream_in_the_place_of_a_nal_unit_is_taken_apart(how: str) -> None:
    # V380 and others of its maker.
    sender = RtpSender()
    stream = SPS + b"\0\0\0\1" + PPS + b"\0\0\0\1" + IDR
    if how == "in fragments":
        packets = sender.fragments(stream)
    elif how == "in one packet":
        packets = [sender.packet(stream, marker=True)]
    else:
        packets = [sender.packet(b"\0\0\0\1" + stream, marker=True)]
    pictures = _all(_of(), *packets)
    assert _nals(pictures) == [[SPS, PPS, IDR]]
    assert pictures[0].is_key
    assert pictures[0].sets == {SPS, PPS}


@pytest.mark.parametrize("padding", [b"\xff", b"\0"])
def test_padding_that_cannot_be_true_tears_its_picture(padding: bytes) -> None:
    sender, depacketizer = RtpSender(), _of()
    packets = [sender.packet(b"\x41\x9a123", marker=True, flags=0xA0, tail=padding)]
    sender.next()
    packets += sender.picture([P])
    assert _nals(_all(depacketizer, *packets)) == [[P]]


def test_an_extension_longer_than_its_packet_tears_its_picture() -> None:
    sender = RtpSender()
    packets = [sender.packet(P[:20], marker=True, flags=0x90)]
    sender.next()
    assert _nals(_all(_of(), *packets, *sender.picture([P]))) == [[P]]


def test_packets_of_padding_alone_change_nothing() -> None:
    sender, packets = RtpSender(), []
    for number in range(5):
        packets += sender.picture([SPS, PPS, IDR] if not number else [P])
        packets.append(sender.packet(b"", flags=0xA0, tail=b"\0\0\0\4"))
        sender.next()
    assert len(_all(_of(), *packets)) == 5


# --- time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [4, 9, -4, -9])
def test_a_jump_of_the_clock_is_passed_on_once(hours: int) -> None:
    sender, packets = RtpSender(), []
    for number in range(8):
        packets += sender.picture([SPS, PPS, IDR] if number % 4 == 0 else [P])
        sender.next(hours * 3600 * 90_000 if number == 3 else 6000)
    depacketizer = _of()
    pictures = _all(depacketizer, *packets)
    assert len(pictures) == 8
    steps = _steps(pictures)
    assert steps[:3] + steps[4:] == [6000] * 6
    assert abs(steps[3]) > 3600 * 90_000
    assert not depacketizer.reordered


@pytest.mark.parametrize("seconds", [-9_800, 37_600, 100_000])
def test_a_lone_time_stamp_hours_off_moves_only_its_own_picture(seconds: int) -> None:
    # Intelbras DVRs send one every few seconds.
    sender, packets = RtpSender(), []
    for number in range(30):
        true = sender.stamp
        if number % 10 == 7:
            sender.next(seconds * 90_000)
        packets += sender.picture([SPS, PPS, IDR] if number % 15 == 0 else [P])
        sender.stamp = true
        sender.next()
    pictures = _all(_of(), *packets)
    assert len(pictures) == 30
    assert set(_steps(pictures)) == {6000}


def test_a_camera_that_rests_between_pictures_keeps_its_times() -> None:
    sender, groups = RtpSender(), []
    for number in range(6):
        groups.append(b"".join(sender.picture([SPS, PPS, IDR] if number % 2 == 0 else [P])))
        sender.next(12 * 90_000)
    depacketizer = _of(doubt=False)
    given = [depacketizer.drain(group, 0)[1] for group in groups]
    assert [len(pictures) for pictures in given] == [1, 0, 2, 1, 1, 1]  # one waits, until its step is known
    assert _steps([picture for pictures in given for picture in pictures]) == [12 * 90_000] * 5


def test_pictures_out_of_order_get_decoding_times() -> None:
    # I0 P3 B1 B2 P6 B4 B5 …, over the wrap of the time stamp.
    sender, packets, expected = RtpSender(stamp=2**32 - 20 * 3000), [], []
    zero, order = sender.stamp, [0]
    for group in range(1, 12):
        order += [3 * group, 3 * group - 2, 3 * group - 1]
    for number, shown in enumerate(order):
        sender.stamp = (zero + shown * 3000) % 2**32
        packets += sender.picture([SPS, PPS, IDR] if not number else [P])
        expected.append(shown * 3000)
    depacketizer = _of()
    pictures = _all(depacketizer, *packets)
    assert [picture.ticks for picture in pictures] == expected
    assert depacketizer.reordered
    decode = [picture.decode_ticks for picture in pictures if picture.decode_ticks is not None]
    assert decode == sorted(decode)
    assert all(p.decode_ticks <= p.ticks for p in pictures if p.decode_ticks is not None)
    assert len(set(decode[6:])) == len(decode) - 6


# --- senders --------------------------------------------------------------------------------------------------


def _mixed(own: RtpSender, other: RtpSender, pictures: int = 6) -> list[bytes]:
    packets = []
    for number in range(pictures):
        packets += other.picture([b"\x65\x88" + b"o" * 3000])
        packets += own.picture([SPS, PPS, IDR] if not number else [P])
        own.next()
        other.next()
    return packets


def test_another_senders_pictures_are_left_out() -> None:
    packets = _mixed(RtpSender(), RtpSender(ssrc=99, seq=7))
    pictures = _all(_of(source=(7).to_bytes(4)), *packets)
    assert _nals(pictures) == [[SPS, PPS, IDR], *[[P]] * 5]


def test_a_sender_that_was_there_before_the_session_is_a_stranger() -> None:
    packets = _mixed(RtpSender(), RtpSender(ssrc=99, seq=7))
    pictures = _all(_of(strangers=frozenset({(99).to_bytes(4)})), *packets)
    assert _nals(pictures) == [[SPS, PPS, IDR], *[[P]] * 5]


def test_a_sender_announced_wrongly_is_taken_when_it_comes_alone() -> None:
    sender, packets = RtpSender(ssrc=42), []
    for number in range(90):
        packets += sender.picture([SPS, PPS, IDR] if number % 15 == 0 else [P])
        sender.next()
    depacketizer = _of(source=(7).to_bytes(4))
    pictures = _all(depacketizer, *packets)
    assert 50 <= len(pictures) <= 60  # two seconds of doubt
    assert not depacketizer.replaced


def test_a_sender_that_gives_way_to_another_is_told() -> None:
    first, second, packets = RtpSender(), RtpSender(ssrc=8), []
    for number in range(5):
        packets += first.picture([SPS, PPS, IDR] if not number else [P])
        first.next()
    depacketizer = _of()
    assert len(_all(depacketizer, *packets)) == 5
    assert not depacketizer.replaced
    for _ in range(40):
        depacketizer.drain(b"".join(second.picture([P])), 0)
        second.next()
    assert depacketizer.replaced


# --- packets that were cut ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 200, 700, 1011])
def test_a_packet_that_was_cut_short_gives_no_picture(cut: int) -> None:
    """What follows is taken for the rest of it, up to a place where no packet begins: there its picture is dropped."""
    sender, packets = RtpSender(), []
    for number in range(6):
        packets += sender.picture([SPS, PPS, IDR] if not number else [P])
        sender.next()
    packets[-3] = packets[-3][:-cut] if cut < len(packets[-3]) else packets[-3][:10]
    depacketizer = _of()
    position, pictures = depacketizer.drain(b"".join(packets), 0)
    assert position < sum(map(len, packets))
    depacketizer.tear()  # as its caller does at such a place
    pictures += _all(depacketizer, *sender.picture([P]))
    assert all(nals in ([SPS, PPS, IDR], [P]) for nals in _nals(pictures))
    assert depacketizer.damaged


def test_the_channel_is_the_one_that_was_agreed() -> None:
    sender, other = RtpSender(channel=10), RtpSender(channel=0)
    packets = sender.picture([SPS, PPS, IDR]) + other.picture([P])
    sender.next()
    packets += sender.picture([P])
    assert _nals(_all(_of(channel=10), *packets)) == [[SPS, PPS, IDR], [P]]
