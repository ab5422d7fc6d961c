"""What can be done in a tab is said once: each action is a key, a button, a line of the help and a command, or none of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Tabs

from holdshelf_tui.screens.actions_pane import ActionDescription, ActionsPane
from holdshelf_tui.screens.dialogs.hold import ExtendDialog
from holdshelf_tui.screens.help_words import help_for, key_words
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.list_pane import ListPane
from tests.tui.keyboard import Desk, types, until_said
from tests.tui.stage import Stage, settled, until, until_shown

pytestmark = pytest.mark.usefixtures("no_frames")

UNLISTED = {"start", "timeline", "live"}
"""Tabs without a table of actions."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("actions")) as running:
        running.hold("dora")
        yield running


def panes() -> list[type[ActionsPane]]:
    """All that have a table of actions; home has made sure that they are imported."""
    found, more = [], [ActionsPane]
    while more:
        kind = more.pop()
        more += kind.__subclasses__()
        found += [kind] if kind.ACTIONS else []
    return found


def ways(home: HomeScreen, pane: ActionsPane, one: ActionDescription[Any, Any]) -> dict[str, object]:
    """Where that action is found now, and whether it can be done: True, None where it is gray, False where it is not."""
    found: dict[str, object] = {}
    sign = f"“{one.label}”"
    if one.enters:
        sign = "Enter"
    if one.key:
        binding = one.binding(pane.key)
        active = [a for a in home.active_bindings.values() if a.binding.id == binding.id]
        found["key"] = bool(active) and (active[0].enabled or None)
        sign = key_words(binding)
    if one.has_button:
        button = pane.query_one(f"#act-{one.id}", Button)
        found["button"] = button.display and (not button.disabled or None)
    lines = [line for heading, part in help_for(home).parts if heading == "In this tab" for line in part]
    found["help"] = (sign, one.tooltip) in lines
    commands = [(command.title, command.help) for command in home.app.get_system_commands(home)]
    found["command"] = (f"{pane.title}: {one.label}", one.tooltip) in commands
    return found


def wrong(home: HomeScreen, pane: ActionsPane) -> list[str]:
    """Actions of the pane in front that one place offers and another does not."""
    bad = []
    for one in pane.ACTIONS:
        state = pane.state_of(one.id)
        should = {"key": state, "button": state, "help": state is not False, "command": state is True}
        if any(should[way] is not value for way, value in ways(home, pane, one).items()):
            bad.append(f"{pane.key}.{one.id} is {state}: {ways(home, pane, one)}")
    return bad


def test_each_action_has_a_key_a_button_or_both_and_says_what_it_does() -> None:
    assert {kind.key for kind in panes()} >= {"cameras", "holds", "releases", "people", "log", "papers"}
    for kind in panes():
        ids = [one.id for one in kind.ACTIONS]
        assert len(ids) == len(set(ids)), kind
        for part in getattr(kind, "PARTS", {}) or ("",):
            here = [one for one in kind.ACTIONS if (not one.parts or part in one.parts) and one.id != "find"]
            keys = [one.key for one in here if one.key]
            assert len(keys) == len(set(keys)), (kind, part)
        for one in kind.ACTIONS:
            assert (one.key or one.enters) and one.has_button, f"{kind.__name__}: {one.id} has a key and a button"
            assert len(one.label) > 3 and len(one.tooltip) > 8, (kind, one.id)


@pytest.mark.parametrize("login", ["dora", "sam", ""])
async def test_each_action_of_each_tab_is_offered_everywhere_or_nowhere(stage: Stage, login: str) -> None:
    async with stage.app(login).run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        for key in [key for key in home._kinds if key not in UNLISTED]:
            pane = await home.go(key)
            assert isinstance(pane, ActionsPane) and pane.key == key
            await until(pilot, "the tab", lambda: home.is_ready)
            has_parts = isinstance(pane, ListPane) and any(tabs.display for tabs in pane.query(Tabs))
            for part in pane.PARTS if isinstance(pane, ListPane) and has_parts else (pane.part,):
                await _agrees(pilot, home, pane, part)


async def _agrees(pilot: Pilot[Any], home: HomeScreen, pane: ActionsPane, part: str) -> None:
    if isinstance(pane, ListPane) and part:
        pane.turn_to(part)
    await until(pilot, f"the part {part}", lambda: pane.part == part)
    pane.take_focus()
    for table in pane.query(DataTable):
        table.focus()
    await until(pilot, f"one answer in {pane.key} {part}: {wrong(home, pane)}", lambda: not wrong(home, pane))


async def test_an_action_is_done_by_its_name(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await home.go("holds")
        await until_shown(pilot, "26-114")
        await pilot.press("ctrl+p")
        await until(pilot, "commands", lambda: isinstance(pilot.app.screen, CommandPalette))
        await types(pilot, "holds: keep more")  # the first screen leads there, too, by other words
        await until_said(pilot, "Holds: Keep more")
        await pilot.press("down", "enter")
        await until(pilot, "its form", lambda: isinstance(pilot.app.screen, ExtendDialog))
