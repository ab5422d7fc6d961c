"""From a camera that signs its pictures to the officer: recorded bit for bit, verified where they lie and in the bundle."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.buffer import offline as footage_offline
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.buffer.types import CameraSigned, VerifyRequest
from holdshelf_core.people import types as types_people
from holdshelf_core.releases import types
from holdshelf_storage.media_signing.sei import is_certificate
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.register import Register
from tests.bundles import await_export, bundle_of, manifest_of, officer, officer_checks
from tests.looking import NS
from tests.people import PAPER, People
from tests.rig.hashes import is_run_of, recorded_hashes
from tests.rig.rtsp import Mount, RtspServer
from tests.scenes.rig import ZONE, Library
from tests.service import Service, wait_for

MOUNTS = [Mount("door", media="h265_signed"), Mount("lobby", media="h264_signed"), Mount("desk", media="h264_small")]
SECONDS = 12
HOLDSHELF = str(Path(sys.executable).with_name("holdshelf"))


class Recorded(msgspec.Struct):
    """What a run of the recorder left behind."""

    library: Any
    start_utc_ns: int
    sent: dict[str, list[str]]
    leaf: dict[str, str]
    signed: list[CameraSigned]
    problems: list[str]
    release: types.ReleaseRow
    printed: str
    """The certificate on paper."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("signed")
    with RtspServer(MOUNTS) as server:
        service = Service(folder / "data", mint=True, environment={"TZ": ZONE})
        Settings(Register.open(service.data / "state")).set_segment_s(3)
        service.start()
        try:
            people = People(service)
            library = Library(service, people, None, folder, people.name_director())  # type: ignore[arg-type]
            library.director.act(types_people.PersonAdd("carol", "Carol Moss"))
            library.director.act(types_people.SeatName("chair", "carol", paper_sha256=PAPER))
            names = [mount.name for mount in MOUNTS]
            assert [service.add(server.url(name), name.title()) for name in names] == names
            service.await_recording(*names)
            # The h264 camera sends its certificate each five seconds; from then on the stretch is verifiable by itself.
            start = time.time_ns() + 6 * NS
            wait_for("the last second asked for is over", lambda: time.time_ns() > start + (SECONDS + 1) * NS)
            release = _exported(library, start)
            found = service.verify(deep=True)
            printed = library.desk("dora").run("print", "certificate", release.id)
            assert printed.code == 0, printed.err
            sent = {name: server.sent_hashes(name) for name in names}
            leaf = {name: server.media(name).folder / "chain.pem" for name in names[:2]}
        finally:
            service.__exit__(None, None, None)
    sums = {name: _sha256_of(path) for name, path in leaf.items()}
    yield Recorded(library, start, sent, sums, found.signed, found.problems, release, printed.out)


def _exported(library: Library, start: int) -> types.ReleaseRow:
    spans = [types.SpanRow(mount.name, start, start + SECONDS * NS) for mount in MOUNTS]
    paper = types.PaperAsk(
        PAPER, "search-warrant", "Superior Court", docket="CR-26-77", signed_by_judge=True, scope=spans, original=True
    )
    row = library.director.act(types.ReleaseRequest("search-warrant", spans, "26-0417", paper))
    library.director.act(types.ReleaseOthers(row.id, seen=False))
    library.director.act(types.ReleaseApprove(row.id, PAPER, "chair", original=True))
    library.director.act(types.ReleaseExport(row.id))
    ended = await_export(library, row.id)
    assert ended.state == "done", ended.step
    return library.director.act(types.ReleaseShow(row.id))


def _sha256_of(chain: Path) -> str:
    """As openssl says it, in the words of the README."""
    command = ["openssl", "x509", "-in", str(chain), "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return said.strip().split("=")[1].replace(":", "").lower()


def test_footage_verify_says_of_each_camera_what_it_signed(recorded: Recorded) -> None:
    assert not recorded.problems
    door, lobby, desk = sorted(recorded.signed, key=lambda one: ("door", "lobby", "desk").index(one.camera))
    assert (desk.form, desk.words) == ("", "not signed by the camera")
    for signed in (door, lobby):
        # What one dial probed is one run, what is recorded another: nothing is wrong at their edges.
        assert signed.form == "onvif"
        kinds = {one.kind for one in signed.differences}
        assert kinds <= ({"key"} if signed is lobby else set()), signed.differences
        assert signed.verified >= SECONDS // 2
        assert [one.sha256 for one in signed.certificates] == [recorded.leaf[signed.camera]]
        assert signed.certificates[0].is_chained
        assert f"{signed.verified} of {signed.groups} groups of pictures verified" in signed.words


def test_a_file_holds_the_certificate_that_came_before_it(recorded: Recorded) -> None:
    """Any file by itself can be verified when all before it have been erased."""
    files = recorded.library.service.files("lobby")
    facts = []
    for path in files:
        with path.open("rb") as file:
            facts.append(msgspec.json.decode(fmp4.read_header(file.fileno()).comment or ""))
    assert "signing" in facts[-1]
    assert all("signing" in one for one in facts[3:]), "once it came, it is in each file"


def test_signatures_are_in_the_bundle_bit_for_bit_with_the_certificate(recorded: Recorded, tmp_path: Path) -> None:
    bundle = bundle_of(recorded.library, recorded.release.id)
    assert recorded.release.bundle is not None
    done = officer_checks(officer(tmp_path), bundle, recorded.release.bundle.fingerprint, recorded.release.bundle.files)
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = manifest_of(bundle)
    told = {
        name: " ".join((bundle / name).read_text().split())
        for name in ("certificate.txt", "README.txt", "manifest.txt")
    }
    for video in manifest["videos"]:
        camera, signature = video["camera"], video["camera_signature"]
        found = recorded_hashes([bundle / video["file"]])
        assert is_run_of(found, recorded.sent[camera]), "slices and SEIs as they were sent"
        if camera == "desk":
            assert (signature["form"], signature["words"]) == ("", "not signed by the camera")
            continue
        assert _signatures_in(bundle / video["file"]) >= SECONDS // 2
        assert (signature["form"], signature["differences"]) == ("onvif", [])
        assert signature["verified"] == signature["groups"] >= SECONDS // 2
        (certificate,) = signature["certificates"]
        assert certificate["sha256"] == recorded.leaf[camera] == _sha256_of(bundle / certificate["file"])
        for text in told.values():
            assert f"{signature['verified']} of {signature['groups']} groups of pictures verified" in text
        for name in ("certificate.txt", "README.txt"):
            assert f"SHA-256 {recorded.leaf[camera]}" in told[name]
            assert f"CN={camera_name(camera)}" in told[name]
    told["paper"] = " ".join(recorded.printed.split())
    for name in ("certificate.txt", "paper"):
        assert "Desk (desk): not signed by the camera." in told[name], told[name]
        for camera in recorded.leaf:
            assert f"SHA-256 {recorded.leaf[camera]}" in told[name]
    (kept,) = (bundle / "camera-signing").glob("lobby_*.sei")
    sei = kept.read_bytes().removeprefix(b"\0\0\0\1")
    assert is_certificate(sei, "h264")


def camera_name(camera: str) -> str:
    return {"door": "h265_signed camera", "lobby": "h264_signed camera"}[camera]


def _signatures_in(video: Path) -> int:
    with video.open("rb") as file:
        raw = file.read()
    return raw.count(bytes.fromhex("005bc93f2d715e95ada4796f90877a6f"))


@pytest.mark.parametrize("camera", ["door", "lobby"])
def test_one_changed_byte_on_the_disk_is_named_with_its_time(recorded: Recorded, camera: str, tmp_path: Path) -> None:
    """Whatever else somebody sets right: a changed picture cannot be signed as the camera does."""
    media = tmp_path / "media"
    shutil.copytree(recorded.library.service.data / "media", media)
    files = sorted(path for path in media.glob(f"footage/{camera}/*/*.mp4"))
    path = files[len(files) // 2]
    with path.open("rb") as file:
        samples = list(fmp4.samples(file.fileno()))
        facts = msgspec.json.decode(fmp4.read_header(file.fileno()).comment or "")
    at = next(one for one in samples[len(samples) // 2 :] if not one.is_key)
    raw = bytearray(path.read_bytes())
    raw[at.offset + at.size - 8] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
    path.chmod(0o400)
    report = footage_offline.verify_folder(media, None, VerifyRequest(deep=True))
    signed = next(one for one in report.signed if one.camera == camera)
    (found,) = (one for one in signed.differences if one.kind == "changed")
    shown = facts["start_utc_ns"] + (at.pts - samples[0].pts) * NS // 90_000
    assert abs(found.start_utc_ns - shown) < NS // 1000
    assert found.pictures == 1
    told = [problem for problem in report.problems if "not those that the camera signed" in problem]
    assert [problem.startswith(f"{camera}, at ") for problem in told] == [True]
    said = subprocess.run(
        [HOLDSHELF, "footage", "verify", "--media", str(media), "--deep"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert f"{camera}: signed by the camera (ONVIF Media Signing 26.06); " in said.stdout
    assert "desk: not signed by the camera." in said.stdout
    assert f"SHA-256 {recorded.leaf[camera]}, EC secp256r1" in said.stdout
    assert "pictures are not those that the camera signed (1)" in said.stdout
