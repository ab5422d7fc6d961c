"""Typing as a person does, for tests of screens."""

from __future__ import annotations

import re
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget

from holdshelf_core.api.client import Client
from holdshelf_tui.screens.actions_pane import ActionsPane
from tests.tui.stage import Stage, cut, screen_text, until

_FRAME = re.compile("[│╭╮╰╯─━╸╺▔▁▃▆▄█░]")
_KEYS = {" ": "space"}


async def types(pilot: Pilot[Any], text: str) -> None:
    """Each character by itself; a longer word at once, as a terminal hands on what was pasted. A line end is Enter."""
    words, enter = text.removesuffix("\n"), text.endswith("\n")
    if len(words) > 3 and pilot.app.focused is not None:
        pilot.app.focused.post_message(events.Paste(words))
        await pilot.pause()
    elif words:
        await pilot.press(*(_KEYS.get(character, character) for character in words))
    if enter:
        await pilot.press("enter")


async def fills(pilot: Pilot[Any], *texts: str) -> None:
    """These texts into the field with the cursor and those that follow, '' to pass one by."""
    for number, text in enumerate(texts):
        if number:
            await pilot.press("tab")
        await types(pilot, text)


async def does(pilot: Pilot[Any], pane: ActionsPane, what: str) -> None:
    """One of a pane's actions, once nothing is in front of it any more: a person's key would go to the form that still closes."""
    await until(pilot, "nothing is in front", lambda: not isinstance(pilot.app.screen, ModalScreen))
    pane.action_do(what)


def said(pilot: Pilot[Any]) -> str:
    """What is on the screen, or in the dialog in front of it, as one text wherever its lines break; frames left out."""
    text = screen_text(pilot)
    for dialog in pilot.app.screen.query(".dialog").results(Widget):
        x, y, width, height = dialog.region
        text = "\n".join(line[x : x + width] for line in text.splitlines()[y : y + height])
    return " ".join(_FRAME.sub(" ", text).split())


async def until_said(pilot: Pilot[Any], *words: str) -> str:
    """Lets the app go on until it says all of these, wherever its lines break, and nothing in front is cut; returns all of it."""

    def says() -> str:
        now = said(pilot)
        return now if all(one in now for one in words) else ""

    shown = await until(pilot, f"it says {words}", says)

    def is_whole() -> bool:
        return not cut(pilot) or not says()  # what has gone meanwhile need not be whole

    try:
        await until(pilot, "all of it", is_whole)
    except AssertionError as error:
        raise AssertionError(f"{cut(pilot)} is cut\n{error}") from None
    return says() or shown


class Desk(Stage):
    """A stage where each person has one session for all they do: more than eight are refused."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._clients: dict[str, Client] = {}

    def client(self, login: str) -> Client:
        """That person's session."""
        if login not in self._clients:
            self._clients[login] = super().client(login)
        return self._clients[login]
