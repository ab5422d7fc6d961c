"""The admin's tabs, and how keys alone get to a button, to the next part and home again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from holdshelf_core.access_log import types as types_board
from holdshelf_tui.screens.doctor import DoctorPane
from holdshelf_tui.screens.home import HomeScreen
from tests.tui.stage import Stage, screen_text, until


@contextlib.contextmanager
def admin_stage(folder: Path) -> Iterator[Stage]:
    """Two cameras with footage; neither answers any more."""
    with Stage(folder, cameras={"stacks": "Stacks", "lobby": "Front entrance"}) as running:
        yield running


def last_entry(stage: Stage, action: str) -> dict[str, Any]:
    rows = stage.service.act(types_board.LogShow(action=action)).entries
    return rows[-1].entry


async def press_button(pilot: Pilot[Any], button: str) -> None:
    """Tab to a button, and Enter."""
    for _ in range(40):
        if getattr(pilot.app.focused, "id", "") == button:
            await pilot.press("enter")
            return
        await pilot.press("tab")
    raise AssertionError(f"{button} is not reached with Tab\n{screen_text(pilot)}")


async def closed(pilot: Pilot[Any]) -> None:
    """Enter on what is told; home again."""
    await pilot.press("enter")
    await until(pilot, "home again", lambda: isinstance(pilot.app.screen, HomeScreen))


async def press_tab(pilot: Pilot[Any], pane: DoctorPane) -> None:
    """From the list up to the parts, and to the next one."""
    while getattr(pilot.app.focused, "parent", None) is not pane or type(pilot.app.focused).__name__ != "Tabs":
        await pilot.press("shift+tab")
    await pilot.press("right")
