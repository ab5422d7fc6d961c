"""A paper on screen: 80 columns as it is printed, scrolled with the arrows, Page Up and Page Down, Home and End."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

PAGE_COLUMNS = 80
_JOINERS = "\u200c\u200d"


class Reader(VerticalScroll):
    """The text stays where it is when it is shown anew."""

    DEFAULT_CSS = """
    Reader { height: 1fr; scrollbar-size-vertical: 0; align-horizontal: center; }
    Reader:focus { background-tint: $foreground 3%; }
    Reader Static { width: 80; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "page_down", "Next page", show=False),
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static("", id="page")

    def read(self, text: str) -> None:
        """Show that paper, from its top."""
        page = self.query_one("#page", Static)
        page.update(Content(text))
        self.scroll_home(animate=False)

    @property
    def at_end(self) -> bool:
        """Whether its last line is in sight."""
        return self.scroll_offset.y >= self.max_scroll_y
