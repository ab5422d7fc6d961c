"""The list of letters beside the typefaces says what is in them."""

from __future__ import annotations

import pytest
from fontTools.ttLib import TTFont

from holdshelf_tui.papers.letters import known
from holdshelf_tui.papers.typeset import FONTS


@pytest.mark.parametrize(
    ("face", "file"),
    [
        ("text", "NotoSans-Regular.ttf"),
        ("text", "NotoSans-Bold.ttf"),
        ("text", "NotoSans-Italic.ttf"),
        ("mono", "NotoSansMono-Regular.ttf"),
    ],
)
def test_letters_are_listed_as_the_typeface_has_them(face: str, file: str) -> None:
    assert {ord(letter) for letter in known(face)} == set(TTFont(FONTS / file, lazy=True).getBestCmap())
