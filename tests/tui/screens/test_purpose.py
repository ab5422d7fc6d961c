"""The one prompt before the first picture: what it asks, what it refuses in place, and what imminent danger opens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from holdshelf_core.looks.types import ReadLooks
from holdshelf_core.people.types import ReadFlags
from holdshelf_tui.screens.dialogs.purpose import BreakGlassDialog, PurposeDialog
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.fields import Choice, Picks
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.looking import MINUTE_NS, NS
from tests.tui.stage import Stage, our_app, screen_text, settled, until, until_shown

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("purpose")) as running:
        yield running


async def prompt(pilot: Pilot[Any], stage: Stage) -> PurposeDialog:
    """The prompt, over the timeline at the made footage."""
    pane = await (await settled(pilot)).go("timeline")
    assert isinstance(pane, TimelinePane)
    await until(pilot, "cameras", lambda: pane.cameras)
    await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
    pane.view.go(stage.made.start_utc_ns + 30 * NS, time.time_ns(), level=1)
    await pilot.press("o")
    await until_shown(pilot, "Why are you looking?")
    dialog = pilot.app.screen
    assert isinstance(dialog, PurposeDialog)
    await until(pilot, "a field has the keys", lambda: pilot.app.focused is not None)
    return dialog


def fill(dialog: PurposeDialog, **fields: str) -> None:
    for name, text in fields.items():
        dialog.query_one(f"#{name}", Input).value = text


async def test_p12_it_asks_once_for_purpose_incident_cameras_and_span(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        dialog = await prompt(pilot, stage)
        screen = screen_text(pilot)
        for words in ("Purpose", "Incident", "Cameras", "From", "To", "Imminent danger", "Back", "Look"):
            assert words in screen, words
        assert "possible crime" in screen
        assert "monitoring" not in screen
        await pilot.press("down")
        await until(pilot, "the next one", lambda: dialog.query_one("#purpose", Choice).value == "violation")
        fill(dialog, incident="26-114")
        cameras = dialog.query_one("#cameras", Picks)
        cameras.focus()
        await pilot.press("down", "space", "enter")
        (look,) = await until(pilot, "an open look", our_app(pilot).looks.all)
        at = stage.made.start_utc_ns + 30 * NS
        assert (look.purpose, look.incident, look.cameras) == ("violation", "26-114", ["lobby", "desk"])
        assert (look.start_utc_ns, look.end_utc_ns) == (at - 15 * MINUTE_NS, at + 15 * MINUTE_NS)


@pytest.mark.parametrize(("size", "scrolls"), [((80, 24), True), ((160, 48), False)], ids=["80x24", "160x48"])
async def test_its_lists_are_as_high_as_the_terminal_has_room(
    stage: Stage, size: tuple[int, int], scrolls: bool
) -> None:
    async with stage.seated("dora", size=size) as pilot:
        purposes = (await prompt(pilot, stage)).query_one("#purpose", Choice)
        await until(pilot, "its height", lambda: (purposes.virtual_size.height > purposes.size.height) == scrolls)


async def test_down_and_up_lead_from_a_line_of_text_to_the_fields_around_it(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        dialog = await prompt(pilot, stage)
        dialog.query_one("#incident").focus()
        await pilot.press("down")
        await until(pilot, "the next field", lambda: pilot.app.focused is dialog.query_one("#cameras"))
        dialog.query_one("#incident").focus()
        await pilot.press("up")
        await until(pilot, "the field before", lambda: pilot.app.focused is dialog.query_one("#purpose"))


async def test_p21_a_refusal_is_told_in_place_and_nothing_typed_is_lost(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        dialog = await prompt(pilot, stage)
        fill(dialog, incident="John Doe")
        await pilot.press("enter")
        await until_shown(pilot, "never a name")
        assert pilot.app.screen is dialog
        assert dialog.text("incident") == "John Doe"
        fill(dialog, incident="26-7")
        await pilot.press("enter")
        await until(pilot, "an open look", our_app(pilot).looks.all)


async def test_a_span_that_is_none_is_told_in_place(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        dialog = await prompt(pilot, stage)
        for fields, words in (
            ({"to": "banana"}, "is not a time"),
            ({"from": "yesterday 3 pm", "to": "yesterday 2 pm"}, "ends before it starts"),
            ({"from": "3 days ago", "to": "1 day ago"}, "at most 24 hours"),
        ):
            fill(dialog, **fields)
            await pilot.press("enter")
            await until_shown(pilot, words)
            assert pilot.app.screen is dialog
        await pilot.press("escape", "enter")  # what was typed is thrown away
        await until(pilot, "the timeline", lambda: pilot.app.screen is not dialog)
        assert not our_app(pilot).looks.all()


async def test_scene_17_imminent_danger_opens_the_last_minutes_at_once_and_is_flagged(stage: Stage) -> None:
    async with stage.seated("sam") as pilot:
        dialog = await prompt(pilot, stage)
        dialog.query_one("#danger").focus()
        await pilot.press("enter")
        screen = await until_shown(pilot, "Imminent danger ─")
        assert "others must review it" in " ".join(screen.replace("│", " ").split())
        glass = pilot.app.screen
        assert isinstance(glass, BreakGlassDialog)
        await until(pilot, "a field has the keys", lambda: getattr(pilot.app.focused, "id", "") == "why")
        await pilot.press("enter")
        await until_shown(pilot, "Say in a few words what the danger is")
        await pilot.press(*"smoke", "enter")
        (look,) = await until(pilot, "an open look", our_app(pilot).looks.all)
        assert (look.kind, look.mode, look.cameras) == ("break_glass", "live", ["lobby"])
        await until_shown(pilot, "imminent danger")
    flags = stage.client("carl").read(ReadFlags())
    assert [(flag.kind, flag.needs) for flag in flags if flag.kind != "seat_by_seat"] == [("break_glass", 2)]


async def test_zooming_inside_never_asks(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        await prompt(pilot, stage)
        await pilot.press("enter")
        await until(pilot, "an open look", our_app(pilot).looks.all)
        await until(pilot, "the timeline", lambda: isinstance(pilot.app.focused, TimelineStrip))
        await pilot.press("enter", "right", "enter", "right", "escape", "left", "escape")
        home = pilot.app.screen
        assert not isinstance(home, PurposeDialog)
        assert len(our_app(pilot).looks.all()) == 1


async def test_a_look_is_only_what_this_terminal_opened(stage: Stage) -> None:
    other = stage.look("dora")
    async with stage.seated("dora") as pilot:
        await settled(pilot)
        assert other.id in {row.id for row in stage.client("dora").read(ReadLooks())}
        assert not our_app(pilot).looks.all()
