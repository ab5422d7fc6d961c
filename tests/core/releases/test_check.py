"""`holdshelf verify`: each thing that can be wrong with a bundle is told apart, in words."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
import subprocess
import warnings
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdshelf_core.errors import BadRequest
from holdshelf_core.releases.check import check
from holdshelf_core.releases.sshsig import ReleaseKey, read_signers
from holdshelf_core.releases.writing import SIGNATURE, SIGNATURE_SUM, SUMS, sums_text

KEY, OTHER = ReleaseKey.generate(), ReleaseKey.generate()


def bundle(
    folder: Path,
    *,
    key: ReleaseKey = KEY,
    valid_before: str = "",
    namespace: str = "",
    at: str = "2026-01-02T03:04:05.000000000Z",
) -> Path:
    """A small one, as `releasing.bundle` signs it."""
    made = folder / "R-2026-0001"
    (made / "videos").mkdir(parents=True)
    (made / "videos" / "lobby.mp4").write_bytes(b"\0" * 1000)
    (made / "README.txt").write_text("Read this\nfirst\n")
    (made / "manifest.json").write_text(f'{{"release": "R-2026-0001",\n "log_key": "", "made": "{at}"}}')
    (made / "gaps.csv").write_text("camera\n")
    (made / "allowed_signers").write_text(key.allowed_signers(valid_before))
    sign(made, key, namespace)
    return made


def sign(made: Path, key: ReleaseKey = KEY, namespace: str = "") -> None:
    files = {str(p.relative_to(made)): p for p in made.rglob("*") if p.is_file() and not p.name.startswith(SUMS)}
    text = sums_text({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()})
    (made / SUMS).write_text(text)
    put_signature(made, key.sign(text.encode(), namespace) if namespace else key.sign(text.encode()))


def put_signature(made: Path, signature: str) -> None:
    (made / SIGNATURE).write_text(signature)
    digest = hashlib.sha256(signature.encode()).hexdigest()
    (made / SIGNATURE_SUM).write_text(f"{digest}  {SIGNATURE}\n")


def zipped(made: Path, folder: Path, more: Callable[[zipfile.ZipFile], object] | None = None) -> Path:
    """The same as a zip, to which ``more`` adds what it likes."""
    packed = folder / "b.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own word on names that stand there twice
        for path in sorted(p for p in made.rglob("*") if p.is_file()):
            archive.write(path, f"R-2026-0001/{path.relative_to(made)}")
        if more is not None:
            more(archive)
    return packed


def only_problem(made: Path, key: str = "") -> str:
    (problem,) = check(made, key).problems
    return problem


def test_a_whole_one_is_whole_as_folder_and_as_zip_and_its_origin_is_proved_by_the_receipt_alone(
    tmp_path: Path,
) -> None:
    made = bundle(tmp_path)
    report = check(made)
    assert (report.problems, report.release, report.files) == ([], "R-2026-0001", 5)
    assert not report.proven_origin
    assert check(made, KEY.fingerprint).proven_origin
    assert check(zipped(made, tmp_path), KEY.fingerprint).problems == []


def test_wrong_namespace(tmp_path: Path) -> None:
    assert "another purpose: its namespace is 'file'" in only_problem(bundle(tmp_path, namespace="file"))


def test_other_key_than_on_the_receipt_and_other_key_than_the_bundle_names(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    assert "another key: " in only_problem(made, OTHER.fingerprint)
    assert "not the library's" in only_problem(made, OTHER.fingerprint)
    sign(made, OTHER)
    assert "than allowed_signers names" in only_problem(made)
    forged = bundle(tmp_path / "forged", key=OTHER)
    assert check(forged).problems == [], "inside, it is sound: only the paper tells"
    assert "not the library's" in only_problem(forged, KEY.fingerprint)


def test_expired_key_is_told_by_when_the_bundle_was_made(tmp_path: Path) -> None:
    assert "expired: it was good until 2020-01-01, and" in only_problem(bundle(tmp_path, valid_before="20200101Z"))
    assert check(bundle(tmp_path / "later", valid_before="20990101Z")).problems == []
    made = bundle(tmp_path / "odd", valid_before="whenever")
    assert "good until 'whenever'" in only_problem(made)
    retired = check(bundle(tmp_path / "since", valid_before="20260601Z"), now=datetime(2026, 7, 1, tzinfo=UTC))
    assert retired.problems == []
    assert "retired since 2026-06-01. It was good on 2026-01-02 03:04:05 UTC" in retired.notes[0]
    # What the bundle says of its time counts only as far as it is what was signed.
    (tmp_path / "since" / "R-2026-0001" / "manifest.json").write_text('{"made": "2019-01-01T00:00:00Z"}')
    problems = check(tmp_path / "since" / "R-2026-0001", now=datetime(2026, 7, 1, tzinfo=UTC)).problems
    assert any("is expired" in one for one in problems)
    assert any("manifest.json' was changed" in one for one in problems)


def test_a_list_of_the_librarys_keys_from_outside_says_whose_it_is_and_whether_it_was_good_then(tmp_path: Path) -> None:
    made, at = bundle(tmp_path), datetime(2026, 7, 1, tzinfo=UTC)
    listed = read_signers(KEY.allowed_signers("20260601000000Z") + OTHER.allowed_signers())
    report = check(made, now=at, signers=listed)
    assert (report.problems, report.proven_origin) == ([], True)
    assert [note for note in report.notes if "is retired since 2026-06-01" in note]
    (problem,) = check(made, now=at, signers=read_signers(KEY.allowed_signers("20260101Z"))).problems
    assert "is expired: it was good until 2026-01-01, and the bundle was made on 2026-01-02" in problem
    report = check(made, now=at, signers=read_signers(OTHER.allowed_signers()))
    assert "than the list of the library's keys names" in report.problems[0]
    assert not report.proven_origin


def test_missing_extra_changed_and_reordered(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    video = made / "videos" / "lobby.mp4"
    video.write_bytes(b"\0" * 999 + b"\1")
    assert only_problem(made) == "The file 'videos/lobby.mp4' was changed after it was signed."
    video.unlink()
    assert only_problem(made) == "The file 'videos/lobby.mp4' is missing."
    video.write_bytes(b"\0" * 1000)
    (made / "videos" / "extra.mp4").touch()
    assert only_problem(made) == "'videos/extra.mp4' is here and was not released."
    (made / "videos" / "extra.mp4").unlink()
    (made / "link").symlink_to("/etc/passwd")
    assert "'link' is here and was not released" in only_problem(made)
    (made / "link").unlink()
    sums = (made / SUMS).read_text().splitlines(keepends=True)
    (made / SUMS).write_text("".join(reversed(sums)))
    assert "another order" in only_problem(made)
    (made / SUMS).write_text("".join(sums[1:]))
    problems = check(made).problems
    assert any("not what was signed" in one for one in problems)
    assert any("was not released" in one for one in problems)


def test_signature_gone_damaged_or_of_other_bytes(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    whole = (made / SIGNATURE).read_text()
    put_signature(made, KEY.sign(b"something else"))
    assert "not what was signed" in only_problem(made)
    put_signature(made, whole.replace("BEGIN", "BEGUN"))
    assert "is no signature" in only_problem(made)
    (made / SIGNATURE).write_text(whole.replace("\n-----END", "\n\n-----END"))
    assert any(SIGNATURE_SUM in one for one in check(made).problems)
    (made / SIGNATURE).unlink()
    assert only_problem(made).startswith(f"{SIGNATURE} is missing")
    (made / SUMS).unlink()
    assert only_problem(made).startswith(f"{SUMS} is missing")


def test_text_that_was_converted_to_windows_line_ends_is_told_from_text_that_was_changed(tmp_path: Path) -> None:
    """By a mail program, or `unzip -aa`: the words are all there, the bytes are not those that were signed."""
    made = bundle(tmp_path)
    readme, sums, signature = made / "README.txt", made / SUMS, made / SIGNATURE
    readme.write_bytes(readme.read_bytes().replace(b"\n", b"\r\n"))
    assert only_problem(made).startswith("The file 'README.txt' is not byte for byte what was signed: its line ends")
    readme.write_bytes(b"Read that\r\nfirst\r\n")
    assert only_problem(made) == "The file 'README.txt' was changed after it was signed."
    readme.write_bytes(b"Read this\nfirst\n")
    sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
    assert only_problem(made).startswith("SHA256SUMS is not byte for byte what was signed: its line ends")
    sums.write_bytes(sums.read_bytes().replace(b"\r\n", b"\n"))
    signature.write_bytes(signature.read_bytes().replace(b"\n", b"\r\n"))
    assert only_problem(made).startswith("SHA256SUMS.sig is not byte for byte what was made: its line ends")
    for path in made.rglob("*"):
        if path.is_file() and path.suffix != ".mp4":
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    problems = check(made).problems
    assert len(problems) == 6
    assert all("converted to those of Windows" in one for one in problems), problems


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("README.txt", "readme.TXT", "capital and small letters"),
        ("videos/lobby.mp4", "Videos/lobby.mp4", "capital and small letters"),
        ("videos/lobby.mp4", "lobby.mp4", "moved to another folder"),
        ("videos/lobby.mp4", "videos\\lobby.mp4", "unpacked without its folder"),
        ("videos/caf\u00e9.mp4", "videos/cafe\u0301.mp4", "composed in another way"),
    ],
)
def test_a_renamed_file_is_neither_missing_nor_added_and_is_still_checked(
    name: str, other: str, words: str, tmp_path: Path
) -> None:
    made = bundle(tmp_path)
    if not (made / name).exists():
        (made / name).write_bytes(b"caf")
        sign(made)
    (made / other).parent.mkdir(exist_ok=True)
    (made / name).rename(made / other)
    assert words in only_problem(made)
    assert repr(other) in only_problem(made)
    (made / other).write_bytes(b"something else")
    assert [words in one for one in check(made).problems] == [True, False]
    assert check(made).problems[1] == f"The file {name!r} was changed after it was signed."


def test_what_windows_and_macs_leave_in_folders_is_named_as_that(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    (made / "videos" / ".DS_Store").write_bytes(b"\0")
    assert "puts such a file there by itself" in only_problem(made)
    os.mkfifo(made / "pipe")
    assert "'pipe' is here and was not released: it is neither file nor folder." in check(made).problems


# --- zips that anybody may have made --------------------------------------------------------------------------------


def entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename, info.external_attr, info.create_system = name, mode << 16, 3
    return info


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("R-2026-0001/README.txt", 0o100644, "more than once"),
        ("R-2026-0001/../../etc/cron.d/x", 0o100644, "points outside the folder"),
        ("/etc/passwd", 0o100644, "points outside the folder"),
        ("R-2026-0001\\..\\x", 0o100644, "points outside the folder"),
        ("C:/Windows/x", 0o100644, "points outside the folder"),
        ("R-2026-0001/./README.txt", 0o100644, "points outside the folder"),
        ("R-2026-0001/read\u202eme", 0o100644, "cannot be seen"),
        ("R-2026-0001/link", 0o120777, "link to another place"),
        ("beside.txt", 0o100644, "beside the bundle's folder"),
        ("R-2026-0001/extra.txt", 0o100644, "was not released."),
    ],
)
def test_a_zip_with_a_trick_in_it_is_told_and_nothing_of_that_is_opened(
    name: str, mode: int, words: str, tmp_path: Path
) -> None:
    packed = zipped(bundle(tmp_path), tmp_path, lambda archive: archive.writestr(entry(name, mode), b"/etc/shadow"))
    problems = check(packed, KEY.fingerprint).problems
    told = [one for one in problems if words in one]
    assert len(told) == 1, problems
    assert "is here and was not released" in told[0]
    rest = [one for one in problems if one not in told]
    # Of a name that stands there twice, neither is taken.
    assert rest == (["The file 'README.txt' is missing."] if "more than once" in words else [])


def test_a_zip_that_programs_read_in_two_ways_is_told(tmp_path: Path) -> None:
    """unzip, Windows and Python go by different ones of what a zip says twice."""
    whole = zipped(bundle(tmp_path), tmp_path).read_bytes()
    packed, two = tmp_path / "t.zip", "The zip says two things of 'R-2026-0001/videos/lobby.mp4'"
    head = whole.index(b"R-2026-0001/videos/lobby.mp4") - 30
    listed = whole.rindex(b"R-2026-0001/videos/lobby.mp4") - 46
    for at, words in ((head + 6, two), (head + 8, two), (head + 14, two), (head + 22, two), (listed + 16, two)):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        assert [one for one in check(packed).problems if one.startswith(words)], at - head
    end = whole.rindex(b"PK\5\6")
    for changed in (
        whole + b"#!/bin/sh",
        b"MZ" + whole,
        whole[:-2] + b"\4\0more",
        whole[:-2] + b"\4\0",
        whole[: end + 4] + b"\1" + whole[end + 5 :],
        whole[: end + 6] + b"\1" + whole[end + 7 :],
        whole[: end + 8] + b"\1\0\1\0" + whole[end + 12 :],
        whole[:end] + b"PK\1\2" + whole[end:],
    ):
        packed.write_bytes(changed)
        with contextlib.suppress(BadRequest):  # which is another way to say that it is none
            assert [one for one in check(packed).problems if "more than its files" in one]
    # A head whose name cannot be read is no fault of this program.
    packed.write_bytes(whole[: head + 7] + b"\x08" + whole[head + 8 : head + 31] + b"\xff" + whole[head + 32 :])
    assert any("'videos/lobby.mp4' was changed" in one for one in check(packed).problems)


def test_a_zip_with_the_end_of_a_long_one_is_as_good_and_nothing_is_hidden_in_that_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
    made, packed = bundle(tmp_path), tmp_path / "long.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (p for p in made.rglob("*") if p.is_file()):
            archive.write(path, f"{made.name}/{path.relative_to(made)}")
    whole = packed.read_bytes()
    long, place = whole.rindex(b"PK\6\6"), whole.rindex(b"PK\6\7")
    assert check(packed).problems == []
    for at in (long + 4, long + 16, long + 24, long + 40, long + 48, place + 4, place + 8, place + 16):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with contextlib.suppress(BadRequest):  # which is another way to say that it is none
            assert [one for one in check(packed).problems if "more than its files" in one], at - long


def test_a_zip_by_any_common_tool_is_as_good_as_ours(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    subprocess.run(["zip", "-qr", tmp_path / "a.zip", made.name], cwd=tmp_path, check=True)
    piped = subprocess.run(["zip", "-qr", "-", made.name], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "b.zip").write_bytes(piped.stdout)  # sizes stand behind each file
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in (p for p in made.rglob("*") if p.is_file()):
            with archive.open(f"{made.name}/{path.relative_to(made)}", "w", force_zip64=True) as file:
                file.write(path.read_bytes())
    for name in ("a", "b", "c"):
        assert check(tmp_path / f"{name}.zip").problems == []


def test_a_name_beside_the_name_is_told(tmp_path: Path) -> None:
    """Python and Info-ZIP go by the extra field 0x7075, Windows by the name."""

    def second(archive: zipfile.ZipFile) -> None:
        info = entry("R-2026-0001/extra.exe")
        other = b"R-2026-0001/notes.csv"
        info.extra = struct.pack("<HHBL", 0x7075, 5 + len(other), 1, zlib.crc32(info.filename.encode())) + other
        archive.writestr(info, b"x")
        archive.writestr(entry("R-2026-0001/../../out/"), b"")

    made = bundle(tmp_path)
    (made / "notes.csv").write_text("x")
    sign(made)
    (made / "notes.csv").unlink()
    problems = " ".join(check(zipped(made, tmp_path, second)).problems)
    assert "it has two names" in problems
    assert "'R-2026-0001/../../out/' is here and was not released: its name points outside" in problems


@pytest.mark.parametrize(
    "line",
    [
        'P namespaces="git" K',
        'P namespaces="release@*,!release@holdshelf.local" K',
        "P cert-authority K",
        'P namespaces="release@holdshelf.local",namespaces="git" K',
        'P frob="x" K',
        "# once\u2028P K",
        "# once\x0bP K",
    ],
)
def test_a_line_of_allowed_signers_that_ssh_keygen_does_not_take_is_not_taken(line: str, tmp_path: Path) -> None:
    made = bundle(tmp_path)
    key = KEY.allowed_signers().split()
    (made / "allowed_signers").write_text(line.replace("P", key[0]).replace("K", " ".join(key[-2:])) + "\n")
    sign(made)
    asked = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", key[0], "-n", "release@holdshelf.local"]
    with (made / SUMS).open("rb") as sums:
        stock = subprocess.run([*asked, "-s", SIGNATURE], cwd=made, stdin=sums, capture_output=True, check=False)
    assert stock.returncode != 0
    assert "than allowed_signers names" in only_problem(made)


@pytest.mark.parametrize("end", ["\x0b\n", "\u2028\n", "\x85\n"], ids=repr)
def test_a_list_whose_names_sha256sum_does_not_find_is_not_right_by_being_signed(end: str, tmp_path: Path) -> None:
    made = bundle(tmp_path)
    (made / SUMS).write_bytes((made / SUMS).read_text().replace("\n", end, 1).encode())
    put_signature(made, KEY.sign((made / SUMS).read_bytes()))
    assert subprocess.run(["sha256sum", "-c", SUMS], cwd=made, capture_output=True, check=False).returncode
    assert any("is missing" in one for one in check(made).problems)


def test_a_zip_that_is_cut_off_damaged_or_of_two_bundles(tmp_path: Path) -> None:
    packed = zipped(bundle(tmp_path), tmp_path)
    whole = packed.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 100):
        packed.write_bytes(whole[:size])
        with pytest.raises(BadRequest, match=r"cut off or damaged.*probably incomplete"):
            check(packed)
    begin = whole.index(b"R-2026-0001/videos/lobby.mp4") + len("R-2026-0001/videos/lobby.mp4")
    for at in range(begin, begin + 8):  # its packed bytes
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert only_problem(packed) == "The file 'videos/lobby.mp4' was changed after it was signed."
    at = whole.index(SUMS.encode()) + 40
    packed.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    with pytest.raises(BadRequest, match="SHA256SUMS in the zip is damaged"):
        check(packed)
    two = zipped(bundle(tmp_path / "two"), tmp_path, lambda archive: archive.writestr(entry(f"other/{SUMS}"), b""))
    with pytest.raises(BadRequest, match="more than one bundle"):
        check(two)


def test_a_zip_bomb_is_refused_before_anything_of_it_is_unpacked(tmp_path: Path) -> None:
    made = bundle(tmp_path)

    def bomb(archive: zipfile.ZipFile) -> None:
        archive.writestr(entry("R-2026-0001/big.bin"), bytes(200 << 20), zipfile.ZIP_DEFLATED)

    packed = zipped(made, tmp_path, bomb)
    assert packed.stat().st_size < 1 << 20
    with pytest.raises(BadRequest, match=r"claims to unpack to 210 MB\.? Do not unpack it"):
        check(packed)
    # Fifield's: many names for the same bytes.
    packed = zipped(made, tmp_path)
    data = bytearray(packed.read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 42 : at + 46] = (0).to_bytes(4)
    packed.write_bytes(data)
    with pytest.raises(BadRequest, match="lie over one another"):
        check(packed)


def test_what_is_no_bundle_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "note.zip").write_bytes(b"PK nonsense")
    bundle(tmp_path / "outer")
    for path, words in (
        (tmp_path / "note.zip", "not a zip of a bundle"),
        (tmp_path / "none", "There is no bundle"),
        (tmp_path / "outer", "has one in it"),
    ):
        with pytest.raises(BadRequest, match=words):
            check(path)
    with pytest.raises(BadRequest, match="fingerprint"):
        check(bundle(tmp_path), "eiKGxX92")
    shutil.rmtree(tmp_path / "R-2026-0001")
