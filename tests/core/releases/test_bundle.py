"""A bundle as it leaves: checked by an officer with tools of any Linux, its frames those of the camera, its masks whole."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import random
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from holdshelf_core.api.errors import BadRequest, Conflict, Refused, Unavailable
from holdshelf_core.policy import model
from holdshelf_core.releases import types
from holdshelf_core.releases.facts import Video
from holdshelf_core.releases.papers import hidden_words
from holdshelf_core.releases.sshsig import NAMESPACE, PRINCIPAL
from holdshelf_core.releases.zipping import ZipView
from holdshelf_core.times import parse_rfc3339
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import FromCamera
from holdshelf_storage.volume.volume import Volume
from tests.bundles import (
    approved,
    await_export,
    bundle_of,
    export,
    manifest_of,
    officer,
    officer_checks,
    spans_of,
)
from tests.looking import FPS, NS, SECONDS, Recorded, commissioned, record, seed, write
from tests.people import People
from tests.rig.faults import SizedTmpfs
from tests.rig.hashes import recorded_hashes
from tests.scenes.rig import ZONE, Library
from tests.service import Service

CAMERAS = ("lobby", "desk")
FILLED = "hall"
"""Its gap is filled in part from what the camera had recorded itself: from 130 s to 150 s."""
START_S, END_S = 33.3, 207.7
"""Of the recording: within a group of pictures at both ends, with the gap (120 s to 180 s) between."""
MASK = model.Mask(((0, 0), (5000, 0), (5000, 5000), (0, 5000)))
SIZE = (640, 360)
ORIGINAL, MASKED, COPY, ROLLED, WHOLE, RECOVERED = (f"R-2026-{number:04d}" for number in range(1, 7))


def fill(data: Path, made: Recorded) -> None:
    start = made.start_utc_ns + 130 * NS
    of = FromCamera(gap=1, fetched_utc_ns=made.end_utc_ns, start_utc_ns=start + 3 * NS, offset_ns=3 * NS)
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        footage.recover()
        write(footage, FILLED, start, "recovered", size=SIZE, detailed=True, from_camera=of)
    finally:
        volume.detach()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("bundles")
    service = Service(folder / "data", mint=True, environment={"TZ": ZONE})
    seed(service.data, commissioned(*CAMERAS, FILLED, masks=(MASK,), version=3))
    made = record(service.data, (*CAMERAS, FILLED), (time.time_ns() // NS - 3600) * NS, size=SIZE, detailed=True)
    fill(service.data, made)
    both = spans_of(made, *CAMERAS, start_s=START_S, end_s=END_S)
    short = spans_of(made, "lobby", start_s=0.3, end_s=10)
    seed(
        service.data,
        [
            approved(both, original=True, number=1),
            approved(spans_of(made, "lobby", start_s=START_S, end_s=62), number=2),
            approved(short, number=3),
            approved(spans_of(made, "lobby", start_s=180, end_s=300), original=True, number=4),
            approved(short, original=True, number=5),
            approved(spans_of(made, FILLED, start_s=110, end_s=190), original=True, number=6),
        ],
    )
    service.start()
    people = People(service)
    library = Library(service, people, made, folder, people.name_director())
    try:
        yield library
    finally:
        service.__exit__(None, None, None)


@pytest.fixture(scope="module")
def original(house: Library) -> types.ReleaseRow:
    return export(house, ORIGINAL)


@pytest.fixture(scope="module")
def masked(house: Library) -> types.ReleaseRow:
    return export(house, MASKED)


def _lines(bundle: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((bundle / name).read_text())))


def _frames(video: Path) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def zipped(house: Library, row: types.ReleaseRow) -> bytes:
    """The bundle's zip, as it is made when it is fetched."""
    assert row.bundle is not None
    root_fd = os.open(house.service.data / "media", os.O_PATH)
    try:
        with ZipView.open(root_fd, row.id, row.bundle.sums_sha256) as view:
            data = view.read(0, view.size + 1)
            assert len(data) == view.size
            return data
    finally:
        os.close(root_fd)


# --- what is in it --------------------------------------------------------------------------------------------------


def test_an_officer_checks_it_with_a_shell_script_and_none_of_our_code(
    house: Library, original: types.ReleaseRow, masked: types.ReleaseRow, tmp_path: Path
) -> None:
    script = officer(tmp_path)
    for row in (original, masked):
        assert row.bundle is not None
        with zipfile.ZipFile(io.BytesIO(zipped(house, row))) as packed:
            packed.extractall(tmp_path)
        bundle = tmp_path / row.id
        done = officer_checks(script, bundle, row.bundle.fingerprint, row.bundle.files)
        assert done.returncode == 0, done.stdout + done.stderr
        assert officer_checks(script, bundle, "SHA256:" + "A" * 43, row.bundle.files).returncode != 0
        sums = (bundle / "SHA256SUMS").read_bytes()
        assert hashlib.sha256(sums).hexdigest() == row.bundle.sums_sha256
        in_house = bundle_of(house, row.id)
        assert {p.relative_to(bundle) for p in bundle.rglob("*")} == {
            p.relative_to(in_house) for p in in_house.rglob("*")
        }
    probed = (tmp_path / "probed").read_text()
    assert probed.count("stream,") == len(original.given) * 2 + 1
    assert "audio" not in probed


def test_what_the_read_me_says_is_what_an_officer_can_type(
    house: Library, original: types.ReleaseRow, tmp_path: Path
) -> None:
    """Its own lines, as they stand there, in a shell; the Mac's, too. Windows' cannot be run here: they are looked at."""
    assert original.bundle is not None
    bundle = tmp_path / "bundle"
    shutil.copytree(bundle_of(house, original.id), bundle)
    readme = (bundle / "README.txt").read_text()
    linux, windows = readme.split("THE SAME ON WINDOWS")
    typed = re.findall(r"^  \d\.  ((?:.*\\\n)*.*)$", linux, re.MULTILINE)
    (first, second, third, fourth) = [command.replace("FILE.mp4", "*.mp4 2>&1 | tail -1") for command in typed]

    def run(command: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-euc", command],
            cwd=bundle,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else f"failed: {done.stderr}"

    sums = (bundle / "SHA256SUMS").read_text()
    for command in (first, "shasum -a 256 -c SHA256SUMS SHA256SUMS.sig.sha256"):
        assert run(command).count(": OK\n") == sums.count("\n") + 1
    assert run(second).startswith(f'Good "{NAMESPACE}" signature for {PRINCIPAL}')
    assert run(second).split()[-1] == original.bundle.fingerprint
    assert int(run(third)) == original.bundle.files
    assert "failed" not in run(fourth)
    for command in (f"-I {PRINCIPAL}'", f"-n {NAMESPACE} -s SHA256SUMS.sig'", "Get-FileHash", "certutil -hashfile"):
        assert command in windows
    # Windows' own shells take these files only with names, line ends and letters that are the same everywhere.
    for path in bundle.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9._-]+", path.name), path.name
        assert path.is_dir() or b"\r" not in path.read_bytes() or path.suffix == ".mp4"
    assert sums.isascii()

    gaps = bundle / "gaps.csv"
    gaps.write_bytes(gaps.read_bytes().replace(b"gap", b"gop"))
    assert run(first).startswith("failed")


def test_200_changed_bytes_are_each_found_by_the_officers_tools(
    house: Library, masked: types.ReleaseRow, tmp_path: Path
) -> None:
    assert masked.bundle is not None
    bundle = tmp_path / "bundle"
    shutil.copytree(bundle_of(house, masked.id), bundle)
    script = tmp_path / "check.sh"
    # Without the players, which are not what finds a changed byte.
    script.write_text(officer(tmp_path).read_text().split("for video")[0])
    files = sorted(p for p in bundle.rglob("*") if p.is_file())
    chance = random.Random(6)

    def check() -> int:
        return officer_checks(script, bundle, masked.bundle.fingerprint, masked.bundle.files).returncode  # type: ignore[union-attr]

    assert check() == 0
    for number in range(200):
        by_size = chance.choices(files, [p.stat().st_size for p in files])[0]
        path = files[number % len(files)] if number < 2 * len(files) else by_size
        whole = path.read_bytes()
        at = chance.randrange(len(whole))
        if path.name.endswith(".sig"):
            # Its armour may be broken up otherwise and decode to the same: what it decodes to is what is changed.
            blob = bytearray(base64.b64decode("".join(whole.decode().splitlines()[1:-1])))
            blob[at % len(blob)] ^= chance.randrange(1, 256)
            begin, *_, end = whole.decode().splitlines()
            changed = f"{begin}\n{base64.b64encode(blob).decode()}\n{end}\n".encode()
        else:
            changed = whole[:at] + bytes([whole[at] ^ chance.randrange(1, 256)]) + whole[at + 1 :]
        path.write_bytes(changed)
        assert check() != 0, f"byte {at} of {path.name}"
        path.write_bytes(whole)
    assert check() == 0


def test_the_originals_access_units_are_those_on_the_disk_from_a_key_frame_on(
    house: Library, original: types.ReleaseRow
) -> None:
    bundle, at = bundle_of(house, original.id), house.made.start_utc_ns
    manifest = manifest_of(bundle)
    assert [v["camera"] for v in manifest["videos"]] == ["lobby", "lobby", "desk", "desk"], "the gap parts each in two"
    first, second = manifest["videos"][:2]
    assert parse_rfc3339(first["asked_start"]) == at + round(START_S * NS)
    assert parse_rfc3339(first["in_point"]) == at + 33 * NS, "the key frame before it"
    assert parse_rfc3339(first["end"]) == at + 120 * NS
    assert parse_rfc3339(second["in_point"]) == at + 180 * NS
    segments = [house.service.data / "media" / "footage" / "lobby" / s["day"] / s["name"] for s in first["sources"]]
    stored = recorded_hashes(segments)
    skipped = (33 - 20) * FPS
    assert recorded_hashes([bundle / first["file"]]) == stored[skipped:]
    assert first["frames"] == len(stored) - skipped
    with av.open(str(bundle / first["file"])) as container:
        assert len(container.streams) == 1
        packets = [p for p in container.demux(video=0) if p.size]
        assert packets[0].is_keyframe
        rows = [r for r in _lines(bundle, "frames.csv") if r["file"] == Path(first["file"]).name]
        assert len(rows) == len(packets)
        for row, packet in zip(rows, packets, strict=True):
            shown = parse_rfc3339(row["utc"]) - parse_rfc3339(first["in_point"])
            assert abs(shown / NS - float(packet.pts * packet.time_base)) < 1e-4  # type: ignore[operator]
            assert int(row["bytes"]) == packet.size


def test_what_was_recovered_from_the_camera_is_a_video_of_its_own_and_says_so(house: Library, tmp_path: Path) -> None:
    row = export(house, RECOVERED)
    assert row.bundle is not None
    bundle = bundle_of(house, row.id)
    videos, at = manifest_of(bundle)["videos"], house.made.start_utc_ns
    assert [v["recovered_from_camera"] for v in videos] == [False, True, False]
    assert parse_rfc3339(videos[1]["in_point"]) == at + 130 * NS
    (source,) = videos[1]["sources"]
    of = source["from_camera"]
    assert (parse_rfc3339(of["start_by_camera"]), of["clock_offset_ns"]) == (at + 133 * NS, 3 * NS)
    assert parse_rfc3339(of["fetched"]) == house.made.end_utc_ns
    assert not any("from_camera" in s for v in (videos[0], videos[2]) for s in v["sources"])
    by = {(r["file"], r["by"]) for r in _lines(bundle, "frames.csv")}
    assert by == {(Path(v["file"]).name, "camera" if v["recovered_from_camera"] else "service") for v in videos}
    gaps = [(parse_rfc3339(r["start"]) - at, parse_rfc3339(r["end"]) - at) for r in _lines(bundle, "gaps.csv")]
    assert gaps == [(120 * NS, 130 * NS), (150 * NS, 180 * NS)]
    told = (bundle / "manifest.txt").read_text()
    assert "Recorded by:          the camera itself" in told
    assert "1 file of the archive" in told and " 1 files" not in told
    done = officer_checks(officer(tmp_path), bundle, row.bundle.fingerprint, row.bundle.files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_gaps_are_told_with_their_cause_and_the_log_proves_itself(house: Library, original: types.ReleaseRow) -> None:
    bundle = bundle_of(house, original.id)
    rows = _lines(bundle, "gaps.csv")
    gaps = [(r["camera"], r["kind"], parse_rfc3339(r["start"]), parse_rfc3339(r["end"]), r["reason"]) for r in rows]
    span = (house.made.gap_utc_ns, house.made.resumed_utc_ns, "camera unreachable")
    assert gaps == [("desk", "gap", *span), ("lobby", "gap", *span)]
    manifest = manifest_of(bundle)
    assert manifest["log_entries"]
    for seq in manifest["log_entries"]:
        proof = bundle / "access-log" / f"entry-{seq:08d}.jsonl"
        assert house.desk("dora").run("log", "verify", proof).code == 0
        assert b'private":true' not in proof.read_bytes()
    for name in ("README.txt", "manifest.txt", "authority.txt", "certificate.txt", "custody.txt"):
        text = (bundle / name).read_text()
        assert original.id in text
        assert max(len(line) for line in text.splitlines()) <= 80, name
    assert "Prospect Police" in (bundle / "authority.txt").read_text()
    exported = next(e for e in house.entries("release.exported") if e["subject"] == original.id)
    assert original.bundle is not None
    assert exported["facts"]["sha256sums"] == original.bundle.sums_sha256
    assert exported["person"] == original.bundle.made_by


def test_p6_no_pixel_under_a_mask_survives_in_the_masked_copy(house: Library, masked: types.ReleaseRow) -> None:
    bundle = bundle_of(house, masked.id)
    (video,) = manifest_of(bundle)["videos"]
    assert (video["masks"], video["masks_version"], video["damaged_frames"]) == (1, 3, 0)
    assert "Hidden:               by masks, version 3\n" in (bundle / "manifest.txt").read_text()
    bare = msgspec.structs.replace(msgspec.convert(video, Video), masks=0)
    assert hidden_words(bare).startswith("nothing"), "what the legend of a camera without masks says, too"
    at = house.made.start_utc_ns
    assert parse_rfc3339(video["in_point"]) == at + round(33.4 * NS), "nothing before what was asked for"
    frames = _frames(bundle / video["file"])
    assert len(frames) == video["frames"] == round((62 - 33.4) * FPS)
    left, top = SIZE[0] // 2 - 8, SIZE[1] // 2 - 8  # the encoder's own blocks may mix at the very edge
    source = (
        house.service.data / "media" / "footage" / "lobby" / video["sources"][0]["day"] / video["sources"][0]["name"]
    )
    before = _frames(source)[SECONDS * FPS - 1]
    for frame in frames:
        hidden = frame[:top, :left].astype(int)
        assert hidden.max() - hidden.min() <= 4, "something shows under the mask"
        assert frame.shape[0] > SIZE[1], "the legend stands below"
    seen = frames[0][: SIZE[1], SIZE[0] // 2 + 8 : SIZE[0]].astype(int)
    assert before[: SIZE[1], SIZE[0] // 2 + 8 : SIZE[0]].astype(int).std() > 10, "the room has details"
    assert seen.std() > 10, "beside the mask, all is there"
    legend = frames[0][SIZE[1] :]
    assert legend.max() > 200
    assert legend.min() < 30
    assert not np.array_equal(legend, frames[-1][SIZE[1] :]), "each frame bears its own time"


def test_the_masked_copys_parameter_sets_stand_in_its_header_alone(house: Library, masked: types.ReleaseRow) -> None:
    """Where avc1 promises them (14496-15): players that go by that need not search the frames."""
    bundle = bundle_of(house, masked.id)
    (video,) = manifest_of(bundle)["videos"]
    kinds = set()
    with av.open(str(bundle / video["file"])) as container:
        assert container.streams.video[0].codec_context.codec_tag == "avc1"
        for packet in container.demux(video=0):
            data, at = bytes(packet), 0
            while at < len(data):
                kinds.add(data[at + 4] & 31)
                at += 4 + int.from_bytes(data[at : at + 4])
    assert {1, 5} <= kinds
    assert not kinds & {7, 8}


def test_the_masked_copy_names_the_original_that_was_not_given_out(house: Library) -> None:
    """The same stretch, once masked and once as it is: the one names the other by its SHA-256."""
    bundles = [bundle_of(house, export(house, number).id) for number in (COPY, WHOLE)]
    (copy,), (whole,) = (manifest_of(bundle)["videos"] for bundle in bundles)
    assert copy["sha256"] != copy["original_sha256"] == whole["sha256"] == whole["original_sha256"]
    # In print as well; an original has no other that it could name.
    named = [re.findall(r"Original's SHA-256:\s+(\w+)\n", (one / "manifest.txt").read_text()) for one in bundles]
    assert named == [[whole["sha256"]], []]


# --- who may, and what is left --------------------------------------------------------------------------------------


def test_p13_the_admin_and_people_without_the_right_make_no_bundle(house: Library) -> None:
    asked = types.ReleaseExport(ROLLED)
    with pytest.raises(Refused, match="may not make the bundle"):
        house.service.act(asked)
    with pytest.raises(Refused):
        house.service.act(types.ReleaseWrite(ORIGINAL, "/tmp"))
    house.people.appoint("hal", "Hal Orr", house.director, "hold", "archive")
    with pytest.raises(Refused):
        house.people.client("hal").act(asked)
    house.people.appoint("rita", "Rita Orr", house.director, "release", cameras=["desk"])
    with pytest.raises(Refused):
        house.people.client("rita").act(asked)
    assert not bundle_of(house, ROLLED).exists()
    outcomes = [e["outcome"] for e in house.entries("release.export") if e.get("subject") == ROLLED]
    assert outcomes == ["refused"] * 3


def test_it_is_made_once_and_a_stick_gets_a_copy_that_was_read_back(
    house: Library, original: types.ReleaseRow, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="exported"):
        house.director.act(types.ReleaseExport(ORIGINAL))
    dora, stick = house.desk("dora"), tmp_path / "stick"
    stick.mkdir()
    done = dora.run("release", "write", ORIGINAL, "--usb", stick)
    assert done.code == 0, done.err
    assert "The copy is checked: it is what was signed." in done.out
    assert original.bundle is not None
    checked = officer_checks(officer(tmp_path), stick / ORIGINAL, original.bundle.fingerprint, original.bundle.files)
    assert checked.returncode == 0, checked.stderr
    assert "nothing was overwritten" in dora.run("release", "write", ORIGINAL, "--usb", stick).refusal()
    inside = house.service.data / "media"
    with pytest.raises(BadRequest, match="own folders"):
        house.director.act(types.ReleaseWrite(ORIGINAL, str(inside)))
    (written,) = house.entries("release.written")[-1:]
    assert written["facts"]["sha256sums"] == original.bundle.sums_sha256
    assert {path.name for path in stick.iterdir()} == {ORIGINAL, "probed"}


def test_a_stick_without_room_for_it_gets_nothing(house: Library, original: types.ReleaseRow) -> None:
    with SizedTmpfs(4) as small:
        with pytest.raises(Unavailable, match=r"not have enough room: this takes \d+ MB, and [34] MB are free"):
            house.director.act(types.ReleaseWrite(original.id, str(small.mount_point)))
        assert list(small.mount_point.iterdir()) == []


def test_a_stick_gets_it_as_one_zip_which_was_checked_there(
    house: Library, original: types.ReleaseRow, tmp_path: Path
) -> None:
    stick, asked = tmp_path / "stick", types.ReleaseWrite(ORIGINAL, str(tmp_path / "stick"), zipped=True)
    stick.mkdir()
    done = house.director.act(asked)
    packed = stick / f"{ORIGINAL}.zip"
    assert (done.folder, done.files, done.bytes) == (str(packed), 1, packed.stat().st_size)
    assert packed.read_bytes() == zipped(house, original)
    with pytest.raises(Conflict, match="nothing was overwritten"):
        house.director.act(asked)
    packed.unlink()
    # What the media disk gives wrongly goes nowhere.
    video = next((bundle_of(house, ORIGINAL) / "videos").iterdir())
    whole = video.read_bytes()
    video.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    try:
        with pytest.raises(Unavailable, match="was changed after it was signed"):
            house.director.act(asked)
    finally:
        video.write_bytes(whole)
    assert list(stick.iterdir()) == []


def test_what_is_missing_is_said(house: Library) -> None:
    """A file that somebody removed is named with its times, as missing and not as erased; the stretch is two clips."""
    at = house.made.start_utc_ns
    gone_ns = at + 220 * NS
    folder = house.service.data / "media" / "footage" / "lobby"
    rows = [s for s in house.service.segments("lobby") if s.start_utc_ns == gone_ns]
    (path,) = [p for row in rows for p in folder.rglob(Path(row.file).name)]
    path.unlink()
    made = export(house, ROLLED)
    bundle = bundle_of(house, made.id)
    (gap,) = _lines(bundle, "gaps.csv")
    assert (gap["kind"], parse_rfc3339(gap["start"]), parse_rfc3339(gap["end"])) == (
        "missing",
        gone_ns,
        gone_ns + 20 * NS,
    )
    assert "not erased on schedule" in gap["reason"]
    assert [v["frames"] for v in manifest_of(bundle)["videos"]] == [40 * FPS, 60 * FPS]
    assert await_export(house, made.id).state == "done"
