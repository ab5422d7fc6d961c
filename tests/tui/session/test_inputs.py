"""Keys and sizes that are still in their turn when the person leaves end without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from textual import events
from textual.geometry import Size

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
