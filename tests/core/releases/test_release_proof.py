"""What proves a release, at the house that made it: its key and its renewal, and whether a bundle is as it was made."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdshelf_core.api.errors import BadRequest, Conflict, Refused
from holdshelf_core.holds import types as types_holds
from holdshelf_core.releases import offline as bundle_offline
from holdshelf_core.releases import types
from holdshelf_core.releases.sshsig import NAMESPACE, PRINCIPAL
from holdshelf_core.releases.zipping import ZipView
from holdshelf_tui.remote import check_files, expand
from tests.bundles import approved, bundle_of, export, manifest_of, spans_of
from tests.looking import FPS, NS, commissioned, record, seed
from tests.people import People
from tests.rig.hashes import recorded_hashes
from tests.scenes.rig import ZONE, Library
from tests.service import Service, wait_for

FIRST, SECOND, THIRD, HELD = "R-2026-0001", "R-2026-0002", "R-2026-0003", "R-2026-0004"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("proof")
    service = Service(folder / "data", mint=True, environment={"TZ": ZONE})
    seed(service.data, commissioned("lobby", "desk"))
    made = record(service.data, ("lobby", "desk"), (time.time_ns() // NS - 3600) * NS)
    short = spans_of(made, "lobby", end_s=10)
    seed(service.data, [approved(short, original=True, number=number) for number in (1, 2, 3)])
    seed(service.data, [approved(spans_of(made, "desk", start_s=10.5, end_s=300), original=True, number=4)])
    service.start()
    people = People(service)
    library = Library(service, people, made, folder, people.name_director())
    try:
        yield library
    finally:
        service.__exit__(None, None, None)


def keys(house: Library) -> types.ReleaseKeys:
    return house.director.read(types.ReadReleaseKeys())


def test_a_key_is_renewed_and_what_was_signed_while_it_was_good_stays_good(house: Library, tmp_path: Path) -> None:
    dora = house.desk("dora")
    assert keys(house).keys == []
    with pytest.raises(Conflict, match="nothing to renew"):
        house.director.act(types.ReleaseKeyRenew("new server"))
    first = export(house, FIRST).bundle
    assert first is not None
    (row,) = keys(house).keys
    assert (row.fingerprint, row.until_utc_ns) == (first.fingerprint, None)
    with pytest.raises(BadRequest, match="why a new key"):
        house.director.act(types.ReleaseKeyRenew(" "))

    done = dora.run("release", "key", "renew", "--why", "the server was replaced")
    assert done.code == 0, done.err
    new, old = keys(house).keys
    assert (old.fingerprint, old.until_utc_ns == new.since_utc_ns, new.until_utc_ns) == (first.fingerprint, True, None)
    assert new.fingerprint in done.out
    assert "retired" in done.out
    (entry,) = house.entries("release.key.renew")[-1:]
    assert (entry["facts"]["new"], entry["facts"]["old"]) == (new.fingerprint, old.fingerprint)
    assert "the server was replaced" not in str(entry["facts"])
    second = export(house, SECOND).bundle
    assert second is not None
    assert second.fingerprint == new.fingerprint

    # What lies here, and what was handed over, with the list that the library prints.
    # A key's end is told in whole seconds, the next one.
    seen = wait_for(
        "the old key's last second is over",
        lambda: told if "is retired since" in (told := dora.run("verify", FIRST)).out else None,
        every=0.3,
    )
    assert seen.code == 0, seen.err
    assert "which is the library's key" in seen.out
    assert house.entries("release.verify")[-1]["facts"]["problems"] == 0
    listed = tmp_path / "library_signers"
    listed.write_text(dora.run("release", "key", "show", "--signers").out)
    told = dora.run_here("verify", bundle_of(house, FIRST), "--signers", listed)
    assert told.code == 0, told.out
    assert "which is the key that you gave" in told.out
    assert "retired since" in told.out
    report = bundle_offline.verify(bundle_of(house, SECOND), signers=listed)
    assert (report.problems, report.notes, report.proven_origin) == ([], [], True)
    bundle = bundle_of(house, FIRST)
    command = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        listed,
        "-I",
        PRINCIPAL,
        "-n",
        NAMESPACE,
        "-s",
        bundle / "SHA256SUMS.sig",
    ]
    at = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(first.made_utc_ns // NS))

    def said(*more: str) -> subprocess.CompletedProcess[bytes]:
        sums = (bundle / "SHA256SUMS").read_bytes()
        return subprocess.run([*command, *more], input=sums, capture_output=True, check=False)

    # OpenSSH counts the second of the end as before it.
    wait_for("OpenSSH takes the old key for retired", lambda: said().returncode != 0)
    then = said("-O", f"verify-time={at}")
    assert then.returncode == 0, then.stderr


def test_p13_whether_a_bundle_here_is_still_as_it_was_made_is_for_those_who_may_see_it(house: Library) -> None:
    bundle = bundle_of(house, SECOND)
    asked = types.ReleaseVerify(SECOND)
    house.people.appoint("hal", "Hal Orr", house.director, "hold", "archive")
    with pytest.raises(Refused):
        house.people.client("hal").act(asked)
    with pytest.raises(Refused):
        house.people.client("hal").act(types.ReleaseKeyRenew("-"))
    with pytest.raises(Conflict, match="no bundle of"):
        house.director.act(types.ReleaseVerify(THIRD))
    gaps = bundle / "gaps.csv"
    whole = gaps.read_bytes()
    gaps.chmod(0o600)
    gaps.write_bytes(whole + b"lobby,gap,,,\n")
    report = house.director.act(asked)
    assert report.problems == ["The file 'gaps.csv' was changed after it was signed."]
    assert house.entries("release.verify")[-1]["facts"]["problems"] == 1
    gaps.write_bytes(whole)


def test_another_bundle_in_its_place_that_is_sound_in_itself_is_not_the_one_that_was_made(
    house: Library, tmp_path: Path
) -> None:
    first, second = bundle_of(house, FIRST), bundle_of(house, SECOND)
    second.rename(tmp_path / "kept")
    subprocess.run(["cp", "-r", first, second], check=True)
    try:
        report = house.director.act(types.ReleaseVerify(SECOND))
        assert any("another key" in problem for problem in report.problems)
    finally:
        subprocess.run(["rm", "-r", second], check=True)
        (tmp_path / "kept").rename(second)


def test_a_bundle_that_takes_long_to_check_takes_one_thread_and_never_all_of_them(house: Library) -> None:
    bundle = bundle_of(house, SECOND)
    video = next((bundle / "videos").iterdir())
    aside = video.rename(bundle.parent / "aside.mp4")
    with video.open("wb") as file:
        file.truncate(1 << 30)

    def verify(_number: int) -> str:
        try:
            return house.director.act(types.ReleaseVerify(SECOND)).problems[0]
        except Conflict as error:
            return error.sentence

    try:
        with ThreadPoolExecutor(8) as threads:
            said = sorted(threads.map(verify, range(8)))
    finally:
        aside.rename(video)
    assert said[:-1] == ["Another bundle is already being checked."] * 7
    assert "was changed" in said[-1]


def test_over_ssh_verify_names_a_release_and_never_a_file() -> None:
    for words in (["verify", FIRST], ["verify", FIRST, "--json"], ["verify", "--help"]):
        check_files(expand(words))
    for words in (
        ["verify", "/etc/passwd"],
        ["verify", "-"],
        ["verify", FIRST, "--signers", "/x"],
        ["verify", f"../{FIRST}"],
    ):
        with pytest.raises(BadRequest, match="takes a release's number"):
            check_files(expand(words))


def test_a_zip_as_it_is_fetched_is_checked_as_it_is(house: Library, tmp_path: Path) -> None:
    root_fd = os.open(house.service.data / "media", os.O_PATH)
    try:
        with ZipView.open(root_fd, FIRST) as view:
            data = view.read(0, view.size)
    finally:
        os.close(root_fd)
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    packed = tmp_path / f"{FIRST}.zip"
    packed.write_bytes(data)
    assert bundle_offline.verify(packed, keys(house).keys[-1].fingerprint).problems == []
    packed.write_bytes(data[:-1])
    assert "cut off or damaged" in house.desk("dora").run_here("verify", packed).refusal()


def test_from_the_shelf_alone_it_is_the_same(house: Library) -> None:
    """Held, and then lost from footage, by whatever hand: the hold has it, and the bundle is made of that."""
    footage = house.service.data / "media" / "footage" / "desk"
    stored = recorded_hashes(sorted(footage.rglob("*.mp4")))
    asked = types_holds.HoldPlace(
        "investigation", "26-0417", [types_holds.SpanAsk("desk", house.made.start_utc_ns, house.made.end_utc_ns)]
    )
    hold = house.director.act(asked)
    wait_for(
        "it lies on the shelf",
        lambda: house.director.act(types_holds.HoldAsk(hold.id)).shelved,
    )
    shutil.rmtree(footage)
    made = export(house, HELD)
    bundle = bundle_of(house, HELD)
    videos = manifest_of(bundle)["videos"]
    released = [sha for video in videos for sha in recorded_hashes([bundle / video["file"]])]
    assert released == stored[10 * FPS :]
    assert made.bundle is not None
    assert (len(videos), made.bundle.missing) == (2, 1)
    assert "camera unreachable" in (bundle / "gaps.csv").read_text()
