"""docs/threats.md promises what was tried: each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text()


def named() -> list[tuple[str, str]]:
    """(file, test) of each that the page names; '…' stands for the file named before it."""
    found, last = [], ""
    for path, test in re.findall(r"`((?:tests/[\w/]+\.py)|…)::(\w*)`", PAGE):
        last = last if path == "…" else path
        found.append((last, test))
    return found


def test_the_page_names_tests() -> None:
    assert len(named()) > 40


@pytest.mark.parametrize(("path", "test"), sorted(set(named())))
def test_a_test_that_the_threats_name_is_there(path: str, test: str) -> None:
    # A whole file would be no answer to the question what was tried.
    assert test.startswith("test_"), f"which test of {path}?"
    assert re.search(rf"def {test}\(", (ROOT / path).read_text()), f"{path} has no {test}"


def test_every_line_of_a_table_says_what_tried_it() -> None:
    for line in PAGE.splitlines():
        if line.startswith("| ") and not line.startswith(("| tried", "| what happens")):
            last = line.rstrip(" |").rpartition("|")[2].strip()
            assert "`tests/" in last, line
            assert "not tried" not in line, line
