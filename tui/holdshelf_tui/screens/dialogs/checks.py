"""What was looked at, step by step, each with its next step; and again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types import Checks
from holdshelf_tui.text.cameras import step_lines
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.text import plain

COUNT_S = 0.5


class ChecksDialog(ModalScreen[None]):
    """``ask``: looks, and is asked anew on "Again". ``found``: what was found already."""

    CSS = """
    ChecksDialog .dialog { width: 78; max-width: 100%; padding: 0 1; height: auto; max-height: 100%; }
    ChecksDialog #steps { height: auto; max-height: 16; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(self, title: str, ask: Callable[[], Awaitable[Checks]], found: Checks | None = None) -> None:
        super().__init__()
        self._title_words, self._ask, self._found = title, ask, found

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title_words, 60)
            with VerticalScroll(id="steps"):
                yield Static("", id="text")
            yield Actions((("again", "Again"), ("close", "Close")), first="close")

    def on_mount(self) -> None:
        """Look, unless it was looked already."""
        self.query_one("#act-close").focus()
        if self._found is not None:
            self._show(self._found)
        else:
            self.look()

    def _say(self, text: str) -> None:
        self.query_one("#text", Static).update(Content(text))

    def _show(self, checks: Checks) -> None:
        self._say("\n".join(inert(line, 400) for line in step_lines(checks.steps)))

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """Run the checks once, with the seconds counted on screen; what cannot be asked is said in their place."""
        began = time.monotonic()
        self._say("Looking …")
        timer = self.set_interval(COUNT_S, lambda: self._say(f"Looking … {int(time.monotonic() - began)} s"))
        try:
            self._show(await self._ask())
        except HoldshelfError as error:
            self._say(inert(str(error), 600))
        finally:
            timer.stop()

    @on(Actions.Chosen)
    def _chosen(self, chosen: Actions.Chosen) -> None:
        if chosen.key == "close":
            self.dismiss()
        else:
            self.look()
