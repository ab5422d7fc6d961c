"""A paper on screen: 80 columns as it is printed, scrolled with the arrows, Page Up and Page Down, Home and End."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from holdshelf_tui.widgets.beside import Beside


class Reader(VerticalScroll):
    """The text stays where it is when it is shown anew."""

    DEFAULT_CSS = """
    Reader { height: 1fr; scrollbar-size-vertical: 0; align-horizontal: center; }
    Reader:focus { background-tint: $foreground 3%; }
    Reader Static { width: 80; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "page_down", "Next page", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Static("", id="page")

    def read(self, text: str) -> None:
        """Show that paper, from its top."""
        page = self.query_one("#page", Static)
        page.update(Content(text))
        self.scroll_home(animate=False)

    def action_scroll_left(self) -> None:
        """To the paper before: a line is never longer than the screen."""
        self.post_message(Beside(-1))

    def action_scroll_right(self) -> None:
        """To the paper after."""
        self.post_message(Beside(1))

    @property
    def at_end(self) -> bool:
        """Whether its last line is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y
