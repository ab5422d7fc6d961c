"""The library's keys: made once, renewed by an act alone, and what was signed while a key was good stays good."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from holdshelf_core.errors import Unavailable
from holdshelf_core.releases.signing_keys import KeyRing
from holdshelf_core.releases.sshsig import NAMESPACE, PRINCIPAL, ReleaseKey

NS = 1_000_000_000
DAY = 86_400 * NS
AT = 1_764_000_000 * NS
"""2025-11-24T16:00:00Z."""
MESSAGE = b"a list\n"


def test_the_key_is_made_once_is_the_services_own_and_is_never_replaced(tmp_path: Path) -> None:
    assert KeyRing.load(tmp_path) is None
    first = KeyRing.ensure(tmp_path, AT)
    path = tmp_path / "release.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = KeyRing.ensure(tmp_path, AT + DAY)
    assert (again.current.fingerprint, again.rows) == (first.current.fingerprint, first.rows)
    path.chmod(0o640)
    with pytest.raises(Unavailable, match="Other accounts may read"):
        KeyRing.ensure(tmp_path, AT)
    path.chmod(0o600)
    whole = path.read_text()
    for broken in ("nonsense", "", whole.replace('"form": 1', '"form": 2'), whole.replace("keys", "kays"), whole[:-40]):
        path.write_text(broken)
        with pytest.raises(Unavailable, match="damaged"):
            KeyRing.ensure(tmp_path, AT)
        assert path.read_text() == broken


def test_of_a_key_that_was_renewed_nothing_is_left_but_its_public_part_and_its_days(tmp_path: Path) -> None:
    ring = KeyRing.ensure(tmp_path, AT)
    old, new = ring.current, ReleaseKey.generate()
    private = old.private_pem().decode().splitlines()[1]
    assert private in (tmp_path / "release.key").read_text()
    ring.renew(new, AT + DAY)
    assert private not in "".join(path.read_text() for path in tmp_path.iterdir())
    found = KeyRing.ensure(tmp_path, AT + 2 * DAY)
    assert found.current.fingerprint == new.fingerprint
    assert [(row.fingerprint, row.since_utc_ns, row.until_utc_ns) for row in found.rows] == [
        (old.fingerprint, AT, AT + DAY),
        (new.fingerprint, AT + DAY, None),
    ]


def test_openssh_takes_a_retired_key_for_what_was_signed_while_it_was_good_and_for_nothing_since(
    tmp_path: Path,
) -> None:
    ring = KeyRing.ensure(tmp_path, AT)
    signed = {"old": ring.current.sign(MESSAGE)}
    ring.renew(ReleaseKey.generate(), AT + DAY - NS // 2)
    signed["new"] = ring.current.sign(MESSAGE)
    (tmp_path / "allowed").write_text(ring.allowed_signers())

    def takes(which: str, *more: str) -> tuple[bool, str]:
        (tmp_path / "sig").write_text(signed[which])
        command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", PRINCIPAL, "-n", NAMESPACE, "-s", "sig", *more]
        done = subprocess.run(command, cwd=tmp_path, input=MESSAGE, capture_output=True, check=False)
        return done.returncode == 0, done.stderr.decode()

    assert takes("new")[0]
    assert takes("old", "-O", "verify-time=20251125155959Z")[0]
    good, said = takes("old", "-O", "verify-time=20251125160001Z")
    assert (good, "expired" in said) == (False, True)
    assert not takes("old")[0]
