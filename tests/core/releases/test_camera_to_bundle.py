"""From the lens to the officer: what is in a bundle is what the camera sent, access unit by access unit."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from bench.export import facts_of
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.operations import offline
from holdshelf_core.people import types as types_people
from holdshelf_core.policy import model
from holdshelf_core.releases import types
from holdshelf_core.releases.bundle import Order, make
from holdshelf_core.releases.facts import ORIGINAL
from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_core.times import parse_rfc3339
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.register import Register
from holdshelf_storage.volume.volume import Volume
from tests.bundles import await_export, bundle_of, export, manifest_of, officer, officer_checks
from tests.looking import BOOT, BOOTED_UTC_NS, NS
from tests.people import PAPER, People
from tests.redacted import compared, planes, times
from tests.rig.hashes import recorded_hashes
from tests.rig.rtsp import Mount, RtspServer
from tests.scenes.rig import ZONE, Library
from tests.service import Service, wait_for
from tests.storage.anchors.anchoring import anchored_book

LENGTH_S = 7


def test_what_cameras_sent_is_in_the_bundle_over_a_gap_a_new_size_and_up_to_this_moment(tmp_path: Path) -> None:
    """H.265 with sound beside it, and H.264 that changes its size; asked for to the second in which it is asked for."""
    mounts = [Mount("door", media="h265_360p", audio="aac"), Mount("lobby", media="h264_change")]
    with RtspServer(mounts) as server:
        service = Service(tmp_path / "data", mint=True, environment={"TZ": ZONE})
        Settings(Register.open(service.data / "state")).set_segment_s(3)
        service.start()
        try:
            people = People(service)
            house = Library(service, people, None, tmp_path, people.name_director())  # type: ignore[arg-type]
            house.director.act(types_people.PersonAdd("carol", "Carol Moss"))
            chair = types_people.SeatName("chair", "carol", paper_sha256=PAPER)
            house.director.act(chair)
            assert [service.add(server.url(name), name.title()) for name in ("door", "lobby")] == ["door", "lobby"]
            service.await_recording("door", "lobby")
            start = time.time_ns()
            end = start + LENGTH_S * NS
            server.kick("door")
            wait_for("the last second asked for is over", lambda: time.time_ns() > end + NS)
            release = _approved(house, start, end)
            house.director.act(types.ReleaseExport(release))
            assert await_export(house, release).state == "done"
            sent = {name: server.sent_hashes(name) for name in ("door", "lobby")}
            boxes = [moving(camera, start, end) for camera in ("door", "lobby")]
            masked = _approved(house, start, end, boxes)
            house.director.act(HoldPlace("investigation", "26-0417", [SpanAsk("lobby", start, end)]))
            shown = export(house, masked)
        finally:
            service.__exit__(None, None, None)
    bundle = bundle_of(house, release)
    videos = manifest_of(bundle)["videos"]
    for camera in ("door", "lobby"):
        own = [video for video in videos if video["camera"] == camera]
        assert parse_rfc3339(own[-1]["end"]) >= end - NS // 5, "what was being recorded is in it, too"
        parts = [recorded_hashes([bundle / video["file"]]) for video in own]
        at = [sent[camera].index(part[0]) for part in parts]
        assert at == sorted(at)
        for part, first in zip(parts, at, strict=True):
            assert part == sent[camera][first : first + len(part)]
        if camera == "lobby":
            # A new size is a new file, and between the two nothing is lost.
            assert {(video["width"], video["height"]) for video in own} == {(640, 360), (1280, 720)}
            joined = list(itertools.chain.from_iterable(parts))
            assert joined == sent[camera][at[0] : at[0] + len(joined)]
            assert len(joined) > 50
    gaps = list(csv.DictReader(io.StringIO((bundle / "gaps.csv").read_text())))
    assert {gap["camera"] for gap in gaps} == {"door"}, gaps
    _boxes_hide_all_over_what_was_sent(house, bundle, shown, boxes, tmp_path)


def moving(camera: str, start_utc_ns: int, end_utc_ns: int) -> model.MovingBox:
    """Over somebody who comes in on the left after a second and leaves on the right a second before the end."""
    first = model.KeyPoint(start_utc_ns + NS, 0, 3000, 2000, 9000)
    return model.MovingBox(camera, (first, model.KeyPoint(end_utc_ns - NS, 8000, 2500, 10_000, 9500)))


def _boxes_hide_all_over_what_was_sent(
    house: Library, originals: Path, row: types.ReleaseRow, boxes: list[model.MovingBox], folder: Path
) -> None:
    """Scene 22, H.264 and H.265: each frame of the masked copies beside the same frame as its camera sent it."""
    bundle = bundle_of(house, row.id)
    assert row.bundle is not None
    assert officer_checks(officer(folder), bundle, row.bundle.fingerprint, row.bundle.files).returncode == 0
    kept = {}
    for video in manifest_of(originals)["videos"]:
        frames = planes(originals / video["file"])
        kept |= {(video["camera"], at): one for at, one in zip(times(originals, video["file"]), frames, strict=True)}
    hidden = 0
    for video in manifest_of(bundle)["videos"]:
        own = [box for box in boxes if box.camera == video["camera"]]
        at = times(bundle, video["file"])
        was = [kept[video["camera"], one] for one in at]
        hidden += compared(was, planes(bundle / video["file"]), at, own)
    assert hidden > 50
    said = manifest_of(bundle)["others"]
    assert (said["seen"], said["decided_by"], len(said["boxes"])) == (True, "Dora Reed", 2)
    for name in ("authority.txt", "certificate.txt", "manifest.txt"):
        told = " ".join((bundle / name).read_text().split())
        assert "others are seen, and 2 boxes are drawn over them. Decided by Dora Reed" in told, name


def _approved(house: Library, start_utc_ns: int, end_utc_ns: int, boxes: Sequence[model.MovingBox] = ()) -> str:
    """A release of both cameras on a warrant and the Chair's signed paper, originals but for ``boxes``; its number."""
    spans = [types.SpanRow(camera, start_utc_ns, end_utc_ns) for camera in ("door", "lobby")]
    paper = types.PaperAsk(
        PAPER, "search-warrant", "Superior Court", docket="CR-26-77", signed_by_judge=True, scope=spans, original=True
    )
    asked = types.ReleaseRequest("search-warrant", spans, "26-0417", paper)
    row = house.director.act(asked)
    house.director.act(types.ReleaseOthers(row.id, bool(boxes), list(boxes)))
    word = types.ReleaseApprove(row.id, PAPER, "chair", original=not boxes)
    return house.director.act(word).id


ENCODERS = {
    "h264": (
        "libx264",
        "-preset",
        "ultrafast",
        "-bf",
        "2",
        "-x264-params",
        "b-adapt=0:keyint=10:min-keyint=10:scenecut=0",
    ),
    "hevc": (
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "bframes=3:b-adapt=0:b-pyramid=1:keyint=10:min-keyint=10:scenecut=0:open-gop=0:log-level=none",
    ),
}


@pytest.mark.parametrize("codec", list(ENCODERS))
def test_frames_out_of_order_stay_as_they_are_and_are_shown_when_they_were(codec: str, tmp_path: Path) -> None:
    """B-frames, over the seam of two files, from the middle of a group of pictures to the middle of another."""
    data, start = tmp_path / "data", 1_790_000_000 * NS
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    volume = Volume.attach(data / "state", data / "media")
    log = AccessLog.open(data / "state")
    try:
        footage = Footage(volume, Ledger(volume))
        files = [
            four_seconds(footage, codec, tmp_path / f"{number}.mp4", start + number * 4 * NS) for number in range(2)
        ]
        span = model.Span("lobby", start + round(1.55 * NS), start + round(6.25 * NS))
        stop = threading.Event()
        book = anchored_book(log, volume, footage)
        key = ReleaseKey.generate()
        order = Order(facts_of(ORIGINAL, span), footage, log, key, [], lambda: 1 << 40, stop, lambda *_: None, book)
        assert make(order).videos == 1
    finally:
        log.close()
        volume.detach()
    bundle = data / "media" / "bundles" / "R-2026-0001"
    (video,) = manifest_of(bundle)["videos"]
    stored, released = recorded_hashes(files), recorded_hashes([bundle / video["file"]])
    assert parse_rfc3339(video["in_point"]) == start + NS, "the key frame before it"
    assert released == stored[10 : 10 + len(released)]
    assert 53 <= len(released) <= 57, "to its end, and what is needed to show it"
    with av.open(str(bundle / video["file"])) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        shown = [float(packet.pts * packet.time_base) for packet in packets]  # type: ignore[operator]
        assert shown != sorted(shown)
        shown = [at - shown[0] for at in shown]
        before_end = sorted(at for at in shown if at < 5.25)
        assert before_end == pytest.approx([number / 10 for number in range(53)], abs=1e-3)
        container.seek(0)
        assert len(list(container.decode(video=0))) == len(packets)
    rows = list(csv.DictReader(io.StringIO((bundle / "frames.csv").read_text())))
    times = [(parse_rfc3339(row["utc"]) - start - NS) / NS for row in rows]
    assert times == pytest.approx(shown, abs=1e-3)
    assert [row["key"] == "1" for row in rows] == [packet.is_keyframe for packet in packets]


def four_seconds(footage: Footage, codec: str, path: Path, start_utc_ns: int) -> Path:
    """Four seconds of ten frames each as a file of footage; where it lies then."""
    command = [
        *("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10", "-t", "4"),
        *("-vf", f"hue=h={start_utc_ns // NS % 360}", "-c:v", *ENCODERS[codec], "-pix_fmt", "yuv420p"),
        *("-video_track_timescale", "90000", "-movflags", "empty_moov+default_base_moof+skip_trailer"),
        *("-frag_duration", "900000", "-f", "mp4", str(path)),
    ]
    subprocess.run(command, check=True)
    data = path.read_bytes()
    segment = footage.open_segment("lobby")
    with open(segment.fd, "wb", closefd=False) as file:
        file.write(data)
    facts = SegmentFacts(
        start_utc_ns=start_utc_ns,
        duration_ns=4 * NS,
        run="one",
        boot=BOOT,
        start_boot_ns=start_utc_ns - BOOTED_UTC_NS,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        codec=codec,
        width=320,
        height=180,
        frames=40,
    )
    footage.close_segment(segment, facts)
    return path
