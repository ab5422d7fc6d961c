"""One thing to read, and a button."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_tui.widgets.text import plain


class MessageDialog(ModalScreen[None]):
    """A sentence and what can be done about it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(self, title: str, sentence: str, next_step: str = "") -> None:
        super().__init__()
        self._title, self._sentence, self._next_step = title, sentence, next_step

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title, 60)
            yield Static(plain(self._sentence, 1200))
            if self._next_step:
                yield Static(plain(self._next_step, 600), classes="muted")
            with Horizontal(classes="buttons"):
                yield Button("Close", variant="primary", id="close", compact=True)

    def on_button_pressed(self) -> None:
        self.dismiss()
