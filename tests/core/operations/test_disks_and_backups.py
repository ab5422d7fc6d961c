"""A backup that is too old, and a disk that says that it is failing, are told before they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdshelf_core import times
from holdshelf_core.backups.age import MOST_DAYS, BackupAge
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.operations import disk_health
from holdshelf_core.operations.disk_health import DiskHealth
from holdshelf_core.times import DAY_NS, NS
from holdshelf_storage.access_log.access_log import AccessLog

START = 1_790_000_000 * NS


class Room:
    """What the jobs ask: a real log, a real list of repairs, and a clock that is set here."""

    def __init__(self, folder: Path, log: AccessLog) -> None:
        self.now_utc_ns, self.log = START, log
        self.repairs = RepairRegistry(EventBus(lambda: self.now_utc_ns), lambda: self.now_utc_ns)
        self.frame: Any = SimpleNamespace(
            repairs=self.repairs,
            clock=SimpleNamespace(utc_ns=lambda: self.now_utc_ns),
            paths=SimpleNamespace(state=folder, media=folder),
        )
        self.authorizer: Any = SimpleNamespace(log=log, frame=self.frame)

    def entry(self, action: str) -> None:
        """An entry of now."""
        self.log.append({"at": times.rfc3339(self.now_utc_ns), "action": action, "outcome": "done"})

    def told(self) -> list[str]:
        return [repair.sentence for repair in self.repairs.async_all()]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    log = AccessLog.open(tmp_path)
    yield Room(tmp_path, log)
    log.close()


async def test_no_backup_for_five_weeks_is_told_and_one_ends_it(room: Room) -> None:
    job = BackupAge(room.authorizer)
    room.entry("service.start")
    assert await job.async_look() == "none was made yet" and not room.told()
    room.now_utc_ns += (MOST_DAYS + 1) * DAY_NS
    await job.async_look()
    assert room.told() == ["No backup has been made in the 36 days of this server."]
    room.entry("backup.make")
    assert await job.async_look() == "the newest is 0 days old" and not room.told()
    room.now_utc_ns += 50 * DAY_NS
    room.entry("service.start")
    await BackupAge(room.authorizer).async_look()
    assert room.told() == ["The newest backup was made 50 days ago."], "also by a service that has just started"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("""echo '{"smart_status": {"passed": true}}'""", "1 of 1 disks could be asked"),
        ("""echo '{"smart_status": {"passed": false}}'; exit 8""", "failing: vdz (under /srv/footage)"),
        ("""echo '{"smartctl": {"exit_status": 2}}'; exit 2""", "0 of 1 disks could be asked"),
        ("echo 'no JSON'", "0 of 1 disks could be asked"),
        ("head -c 9000000 /dev/zero", "0 of 1 disks could be asked"),
    ],
    ids=["healthy", "failing", "not to be asked", "no JSON", "nonsense without end"],
)
async def test_a_disk_that_says_it_is_failing_is_a_repair(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    """No disk here can be told to fail: the program that asks is played."""
    program = tmp_path / "smartctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(disk_health, "disks_of", lambda _: {"vdz": "/srv/footage"})
    assert await DiskHealth(room.frame).async_look() == told
    failing = told.startswith("failing")
    assert room.told() == (["Failing by its own report (SMART): vdz (under /srv/footage)."] if failing else [])


def test_the_disks_under_a_folder_are_whole_disks(tmp_path: Path) -> None:
    for disk in disk_health.disks_of((tmp_path, Path("/proc"))):
        assert (Path("/sys/block") / disk).exists()
