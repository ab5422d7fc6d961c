"""What is typed of a county key reaches the service, which refuses it where something is missing or does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdshelf_core.offsite.sealing import new_key
from holdshelf_tui.cli.offsite import _county_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "county.txt"
    made.write_text(new_key()[0] + "\n")
    made.chmod(0o600)
    return made


def test_a_county_key_without_a_branch_is_not_left_out(file: Path) -> None:
    assert (
        _county_key("", "", file, None).private == file.read_text().strip()
    )  # "A county key needs the branch's name."


def test_a_public_part_that_was_typed_is_compared_with_the_key(file: Path) -> None:
    other = new_key()[1]
    shared = _county_key("Elm", other, file, None)
    assert (shared.public, shared.private) == (other, file.read_text().strip())  # "… has another public part …"
