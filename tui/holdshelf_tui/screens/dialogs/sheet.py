"""A paper in front of a screen: read, printed from there where it is one that `print` makes, and closed."""

from __future__ import annotations

from typing import ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_tui.screens.dialogs.print_forms import Opened, async_print, async_to_outbox
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.reader import Reader
from holdshelf_tui.widgets.text import plain


class SheetDialog(ModalScreen[None]):
    """``text`` in 80 columns, as the papers give it; ``how``: how it comes onto paper; ``paper``: what can be printed here."""

    CSS = """
    SheetDialog Vertical { width: 100%; height: 100%; background: $surface; }
    SheetDialog .title { color: $accent; text-style: bold; height: 1; }
    SheetDialog .how { color: $text-muted; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="close"),
        Binding("enter", "dismiss", "Close", show=False),
    ]

    def __init__(self, title: str, text: str, how: str = "", paper: Opened | None = None) -> None:
        super().__init__()
        self._title_words, self._text, self._how, self._paper = title, text, how, paper

    def compose(self) -> ComposeResult:
        """Title, page, how to print it, button."""
        with Vertical():
            yield Static(plain(self._title_words, 78), classes="title")
            yield Reader()
            how = "\n".join(inert(line, 200) for line in self._how.split("\n"))
            yield Static(Content(how), classes="how")
            with Horizontal(classes="buttons"):
                if self._paper is not None:
                    if not self._app.who.admin:
                        yield Button("To my outbox", id="outbox", compact=True)
                    yield Button("Print", id="print", compact=True)
                yield Button("Close", variant="primary", id="close", compact=True)

    def on_mount(self) -> None:
        reader = self.query_one(Reader)
        reader.read(self._text)
        reader.focus()

    @property
    def _app(self) -> SessionApp:
        return cast(SessionApp, self.app)

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Close it, or print it: by a printer, or into the outbox."""
        if pressed.button.id == "close":
            self.dismiss()
        else:
            self._print(pressed.button.id == "outbox")

    @work(exclusive=True, group="print")
    @in_turn
    async def _print(self, to_outbox: bool) -> None:
        if self._paper is not None:
            await (async_to_outbox if to_outbox else async_print)(self._app, self._paper)
