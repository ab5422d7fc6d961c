"""The list of actions in the documents is the source's: written by a script, and compared here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from holdshelf_tui.text.log_sentences import SENTENCES
from tests.every_act import every_act

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "access-log-actions.md"
SCRIPT = ROOT / "scripts" / "action_list.py"


def listed() -> set[str]:
    return set(re.findall(r"^\| `([a-z_.]+)` \| .* \| .* \|$", PAGE.read_text(), re.MULTILINE))


def test_the_page_is_what_the_script_writes() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_action_that_can_be_asked_for_is_on_it() -> None:
    assert {action.name for action in every_act().all()} <= listed()


def test_every_action_that_has_a_sentence_is_on_it() -> None:
    assert {key.split(" ")[0] for key in SENTENCES} <= listed()


def test_every_action_on_it_has_a_sentence() -> None:
    assert listed() - set(SENTENCES) == set()


def test_what_cannot_be_read_out_of_the_source_ends_it_with_a_sentence(tmp_path: Path) -> None:
    """A fact under a name that is known only as it runs would be missing from the page without a word."""
    copy = copied(tmp_path)
    handler = copy / "core" / "holdshelf_core" / "people" / "expiry.py"
    text = handler.read_text()
    assert 'facts={"ended":' in text
    handler.write_text(text.replace('facts={"ended":', "facts={ends[0].key:"))
    done = subprocess.run([sys.executable, copy / "scripts" / SCRIPT.name], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "holdshelf_core.people.expiry" in done.stderr and "ends[0].key" in done.stderr, done.stderr


def test_an_entry_that_the_service_begins_to_write_is_found(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    handler = copy / "core" / "holdshelf_core" / "people" / "expiry.py"
    handler.write_text(handler.read_text().replace('"right.ended"', '"right.gone"'))
    done = subprocess.run([sys.executable, copy / "scripts" / SCRIPT.name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "| `right.gone` | `ended` |  |" in (copy / "docs" / PAGE.name).read_text()


def copied(folder: Path) -> Path:
    """What the script reads, to be changed."""
    (folder / "docs").mkdir()
    (folder / "scripts").mkdir()
    for script in (SCRIPT, SCRIPT.with_name("action_source.py")):
        shutil.copy(script, folder / "scripts")
    for package in ("core/holdshelf_core", "storage/holdshelf_storage"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
