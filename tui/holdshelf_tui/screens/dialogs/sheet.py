"""A paper in front of a screen: read, and closed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_tui.widgets.reader import Reader
from holdshelf_tui.words import Content, inert, plain


class SheetDialog(ModalScreen[None]):
    """``text`` in 80 columns, as the papers give it; ``how``: how it comes onto paper."""

    CSS = """
    SheetDialog Vertical { width: 100%; height: 100%; background: $surface; }
    SheetDialog .title { padding: 0 1; color: $accent; text-style: bold; height: 1; }
    SheetDialog .how { padding: 0 1; color: $text-muted; height: auto; }
    SheetDialog .buttons { height: 1; align-horizontal: right; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="close"),
        Binding("enter", "dismiss", "Close", show=False),
    ]

    def __init__(self, title: str, text: str, how: str = "") -> None:
        super().__init__()
        self._title_words, self._text, self._how = title, text, how

    def compose(self) -> ComposeResult:
        """Title, page, how to print it, button."""
        with Vertical():
            yield Static(plain(self._title_words, 78), classes="title")
            yield Reader()
            how = "\n".join(inert(line, 200) for line in self._how.split("\n"))
            yield Static(Content(how), classes="how")
            with Horizontal(classes="buttons"):
                yield Button("Close", variant="primary", id="close", compact=True)

    def on_mount(self) -> None:
        """Arrows scroll it."""
        reader = self.query_one(Reader)
        reader.read(self._text)
        reader.focus()

    def on_button_pressed(self) -> None:
        """Read."""
        self.dismiss()
