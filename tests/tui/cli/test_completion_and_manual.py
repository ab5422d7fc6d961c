"""What a shell completes, and what the manual's pages say: both from the commands as they are."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.cli.test_examples import EXAMPLES

ROOT = Path(__file__).parents[3]


def completed(*words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    asked = {"_HOLDSHELF_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "holdshelf_tui.cli"], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("holdshelf", "off"), ["offsite"]),
        (("holdshelf", "camera", "ret"), ["retire"]),
        (("holdshelf", "door", "admin-key", "a"), ["add"]),
        (("holdshelf", "hold", "list", "--js"), ["--json"]),
    ],
)
def test_a_shell_is_told_what_may_be_typed_next(typed: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*typed) == offered


def test_each_command_has_its_place_in_the_manual_and_the_manual_is_well_formed(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("man_pages", ROOT / "scripts" / "man_pages.py")
    assert spec is not None and spec.loader is not None
    man_pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(man_pages)
    pages = {path.name: path.read_text() for path in man_pages.write(tmp_path)}
    for command in EXAMPLES:
        first, *rest = command.split()
        page = pages[f"holdshelf-{first}.1"]
        assert not rest or f".SS holdshelf {command}\n".replace("-", "\\-") in page, command
        assert f".BR holdshelf-{first} (1)\n".replace("-", "\\-") in pages["holdshelf.1"], command
    for name, page in pages.items():
        wrong = [line for line in page.splitlines() if line.startswith((".", "'")) and not re.match(r"\.[A-Z]", line)]
        assert not wrong, f"{name}: {wrong}"
        assert not re.search(r"(?<!\\)-", page.replace('"Holdshelf', "")), name
