"""What becomes of odd streams on disk: every picture as it was sent, in files that play, or a reason why not."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from holdshelf_core.integration.reasons import advise
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.nal import kind_of, split_annexb, split_sample
from holdshelf_core.recorder.worker.units import REORDER_DEPTH
from tests.rig.camera_thread import CameraThread, samples, shown_pictures
from tests.rig.hang import HANG_S
from tests.rig.media import media
from tests.rig.parts import program
from tests.rig.rtsp import gst_python
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp, sdp

SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}


@dataclass(frozen=True)
class Sample:
    """One access unit in decoding order, with the time (in pictures) at which it is shown."""

    nals: list[bytes]
    shown: int


def _encoded(folder: Path, codec: str, fps: int, count: int, params: str) -> list[Sample]:
    path = folder / "encoded.mp4"
    encoder = {"h264": ("libx264", "-x264-params"), "hevc": ("libx265", "-x265-params")}[codec]
    source = ("-f", "lavfi", "-i", f"testsrc2=s=160x96:r={fps}", "-frames:v", str(count), "-pix_fmt", "yuv420p")
    how = ("-c:v", encoder[0], "-preset", "ultrafast", encoder[1], f"{params}:repeat-headers=1")
    ffmpeg = program("ffmpeg", "ffmpeg")
    subprocess.run([ffmpeg, "-nostdin", "-loglevel", "error", "-y", *source, *how, str(path)], check=True)
    units = samples(path)
    order = {pts: number for number, pts in enumerate(sorted(pts for pts, _dts, _data in units))}
    return [Sample(split_sample(data), order[pts]) for pts, _dts, data in units]


def _played(units: list[Sample], fps: float, *, hevc: bool = False) -> Iterator[bytes | float]:
    """As a camera sends them: time stamps are when they are shown, and each goes out when it is encoded."""
    sender = RtpSender(stamp=2**32 - round(90_000 * 1.5))
    first = sender.stamp
    for unit in units:
        sender.stamp = (first + round(unit.shown * 90_000 / fps)) % 2**32
        yield b"".join(sender.picture(unit.nals, hevc=hevc))
        yield 1 / fps


def _units(name: str, count: int, start: int = 0) -> list[Sample]:
    medium = media(name)
    data = medium.data.read_bytes()
    chosen = medium.units[start : start + count]
    return [Sample(split_annexb(data[u.offset : u.offset + u.size]), number) for number, u in enumerate(chosen)]


def _without_sets(unit: Sample, codec: str = "h264") -> Sample:
    return Sample([nal for nal in unit.nals if kind_of(nal, codec) not in SETS[codec]], unit.shown)


def _sets(unit: Sample, codec: str = "h264") -> list[bytes]:
    return [nal for nal in unit.nals if kind_of(nal, codec) in SETS[codec]]


def _record(tmp_path: Path, units: list[Sample], fps: float, **more: object) -> CameraThread:
    description = more.pop("description", None)
    hevc = bool(more.get("hevc"))
    more.pop("hevc", None)
    with (
        ScriptedRtsp(
            media=_played(units, fps, hevc=hevc),
            description=description or sdp(codec="H265" if hevc else "H264"),  # type: ignore[arg-type]
            stay=True,
        ) as server,
        CameraThread(server.url, tmp_path / "recorded", **more) as recording,  # type: ignore[arg-type]
    ):
        assert server.done.wait(HANG_S)
        # Its last picture is there once the marker is settled.
        recording.wait_idle()
    return recording


# --- B-frames -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "params"),
    [
        ("h264", "bframes=2:b-adapt=0:b-pyramid=none:keyint=15:min-keyint=15:scenecut=0"),
        ("hevc", "bframes=3:b-adapt=0:b-pyramid=1:keyint=15:min-keyint=15:scenecut=0:open-gop=0:log-level=error"),
    ],
)
def test_pictures_out_of_order_are_recorded_with_both_their_times(tmp_path: Path, codec: str, params: str) -> None:
    units = _encoded(tmp_path, codec, 60, 75, params)
    assert [unit.shown for unit in units] != sorted(unit.shown for unit in units)
    recording = _record(tmp_path, units, 60, hevc=codec == "hevc", segment_s=0.5)
    assert [nals for file in recording.pictures() for nals in file] == [unit.nals for unit in units]
    assert len(recording.files()) >= 2
    assert [lost.reason for lost in recording.heard(wire.Lost)] == []
    shown: list[int] = []
    for path in recording.files():
        times = shown_pictures(path)
        assert times == sorted(times)
        assert {after - before for before, after in itertools.pairwise(times)} == {1500}
        decoded = [dts for _pts, dts, _data in samples(path)]
        settled = decoded[2 * REORDER_DEPTH + 2 :]
        assert {after - before for before, after in itertools.pairwise(settled)} == {1500}
        shown += times
    assert len(shown) == len(units)
    closed = recording.heard(wire.Closed)
    assert sum(each.duration_ns for each in closed) == pytest.approx(75 / 60 * 1e9, abs=0.02e9)


_GST_B_FRAMES = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer(); server.set_address("127.0.0.1"); server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1"
    " ! x264enc bframes=2 b-adapt=false b-pyramid=false key-int-max=25 speed-preset=superfast"
    " ! video/x-h264,profile=main,stream-format=byte-stream,alignment=au ! tee name=t"
    " t. ! queue ! rtph264pay name=pay0 pt=96 config-interval=-1"
    f" t. ! queue ! filesink location={sys.argv[1]} buffer-mode=unbuffered async=false sync=false )"
)
server.get_mount_points().add_factory("/b", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(0, GLib.IO_HUP, lambda *_: loop.quit())
loop.run()
"""


def test_a_real_server_with_b_frames_is_recorded_without_a_reconnect(tmp_path: Path) -> None:
    sent = tmp_path / "sent.h264"
    server = subprocess.Popen(
        [gst_python(), "-c", _GST_B_FRAMES, str(sent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with CameraThread(f"rtsp://127.0.0.1:{port}/b", tmp_path / "recorded", segment_s=2.0) as recording:
            recording.wait_for("two recordings", lambda: len(recording.heard(wire.Closed)) >= 2)
        last = recording.pictures()[-1][-1][-1]
        recording.wait_for("the server has written down all of it", lambda: last in split_annexb(sent.read_bytes()))
        server.stdin.close()
        server.kill()
    assert recording.heard(wire.Lost) == []
    slices = {5: "IDR", 1: "other"}
    recorded = [nal for file in recording.pictures() for nals in file for nal in nals if kind_of(nal, "h264") in slices]
    every = [nal for nal in split_annexb(sent.read_bytes()) if kind_of(nal, "h264") in slices]
    first = every.index(recorded[0])
    assert recorded == every[first : first + len(recorded)]
    # slice_type B: 1 or 6 behind first_mb_in_slice 0 (H.264 § 7.3.3)
    assert sum(nal[1] >> 4 == 0b1010 or nal[1] >> 2 == 0b100111 for nal in recorded) > len(recorded) / 3
    for path in recording.files()[:2]:
        times = shown_pictures(path)
        assert {after - before for before, after in itertools.pairwise(times)} == {3600}


# --- parameter sets -------------------------------------------------------------------------------------------


def test_parameter_sets_that_only_the_description_gives(tmp_path: Path) -> None:
    units = _units("h264_small", 30)
    bare = [_without_sets(unit) for unit in units]
    recording = _record(tmp_path, bare, 60, description=sdp(sets=_sets(units[0])))
    assert recording.pictures() == [[unit.nals for unit in bare]]
    assert len(shown_pictures(recording.files()[0])) == 30


def test_a_description_that_lies_about_them_gives_way_to_the_pictures(tmp_path: Path) -> None:
    units, other = _units("h264_small", 30), _units("h264_720p", 1)
    recording = _record(tmp_path, units, 60, description=sdp(sets=_sets(other[0])))
    assert recording.pictures() == [[unit.nals for unit in units]]
    assert [started.width for started in recording.heard(wire.Started)] == [320]


@pytest.mark.parametrize("where", ["with the second key frame", "between two pictures", "half in the description"])
def test_parameter_sets_that_come_late(tmp_path: Path, where: str) -> None:
    units = _units("h264_small", 45)
    sets = _sets(units[0])
    bare = [_without_sets(unit) for unit in units]
    sent, description = list(bare), sdp()
    if where == "with the second key frame":
        sent[15] = units[15]
    elif where == "between two pictures":
        sent[7] = Sample([*sets, *bare[7].nals], bare[7].shown)
    else:
        sent[15] = Sample([sets[1], *bare[15].nals], 15)
        description = sdp(sets=sets[:1])
    recording = _record(tmp_path, sent, 60, description=description)
    assert recording.pictures() == [[unit.nals for unit in sent[15:]]]
    assert len(shown_pictures(recording.files()[0])) == 30
    assert [lost.reason for lost in recording.heard(wire.Lost)] == ["no parameter sets"]


def test_parameter_sets_that_never_come_are_a_repair_in_words(tmp_path: Path) -> None:
    recording = _record(tmp_path, [_without_sets(unit) for unit in _units("h264_small", 40)], 60)
    assert recording.files() == []
    [lost] = recording.heard(wire.Lost)
    assert advise(lost.reason, name="Door", camera_id="1") == (
        "Door sends pictures without saying how to decode them.",
        "Restart the camera. If this persists, update its firmware.",
    )


@pytest.mark.parametrize("apart", [False, True])
def test_a_new_size_begins_a_new_recording_and_no_picture_is_lost(tmp_path: Path, apart: bool) -> None:
    # h264_change: 640 × 360 and 1280 × 720 in turns of 75 pictures.
    units = _units("h264_change", 90, start=60)
    sent = list(units)
    if apart:  # the new sets come with the last picture before, as an afterthought; the key frame has none
        sent[14] = Sample([*_sets(units[15]), *units[14].nals], 14)
        sent = [unit if number in (0, 14) else _without_sets(unit) for number, unit in enumerate(sent)]
    recording = _record(tmp_path, sent, 60)
    assert [nals for file in recording.pictures() for nals in file] == [unit.nals for unit in sent]
    sizes = [(started.width, started.height) for started in recording.heard(wire.Started)]
    assert sizes[:2] == [(640, 360), (1280, 720)]
    assert [len(file) for file in recording.pictures()][:2] == [15, 75]
    for started in recording.heard(wire.Started)[1:]:
        assert started.why == ""  # none is missing between them
    assert recording.heard(wire.Lost) == []


# --- time -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [3, -3])
def test_a_jump_of_the_cameras_clock_is_a_gap_of_at_most_a_group_of_pictures(tmp_path: Path, hours: int) -> None:
    units = _units("h264_small", 75)
    moved = [Sample(unit.nals, unit.shown + (hours * 3600 * 60 if unit.shown >= 38 else 0)) for unit in units]
    recording = _record(tmp_path, moved, 60)
    recorded = recording.pictures()
    assert recorded == [[unit.nals for unit in units[:38]], [unit.nals for unit in units[45:]]]
    assert [started.why for started in recording.heard(wire.Started)] == ["reconnected", "stream jumped"]
    first, second = recording.heard(wire.Closed)
    between_ns = second.start_boot_ns - (first.start_boot_ns + first.duration_ns)
    assert between_ns > 0  # seven pictures, and what the machine adds


def test_lone_time_stamps_hours_off_cost_nothing(tmp_path: Path) -> None:
    units = _units("h264_small", 60)
    moved = [Sample(unit.nals, unit.shown - (10_000 * 60 if unit.shown % 10 == 7 else 0)) for unit in units]
    recording = _record(tmp_path, moved, 60)
    assert recording.pictures() == [[unit.nals for unit in units]]
    times = [pts for pts, _dts, _data in samples(recording.files()[0])]
    assert {after - before for before, after in itertools.pairwise(times)} == {1500}


def test_slow_fast_long_and_short_groups_side_by_side(tmp_path: Path) -> None:
    """One picture a second and sixty, groups of ten seconds and of one picture: all of it, each recording from a key frame on."""
    kinds = {
        "one a second": (1, 11, 10),
        "sixty a second": (60, 600, 60),
        "ten seconds": (10, 110, 100),
        "each a key": (30, 300, 1),
    }
    with ExitStack() as stack:
        running = {}
        for name, (fps, count, gop) in kinds.items():
            folder = tmp_path / name
            folder.mkdir()
            params = f"bframes=0:keyint={gop}:min-keyint={gop}:scenecut=0"
            units = _encoded(folder, "h264", fps, count, params)
            running[name] = (units, folder)
        recordings = {}
        for name, (units, folder) in running.items():
            fps = kinds[name][0]
            server = stack.enter_context(ScriptedRtsp(media=_played(units, fps), stay=True))
            thread = CameraThread(server.url, folder / "recorded", segment_s=3.0)
            recordings[name] = (server, stack.enter_context(thread))
        for server, _recording in recordings.values():
            assert server.done.wait(HANG_S)
        for _server, recording in recordings.values():
            recording.wait_idle()
    for name, (units, _folder) in running.items():
        recording = recordings[name][1]
        assert [nals for file in recording.pictures() for nals in file] == [unit.nals for unit in units], name
        assert [lost.reason for lost in recording.heard(wire.Lost)] == []
        for path in recording.files():
            with av.open(str(path)) as container:
                assert next(container.demux(container.streams.video[0])).is_keyframe
    lengths = {name: [len(file) for file in recording.pictures()] for name, (_s, recording) in recordings.items()}
    assert lengths["ten seconds"] == [100, 10]
    assert lengths["one a second"] == [10, 1]
    assert all(85 <= length <= 95 for length in lengths["each a key"][:-1])
