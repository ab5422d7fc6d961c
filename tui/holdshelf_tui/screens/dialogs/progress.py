"""Something takes longer than half a second: what, and for how long already."""

from __future__ import annotations

import time

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import LoadingIndicator, Static

from holdshelf_tui.widgets.text import plain


class ProgressDialog(ModalScreen[None]):
    """Taken away by whoever put it there; keys wait for what follows it."""

    DEFAULT_CSS = """
    ProgressDialog .dialog { width: 50; }
    ProgressDialog LoadingIndicator { height: 1; }
    """

    is_ready = False

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._since = time.monotonic()

    def compose(self) -> ComposeResult:
        """What is being done."""
        with Vertical(classes="dialog"):
            yield Static(plain(f"{self._what} …", 200), id="what")
            yield LoadingIndicator()

    def on_mount(self) -> None:
        """Count the seconds, so that nobody wonders whether it still goes on."""
        self.set_interval(1.0, self._count)

    def _count(self) -> None:
        passed = int(time.monotonic() - self._since)
        self.query_one("#what", Static).update(plain(f"{self._what} … {passed} s", 200))
