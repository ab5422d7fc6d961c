"""`backup schedule | now | status | stop` with a running service and a real SFTP server, over restarts and kills."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from holdshelf_core.backups.types import BackupsRow, ReadBackups
from tests.core.backups.room import names, tars
from tests.rig.hang import HANG_S
from tests.rig.sftp import SftpServer
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import HOLDSHELF, Ran, run

type Cli = Callable[..., Ran]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def cli(service: Service) -> Cli:
    return lambda *words: run("backup", *words, "--data", service.data)


def row_of(service: Service) -> BackupsRow:
    row = service.client.read(ReadBackups())
    assert row is not None
    return row


def scheduled(cli: Cli, server: SftpServer) -> None:
    """As an admin does it: what each refusal says is done, and leads on."""
    unknown = cli("schedule", server.target).refusal()
    found = re.search(r"--fingerprint (SHA256:\S+?)`", unknown)
    assert found is not None and found[1] == server.fingerprint
    wrong = cli("schedule", server.target, "--fingerprint", "SHA256:AAAA").refusal()
    assert "not SHA256:AAAA" in wrong
    schedule(cli, server)


def schedule(cli: Cli, server: SftpServer) -> None:
    """By somebody who knows the server's fingerprint."""
    no_key = cli("schedule", server.target, "--fingerprint", server.fingerprint).refusal()
    line = re.search(r"restrict (ssh-ed25519 \S+) holdshelf", no_key)
    assert line is not None
    server.keys.add(line[1])
    done = cli("schedule", server.target, "--fingerprint", server.fingerprint, "--at", "03:15")
    assert done.code == 0 and "each day at 03:15" in done.out


def test_it_is_set_up_by_what_refusals_say_and_what_is_there_is_restored(
    cli: Cli, service: Service, there: Path, tmp_path: Path
) -> None:
    assert "There are no automatic backups" in cli("status").out
    assert "No schedule of backups is set up" in cli("now").refusal()
    with SftpServer(there) as server:
        scheduled(cli, server)
        assert cli("now").code == 0
        shown = cli("status")
        assert shown.code == 0 and server.fingerprint in shown.out and tars(there)[0] in shown.out
        assert "Backups: Verified" in run("status", "--data", service.data).out
        assert cli("schedule", server.target).code == 0, "the pinned key is shown again: no fingerprint is asked for"
        service.stop()
        service.start()
        assert row_of(service).target == server.target and len(row_of(service).kept) == 1
        server.change_host_key()
        assert "another host key than the one that was pinned" in cli("now").refusal()
        failing = cli("status")
        assert failing.code == 1 and "FAILS since" in failing.out and "Waits on this machine" in failing.out
        told = run("doctor", "--data", service.data)
        assert "another host key" in told.out
    assert cli("stop").code == 0
    assert tars(there) != [] and cli("status").code == 0
    restored = run("restore", there / tars(there)[0], "--data", tmp_path / "other", "--json")
    assert restored.code == 0 and restored.json()["entries"] >= 3


def test_a_word_that_is_nearly_a_command_makes_no_file(cli: Cli, tmp_path: Path) -> None:
    before = names(tmp_path)
    assert "did you mean 'status'" in cli("statsu").refusal()
    assert names(tmp_path) == before and not Path("statsu").exists()
    assert cli(tmp_path / "statsu").code == 0


def test_killed_while_it_is_taken_there_nothing_has_a_final_name(cli: Cli, service: Service, there: Path) -> None:
    with SftpServer(there) as server:
        schedule(cli, server)
        server.ill = "hangs"
        asked = subprocess.Popen(
            [HOLDSHELF, "backup", "now", "--data", service.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert server.asked.wait(HANG_S)
        service.kill()
        asked.communicate(timeout=HANG_S)
        assert tars(there) == [] and [name for name in names(there) if name.endswith(".part")]
        wait_for("the carrier to end with its service", lambda: not carriers(service))
        server.ill = ""
        service.start()
        wait_for("a backup that is not under way already", lambda: cli("now").code == 0)
        assert len(tars(there)) == 1 and [name for name in names(there) if name.endswith(".part")] == []
        assert names(service.data / "backups" / "scheduled") == []


def carriers(service: Service) -> list[int]:
    """Carriers of this service that run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            # The parent is gone, and so is what it set up: its environment tells nothing, its open files do.
            where = {str(fd.readlink()) for fd in (process / "fd").iterdir()}
        except OSError:
            continue
        if b"holdshelf_core.backups.carrier" in words and any(str(service.data) in name for name in where):
            found.append(int(process.name))
    return found


def test_recording_and_holds_do_not_wait_for_a_target_that_hangs(cli: Cli, service: Service, there: Path) -> None:
    with SftpServer(there) as server:
        schedule(cli, server)
        server.ill = "hangs"
        asked = subprocess.Popen(
            [HOLDSHELF, "backup", "now", "--data", service.data], stderr=subprocess.PIPE, text=True
        )
        assert server.asked.wait(HANG_S)
        assert run("capacity", "set", "--floor-days", "3", "--why", "x", "--data", service.data).code == 0
        assert row_of(service).state.running
        assert "A backup is being made" in cli("now").refusal()
        assert service.stop() == 0
        assert "The service is stopping." in asked.communicate(timeout=HANG_S)[1]
    assert "was cut off" not in service.log(), "the stop waited for a backup until its time was over"
