"""A release in words."""

from __future__ import annotations

import pytest

from holdshelf_core.releases.types import OthersRow, ReleaseRow
from holdshelf_tui.text.releases import others_line

AT = 1_795_615_200 * 10**9


@pytest.mark.parametrize(
    ("looked", "words"),
    [
        (None, "Nobody else is seen; Dora Reed, "),
        (0, "Nobody else is seen; Dora Reed, who had looked at no picture of it, "),
        (1, "Nobody else is seen; Dora Reed, who had looked at 1 picture of it, "),
        (12, "Nobody else is seen; Dora Reed, who had looked at 12 pictures of it, "),
    ],
)
def test_an_answer_about_others_says_how_much_was_looked_at(looked: int | None, words: str) -> None:
    """Whoever approves it reads that."""
    row = ReleaseRow(
        "R-1", "requested", "police", "a request by the police", "26-7", [], [], "p1", "Dora Reed", AT, None, "",
        [], [], "", None, "", "", None, "", [], 1, None, "",
        others=OthersRow(False, "nobody else is seen", "p1", "Dora Reed", AT, [], "", looked),
    )  # fmt: skip
    assert others_line(row).startswith(words)
