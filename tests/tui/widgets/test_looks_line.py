"""The line of open looks: what has no room is left out whole, the last parts first."""

from __future__ import annotations

import pytest

from holdshelf_tui.widgets.looks_line import _fitted

LOOK = ["26-114", "Front entrance", "until 9:40 pm", "88 pictures left"]
OTHER = ["26-115", "imminent danger", "Lobby"]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (80, "● 26-114 · Front entrance · until 9:40 pm · 88 pictures left"),
        (50, "● 26-114 · Front entrance · until 9:40 pm"),
        (40, "● 26-114 · Front entrance"),
        (10, "● 26-114 · Front entrance"),  # whose it is and where stay, and are cut by the line
    ],
)
def test_a_part_is_there_whole_or_not_at_all(columns: int, shown: str) -> None:
    assert _fitted([LOOK], columns) == shown


def test_several_looks_lose_the_same_parts() -> None:
    whole = "● 26-114 · Front entrance · until 9:40 pm  ● 26-115 · imminent danger · Lobby"
    assert _fitted([LOOK, OTHER], len(whole)) == whole
    assert _fitted([LOOK, OTHER], len(whole) - 1) == "● 26-114 · Front entrance  ● 26-115 · imminent danger"
