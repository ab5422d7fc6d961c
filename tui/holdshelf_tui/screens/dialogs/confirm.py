"""One question with two answers."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_tui.widgets.text import plain


class ConfirmDialog(ModalScreen[bool]):
    """True: yes. Escape is the second answer, which changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "Back", id="back")]

    def __init__(self, title: str, sentence: str, yes: str, no: str = "Back", *, more: str = "") -> None:
        super().__init__()
        self._title, self._sentence, self._more = title, sentence, more
        self._yes, self._no = yes, no

    def compose(self) -> ComposeResult:
        """Question and answers; the one that changes nothing comes first to the eye of a hurried reader's Escape."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title, 60)
            yield Static(plain(self._sentence, 1200))
            if self._more:
                yield Static(plain(self._more, 600), classes="muted")
            with Horizontal(classes="buttons"):
                yield Button(self._no, id="no", compact=True)
                yield Button(self._yes, variant="primary", id="yes", compact=True)

    def on_mount(self) -> None:
        """Enter is yes: it was asked for just now."""
        self.query_one("#yes", Button).focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Leave with whether it was a yes."""
        self.dismiss(pressed.button.id == "yes")
