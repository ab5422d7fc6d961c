"""RTP to pictures: fragments, aggregates, lost packets, lying markers, and garbage."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.recorder.worker import rtp
from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_core.recorder.worker.rtp import Depacketizer
from holdshelf_core.recorder.worker.source import Picture
from tests.rig.scripted_rtsp import PAYLOAD_TYPE as PT
from tests.rig.scripted_rtsp import RtpSender as Camera

SPS, PPS, IDR, P = (
    b"\x67\x64\x00\x1f" + b"s" * 8,
    b"\x68\xee" + b"p" * 4,
    b"\x65\x88" + b"i" * 5000,
    b"\x41\x9a" + b"q" * 900,
)
LATER = b"\x41\x5a" + b"r" * 700  # a slice that is not its picture's first
VPS5, SPS5, PPS5 = b"\x40\x01" + b"v" * 9, b"\x42\x01" + b"s" * 9, b"\x44\x01" + b"p" * 4
IDR5, P5 = b"\x26\x01\xaf" + b"i" * 5000, b"\x02\x01\xd0" + b"q" * 900


def _drain(depacketizer: Depacketizer, *packets: bytes) -> list[Picture]:
    position, pictures = depacketizer.drain(b"".join(packets), 0)
    assert position == sum(map(len, packets))
    return pictures


def test_fragments_single_units_and_aggregates_become_pictures_over_every_wrap() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    aggregate = b"\x78" + b"".join(struct.pack(">H", len(nal)) + nal for nal in (SPS, PPS))
    pictures = _drain(depacketizer, camera.packet(aggregate), *camera.fragments(IDR))
    for _ in range(3):
        camera.next()
        pictures += _drain(depacketizer, camera.packet(P, marker=True))
    assert [split_sample(picture.data) for picture in pictures] == [[SPS, PPS, IDR], [P], [P], [P]]
    assert [picture.ticks for picture in pictures] == [0, 6000, 12_000, 18_000]
    assert [picture.is_key for picture in pictures] == [True, False, False, False]
    assert pictures[0].sets == {SPS, PPS}
    assert not depacketizer.reordered


def test_h265_fragments_and_aggregates_become_pictures() -> None:
    camera, depacketizer = Camera(), Depacketizer("hevc", PT)
    aggregate = b"\x60\x01" + b"".join(struct.pack(">H", len(nal)) + nal for nal in (VPS5, SPS5, PPS5))
    pictures = _drain(depacketizer, camera.packet(aggregate), *camera.fragments5(IDR5))
    camera.next()
    pictures += _drain(depacketizer, camera.packet(P5, marker=True))
    assert [split_sample(picture.data) for picture in pictures] == [[VPS5, SPS5, PPS5, IDR5], [P5]]
    assert pictures[0].sets == {VPS5, SPS5, PPS5}
    assert [picture.is_key for picture in pictures] == [True, False]


@pytest.mark.parametrize("lost", range(6))
def test_a_picture_with_a_missing_packet_is_never_passed_on(lost: int) -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    first = _drain(depacketizer, camera.packet(P, marker=True))
    camera.next()
    packets = camera.fragments(IDR)
    assert len(packets) == 6
    del packets[lost]
    torn = _drain(depacketizer, *packets)
    camera.next()
    after = _drain(depacketizer, camera.packet(P, marker=True))
    assert len(first) == 1
    assert not any(split_sample(picture.data)[-1] == IDR or picture.is_key for picture in torn + after)
    camera.next()
    assert len(_drain(depacketizer, camera.packet(P, marker=True))) == 1
    assert depacketizer.damaged >= 1


def test_missing_markers_cost_one_picture_of_delay_and_no_picture() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    pictures = []
    for _ in range(4):
        pictures += _drain(depacketizer, *camera.fragments(P, 300, marker=False))
        camera.next()
    assert [split_sample(picture.data) for picture in pictures] == [[P]] * 3


def test_markers_on_parameter_sets_end_no_picture() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    pictures = _drain(
        depacketizer, camera.packet(SPS, marker=True), camera.packet(PPS, marker=True), *camera.fragments(IDR)
    )
    assert [split_sample(picture.data) for picture in pictures] == [[SPS, PPS, IDR]]


def test_markers_on_every_slice_are_believed_only_once() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    pictures = []
    for _ in range(4):
        pictures += _drain(depacketizer, camera.packet(P, marker=True), camera.packet(LATER, marker=True))
        camera.next()
    assert depacketizer.markers_lie
    # The first is torn before it can be known; with doubt_markers it is not given at all.
    assert [split_sample(picture.data) for picture in pictures] == [[P], [P, LATER], [P, LATER]]


def test_extensions_padding_contributors_and_other_senders_are_left_out() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    extension = struct.pack(">HH", 0xABAC, 2) + b"x" * 8
    pictures = _drain(depacketizer, camera.packet(P, marker=True, flags=0x92, head=b"c" * 8 + extension))
    camera.next()
    pictures += _drain(depacketizer, camera.packet(P, marker=True, flags=0xA0, tail=b"\0\0\0\4"))
    stranger = Camera(ssrc=9)
    pictures += _drain(depacketizer, stranger.packet(P, marker=True))
    camera.next()
    pictures += _drain(depacketizer, b"$\1\0\4abcd", camera.packet(P, marker=True))
    assert [split_sample(picture.data) for picture in pictures] == [[P]] * 3


def test_time_stamps_that_go_back_are_told() -> None:
    camera, depacketizer = Camera(stamp=100_000), Depacketizer("h264", PT)
    for ticks in (0, 18_000, -12_000):
        camera.next(ticks)
        _drain(depacketizer, camera.packet(P, marker=True))
    assert depacketizer.reordered


def test_a_recovery_point_without_idr_is_a_place_to_start() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    intra = b"\x41\x88" + b"i" * 50
    pictures = _drain(depacketizer, camera.packet(SPS), camera.packet(PPS), camera.packet(intra, marker=True))
    camera.next()
    pictures += _drain(depacketizer, camera.packet(SPS), camera.packet(P, marker=True))
    assert [picture.is_key for picture in pictures] == [True, False]


def test_an_unfinished_packet_waits_and_another_byte_stops() -> None:
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    packet = camera.packet(P, marker=True)
    assert depacketizer.drain(packet[:-1], 0) == (0, [])
    position, pictures = depacketizer.drain(packet + b"RTSP/1.0 200 OK\r\n\r\n", 0)
    assert (position, len(pictures)) == (len(packet), 1)


@given(st.lists(st.binary(max_size=80), max_size=30), st.sampled_from(["h264", "hevc"]))
def test_garbage_is_survived(payloads: list[bytes], codec: str) -> None:
    camera, depacketizer = Camera(), Depacketizer(codec, PT)
    for number, payload in enumerate(payloads):
        for picture in _drain(depacketizer, camera.packet(payload, marker=bool(number % 3), flags=0x80 | number % 64)):
            assert b"".join(split_sample(picture.data))
        camera.next(number % 2)


@given(st.binary(max_size=300), st.sampled_from(["h264", "hevc"]))
def test_a_raw_stream_of_garbage_is_survived(data: bytes, codec: str) -> None:
    position, _pictures = Depacketizer(codec, PT).drain(b"$" + data, 0)
    assert 0 <= position <= len(data) + 1


@pytest.mark.parametrize("at_once", [True, False], ids=["many packets at once", "one by one"])
def test_a_picture_without_an_end_is_dropped_before_it_takes_the_memory(
    monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    most = 200_000
    monkeypatch.setattr(rtp, "MAX_UNIT_BYTES", most)
    camera, depacketizer = Camera(), Depacketizer("h264", PT)
    pictures = _drain(depacketizer, camera.packet(SPS), camera.packet(PPS), *camera.fragments(IDR))
    camera.next()
    endless = camera.fragments(b"\x41\x9a" + b"q" * 8_000_000)
    tracemalloc.start()
    try:
        for packets in (endless[at : at + 64] for at in range(0, len(endless), 64)):
            for some in [packets] if at_once else [[one] for one in packets]:
                pictures += _drain(depacketizer, *some)
        held_bytes, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 2 * most
    camera.next()
    pictures += _drain(depacketizer, camera.packet(P, marker=True))
    camera.next()
    pictures += _drain(depacketizer, *camera.fragments(IDR))
    assert [split_sample(picture.data)[-1] for picture in pictures] == [IDR, P, IDR]
    assert depacketizer.damaged == 1
