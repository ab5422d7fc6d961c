"""Keys and sizes that are still in their turn when the person leaves end without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Input

from holdshelf_tui.session.inputs import InTurn
from tests.rig.hang import HANG_S

SIZE = Size(100, 30)


def key(name: str) -> events.Key:
    return events.Key(name, name)


@pytest.mark.parametrize(
    "typed",
    [
        [events.Resize(SIZE, SIZE)],
        [key("a"), key("b"), key("c")],
        [events.Paste("yesterday 2 pm"), key("enter"), events.Resize(SIZE, SIZE)],
    ],
    ids=["size", "keys", "both"],
)
@pytest.mark.parametrize("turns", range(6))
async def test_whoever_leaves_meanwhile_is_told_of_no_fault(typed: Iterable[events.Event], turns: int) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context))
    app: InTurn[None] = InTurn()
    async with app.run_test() as pilot:
        await pilot.pause()
        for event in typed:
            await app.on_event(event)
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks = [task for task in (app._sizing, app._handing_out) if task is not None]
        app.exit()
    for task in tasks:
        await asyncio.wait_for(task, HANG_S)
    assert not faults


class Form(ModalScreen[None]):
    """Takes keys once it is told so."""

    is_ready = False

    def compose(self) -> ComposeResult:
        yield Input()


class Opens(Input):
    """Opens a form at its second letter: the first is given out before any waits."""

    form: Form | None = None

    def on_key(self, pressed: events.Key) -> None:
        if pressed.character == "b":
            self.form = Form()
            self.app.push_screen(self.form)


class OneField(InTurn[None]):
    def compose(self) -> ComposeResult:
        yield Opens()


async def test_text_that_follows_text_waits_for_a_form_that_this_opens() -> None:
    app = OneField()
    async with app.run_test() as pilot:
        field = app.query_one(Opens)
        await pilot.pause()
        for letter in "abcd":
            await app.on_event(key(letter))
        async with asyncio.timeout(HANG_S):
            while field.form is None or not field.form.is_mounted or not field.form.query("Input"):
                await asyncio.sleep(0)
        # More turns than handing out two letters takes.
        for _ in range(100):
            await asyncio.sleep(0)
        there = field.form.query_one(Input)
        assert (field.value, there.value) == ("ab", "")
        field.form.is_ready = True
        async with asyncio.timeout(HANG_S):
            while there.value != "cd":
                await asyncio.sleep(0)
        assert field.value == "ab"
