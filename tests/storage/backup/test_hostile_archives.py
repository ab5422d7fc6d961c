"""Archives that are damaged, forged or no backup at all are refused, and nothing anywhere is changed by them."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdshelf_storage.backup.archive import FIRST, LAST, is_name
from holdshelf_storage.backup.backup import check_backup
from holdshelf_storage.backup.restore import restore
from holdshelf_storage.errors import BackupError, DiskFull, FormatNewer, StorageError
from tests.storage.backup.archives import NOW, everything, members, rewrite, seal, with_member, write_tar
from tests.storage.conftest import House


@pytest.fixture
def untouched(house: House, tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Refuses an archive, and holds that nothing anywhere has changed by it."""

    def refused(hostile: Path) -> None:
        before = everything(tmp_path)
        for attempt in (lambda: restore(hostile, house.state, NOW, replace=True), lambda: check_backup(hostile)):
            with pytest.raises(StorageError) as caught:
                attempt()
            assert isinstance(caught.value, BackupError | FormatNewer | DiskFull), caught.value
            assert str(caught.value).isprintable()
        assert everything(tmp_path) == before
        assert not list(house.root.glob("state.*"))

    yield refused
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "name",
    ["state/../../evil", "../evil", "/tmp/evil", "evil", "state//evil", "state/./evil", "state/.hidden", "state/a/b/c/d/e",
     "state/register.json", "state/REGISTER.json", "state/x.tmp", "state/a\\b", "state/a b", "state/", "state/ké"],
)  # fmt: skip
def test_a_path_that_no_backup_has_is_refused(archive: Path, untouched: Callable[[Path], None], name: str) -> None:
    untouched(with_member(archive, tarfile.TarInfo(name), b"evil"))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE,
     tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, b"Z", b"\0"],
)  # fmt: skip
def test_anything_but_a_plain_file_is_refused(archive: Path, untouched: Callable[[Path], None], kind: bytes) -> None:
    info = tarfile.TarInfo("state/link")
    info.type = kind
    parts = members(archive)
    manifest = json.loads(parts[-1][1])["manifest"]
    manifest["files"].append({"name": "link", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()})
    parts[-1] = (parts[-1][0], seal(manifest))
    parts[-1][0].size = len(parts[-1][1])
    parts.insert(-1, (info, b""))
    hostile = archive.with_name("hostile.tar")
    raw = b"".join(part.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512) for part, data in parts)
    hostile.write_bytes(raw + bytes(1024))
    with pytest.raises(BackupError, match="not a plain file"):
        check_backup(hostile)
    untouched(hostile)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_long_names_of_other_tar_forms_are_refused(
    archive: Path, untouched: Callable[[Path], None], form: int
) -> None:
    untouched(with_member(archive, tarfile.TarInfo("state/" + "x" * 200), b"evil", form))


@pytest.mark.parametrize("size", [1 << 20, 1 << 32, 8**11 - 1, 1 << 60, -512, -1])
def test_a_size_that_the_archive_does_not_have_is_refused(
    archive: Path, untouched: Callable[[Path], None], size: int
) -> None:
    info = tarfile.TarInfo("state/big")
    info.size = size
    raw = archive.read_bytes()
    first = 512 + -(-members(archive)[0][0].size // 512) * 512
    hostile = archive.with_name("hostile.tar")
    form = tarfile.GNU_FORMAT if size < 0 or size >= 8**11 else tarfile.USTAR_FORMAT
    hostile.write_bytes(raw[:first] + info.tobuf(form) + raw[first:])
    with pytest.raises(
        BackupError, match="not a plain file" if form == tarfile.GNU_FORMAT else "longer than the whole"
    ):
        check_backup(hostile)
    untouched(hostile)


def test_an_archive_cut_anywhere_is_refused(archive: Path, untouched: Callable[[Path], None]) -> None:
    raw = archive.read_bytes()
    cut = archive.with_name("cut.tar")
    for size in (
        0,
        1,
        511,
        512,
        1024,
        len(raw) // 2,
        len(raw) - 20_480,
        len(raw) - 10_240,
        len(raw) - 512,
        len(raw) - 1,
    ):
        cut.write_bytes(raw[: max(0, size)])
        if raw[size:].strip(b"\0") or size < 10_240:
            untouched(cut)


def test_every_flipped_byte_is_found(archive: Path, tmp_path: Path) -> None:
    raw = archive.read_bytes()
    flipped = tmp_path / "flipped.tar"
    for at in range(0, len(raw), 41):
        flipped.write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        with pytest.raises(StorageError):
            check_backup(flipped)


def test_something_behind_the_end_is_refused(archive: Path, untouched: Callable[[Path], None]) -> None:
    more = archive.with_name("more.tar")
    more.write_bytes(archive.read_bytes() + b"more" + bytes(508))
    untouched(more)
    more.write_bytes(archive.read_bytes() + bytes(1 << 20))
    untouched(more)


@pytest.mark.parametrize("name", [FIRST, LAST])
def test_a_newer_backup_says_so(archive: Path, untouched: Callable[[Path], None], name: str) -> None:
    newer = rewrite(archive, lambda n, data: data)
    parts = [(i, d.replace(b'backup":1', b'backup":2') if i.name == name else d) for i, d in members(newer)]
    with pytest.raises(FormatNewer, match="newer"):
        check_backup(write_tar(newer, parts))
    untouched(newer)


def test_a_newer_register_in_it_says_so(archive: Path, untouched: Callable[[Path], None]) -> None:
    newer = rewrite(archive, lambda name, d: d.replace(b'"schema":1', b'"schema":9') if "register.json" in name else d)
    check_backup(newer)
    with pytest.raises(FormatNewer, match="newer"):
        restore(newer, archive.parent / "elsewhere" / "state", NOW)


@pytest.mark.parametrize(
    "data",
    [b"", b"not a tar at all", b"\0" * 20_480, b"[" * 100_000, os.urandom(20_480)],
    ids=["empty", "text", "zeros", "brackets", "noise"],
)
def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path, untouched: Callable[[Path], None], data: bytes) -> None:
    (tmp_path / "no.tar").write_bytes(data)
    untouched(tmp_path / "no.tar")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{}", b'{"holdshelf_backup":"1"}', b"[" * 100_000, b"\xff\xfe"],
    ids=["nothing", "a list", "no fields", "other fields", "too deep", "no text"],
)
def test_an_unreadable_manifest_is_refused(archive: Path, untouched: Callable[[Path], None], manifest: bytes) -> None:
    parts = members(archive)
    parts[-1][0].size = len(manifest)
    untouched(write_tar(archive.with_name("hostile.tar"), [*parts[:-1], (parts[-1][0], manifest)]))


def test_a_fifo_or_a_folder_is_no_archive(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        with pytest.raises(BackupError):
            check_backup(path)


def test_no_room_is_said_before_anything_is_written(
    archive: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Room:
        f_bavail, f_frsize = 1, 4096

    monkeypatch.setattr(os, "statvfs", lambda _path: Room)
    with pytest.raises(DiskFull, match="room"):
        restore(archive, house.state, NOW, replace=True)
    assert not list(house.root.glob("state.*"))


def test_names_in_a_backup_are_plain() -> None:
    for good in (
        "register.json",
        "access/2026-11.jsonl",
        "access.broken-20261125T040506Z/2026-11.jsonl",
        "policy/" + "a" * 64 + ".txt",
    ):
        assert is_name(good)
    for bad in ("", "/", "a/", "/a", "..", "a/../b", ".a", "a/.b", "a\n", "a\0", "x" * 81, "a.tmp", "a/b/c/d/e"):
        assert not is_name(bad)
