"""Backups are taken to a folder or an SFTP server, verified from there, and a bad target costs a try and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.backups import carry, schedule, targets
from holdshelf_core.backups.age import MOST_DAYS_SCHEDULED, BackupAge
from holdshelf_core.backups.backups import Backups
from holdshelf_core.backups.carry import Refused
from holdshelf_core.backups.types import FolderTarget, SftpTarget
from holdshelf_core.errors import Unavailable
from holdshelf_core.times import DAY_NS, HOUR_NS, NS
from holdshelf_storage.backup.backup import check_backup
from tests.core.backups.room import Room, names, tars
from tests.rig.faults import SizedTmpfs, fill
from tests.rig.hang import HANG_S
from tests.rig.loop_clock import leap
from tests.rig.sftp import HOST, USER, SftpServer


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def server(there: Path, room: Room) -> Iterator[SftpServer]:
    with SftpServer(there) as running:
        running.keys.add(room.key)
        yield running


def sftp(server: SftpServer, host_key: str = "") -> SftpTarget:
    return SftpTarget(HOST, USER, str(server.folder), server.port, host_key or server.host_key)


async def fails(backups: Backups) -> str:
    """Why one cannot be made now."""
    with pytest.raises((Refused, Unavailable)) as failed:
        await backups.async_make()
    return str(failed.value)


async def test_a_folder_gets_one_a_day_and_keeps_what_is_to_be_kept(
    room: Room, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "DAYS", 3)
    (there / "holdshelf-2026-11-28-023000.tar").write_text("a person's own")
    (there / "holdshelf-0badcafe-20261128T023000Z.tar").write_text("another recorder's")
    await room.async_schedule(FolderTarget(str(there)))
    kept = set()
    for _ in range(5):
        await room.async_look()
        await room.async_look()  # again in the same day: nothing is due
        kept.add(room.now_utc_ns)
        room.now_utc_ns += DAY_NS
    expected = schedule.to_keep(kept, room.now_utc_ns - DAY_NS)
    ours = [name for name in tars(there) if schedule.is_ours(name, room.backups.recorder)]
    assert ours == sorted(schedule.file_name(room.backups.recorder, made) for made in expected) and len(ours) < 5
    assert (there / "holdshelf-2026-11-28-023000.tar").exists() and len(tars(there)) == len(ours) + 2
    assert room.logged("backup.verified") == room.logged("backup.make") == 5
    assert names(room.scheduled_folder) == [], "nothing is left on this machine"
    for name in ours:
        assert check_backup(there / name).manifest.problems == []
        assert (there / name).stat().st_mode & 0o777 == 0o600


async def test_what_is_not_in_the_register_is_never_deleted(room: Room, there: Path) -> None:
    await room.async_schedule(FolderTarget(str(there)))
    alike = schedule.file_name(room.backups.recorder, room.now_utc_ns - 3 * HOUR_NS)
    (there / alike).write_text("has such a name, and was not made here")
    await room.backups.async_make()
    room.now_utc_ns += HOUR_NS
    await room.backups.async_make()
    assert alike in tars(there) and len(tars(there)) == 2, "the earlier one of the day went, that one stayed"


async def test_sftp_is_verified_and_the_schedule_outlives_a_restart(room: Room, server: SftpServer) -> None:
    target = sftp(server)
    assert await room.backups.async_host_key(target) == server.host_key
    await room.async_schedule(target, "03:15")
    kept = await room.backups.async_make()
    assert tars(server.folder) == [kept.name]
    assert check_backup(server.folder / kept.name).sha256 == kept.sha256
    room.close()
    room.open()
    row = room.backups.row()
    assert row is not None and (row.target, row.at, row.kept) == (target.words, "03:15", (kept,))
    assert row.fingerprint == server.fingerprint
    assert await room.async_look() == room.backups.words()
    assert room.logged("backup.make") == 1, "it was made after it was due: a restart makes none"


async def test_a_target_that_is_away_is_told_and_gets_the_one_that_waits(room: Room, server: SftpServer) -> None:
    await room.async_schedule(sftp(server))
    server.close()
    result = await room.async_look()
    assert result.startswith("failed: ") and "cannot be reached" in result
    (waiting,) = tars(room.scheduled_folder)
    assert room.told() == [], "one try may be a moment's"
    await room.async_look()
    assert room.told() == [], "it is not tried again at once"
    room.now_utc_ns += 301 * NS
    await room.async_look()
    (sentence,) = room.told()
    assert "Backups do not reach their target." in sentence and HOST not in sentence
    assert [step.outcome for step in room.backups.steps()] == ["failed"]
    server.open()
    room.now_utc_ns += 601 * NS
    assert not (await room.async_look()).startswith("failed")
    assert tars(server.folder) == [waiting] and room.logged("backup.make") == 1
    assert room.told() == [] and names(room.scheduled_folder) == []


async def test_a_host_key_that_changed_is_refused(room: Room, server: SftpServer) -> None:
    await room.async_schedule(sftp(server))
    server.change_host_key()
    before = server.logins
    for _ in range(2):
        assert "another host key than the one that was pinned" in await fails(room.backups)
    assert server.logins == before and tars(server.folder) == []
    assert "another host key" in room.told()[0]


async def test_a_key_that_is_not_let_in_is_told_with_the_line_to_add(room: Room, server: SftpServer) -> None:
    server.keys.clear()
    with pytest.raises(Refused) as refused:
        await room.async_schedule(sftp(server))
    assert f"restrict {room.key} holdshelf" in refused.value.fault.next_step
    server.keys.add(room.key)
    await room.async_schedule(sftp(server))


async def test_a_server_that_is_full_is_told_in_our_words_and_leaves_nothing(room: Room, server: SftpServer) -> None:
    await room.async_schedule(sftp(server))
    server.ill = "full"
    words = await fails(room.backups)
    assert "may be full" in words + room.backups.steps()[0].next_step and "attacker" not in words
    assert names(server.folder) == [schedule.marker_name(room.backups.recorder)]


async def test_a_server_that_lies_gets_nothing_a_final_name(room: Room, server: SftpServer) -> None:
    await room.async_schedule(sftp(server))
    good = await room.backups.async_make()
    server.ill = "lies"
    room.now_utc_ns += DAY_NS
    assert "returned something different from what was sent" in await fails(room.backups)
    assert tars(server.folder) == [good.name], "and the last one that was verified stays"
    server.ill = ""
    again = await room.backups.async_make()
    assert tars(server.folder) == sorted([good.name, again.name])
    assert [name for name in names(server.folder) if name.endswith(".part")] == []


async def test_a_server_that_hangs_costs_a_try(room: Room, server: SftpServer) -> None:
    await room.async_schedule(sftp(server))
    server.ill = "hangs"
    failed = asyncio.create_task(fails(room.backups))
    assert await asyncio.to_thread(server.asked.wait, HANG_S), "it hangs as it is written to"
    leap(carry.MOST_S)
    assert f"did not take a backup in {carry.ASK_S:.0f} seconds" in await failed
    assert tars(server.folder) == [] and len(tars(room.scheduled_folder)) == 1
    server.ill = ""
    await room.backups.async_make()
    assert [name for name in names(server.folder) if name.endswith(".part")] == []


def test_a_large_backup_may_take_long_and_not_for_ever() -> None:
    assert carry.time_for(0) == carry.ASK_S and carry.time_for(1 << 40) == carry.MOST_S
    assert carry.time_for(100_000_000) > 3600


async def test_a_full_disk_is_told_and_left_as_it_was(room: Room) -> None:
    with SizedTmpfs(4) as disk:
        await room.async_schedule(FolderTarget(str(disk.mount_point)))
        good = await room.backups.async_make()
        room.now_utc_ns += DAY_NS
        filler = fill(disk.mount_point)
        before = names(disk.mount_point)
        for _ in range(2):
            assert "has no room for a backup" in await fails(room.backups)
        assert names(disk.mount_point) == before and good.name in before
        assert "The target has no room for a backup." in room.told()[0]
        filler.unlink()
        await room.backups.async_make()
        assert len(tars(disk.mount_point)) == 2 and room.told() == []


async def test_a_disk_that_is_not_mounted_gets_nothing(room: Room, there: Path) -> None:
    await room.async_schedule(FolderTarget(str(there)))
    (there / schedule.marker_name(room.backups.recorder)).unlink()
    assert "is not the folder that was set up" in await fails(room.backups)
    assert names(there) == []
    there.rmdir()
    assert "is not there" in await fails(room.backups)


async def test_the_recorders_own_folders_are_no_target(room: Room, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(room.paths.state)
    for own in (room.paths.data, room.paths.state, room.paths.data / "backups", tmp_path / "link"):
        with pytest.raises(Refused, match="belongs to what is backed up"):
            await room.async_schedule(FolderTarget(str(own)))


async def test_a_try_that_was_cut_off_leaves_no_final_name_and_is_cleared(room: Room, there: Path) -> None:
    """Killed between this machine's file and the target: what the next service finds."""
    await room.async_schedule(FolderTarget(str(there)))
    name = schedule.file_name(room.backups.recorder, room.now_utc_ns)
    (there / schedule.part_name(name)).write_bytes(b"half")
    (room.scheduled_folder / name).write_bytes(b"half, too")
    (room.scheduled_folder / f"{name}.back").write_bytes(b"half, too")
    (room.scheduled_folder / "rehearsal.restoring-x" / "keys").mkdir(parents=True)
    room.close()
    room.open()
    room.now_utc_ns += NS
    kept = await room.backups.async_make()
    assert tars(there) == [kept.name] and names(room.scheduled_folder) == []
    assert [one for one in names(there) if one.endswith(".part")] == []


async def test_one_is_made_at_once_after_the_media_disk_was_replaced(room: Room, there: Path) -> None:
    await room.async_schedule(FolderTarget(str(there)))
    await room.async_look()
    room.now_utc_ns += NS
    await room.async_look()
    assert room.logged("backup.verified") == 1
    age = BackupAge(room.authorizer, lambda: True)
    room.entry("media.replaced")
    await age.async_look()
    assert room.told() == ["The newest backup that was verified was made before the media disk was replaced."]
    await room.async_look()
    assert room.logged("backup.verified") == 2
    assert room.told() == [], "at once, and not when the age is looked at again"
    await room.async_look()
    await age.async_look()
    assert room.logged("backup.verified") == 2 and room.told() == []


async def test_the_age_goes_by_the_last_one_that_was_verified(room: Room) -> None:
    age = BackupAge(room.authorizer, lambda: True)
    room.entry("backup.verified")
    room.now_utc_ns += (MOST_DAYS_SCHEDULED + 1) * DAY_NS
    room.entry("backup.make")
    await age.async_look()
    assert room.told() == ["The newest backup that was verified was made 4 days ago."]
    room.entry("backup.verified")
    await age.async_look()
    assert room.told() == []


async def test_a_backup_that_a_restore_would_refuse_is_not_counted(room: Room, there: Path) -> None:
    await room.async_schedule(FolderTarget(str(there)))
    (room.paths.state / "policy").mkdir()
    (room.paths.state / "policy" / "odd name").write_text("of nobody")
    assert "A restore would refuse this backup" in await fails(room.backups)
    assert tars(there) == [] and len(tars(room.scheduled_folder)) == 1
    (room.paths.state / "policy" / "odd name").unlink()
    room.now_utc_ns += NS
    kept = await room.backups.async_make()
    assert tars(there) == [kept.name], "a new one is made: the one that waited has the same problem"


async def test_a_name_that_cannot_be_given_is_tried_again(room: Room, there: Path) -> None:
    """The answer of a try was lost after the file had its name, and then nothing could be renamed."""
    await room.async_schedule(FolderTarget(str(there)))
    name = schedule.file_name(room.backups.recorder, room.now_utc_ns)
    (there / name).mkdir()
    (there / name / "in the way").write_text("")
    assert (await room.async_look()).startswith("failed: ")
    (there / name / "in the way").unlink()
    (there / name).rmdir()
    (there / name).write_bytes(b"as it was written, and never said")
    room.now_utc_ns += 301 * NS
    assert not (await room.async_look()).startswith("failed: ")
    assert tars(there) == [name] and check_backup(there / name).manifest.problems == []


@pytest.mark.parametrize(
    "target",
    [
        "backups",
        "sftp://nas/backups",
        "sftp://me:secret@nas/backups",
        "ftp://me@nas/backups",
        "sftp://me@nas:99999/x",
        "sftp://-o@nas/x",
        "/x\x1b[31m",
        "sftp://me@nas/x?y",
    ],
)
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(BadRequest):
        targets.parsed(target)


def test_targets_are_written_as_they_are_typed() -> None:
    for typed in ("/mnt/backup", "sftp://me@nas/backups", "sftp://me@nas:2222//srv/backups", "sftp://me@[fd00::1]/x"):
        assert targets.parsed(typed).words == typed
    assert targets.parsed("/mnt/../mnt/backup/") == FolderTarget("/mnt/backup")
