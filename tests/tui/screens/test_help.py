"""F1 everywhere: in words, by keys alone, at 80 columns; the last line that always says how to get it; the commands by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.containers import VerticalScroll
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.pilot import Pilot

from holdshelf_tui.screens.dialogs.help import HelpDialog
from holdshelf_tui.screens.dialogs.hold import HoldDialog
from holdshelf_tui.screens.help_words import help_for
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.widgets.keys_line import KeysLine
from tests.tui.keyboard import Desk, said, types, until_said
from tests.tui.stage import Stage, screen_text, settled, until, until_shown

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("help")) as running:
        yield running


async def tab(pilot: Pilot[Any], key: str) -> HomeScreen:
    home = await settled(pilot)
    await home.go(key)
    await until(pilot, "the tab", lambda: home.is_ready)
    return home


async def helped(pilot: Pilot[Any]) -> HelpDialog:
    await pilot.press("f1")
    return await until(
        pilot, "the help", lambda: pilot.app.screen if isinstance(pilot.app.screen, HelpDialog) else None
    )


@pytest.mark.parametrize("closes", ["escape", "f1", "enter"])
async def test_f1_tells_the_keys_of_the_tab_scrolls_and_goes_again(stage: Stage, closes: str) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await tab(pilot, "timeline")
        front: Any = home.front
        front.take_focus()
        await pilot.press("plus")
        level = await until(pilot, "zoomed in", lambda: front.view.level)
        dialog = await helped(pilot)
        await until_shown(pilot, "Help: Timeline", "Say why, and see pictures of this time", "Esc or F1 closes")
        scroll = dialog.query_one(VerticalScroll)
        assert scroll.max_scroll_y > 0
        await pilot.press("down", "pagedown")
        await until(pilot, "further down", lambda: scroll.scroll_offset.y > 1)
        await pilot.press("end")
        await until_shown(pilot, "Close your looks and leave")
        if closes == "enter":
            await pilot.press("tab")
        await pilot.press(closes)
        await until(pilot, "it is gone", lambda: pilot.app.screen is home)
        assert front.view.level == level  # Escape was the help's alone


async def test_a_dialog_that_opens_is_styled_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is below it is as it was: on a slow machine the first dialog of its kind would take as long as a whole screen."""
    styled: list[DOMNode] = []
    apply = Stylesheet.apply

    def seen(self: Stylesheet, node: DOMNode, **more: Any) -> None:
        styled.append(node)
        apply(self, node, **more)

    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await tab(pilot, "timeline")
        await until_shown(pilot, "Help")
        monkeypatch.setattr(Stylesheet, "apply", seen)
        dialog = await helped(pilot)
        await until_shown(pilot, "Help: Timeline")
        frame = dialog.query_one(".dialog")
        assert frame in styled and frame.outer_size.width == 78
        assert home.query_one("#clock") not in styled


async def test_the_last_line_is_made_again_only_for_other_keys(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await tab(pilot, "timeline")
        line = home.query_one(KeysLine)
        await until(pilot, "its keys", lambda: line.children and line._made == line._shown())
        before = list(line.children)
        with line._context():
            await line.recompose()
        assert list(line.children) == before
        await tab(pilot, "holds")
        await until(pilot, "other keys", lambda: line.children and not set(before) & set(line.children))


@pytest.mark.parametrize("login", ["dora", "sam", ""])
async def test_every_tab_is_explained_in_plain_words(stage: Stage, login: str) -> None:
    async with stage.app(login).run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        for number, key in enumerate(home._kinds):
            await tab(pilot, key)
            help_ = help_for(home)
            assert help_.title == home.titles[number]
            lines = [line for _, part in help_.parts for line in part]
            assert (str(number), home.titles[number]) in lines and ("H" in dict(lines)) == (login != "")
            for sign, words in lines:
                assert len(words) > 3 or sign.isdecimal(), (sign, words)
                for jargon in ("super+", "Cursor", "Tab 1", "Page Left", "Copy selected", "palette", "idget"):
                    assert jargon not in f"{sign} {words}", (sign, words)
            assert str(len(home.titles)) not in dict(lines)  # no tab that is not there


async def test_f1_works_in_a_form_which_keeps_what_was_typed(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await tab(pilot, "holds")
        await pilot.press("H")
        form = await until(pilot, "the form", lambda: next(iter(_of(pilot, HoldDialog)), None))
        form.query_one("#reference").focus()
        await types(pilot, "26-77")
        await helped(pilot)
        for words in ("Check or uncheck", "Back, without doing it", "To the next field"):
            await until(pilot, words, lambda words=words: words in said(pilot))
        await pilot.press("escape")
        await until(pilot, "the form again", lambda: pilot.app.screen is form)
        await types(pilot, "?")  # a question mark in a field is a question mark
        await until(pilot, "both are there", lambda: "26-77" in screen_text(pilot) and "?" in form.text("reference"))


def _of(pilot: Pilot[Any], kind: type[HoldDialog]) -> list[HoldDialog]:
    return [screen for screen in pilot.app.screen_stack if isinstance(screen, kind) and screen.is_ready]


async def test_f1_works_over_what_waits_today(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f2")
        await until_shown(pilot, "You are here as")
        await helped(pilot)
        await until_shown(pilot, "Help: Today")
        await pilot.press("escape")
        await until_shown(pilot, "You are here as")


def _left_over(home: HomeScreen, pilot: Pilot[Any]) -> str:
    """What stands in the last line and is no whole key of what is in front."""
    last = screen_text(pilot).split("\n")[-1]
    if not last.endswith("F1 Help ^q Leave"):
        return last
    for active in home.active_bindings.values():
        one = active.binding
        last = last.replace(f"{pilot.app.get_key_display(one)} {one.description}", "", 1) if one.show else last
    return last.strip()


@pytest.mark.parametrize("login", ["dora", "sam", ""])
async def test_help_and_leave_stand_in_the_last_line_of_every_tab_and_no_key_is_cut(stage: Stage, login: str) -> None:
    async with stage.app(login).run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        for key in list(home._kinds):
            await tab(pilot, key)
            await until(pilot, f"whole keys of {key}, help and leave", lambda: not _left_over(home, pilot))
        await pilot.resize_terminal(40, 24)
        await until(pilot, "still there", lambda: screen_text(pilot).split("\n")[-1].endswith("F1 Help ^q Leave"))


async def test_commands_by_name_are_ours_alone(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await tab(pilot, "holds")
        titles = {command.title for command in pilot.app.get_system_commands(home)}
        assert {"Help", "Leave", "Colors: dark", "2 Timeline"} <= titles
        assert not {"Maximize", "Keys", "Screenshot", "Theme", "Quit"} & titles
        await pilot.press("ctrl+p")
        await until(pilot, "commands", lambda: isinstance(pilot.app.screen, CommandPalette))
        await types(pilot, "contrast")
        await until_said(pilot, "high contrast")
        await pilot.press("down", "enter")
        await until(pilot, "the theme", lambda: pilot.app.theme == "holdshelf-contrast")
