"""Keys that come in one go, as from a fast typist, a paste of a terminal's own, or a line that was away for a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Tabs

from holdshelf_tui.screens.dialogs.go_to import GoToDialog
from holdshelf_tui.screens.dialogs.hold import HoldDialog
from holdshelf_tui.screens.dialogs.purpose import PurposeDialog
from holdshelf_tui.screens.holds import HoldsPane
from holdshelf_tui.screens.timeline import TimelinePane
from tests.looking import MINUTE_NS
from tests.tui.stage import Stage, settled, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("typed")) as running:
        yield running


def burst(pilot: Pilot[Any], keys: str) -> None:
    """As they come out of the terminal's parser, with nothing in between."""
    for key in keys:
        pilot.app.post_message(events.Key({"\t": "tab", ":": "colon", "-": "minus"}.get(key, key), key))


async def test_a_time_typed_in_one_go_with_the_key_for_it_is_in_the_form(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        await settled(pilot)
        burst(pilot, "2t15:15")
        dialog = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, GoToDialog) and s)
        await until(pilot, "the time in it", lambda: any(i.value == "15:15" for i in dialog.query(Input)), 5)


async def test_an_incident_typed_in_one_go_with_the_key_for_a_hold_is_in_the_form(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        await settled(pilot)
        burst(pilot, "H\t26-777")  # the status is asked for first, and 2, 6 and 7 are keys of the screen behind
        dialog = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, HoldDialog) and s)
        await until(pilot, "the number in it", lambda: any(i.value == "26-777" for i in dialog.query(Input)), 5)


async def test_keys_go_to_the_tab_that_was_asked_for_before_them(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        number = list(home._kinds).index("holds") + 1
        burst(pilot, f"{number}n")
        await until(pilot, "the form of that tab", lambda: isinstance(pilot.app.screen, HoldDialog))
        assert isinstance(home.front, HoldsPane)


async def test_a_tabs_keys_work_while_the_row_of_tabs_has_the_focus(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        await pilot.click("#tab-timeline")
        await until(pilot, "the timeline", lambda: home.front is home.pane("timeline") and home.is_ready)
        home.query_one(Tabs).focus()
        await until(pilot, "the focus on the tabs", lambda: isinstance(home.focused, Tabs))
        burst(pilot, "t3:15")
        dialog = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, GoToDialog) and s)
        await until(pilot, "the time in it", lambda: any(i.value == "3:15" for i in dialog.query(Input)), 5)


async def test_what_is_typed_behind_a_form_waits_until_the_form_has_done_what_it_was_asked(stage: Stage) -> None:
    for _ in range(5):
        async with stage.seated("dora") as pilot:
            home = await settled(pilot)
            burst(pilot, "2t")
            for key in "55 minutes ago":
                pilot.app.post_message(events.Key("space" if key == " " else key, key))
            pilot.app.post_message(events.Key("enter", "\r"))
            burst(pilot, "o")
            await until(pilot, "the question", lambda: isinstance(pilot.app.screen, PurposeDialog))
            pane = home.pane("timeline")
            assert isinstance(pane, TimelinePane)
            assert pane.view.cursor_utc_ns == pytest.approx(time.time_ns() - 55 * MINUTE_NS, abs=MINUTE_NS)
