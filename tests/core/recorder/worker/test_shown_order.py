"""Pictures that are sent in another order than shown (B-frames), over a line that takes one: where it is missing there is a gap,
and nothing is shown outside its recording.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from holdshelf_core.integration.reasons import FRAMES_LOST
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.nal import split_annexb
from holdshelf_core.recorder.worker.shown import SURE_AFTER, ShownOrder
from holdshelf_core.times import NS
from holdshelf_storage.mp4.fragments import last_whole_fragment, scan
from tests.core.recorder.worker.test_rtsp_recorded import Sample
from tests.rig.camera_thread import CameraThread, samples, shown_pictures
from tests.rig.hang import HANG_S
from tests.rig.media import media
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp, sdp
from tests.rig.udp_rtsp import UdpRtsp

FPS = 120
STEP_TICKS = 90_000 // FPS
GOP = 15
STREAMS = ("h264_b_closed", "h264_b_open", "h265_b_closed", "h265_b_open")


@cache
def _stream(name: str, count: int) -> tuple[list[Sample], list[int]]:
    """About that many access units, so that none is missing between them, and where the key frames are among them."""
    medium = media(name)
    data = medium.data.read_bytes()
    while max(unit.shown for unit in medium.units[:count]) >= count:
        count -= 1
    chosen = medium.units[:count]
    units = [Sample(split_annexb(data[unit.offset : unit.offset + unit.size]), unit.shown) for unit in chosen]
    return units, [number for number, unit in enumerate(chosen) if unit.is_key]


def _sent(units: list[Sample], lost: set[int], *, hevc: bool, begin: int = 0) -> Iterator[bytes | float]:
    """As a camera sends them, without the first packet of each of the lost: its number stays out."""
    sender = RtpSender()
    first = sender.stamp
    for number, unit in enumerate(units[begin:], begin):
        sender.stamp = (first + unit.shown * STEP_TICKS) % 2**32
        packets = sender.picture(unit.nals, hevc=hevc)
        yield b"".join(packets[1:] if number in lost else packets)
        yield 1 / FPS


def _record(
    folder: Path, stream: Iterator[bytes | float], transport: str, *, hevc: bool, segment_s: float = 60.0
) -> CameraThread:
    kind = UdpRtsp if transport == "udp" else ScriptedRtsp
    with (
        kind(media=stream, description=sdp(codec="H265" if hevc else "H264"), stay=True) as server,
        CameraThread(server.url, folder, transport=transport, segment_s=segment_s) as recording,
    ):
        assert server.done.wait(HANG_S)
        recording.wait_idle()
    return recording


def _spans(recording: CameraThread, units: list[Sample]) -> list[tuple[float, float, list[int]]]:
    """Of each recording: when it begins and ends, in pictures since the first one's, by our clock; and which it holds.

    Holds that each is shown whole, inside its own time. Where one recording follows another without a loss, pictures of an open
    group that are shown before the key frame are behind it, and need the recording before.
    """
    numbers = {b"".join(unit.nals): number for number, unit in enumerate(units)}
    closed = recording.heard(wire.Closed)
    began_ns = closed[0].start_boot_ns
    found: list[tuple[float, float, list[int]]] = []
    base = 0
    for path, pictures, each in zip(recording.files(), recording.pictures(), closed, strict=True):
        inside = [numbers[b"".join(nals)] for nals in pictures]
        first = units[inside[0]].shown
        follows = bool(found) and found[-1][2][-1] + 1 == inside[0]
        base = base if found else first
        begin = base + (each.start_boot_ns - began_ns) * FPS / NS
        end = begin + each.duration_ns * FPS / NS
        assert begin == pytest.approx(first, abs=0.1), "a recording begins when its key frame is shown"
        assert each.frames == len(inside)
        places = [units[number].shown for number in inside if not follows or units[number].shown >= first]
        assert sorted(places) == list(range(first, first + len(places))), "nothing is missing between what is shown"
        if len(places) == len(inside):
            stamps = [pts for pts, _dts, _data in samples(path)]
            times = [first + (pts - stamps[0]) / STEP_TICKS for pts in stamps]
            assert times == [pytest.approx(place, abs=0.1) for place in places], "each has its own time"
            assert len(shown_pictures(path)) == len(inside), "a decoder can make all of them"
        assert max(places) + 1 <= end + 0.1, "nothing is shown after the end"
        found.append((begin, end, inside))
    return found


def _assert_missing_lie_in_gaps(spans: list[tuple[float, float, list[int]]], units: list[Sample]) -> None:
    held = {number for _, _, inside in spans for number in inside}
    for number, unit in enumerate(units):
        if number not in held:
            beside = [(begin, end) for begin, end, _ in spans if begin - 0.5 < unit.shown < end - 0.5]
            assert not beside, f"picture {number}, shown as number {unit.shown}, is missing inside {beside}"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name", STREAMS)
def test_of_whatever_kind_a_lost_picture_is_it_lies_in_a_gap(tmp_path: Path, name: str, transport: str) -> None:
    """Each place of a group of pictures is lost once, every second group: I, P, B, and B that others are made from."""
    units, keys = _stream(name, (2 * GOP + 3) * GOP)
    hevc = name.startswith("h265")
    lost = {keys[1 + 2 * place] + place for place in range(GOP)}
    recording = _record(tmp_path, _sent(units, lost, hevc=hevc), transport, hevc=hevc)
    spans = _spans(recording, units)
    held = {number for _, _, inside in spans for number in inside}
    assert not held & lost
    assert len(spans) == GOP + 1
    _assert_missing_lie_in_gaps(spans, units)
    assert [started.why for started in recording.heard(wire.Started)[1:]] == [FRAMES_LOST] * GOP
    for place in range(GOP):  # up to the loss, and from the next key frame on, no more is missing than has to be
        key = keys[1 + 2 * place]
        before = [number for number in range(keys[2 * place], key + place) if number not in held]
        assert len(before) <= 5 + 3, f"{before} came before {key + place} was lost"
        assert {keys[2 + 2 * place], keys[3 + 2 * place] - 1} <= held


@pytest.mark.parametrize("name", ["h264_b_open", "h265_b_open"])
@pytest.mark.parametrize("place", [1, 2, 3])
def test_what_is_lost_right_behind_the_key_frame_of_a_new_recording_lies_in_a_gap(
    tmp_path: Path, name: str, place: int
) -> None:
    """It would have been shown at the end of the recording before, which must not have been closed over it."""
    units, keys = _stream(name, 8 * GOP)
    hevc = name.startswith("h265")
    recording = _record(tmp_path, _sent(units, {keys[5] + place}, hevc=hevc), "tcp", hevc=hevc, segment_s=4 * GOP / FPS)
    spans = _spans(recording, units)
    _assert_missing_lie_in_gaps([(begin, end, inside) for begin, end, inside in spans], units)
    assert len(spans) > 1


@pytest.mark.parametrize("name", STREAMS)
def test_where_nothing_is_lost_nothing_is_left_out(tmp_path: Path, name: str) -> None:
    units, _ = _stream(name, 8 * GOP)
    hevc = name.startswith("h265")
    recording = _record(tmp_path, _sent(units, set(), hevc=hevc), "tcp", hevc=hevc, segment_s=2 * GOP / FPS)
    assert [nals for file in recording.pictures() for nals in file] == [unit.nals for unit in units]
    closed = recording.heard(wire.Closed)
    assert len(closed) > 2
    for before, after in itertools.pairwise(closed):
        assert after.start_boot_ns == pytest.approx(before.start_boot_ns + before.duration_ns, abs=NS // 1000)
    assert sum(each.duration_ns for each in closed) * FPS / NS == pytest.approx(len(units), abs=0.5)


@pytest.mark.parametrize("name", ["h264_b_open", "h265_b_open"])
def test_a_connection_that_begins_in_the_middle_records_nothing_that_is_shown_before_its_key_frame(
    tmp_path: Path, name: str
) -> None:
    units, keys = _stream(name, 4 * GOP)
    hevc = name.startswith("h265")
    recording = _record(tmp_path, _sent(units, set(), hevc=hevc, begin=keys[1]), "tcp", hevc=hevc)
    ((_, _, inside),) = _spans(recording, units)
    assert [number for number in range(keys[1], len(units)) if number not in inside] == [
        number for number in range(keys[1], len(units)) if units[number].shown < units[keys[1]].shown
    ]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("place", range(1, 5))
def test_a_recording_that_ends_amid_pictures_out_of_order_leaves_none_of_them_outside_a_gap(
    tmp_path: Path, name: str, place: int
) -> None:
    units, keys = _stream(name, 4 * GOP)
    hevc = name.startswith("h265")
    came = units[: keys[2] + place]
    spans = _spans(_record(tmp_path, _sent(came, set(), hevc=hevc), "tcp", hevc=hevc), units)
    _assert_missing_lie_in_gaps(spans, units)


@pytest.mark.parametrize("name", STREAMS)
def test_what_a_kill_leaves_is_shown_without_holes_and_ends_with_the_last_picture_shown(
    tmp_path: Path, name: str
) -> None:
    """It is cut behind some fragment: what was ahead of a picture that had not come is in none of those."""
    units, _ = _stream(name, 3 * FPS)
    hevc = name.startswith("h265")
    ((_, _, inside),) = _spans(recording := _record(tmp_path, _sent(units, set(), hevc=hevc), "tcp", hevc=hevc), units)
    (path,) = recording.files()
    ends: list[int] = []
    while True:
        with path.open("rb+") as file:
            whole = last_whole_fragment(file.fileno())
            if not whole:
                break
            os.truncate(path, whole)
            found = scan(file.fileno())
            ends.append(found.frames)
            places = [units[number].shown for number in inside[: found.frames]]
            assert sorted(places) == list(range(len(places)))
            assert found.duration_ns * FPS / NS == pytest.approx(len(places), abs=0.5)
            os.truncate(path, whole - 1)
    assert len(ends) > 3


def _silent(sps: bytes) -> bytes:
    """The SPS of these H.264 media without its VUI, and so without a word on how far pictures are out of order (§ 7.3.2.1.1)."""
    bits = "".join(f"{byte:08b}" for byte in sps[1:].replace(b"\0\0\3", b"\0\0"))
    at = 0

    def fixed(size: int) -> int:
        nonlocal at
        at += size
        return int(bits[at - size : at] or "0", 2)

    def golomb() -> int:
        zeros = bits.index("1", at) - at
        fixed(zeros)
        return fixed(zeros + 1) - 1

    profile = fixed(8)
    fixed(16)
    golomb()
    assert profile == 77, "Main, which has no fields for chroma here"
    golomb()
    if golomb() == 0:
        golomb()
    golomb()
    fixed(1)
    golomb()
    golomb()
    fixed(2 - fixed(1))
    if fixed(1):
        [golomb() for _ in range(4)]
    kept = f"{bits[:at]}01"
    kept += "0" * (-len(kept) % 8)
    return sps[:1] + bytes(int(kept[byte : byte + 8], 2) for byte in range(0, len(kept), 8))


@pytest.mark.parametrize("place", range(2, 6))
def test_a_stream_that_does_not_say_how_far_its_pictures_are_out_of_order_is_thought_capable_of_it(
    tmp_path: Path, place: int
) -> None:
    """Its first pictures are lost already, when none has come out of order yet."""
    units, keys = _stream("h264_b_closed", 6 * GOP)
    quiet = [Sample([_silent(nal) if nal[0] & 0x1F == 7 else nal for nal in unit.nals], unit.shown) for unit in units]
    recording = _record(tmp_path, _sent(quiet, {place, keys[4] + place}, hevc=False), "tcp", hevc=False)
    first, *others = recording.heard(wire.Closed)
    assert first.duration_ns * FPS / NS <= quiet[place].shown + 0.5
    assert others
    held = [number for file in recording.pictures() for number in map([unit.nals for unit in quiet].index, file)]
    assert max(quiet[number].shown for number in held[: first.frames]) < min(
        unit.shown for number, unit in enumerate(quiet[: keys[1]]) if number not in held
    )


# --- the order alone --------------------------------------------------------------------------------------------------


def _seen(ticks: list[int], said: int = 0) -> ShownOrder:
    order = ShownOrder()
    order.said(said)
    for at in ticks:
        order.saw(at)
    return order


def test_pictures_in_order_are_all_settled_and_those_ahead_of_a_missing_one_are_not() -> None:
    even = [10 * number for number in range(40)]
    assert _seen(even).settled(0, even, 0) == 40
    assert _seen(even, said=2).settled(0, even, 2) == 40, "between any two there is no room for another"
    before = [0, *(10 * (3 * group + place) for group in range(8) for place in (3, 1, 2))]
    order = _seen([*before, 270])
    assert (order.depth, order.step()) == (1, 10)
    assert order.settled(240, [270, 250], 1) == 0, "260 may be missing, and 250 may be made from 270"
    assert order.settled(240, [270, 250, 260], 1) == 3


def test_while_it_is_not_known_how_long_a_picture_lasts_all_that_may_be_ahead_is_unsettled() -> None:
    order = _seen([0, 80], said=2)
    assert order.step() is None
    assert order.settled(0, [80], 2) == 0
    even = [10 * number for number in range(SURE_AFTER)]
    assert _seen(even, said=2).step() == 10


def test_a_clock_that_was_set_back_is_no_order() -> None:
    order = _seen([*range(1000, 1300, 10), *range(0, 300, 10)])
    assert order.depth == 0
    assert order.step() == 10
