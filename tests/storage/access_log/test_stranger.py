"""A stranger checks a public copy with the script of docs/access-log.md, which knows nothing of Holdshelf."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdshelf_storage.access_log.checkpoint import parse_note
from holdshelf_storage.access_log.cosignature import WitnessSigner
from tests.storage.access_log.log_parts import NOVEMBER, NS, entry, opened

PAGE = Path(__file__).resolve().parents[3] / "docs" / "access-log.md"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith("from ")} == {"cryptography"}
    assert "holdshelf_" not in text
    path = tmp_path / "verify_log.py"
    path.write_text(text)
    return path


def ask(script: Path, *words: object) -> tuple[int, str]:
    """Exit code, and what it said, run where none of our packages can be imported."""
    done = subprocess.run(
        [sys.executable, "-I", str(script), *map(str, words)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_public_copy_verifies_with_the_short_script_of_a_stranger(script: Path, tmp_path: Path) -> None:
    copies = {}
    heads = []
    with opened(tmp_path / "state") as log:
        for number in range(21):
            log.append(*entry(number, NOVEMBER + number * 5 * 86_400 * NS))
            heads.append(log.head())
        for first, last, public in ((1, 21, True), (1, 21, False), (6, 13, True)):
            path = tmp_path / f"{first}-{last}-{public}.jsonl"
            with path.open("wb") as file:
                log.export(file.write, public=public, first=first, last=last)
            copies[first, public] = path
    kept = tmp_path / "head-12"
    kept.write_text(heads[11])
    for path in copies.values():
        assert ask(script, path, kept)[0] == 0, ask(script, path, kept)
        assert ask(script, path, log.public_key.check(heads[11]).short)[0] == 0
    code, words = ask(script, copies[1, True])
    assert (code, words) == (0, "Entries 1 to 21 are those of the signed head over 21.\n")
    assert b"192.0.2" not in copies[1, True].read_bytes()

    whole = copies[1, False].read_bytes()
    for old, new in ((b'"p7"', b'"p8"'), (b"192.0.2.7:", b"192.0.2.8:"), (b'"outcome":"done","person":"p3"', b"")):
        assert old in whole
        copies[1, False].write_bytes(whole.replace(old, new))
        code, words = ask(script, copies[1, False])
        assert code != 0, (old, words)
    copies[1, False].write_bytes(b"".join(whole.splitlines(keepends=True)[:-2]))
    assert "NOT AS IT WAS WRITTEN" in ask(script, copies[1, False])[1]


def test_a_copy_made_after_the_end_was_cut_does_not_pass_the_head_kept_outside(script: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.jsonl"
    with opened(tmp_path / "state") as log:
        for number in range(10):
            log.append(*entry(number))
        with path.open("wb") as file:
            log.export(file.write, public=True)  # as it would be, had the later five been cut with their head
        for number in range(10, 15):
            log.append(*entry(number))
        kept = tmp_path / "kept"
        kept.write_text(log.head())
    assert parse_note(kept.read_text()).head.size == 15
    code, words = ask(script, path, kept)
    assert code != 0
    assert "5 entries have been taken away" in words


def test_a_countersigned_head_is_checked_with_the_keys_of_its_witnesses(script: Path, tmp_path: Path) -> None:
    path, kept = tmp_path / "copy.jsonl", tmp_path / "head"
    one, other = (WitnessSigner(name, Ed25519PrivateKey.generate()) for name in ("oak.example/w1", "elm.example/w1"))
    with opened(tmp_path / "state") as log:
        for number in range(5):
            log.append(*entry(number))
        note = log.head()
        log.append(*entry(5))
        with path.open("wb") as file:
            log.export(file.write, public=True)
    kept.write_text(note + one.sign(parse_note(note).head, 1_800_000_000).line())
    code, words = ask(script, path, kept, one.public)
    assert code == 0
    assert "oak.example/w1 countersigned the head over 5 at 2027-01-15T08:00:00Z." in words
    assert ask(script, path, kept)[0] == 0
    assert "elm.example/w1 has not signed this head" in ask(script, path, kept, one.public, other.public)[1]
    kept.write_text(note + one.sign(replace(parse_note(note).head, size=4), 1_800_000_000).line())
    assert ask(script, path, kept, one.public)[0] != 0
