"""RTP to pictures: fragments, aggregates, lost packets, lying markers, and garbage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.recorder.worker_nal import split_sample
from holdshelf_core.recorder.worker_rtp import Depacketizer
from holdshelf_core.recorder.worker_source import Picture

PT = 96
SPS, PPS, IDR, P = (
    b"\x67\x64\x00\x1f" + b"s" * 8,
    b"\x68\xee" + b"p" * 4,
    b"\x65\x88" + b"i" * 5000,
    b"\x41\x9a" + b"q" * 900,
)
VPS5, SPS5, PPS5 = b"\x40\x01" + b"v" * 9, b"\x42\x01" + b"s" * 9, b"\x44\x01" + b"p" * 4
IDR5, P5 = b"\x26\x01\xaf" + b"i" * 5000, b"\x02\x01\xd0" + b"q" * 900


class Camera:
    """Makes RTP packets as a camera does."""

    def __init__(self, seq: int = 65_530, stamp: int = 2**32 - 5000, ssrc: int = 7) -> None:
        self.seq, self.stamp, self.ssrc = seq, stamp, ssrc

    def packet(
        self, payload: bytes, *, marker: bool = False, flags: int = 0x80, head: bytes = b"", tail: bytes = b""
    ) -> bytes:
        rtp = struct.pack(">BBHII", flags, (0x80 if marker else 0) | PT, self.seq, self.stamp, self.ssrc)
        self.seq = (self.seq + 1) & 0xFFFF
        data = rtp + head + payload + tail
        return b"$\0" + struct.pack(">H", len(data)) + data

    def fragments(self, nal: bytes, size: int = 1000, *, marker: bool = True) -> list[bytes]:
        body, parts = nal[1:], []
        for at in range(0, len(body), size):
            last = at + size >= len(body)
            fu = bytes(((nal[0] & 0xE0) | 28, (0x80 if not at else 0) | (0x40 if last else 0) | nal[0] & 0x1F))
            parts.append(self.packet(fu + body[at : at + size], marker=marker and last))
        return parts

    def fragments5(self, nal: bytes, size: int = 1000) -> list[bytes]:
        body, parts, kind = nal[2:], [], nal[0] >> 1 & 0x3F
        for at in range(0, len(body), size):
            last = at + size >= len(body)
            fu = bytes(((nal[0] & 0x81) | 49 << 1, nal[1], (0x80 if not at else 0) | (0x40 if last else 0) | kind))
            parts.append(self.packet(fu + body[at : at + size], marker=last))
        return parts

    def next(self, ticks: int = 6000) -> None:
        self.stamp = (self.stamp + ticks) % 2**32


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
        pictures += _drain(depacketizer, camera.packet(P, marker=True), camera.packet(P + b"2", marker=True))
        camera.next()
    assert depacketizer.markers_lie
    assert [split_sample(picture.data) for picture in pictures[2:]] == [[P, P + b"2"]] * 2


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
