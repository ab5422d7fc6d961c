"""What somebody may have meant by a name that nothing has: by one function, for names, numbers and columns."""

from __future__ import annotations

import pytest

from holdshelf_tui.text.did_you_mean import MOST, did_you_mean, nearest

CAMERAS = [("front-entrance", "Front entrance"), ("lobby", "Lobby"), ("desk", "Service desk"), ("cafe", "Café")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("loby", ["lobby"]),
        ("LOBBY", ["lobby"]),
        ("front_entrance", ["front-entrance"]),
        ("Front Entrence", ["front-entrance"]),
        ("service desk", ["desk"]),
        ("Cafe\u0301", ["cafe"]),
        ("parking", []),
        ("", []),
        ("x" * 500, []),
    ],
)
def test_it_finds_what_is_like_what_was_typed(typed: str, meant: list[str]) -> None:
    assert nearest(typed, CAMERAS) == meant


def test_of_many_the_nearest_few_are_named_each_once() -> None:
    known = [(f"H-2026-000{n}", f"H-2026-000{n}") for n in range(1, 9)]
    found = nearest("H-2026-0009", known)
    assert len(found) == MOST and len(set(found)) == MOST
    assert nearest("lobby 1", [("lobby-1", "Lobby 1"), ("lobby-2", "Lobby 2")])[0] == "lobby-1"


def test_it_is_a_question_or_nothing() -> None:
    assert did_you_mean("loby", CAMERAS) == "Did you mean 'lobby'?"
    assert did_you_mean("zzz", CAMERAS) == ""
    assert did_you_mean("lobby", []) == ""
