"""The help: keys of what is in front, then those that work everywhere. It scrolls, and Esc or F1 closes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.text import plain

KEYS_COLUMNS = 17
_FRAME_LINES = 5

type Keys = tuple[str, str]
"""Keys as they stand on a keyboard, and what they do."""


@dataclass(frozen=True, slots=True)
class Help:
    """``title``: of what is explained; ``parts``: (heading, lines)."""

    title: str
    parts: list[tuple[str, list[Keys]]] = field(default_factory=list)


class HelpDialog(ModalScreen[None]):
    """Stands over a tab or a form, which stays as it was."""

    CSS = """
    HelpDialog .dialog { width: 78; max-width: 100%; max-height: 100%; padding: 0 1; }
    HelpDialog VerticalScroll { height: auto; }
    HelpDialog .buttons { margin-top: 1; }
    HelpDialog #how { width: 1fr; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(self, shown: Help) -> None:
        super().__init__()
        self._help = shown

    def compose(self) -> ComposeResult:
        """Keys that scroll; how to scroll and to close; a button."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(f"Help: {self._help.title}", 70)
            with VerticalScroll():
                yield Static(self._text(), id="keys")
            with Horizontal(classes="buttons"):
                yield Static("↑ ↓ PgUp PgDn scroll · Esc or F1 closes", id="how")
                yield Button("Close", variant="primary", id="close", compact=True)

    def _text(self) -> Content:
        lines: list[Content] = []
        for heading, keys in self._help.parts:
            if lines:
                lines.append(Content(""))
            lines.append(Content(inert(heading, 60)).stylize("bold"))
            columns = max(KEYS_COLUMNS, *(len(sign) for sign, _ in keys))
            lines += [Content(f"  {inert(sign, 40):<{columns}} {inert(words, 200)}") for sign, words in keys]
        return Content("\n").join(lines)

    def on_mount(self) -> None:
        """The arrows scroll it."""
        self._fit()
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        """As many lines as the screen has."""
        self._fit()

    def _fit(self) -> None:
        self.query_one(VerticalScroll).styles.max_height = max(3, self.size.height - _FRAME_LINES)

    def on_button_pressed(self) -> None:
        self.dismiss()
