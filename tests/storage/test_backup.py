"""Backup and restore of STATE, rehearsed with the real register, log, ledger and volume; hostile archives are refused."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdshelf_storage import backup as backup_module
from holdshelf_storage import backup_archive
from holdshelf_storage.access_log import AccessLog
from holdshelf_storage.backup import backup, check_backup
from holdshelf_storage.backup_archive import FIRST, LAST, is_name
from holdshelf_storage.errors import BackupError, DiskFull, FormatNewer, StorageError, VolumeLocked
from holdshelf_storage.log_verify import verify_log
from holdshelf_storage.register import Register
from holdshelf_storage.restore import mark_logged, read_marker, restore, settle_marker
from holdshelf_storage.volume import init_volume
from tests.storage.conftest import House

NOW = 1_795_000_000 * 10**9
AT = "2026-11-25T04:05:06.123456789Z"


def entry(action: str, month: str = "2026-11") -> dict[str, object]:
    return {"at": AT.replace("2026-11", month), "action": action, "outcome": "done", "person": "p1"}


def fill(state: Path, entries: int = 20) -> None:
    """A state with everything in it: register with a password, log over two months, ledger, policy."""
    register = Register.open(state)
    register.put("people", "p1", {"name": "Ada"})
    register.put("meta", "log", {"applied_seq": entries})
    register.put("entries", "front", {"password_sealed": register.encrypt("camera's own")})
    log = AccessLog.open(state)
    for number in range(entries):
        log.append(
            entry(f"test.{number}", "2026-11" if number < entries // 2 else "2026-12"), {"note": f"text {number}"}
        )
    log.close()
    (state / "ledger" / "2026-11.jsonl").write_bytes(b'{"kind":"done","id":"a"}\n{"kind":"torn')
    (state / "policy").mkdir(mode=0o700)
    (state / "policy" / f"{hashlib.sha256(b'the policy').hexdigest()}.txt").write_bytes(b"the policy")
    (state / "clock.json").write_text("{}")


@pytest.fixture
def state(house: House) -> Path:
    fill(house.state)
    return house.state


@pytest.fixture
def archive(state: Path, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    backup(state, path, NOW)
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "reserve"
    }


# --- making ------------------------------------------------------------------------------------------------------


def test_a_backup_is_a_plain_tar_for_its_owner_alone_with_all_of_state_and_no_footage(
    state: Path, house: House, tmp_path: Path
) -> None:
    (house.media / "footage" / "secret.mp4").write_bytes(b"a picture")
    made = backup(state, tmp_path / "b.tar", NOW)
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    assert made.problems == []
    assert made.entries == 20
    assert made.sha256 == hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest()
    with tarfile.open(tmp_path / "b.tar") as tar:
        names = tar.getnames()
        assert all(member.isreg() and member.mode == 0o600 for member in tar.getmembers())
    assert names[0] == FIRST and names[-1] == LAST
    assert names[1] == "state/register.json"
    for name in ("access/2026-11.jsonl", "access/2026-12.jsonl", "access/head", "keys/log.key", "keys/register.key",
                 "volume.json", "ledger/2026-11.jsonl", "clock.json"):  # fmt: skip
        assert f"state/{name}" in names
    assert not any("reserve" in name or "footage" in name for name in names)


def test_nothing_in_state_is_changed_by_a_backup(state: Path, tmp_path: Path) -> None:
    before = everything(state)
    backup(state, tmp_path / "b.tar", NOW)
    assert everything(state) == before


def test_a_file_that_exists_is_not_overwritten_and_state_is_no_place_for_its_own_backup(
    archive: Path, state: Path
) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupError, match="exists"):
        backup(state, archive, NOW)
    assert archive.read_bytes() == before
    with pytest.raises(BackupError, match="cannot lie in"):
        backup(state, state / "ledger" / "b.tar", NOW)


def test_a_backup_that_fails_leaves_no_file(state: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(BackupError, match="broken off"):
        backup(state, tmp_path / "b.tar", NOW, stop)
    assert not (tmp_path / "b.tar").exists()


def test_a_full_disk_is_said_and_leaves_no_file(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0

    def until_full(fd: int, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > 4096:
            raise OSError(28, "No space left on device")
        os.write(fd, data)

    monkeypatch.setattr(backup_archive, "write_all", until_full)
    with pytest.raises(DiskFull):
        backup(state, tmp_path / "b.tar", NOW)
    assert not (tmp_path / "b.tar").exists()


def test_what_the_disk_reads_back_differently_is_no_backup(
    archive: Path, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, other = backup_module.sync, archive.read_bytes()

    def lying(fd: int, what: str) -> None:
        sync(fd, what)
        os.pwrite(fd, other, 0)  # a whole backup, but not the one that was written

    monkeypatch.setattr(backup_module, "sync", lying)
    with pytest.raises(BackupError, match="reads back differently"):
        backup(state, tmp_path / "b.tar", NOW + 10**9)
    assert not (tmp_path / "b.tar").exists()


def test_entries_that_no_head_counts_yet_stay_out_while_a_service_runs_and_are_taken_when_none_does(
    house: House, tmp_path: Path
) -> None:
    fill(house.state)
    head = (house.state / "access" / "head").read_bytes()
    frontier = (house.state / "access" / "frontier").read_bytes()
    log = AccessLog.open(house.state)
    log.append(entry("late", "2026-12"), {})
    log.close()
    (house.state / "access" / "head").write_bytes(head)  # as a power cut leaves it
    (house.state / "access" / "frontier").write_bytes(frontier)
    assert backup(house.state, tmp_path / "at-rest.tar", NOW).entries == 21
    house.attach()
    made = backup(house.state, tmp_path / "running.tar", NOW)
    assert (made.entries, made.problems) == (20, [])


def test_a_backup_of_a_damaged_log_holds_all_of_it_and_says_so(state: Path, tmp_path: Path) -> None:
    month = state / "access" / "2026-11.jsonl"
    month.write_bytes(month.read_bytes().replace(b"test.3", b"test.X"))
    months = {p.name: p.read_bytes() for p in (state / "access").glob("*.jsonl")}
    (state / "access" / "frontier").unlink()
    made = backup(state, tmp_path / "b.tar", NOW)
    assert made.problems != []
    with tarfile.open(tmp_path / "b.tar") as tar:
        for name, data in months.items():
            file = tar.extractfile(f"state/access/{name}")
            assert file is not None and file.read() == data


def test_a_link_in_state_is_not_followed_into_the_backup(state: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("root:secret")
    (state / "ledger" / "2026-12.jsonl").symlink_to(tmp_path / "shadow")
    made = backup(state, tmp_path / "b.tar", NOW)
    assert any("2026-12.jsonl" in problem for problem in made.problems)
    assert b"root:secret" not in (tmp_path / "b.tar").read_bytes()


# --- the rehearsal -----------------------------------------------------------------------------------------------


def test_backed_up_while_appending_destroyed_restored_and_opened_the_log_verifies_and_everything_is_there(
    house: House, tmp_path: Path
) -> None:
    fill(house.state)
    house.attach()
    register, log = Register.open(house.state), AccessLog.open(house.state)
    over, begun = threading.Event(), threading.Event()

    def work() -> None:
        number = 0
        while not over.is_set():
            seq = log.append(entry("hold.place", "2026-12"), {"note": "x" * 300})
            register.put("meta", "log", {"applied_seq": seq})
            number += 1
            if number == 5:
                begun.set()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert begun.wait(30)
        made = [backup(house.state, tmp_path / f"{number}.tar", NOW + number) for number in range(4)]
    finally:
        over.set()
        worker.join()
        log.close()
    house.detach()
    assert [backup_.problems for backup_ in made] == [[]] * 4
    assert [backup_.entries for backup_ in made] == sorted(backup_.entries for backup_ in made)
    last = made[-1]

    shutil.rmtree(house.state)
    restored = restore(tmp_path / "3.tar", house.state, NOW, sha256=last.sha256)
    assert (restored.entries, restored.set_aside, restored.problems) == (last.entries, "", [])

    assert verify_log(house.state, against=last.head).problems == []
    again, volume = Register.open(house.state), house.attach()[0]
    assert again.problem is None
    row = again.get("meta", "log")
    assert row is not None and row["applied_seq"] <= last.entries
    sealed = again.get("entries", "front")
    assert sealed is not None and again.decrypt(sealed["password_sealed"]) == "camera's own"
    reopened = AccessLog.open(house.state, at_least=row["applied_seq"])
    assert reopened.problem is None
    assert reopened.size == last.entries
    assert reopened.append(entry("backup.restored", "2026-12"), {}) == last.entries + 1
    reopened.close()
    assert verify_log(house.state, against=last.head).problems == []
    assert volume.problem() is None
    assert (house.state / "ledger" / "2026-11.jsonl").read_bytes() == b'{"kind":"done","id":"a"}\n'
    for path in house.state.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert init_volume(house.state, house.media, 2).volume == volume.identity.volume


# --- restoring ---------------------------------------------------------------------------------------------------


def test_a_restored_state_is_marked_until_a_person_has_looked_at_it(archive: Path, house: House) -> None:
    shutil.rmtree(house.state)
    restored = restore(archive, house.state, NOW + 5)
    assert read_marker(house.state) == restored
    assert (restored.made_utc_ns, restored.at_utc_ns, restored.newer) == (NOW, NOW + 5, None)
    assert mark_logged(house.state, restored, 21) == read_marker(house.state)
    settle_marker(house.state)
    assert read_marker(house.state) is None
    settle_marker(house.state)
    backup(house.state, archive.with_name("second.tar"), NOW)
    with tarfile.open(archive.with_name("second.tar")) as tar:
        assert not any("restored" in name for name in tar.getnames())


def test_a_state_that_is_not_empty_is_left_alone_and_with_replace_set_aside_whole(archive: Path, house: House) -> None:
    log = AccessLog.open(house.state)
    for action in ("person.key", "hold.place", "hold.place"):
        log.append(entry(action, "2026-12"), {})
    log.close()
    before = everything(house.state)
    with pytest.raises(BackupError, match="not empty"):
        restore(archive, house.state, NOW)
    assert everything(house.state) == before
    restored = restore(archive, house.state, NOW, replace=True)
    assert everything(house.root / restored.set_aside) == before
    assert restored.newer == {"person.key": 1, "hold.place": 2}
    with closing(AccessLog.open(house.state)) as log:
        assert log.size == 20


def test_a_running_service_refuses_a_restore(archive: Path, house: House) -> None:
    house.attach()
    with pytest.raises(VolumeLocked, match="stop that first"):
        restore(archive, house.state, NOW, replace=True)
    house.detach()
    restore(archive, house.state, NOW, replace=True)


def test_a_restore_that_was_killed_between_the_two_renames_is_finished_by_the_same_restore(
    archive: Path, house: House
) -> None:
    left = house.root / "state.restoring-abc"
    left.mkdir()
    (left / "keys").write_text("of the first try")
    house.state.rename(house.root / "state.before-restore-x")
    restore(archive, house.state, NOW)
    with closing(AccessLog.open(house.state)) as log:
        assert log.size == 20
    assert not left.exists()
    assert (house.root / "state.before-restore-x").exists()


def test_the_archive_meant_is_told_by_its_own_sha256(archive: Path, house: House) -> None:
    before = everything(house.state)
    with pytest.raises(BackupError, match="not the backup meant"):
        restore(archive, house.state, NOW, replace=True, sha256="0" * 64)
    assert everything(house.state) == before
    assert not list(house.root.glob("state.*"))


def test_a_backup_of_a_damaged_log_is_restored_only_when_that_is_accepted(
    state: Path, house: House, tmp_path: Path
) -> None:
    month = state / "access" / "2026-11.jsonl"
    month.write_bytes(month.read_bytes().replace(b"test.3", b"test.X"))
    (state / "access" / "frontier").unlink()
    backup(state, tmp_path / "b.tar", NOW)
    shutil.rmtree(state)
    with pytest.raises(BackupError, match="what it holds is not"):
        restore(tmp_path / "b.tar", state, NOW)
    assert not state.exists()
    assert restore(tmp_path / "b.tar", state, NOW, accept_problems=True).problems != []
    with closing(AccessLog.open(state)) as log:
        assert log.problem is not None


def test_a_log_that_was_changed_in_the_archive_with_its_manifest_made_to_fit_is_found_by_its_head(
    archive: Path, house: House
) -> None:
    forged = rewrite(
        archive, lambda name, data: data.replace(b"test.3", b"test.X") if name.endswith("11.jsonl") else data
    )
    with pytest.raises(BackupError, match="what it holds is not"):
        restore(forged, house.state, NOW, replace=True)


# --- hostile archives --------------------------------------------------------------------------------------------


def members(archive: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(archive) as tar:
        return [(info, file.read() if (file := tar.extractfile(info)) else b"") for info in tar]


def write_tar(path: Path, parts: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for info, data in parts:
            tar.addfile(info, io.BytesIO(data))
    return path


def seal(manifest: object) -> bytes:
    """A manifest as a forger would make it fit."""
    raw = json.dumps(manifest).encode()
    return b'{"holdshelf_backup":1,"sha256":"%s","manifest":%s}' % (hashlib.sha256(raw).hexdigest().encode(), raw)


def rewrite(archive: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The archive with its files changed and a manifest that fits them."""
    parts = [(info, change(info.name, data)) for info, data in members(archive)]
    manifest = json.loads(parts[-1][1])["manifest"]
    manifest["files"] = [
        {"name": info.name.removeprefix("state/"), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for info, data in parts[1:-1]
    ]
    parts[-1] = (parts[-1][0], seal(manifest))
    for info, data in parts:
        info.size = len(data)
    return write_tar(archive.with_name("forged.tar"), parts)


def with_member(archive: Path, info: tarfile.TarInfo, data: bytes = b"", form: int = tarfile.USTAR_FORMAT) -> Path:
    """The archive with one member more, in its manifest too."""
    parts = members(archive)
    manifest = json.loads(parts[-1][1])["manifest"]
    manifest["files"].append(
        {"name": info.name.removeprefix("state/"), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    )
    raw = seal(manifest)
    parts[-1][0].size = len(raw)
    info.size = len(data)
    return write_tar(archive.with_name("hostile.tar"), [*parts[:-1], (info, data), (parts[-1][0], raw)], form)


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
    with pytest.raises(BackupError, match="no plain file"):
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
    with pytest.raises(BackupError, match="no plain file" if form == tarfile.GNU_FORMAT else "longer than the whole"):
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


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"holdshelf_backup":"1"}', b"[" * 100_000, b"\xff\xfe"])
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
