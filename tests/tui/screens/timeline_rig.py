"""The timeline, as a person comes to it and looks at what was made."""

from __future__ import annotations

import time
from typing import Any

from textual.pilot import Pilot

from holdshelf_core.looks.types import GrantRow
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.tui.stage import our_app, settled, until, until_shown


async def timeline(pilot: Pilot[Any]) -> TimelinePane:
    home = await settled(pilot)
    pane = await home.go("timeline")
    assert isinstance(pane, TimelinePane)
    await until(pilot, "cameras", lambda: pane.cameras)
    await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
    return pane


def go(pane: TimelinePane, utc_ns: int, level: int) -> None:
    pane.view.go(utc_ns, time.time_ns(), level=level)
    pane._sync()


async def open_look(pilot: Pilot[Any], incident: str = "") -> GrantRow:
    """As a person does it: o, the incident's number, Enter."""
    await pilot.press("o")
    await until_shown(pilot, "Why are you looking?")
    if incident:
        await pilot.press("tab")
        await until(pilot, "the incident's field", lambda: getattr(pilot.app.focused, "id", "") == "incident")
        await pilot.press(*incident)
    await pilot.press("enter")
    looks = our_app(pilot).looks
    return await until(pilot, "an open look", lambda: looks.all() and looks.all()[-1])


async def painted(pilot: Pilot[Any], picture: PictureView) -> None:
    await until(pilot, "a painted picture", lambda: picture.has_picture and picture.painted.is_set())
    await pilot.pause(0.05)
