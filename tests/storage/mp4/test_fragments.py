"""The parser of fragmented MP4, on files from libavformat and on bytes from a fiend."""

from __future__ import annotations

import contextlib
import io
import os

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_storage.errors import BadMp4, StorageError
from holdshelf_storage.mp4 import fragments as fmp4
from tests.storage.footage.footage_files import fragment_ends, memory_file, mp4, scan_bytes


def test_the_header_tells_the_track_and_the_comment() -> None:
    fd = memory_file(mp4(2, comment='{"holdshelf":1,"camera":"é"}'))
    header = fmp4.read_header(fd)
    os.close(fd)
    track = header.video
    assert track is not None
    assert (track.handler, track.codec, track.width, track.height) == ("vide", "h264", 64, 48)
    assert header.comment == '{"holdshelf":1,"camera":"é"}'
    assert track.nal_length_bytes == 4


def test_h265_is_read_as_well() -> None:
    data = mp4(2, codec="libx265")
    scan = scan_bytes(data)
    assert scan.header.video is not None
    assert scan.header.video.codec == "hevc"
    assert scan.frames == 20
    fd = memory_file(data)
    assert fmp4.broken_frame(fd) is None
    os.close(fd)


def test_a_file_with_sound_has_no_single_video_track() -> None:
    header = scan_bytes(mp4(2, audio=True)).header
    assert header.video is None
    assert sorted(track.handler for track in header.tracks) == ["soun", "vide"]


def test_a_scan_counts_what_a_demuxer_counts() -> None:
    data = mp4(5)
    scan = scan_bytes(data)
    assert (scan.whole_bytes, scan.frames, scan.duration_ns) == (len(data), 50, 5_000_000_000)
    assert scan.starts_on_key
    assert scan.fragments == len(fragment_ends(data))
    assert len(scan.bytes_per_second) == 5
    fd = memory_file(data)
    samples = list(fmp4.samples(fd))
    with av.open(io.BytesIO(data)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [(s.dts, s.pts, s.size, s.offset, s.is_key) for s in samples] == [
        (p.dts, p.pts, p.size, p.pos, p.is_keyframe) for p in packets
    ]
    assert sum(scan.bytes_per_second) == sum(packet.size for packet in packets)
    os.close(fd)


def test_wherever_a_file_is_cut_the_last_whole_fragment_is_found() -> None:
    data = mp4(3)
    ends = fragment_ends(data)
    interesting = {0, 1, 7, 8, 100, *ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])}
    for cut in sorted(interesting | set(range(0, len(data), 37))):
        fd = memory_file(data[:cut])
        wanted = max((end for end in ends if end <= cut), default=0)
        assert fmp4.last_whole_fragment(fd) == wanted, cut
        os.close(fd)


def test_a_tail_of_zeros_behind_a_power_cut_is_not_taken_for_footage() -> None:
    data = mp4(3)
    ends = fragment_ends(data)
    body = data.index(b"mdat", ends[-2]) + 4
    fd = memory_file(data[:body] + bytes(len(data) - body))
    assert fmp4.last_whole_fragment(fd) == ends[-2]
    os.close(fd)
    fd = memory_file(data + bytes(5000))
    assert fmp4.last_whole_fragment(fd) == len(data)
    os.close(fd)


def test_a_64_bit_mdat_is_read() -> None:
    data = mp4(1)
    ends = fragment_ends(data)
    start = data.index(b"mdat") - 4
    first = data[start : ends[0]]
    wide = (1).to_bytes(4) + b"mdat" + (len(first) + 8).to_bytes(8) + first[8:]
    moof = data.index(b"moof") - 4
    trun = data.index(b"trun", moof)
    offset = int.from_bytes(data[trun + 12 : trun + 16]) + 8
    patched = data[:trun] + data[trun : trun + 12] + offset.to_bytes(4) + data[trun + 16 : start] + wide
    scan = scan_bytes(patched)
    assert scan.whole_bytes == len(patched)
    assert scan.frames > 0


def test_a_broken_frame_is_told_from_a_whole_one() -> None:
    data = bytearray(mp4(2))
    fd = memory_file(bytes(data))
    third = list(fmp4.samples(fd))[2]
    assert fmp4.broken_frame(fd) is None
    os.close(fd)
    data[third.offset : third.offset + 4] = b"\xff\xff\xff\xff"
    fd = memory_file(bytes(data))
    assert fmp4.broken_frame(fd) == third.offset
    os.close(fd)


def test_a_frame_for_which_the_table_has_no_room_is_not_read_from_what_follows() -> None:
    data = bytearray(mp4(3))
    *_, before, _ = fragment_ends(bytes(data))
    count = data.rindex(b"trun") + 8
    data[count : count + 4] = (int.from_bytes(data[count : count + 4]) + 1).to_bytes(4)
    fd = memory_file(bytes(data))
    assert fmp4.last_whole_fragment(fd) == before
    os.close(fd)


@pytest.mark.parametrize(("version", "shift"), [(0, 2**31), (1, -(2**31))])
def test_when_a_frame_is_shown_is_signed_in_version_1_of_its_table_alone(version: int, shift: int) -> None:
    """14496-12 § 8.8.8."""
    whole, frame = mp4(1), b"\0\0\0\1\x65"
    run = bytes([version]) + (0x000A01).to_bytes(3) + (1).to_bytes(4)
    tfhd = _box(b"tfhd", bytes(4) + (1).to_bytes(4))

    def moof(offset: int) -> bytes:
        row = offset.to_bytes(4) + len(frame).to_bytes(4) + (2**31).to_bytes(4)
        return _box(b"moof", _box(b"traf", tfhd + _box(b"trun", run + row)))

    fd = memory_file(whole + moof(len(moof(0)) + 8) + _box(b"mdat", frame))
    *_, last = fmp4.samples(fd)
    assert last.pts - last.dts == shift
    os.close(fd)


def test_leaping_time_stamps_do_not_make_a_segment_of_years() -> None:
    data = bytearray(mp4(3))
    last = data.rindex(b"tfdt")
    data[last + 8 : last + 16] = (2**63).to_bytes(8)
    scan = scan_bytes(bytes(data))
    assert scan.frames == 30
    assert 0 < scan.duration_ns <= 4_000_000_000
    assert sum(scan.bytes_per_second) > 0
    assert len(scan.bytes_per_second) <= 4


def _try_everything(data: bytes) -> None:
    fd = memory_file(data)
    try:
        end = fmp4.last_whole_fragment(fd)
        assert 0 <= end <= len(data)
        for call in (fmp4.read_header, fmp4.scan, fmp4.broken_frame, lambda one: list(fmp4.samples(one))):
            with contextlib.suppress(StorageError):
                call(fd)
        if end:
            assert scan_bytes(data).header.tracks
    finally:
        os.close(fd)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_random_bytes_end_in_an_answer_or_a_storage_error(data: bytes) -> None:
    _try_everything(data)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2500), st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 4), st.just(bytes(4)))
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 3000),
)
def test_damaged_files_end_in_an_answer_or_a_storage_error(patches: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(mp4(2, comment="x" * 50))
    for position, patch in patches:
        data[position : position + len(patch)] = patch
    _try_everything(bytes(data[: len(data) - cut]))


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


@pytest.mark.parametrize(
    "bomb",
    [
        _box(b"free", b"") * 300_000,
        (b"\x00\x00\x00\x00moof") * 10,
        (1).to_bytes(4) + b"mdat" + (2**63).to_bytes(8),
        _box(b"moof", _box(b"traf", b"") * 100_000) + _box(b"mdat", b"xx"),
        _box(
            b"moof",
            _box(
                b"traf",
                _box(b"tfhd", bytes(4) + (1).to_bytes(4)) + _box(b"trun", bytes(4) + (2**32 - 1).to_bytes(4)),
            ),
        )
        + _box(b"mdat", b"x" * 100),
    ],
    ids=["many boxes", "sizes of nothing", "a box of eight exabytes", "many trafs", "four billion frames"],
)
def test_bombs_are_answered(bomb: bytes) -> None:
    whole = mp4(1)
    for data in (bomb, whole + bomb):
        _try_everything(data)
    fd = memory_file(whole + bomb)
    assert fmp4.last_whole_fragment(fd) == len(whole)
    os.close(fd)


def test_a_header_of_gigabytes_is_refused() -> None:
    fd = memory_file(_box(b"ftyp", bytes(20)) + (2 * 1024 * 1024).to_bytes(4) + b"moov")
    os.ftruncate(fd, 3 * 1024 * 1024)
    with pytest.raises(BadMp4, match="larger than any"):
        fmp4.read_header(fd)
    os.close(fd)
