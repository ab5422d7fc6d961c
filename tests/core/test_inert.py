"""Somebody's text as one line: nothing in it is obeyed by what shows it, whatever stands for what is taken out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.inert import inert


@given(text=st.text(), instead=st.sampled_from(["", " ", "?"]))
def test_what_is_left_is_one_printable_line(text: str, instead: str) -> None:
    line = inert(text, instead)
    assert line.isprintable() and line.splitlines() in ([], [line])
    assert inert(line, instead) == line
    assert [c for c in text if c.isprintable() and c not in " ?"] == [c for c in line if c not in " ?"]


@given(text=st.text())
def test_no_letter_and_no_mark_is_lost(text: str) -> None:
    kept = [c for c in text if unicodedata.category(c)[0] not in "CZ"]
    assert list(inert(text, "").replace(" ", "")) == kept


@pytest.mark.parametrize(
    ("instead", "line"),
    [(" ", "Desk   [31m No  rth Zoë"), ("?", "Desk ??[31m?No ?rth Zoë"), ("", "Desk [31mNo rth Zoë")],
)
def test_white_space_is_a_space_and_never_its_stand_in(instead: str, line: str) -> None:
    assert inert("Desk\n\ud800\x1b[31m\u202eNo\u2028\u200brth\u00a0Zoë", instead) == line
