"""A form that a worker waits for, while somebody leaves."""

from __future__ import annotations

import asyncio

import pytest
from textual.screen import ModalScreen
from textual.worker import WorkerCancelled

from holdshelf_tui.session.driver import DrivenApp


async def test_whoever_leaves_as_a_form_comes_up_takes_no_screen_along() -> None:
    """The app waits for a screen to end in the worker that asks for the next form; leaving cancels that worker alone."""
    over = asyncio.Event()
    screen_task = asyncio.ensure_future(over.wait())
    app = DrivenApp[None]()

    async def ask() -> None:
        app.call_next(lambda: asyncio.gather(screen_task))
        await app.push_screen_wait(ModalScreen[None]())

    async with app.run_test() as pilot:
        worker = app.run_worker(ask())
        while not worker.is_running:
            await pilot.pause()
        await pilot.pause()
        worker.cancel()
        with pytest.raises(WorkerCancelled):
            await worker.wait()
        assert not screen_task.cancelled()
        over.set()
        assert await screen_task
