"""An auditor's report of the door (ssh-audit): what stays in it is named here, each with its reason; docs/door.md lists it, too.

And the two clients that people have, OpenSSH and PuTTY, log in with what is left.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rig.hang import HANG_S
from tests.tui.ssh.door_rig import DoorHouse

STAYS = {
    # Two that ssh-audit's own list of good algorithms has, and wants to be asked for by everybody: not all clients have them.
    "curve25519-sha256": "does not provide protection against post-quantum attacks",
    "curve25519-sha256@libssh.org": "does not provide protection against post-quantum attacks",
}
"""Algorithm: the warning that stays. PuTTY before 0.83 and OpenSSH before 9.9, Windows' own included, speak no ML-KEM."""
KEX = {"mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"}
"""With sntrup761 where asyncssh finds liboqs."""
MARKS = {"ext-info-s", "kex-strict-s-v00@openssh.com"}
"""No algorithms: RFC 8308, and the answer to Terrapin."""


def audit(house: DoorHouse, *options: str) -> Any:
    """The report, as ssh-audit's JSON."""
    program = Path(sys.executable).with_name("ssh-audit")
    done = subprocess.run(
        [program, "--json", *options, "-p", str(house.port), "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def report(house: DoorHouse) -> Any:
    return audit(house)


def names(report: Any, kind: str) -> set[str]:
    return {row["algorithm"] for row in report[kind]}


def test_what_is_offered_is_what_todays_openssh_and_putty_need(report: Any) -> None:
    offered = names(report, "kex") - MARKS
    assert KEX <= offered <= {*KEX, "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"}
    assert names(report, "enc") == {
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
    }
    assert names(report, "mac") == {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"}
    assert names(report, "key") == {"ssh-ed25519"}
    assert report["compression"] == ["none"]
    assert names(report, "kex") >= MARKS, "no strict key exchange: open to Terrapin"


def test_nothing_fails_and_each_warning_that_stays_has_its_reason(report: Any) -> None:
    warned = {}
    for kind in ("kex", "key", "enc", "mac"):
        for row in report[kind]:
            assert not row["notes"].get("fail"), row
            for note in row["notes"].get("warn", ()):
                warned[row["algorithm"]] = note
    assert warned == STAYS
    assert report["cves"] == []


def test_connections_are_throttled_before_the_key_exchange(report: Any, house: DoorHouse) -> None:
    """38 of them in 8 ms were answered. The door's pace is below what ssh-audit calls safe, also for an address that is known."""
    assert house.run("dora", "holds").code == 0
    again = audit(house)
    assert "DHEat" not in json.dumps([report, again])
    assert not [note for note in again.get("additional_notes", ()) if "throttling" in note]


@pytest.mark.parametrize("kex", ["mlkem768x25519-sha256", "curve25519-sha256"])
@pytest.mark.parametrize(
    "cipher", ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"]
)
def test_openssh_logs_in_with_each_of_them(house: DoorHouse, kex: str, cipher: str) -> None:
    done = house.run("dora", "holds", options=["-o", f"KexAlgorithms={kex}", "-c", cipher])
    assert done.code == 0, done.said


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "KexAlgorithms=ecdh-sha2-nistp256,diffie-hellman-group14-sha256"],
        ["-c", "aes128-ctr,aes256-ctr"],
        ["-o", "HostKeyAlgorithms=rsa-sha2-512,ecdsa-sha2-nistp256"],
    ],
    ids=["nist", "ctr", "host key"],
)
def test_what_is_no_longer_spoken_is_not(house: DoorHouse, options: list[str]) -> None:
    done = house.run("dora", "holds", options=options)
    assert done.code == 255
    # Which side says it depends on who reads the other's list first.
    assert re.search(r"no matching|unable to find compatible", done.err, re.IGNORECASE), done.err


def plink(house: DoorHouse, login: str, *words: str) -> subprocess.CompletedProcess[str]:
    """PuTTY's own command line, with a key in PuTTY's form and the host key that the card prints."""
    key = house.folder / f"{login}.ppk"
    if not key.exists():
        subprocess.run(["puttygen", house.new_key(login), "-O", "private", "-o", key], check=True)
    from holdshelf_core.api.ssh import host_key  # noqa: PLC0415

    return subprocess.run(
        [
            *("plink", "-ssh", "-batch", "-v", "-P", str(house.port), "-i", key, "-noagent"),
            *("-hostkey", host_key.fingerprint(house.service.data), f"{login}@127.0.0.1", *words),
        ],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def test_putty_logs_in(house: DoorHouse) -> None:
    done = plink(house, "dora", "holds")
    assert (done.returncode, done.stdout) == (0, "Nothing is on hold.\n"), done.stderr
    assert "Holdshelf_" in done.stderr


def test_putty_reads_why_it_may_not_come_in(house: DoorHouse) -> None:
    house.enrol("paul", "Paul")
    done = plink(house, "paul", "holds")
    assert done.returncode != 0
    assert "Holdshelf: " in done.stderr
    stranger = plink(house, "nobody", "holds")
    assert "This key is not enrolled here" in stranger.stderr
