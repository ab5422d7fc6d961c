"""Backup and restore of STATE, rehearsed with the real register, log, ledger and volume."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.backup import archive as backup_archive
from holdshelf_storage.backup import backup as backup_module
from holdshelf_storage.backup.archive import FIRST, LAST
from holdshelf_storage.backup.backup import backup
from holdshelf_storage.backup.restore import mark_logged, read_marker, restore, settle_marker
from holdshelf_storage.errors import BackupError, DiskFull, VolumeLocked
from holdshelf_storage.register import Register
from holdshelf_storage.volume.volume import init_volume
from tests.rig.hang import HANG_S
from tests.storage.backup.archives import NOW, entry, everything, fill, rewrite
from tests.storage.conftest import House

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
    with pytest.raises(BackupError, match="interrupted"):
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
        assert begun.wait(HANG_S)
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
    with pytest.raises(BackupError, match="not the expected backup"):
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
    with pytest.raises(BackupError, match="its contents are not"):
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
    with pytest.raises(BackupError, match="its contents are not"):
        restore(forged, house.state, NOW, replace=True)
