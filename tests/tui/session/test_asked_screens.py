"""A form that a worker waits for, while somebody leaves."""

from __future__ import annotations

import asyncio

import pytest
from textual import work
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import WorkerCancelled

from holdshelf_tui.session.driver import DrivenApp
from tests.rig.hang import HANG_S


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


async def test_a_worker_of_a_form_does_not_outlive_what_the_form_shows() -> None:
    """It came back as the form went, found none of its fields, and ended the session."""
    gone = asyncio.Event()

    class Field(Static):
        def on_unmount(self) -> None:
            gone.set()

    class Form(ModalScreen[None]):
        def compose(self) -> ComposeResult:
            yield Field(id="field")

        @work
        async def echo(self) -> None:
            await gone.wait()
            self.query_one("#field")

        @work
        async def submit(self) -> None:
            self.dismiss(None)

    app = DrivenApp[None]()
    async with app.run_test() as pilot:
        form = Form()
        await app.push_screen(form)
        form.echo()
        await pilot.pause()
        form.submit()
        await asyncio.wait_for(gone.wait(), HANG_S)
        await pilot.pause()
        assert form not in app.screen_stack
