"""Under a policy that calls the body that governs the library otherwise, no screen calls it the Board: each tab, list and dialog,
the help, the first screen, and what comes of an act."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, DataTable, Input, OptionList, Static, Tab, TextArea

from holdshelf_core.people.board_types import BoardSet
from holdshelf_core.policy import governing
from holdshelf_core.policy_file.first import FIRST
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.help import HelpDialog
from holdshelf_tui.screens.help_words import help_for
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.list_pane import ListPane
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.people import BOARD, PeoplePane
from holdshelf_tui.screens.start import StartPane
from tests.tui.keyboard import Desk, fills, said, until_said
from tests.tui.screens.every_screen import BY_ADMIN, BY_SEAT, PANES, House, house_of
from tests.tui.stage import Stage, arrived, our_app, screen_text, settled, told, until

pytestmark = pytest.mark.usefixtures("no_frames")

# The file's own words are never touched: here they have another word, to be told from Holdshelf's.
COUNCIL = (
    FIRST.read_text()
    .replace("Board", "Panel")
    .replace('name = "Library"', 'name = "Library"\nboard.en = "the Council"')
)
NAME = "Board Street Library"
"""A proper name with the word in it: the library's own text."""
_USUAL = re.compile(r"\bBoard\b(?!\W*(?:Street|Chair))")
"""Holdshelf's word. 'Board Chair' is what a dialog is told in `every_screen`."""
SIZE = (160, 48)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    governing.use()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("council"), policy_file=COUNCIL) as running:
        running.client("carl").act(BoardSet("library", NAME, "a meeting"))
        yield running


@pytest.fixture(scope="module")
def house(stage: Stage) -> House:
    return house_of(stage, stage.client("dora"), stage.made.start_utc_ns)


def texts(pilot: Pilot[Any]) -> Iterator[str]:
    """All that the screen in front says or would say further down, and what is told beside it."""
    yield from (screen_text(pilot), *told(pilot))
    for widget in pilot.app.screen.query("*").results(Widget):
        yield from (str(widget.border_title or ""), str(widget.border_subtitle or ""), str(widget.tooltip or ""))
        match widget:
            case Button() | Tab() | Checkbox():
                yield str(widget.label)
            case Input():
                yield from (widget.value, str(widget.placeholder))
            case TextArea():
                yield widget.text
            case OptionList():
                yield from (str(option.prompt) for option in widget.options)
            case DataTable():
                yield from (str(column.label) for column in widget.ordered_columns)
                yield from (str(cell) for row in widget.rows for cell in widget.get_row(row))
            case Static():
                yield str(widget.content)
            case _:
                pass


def usual_words(pilot: Pilot[Any], where: str) -> set[str]:
    """Where it says Board, with some words around it."""
    spoken = [" ".join(text.split()) for text in texts(pilot)]
    return {
        f"{where}: {text[max(0, one.start() - 40) : one.end() + 20]}"
        for text in spoken
        for one in _USUAL.finditer(text)
    }


async def asked_for(pilot: Pilot[Any]) -> None:
    """What a tab asks for has come."""
    await until(pilot, "it is there", lambda: not any(one in screen_text(pilot) for one in ("Asking …", "Reading …")))


async def helped(pilot: Pilot[Any], where: str) -> set[str]:
    """Of the help of what is in front."""
    dialog, screen = HelpDialog(help_for(pilot.app.screen)), pilot.app.screen
    await pilot.app.push_screen(dialog)
    await until(pilot, f"help of {where}", lambda: pilot.app.screen is dialog)
    found = usual_words(pilot, f"help of {where}")
    pilot.app.pop_screen()
    await until(pilot, "it is gone", lambda: pilot.app.screen is screen)
    return found


async def chosen_in_turn(pilot: Pilot[Any], dialog: Screen[Any], where: str) -> set[str]:
    """Of each choice of its lists: what is asked, or told below, may be another with each."""
    found: set[str] = set()
    for listed in dialog.query(OptionList).results(OptionList):
        for number in range(listed.option_count):
            listed.highlighted = number
            await pilot.pause()
            found |= usual_words(pilot, f"{where}, {listed.id} {number}")
    return found


@pytest.mark.parametrize("login", ["dora", ""], ids=["seat", "admin"])
async def test_no_dialog_says_it(stage: Stage, house: House, login: str) -> None:
    found: set[str] = set()
    async with stage.app(login).run_test(size=SIZE) as pilot:
        await arrived(pilot)
        for name, made in (BY_SEAT if login else BY_ADMIN).items():
            dialog = made(house, our_app(pilot))
            await pilot.app.push_screen(dialog)
            await until(pilot, name, lambda dialog=dialog: pilot.app.screen is dialog)
            found |= usual_words(pilot, name) | await chosen_in_turn(pilot, dialog, name)
            if isinstance(dialog, FormDialog):
                found |= await helped(pilot, name)
            pilot.app.pop_screen()
            await until(pilot, "home again", lambda: isinstance(pilot.app.screen, HomeScreen))
    assert not found, "\n".join(sorted(found))


@pytest.mark.parametrize("login", PANES, ids=["seat", "designee", "admin"])
async def test_no_tab_list_or_line_says_it_and_no_help(stage: Stage, house: House, login: str) -> None:
    del house  # a hold, a look and a release are there
    found: set[str] = set()
    async with stage.app(login).run_test(size=SIZE) as pilot:
        home = await settled(pilot)
        for key in home._kinds:
            pane = await home.go(key)
            assert pane is not None
            await until(pilot, key, lambda pane=pane: home.front is pane and home.is_ready)
            await asked_for(pilot)
            found |= usual_words(pilot, key) | await helped(pilot, key)
            if isinstance(pane, ListPane):
                for part in pane.PARTS or [""]:
                    found |= await in_list(pilot, pane, part)
    assert not found, "\n".join(sorted(found))


async def in_list(pilot: Pilot[Any], pane: ListPane[Any], part: str) -> set[str]:
    """Of each of its lines."""
    found: set[str] = set()
    if part:
        pane.turn_to(part)
        await until(pilot, part, lambda: pane.part == part)
        await asked_for(pilot)
    for number, key in enumerate(pane.rows):
        pane.table.move_cursor(row=number)
        await until(pilot, key, partial(_is_at, pane, number))
        found |= usual_words(pilot, f"{pane.key} {part} {key}")
        found.update(f"{pane.key} {part} {key}: {line}" for line in pane.details(pane.rows[key]) if _USUAL.search(line))
    return found


def _is_at(pane: ListPane[Any], number: int) -> bool:
    return pane.table.cursor_row == number


@pytest.mark.parametrize("login", PANES, ids=["seat", "designee", "admin"])
async def test_no_need_of_the_first_screen_says_it(stage: Stage, login: str) -> None:
    found: set[str] = set()
    async with stage.app(login).run_test(size=SIZE) as pilot:
        home = await arrived(pilot)
        start = home.front
        assert isinstance(start, StartPane)
        found |= usual_words(pilot, "first screen")
        for need in start._needs:
            said_of = (need.words, need.about, *(f"{step.words} {step.place}" for step in need.steps))
            found.update(f"{need.key}: {one}" for one in said_of if _USUAL.search(one))
    assert not found, "\n".join(sorted(found))


async def test_the_council_decides_by_its_own_name_and_a_proper_name_stays(stage: Stage) -> None:
    async with stage.seated("dora", size=SIZE) as pilot:
        pane = await (await settled(pilot)).go("people")
        assert isinstance(pane, PeoplePane)
        pane.choose(BOARD)
        await until_said(pilot, "The Council", "What the Council decides", "The Council's review every", NAME)
        pane.choose("outbox_days")
        await until(pilot, "its line", lambda: pane.chosen and getattr(pane.chosen, "id", "") == "outbox_days")
        await pilot.press("e")
        form = await until_said(pilot, "A setting of the Council", "the Council's signed paper.")
        assert not _USUAL.search(form)
        field = pilot.app.focused
        assert isinstance(field, Input)
        field.value = ""
        await fills(pilot, "60", "asked for")
        await pilot.press("enter")
        refused = await until_said(pilot, "is for the Council to decide")
        assert not _USUAL.search(refused)
        await pilot.press("escape")


async def test_what_comes_of_an_act_of_the_council_says_so(stage: Stage) -> None:
    stage.client("carl").act(BoardSet("contact", "Dora Reed, 860-555-0199", "a meeting"))
    async with stage.seated("carl", size=SIZE) as pilot:
        home = await settled(pilot)
        log: Pane | None = await home.go("log")
        assert log is not None
        told_there = await until_said(pilot, "“contact” of the Council")
        assert not _USUAL.search(told_there)
        assert not _USUAL.search(said(pilot))
