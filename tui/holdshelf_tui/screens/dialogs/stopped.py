"""What a gate said, and what the desk does then without typing anything twice: hold it now, the sheet for who asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_tui.widgets.text import plain


class StoppedDialog(ModalScreen[str]):
    """``choices``: (key, words), the first one under the cursor. Leaves with the key that was chosen, '' when it was closed."""

    CSS = """
    StoppedDialog .dialog { width: 78; max-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="close"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, sentence: str, step: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title_words, self._sentence, self._step = title, sentence, step
        self._choices = [*choices, ("", "Close")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._title_words, 60)
            yield Static(plain(self._sentence, 1200))
            if self._step:
                yield Static(plain(self._step, 600), classes="muted")
            with Horizontal(classes="buttons"):
                for number, (key, words) in enumerate(self._choices):
                    yield Button(
                        words, variant="default" if number else "primary", id=f"do-{key or 'close'}", compact=True
                    )

    def on_mount(self) -> None:
        """Enter does what comes first."""
        self.query(Button).first().focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Leave with the key of what was chosen; '' for closing it."""
        key = (pressed.button.id or "").removeprefix("do-")
        self.dismiss("" if key == "close" else key)

    def action_close(self) -> None:
        self.dismiss("")
