"""What stands there until the service has answered for the first time."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Middle
from textual.screen import Screen
from textual.widgets import Static

from holdshelf_tui.widgets.text import plain


class StartingScreen(Screen[None]):
    """One line; never longer than it must."""

    DEFAULT_CSS = """
    StartingScreen Static { width: 100%; text-align: center; padding: 0 2; }
    """

    def compose(self) -> ComposeResult:
        """The name, and what is going on."""
        with Middle():
            yield Static("Holdshelf", classes="well")
            yield Static("Asking the recording service …", id="said", classes="muted")

    def say(self, sentence: str) -> None:
        """Why it takes longer."""
        self.query_one("#said", Static).update(plain(f"{sentence} Trying again …", 400))
