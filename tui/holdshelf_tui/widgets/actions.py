"""A row of buttons under a list: what can be done to what the cursor is on. What cannot be done now is gray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.geometry import Size
from textual.layout import Layout, WidgetPlacement
from textual.layouts.horizontal import HorizontalLayout
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button


class Rows(HorizontalLayout):
    """One beside the other, in as many rows as it takes: no button is cut at the right end."""

    name = "rows"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> list[WidgetPlacement]:
        """As in one row; what goes past its end stands in the next one."""
        row, left, rows = 0, 0, []
        for one in super().arrange(parent, children, size, greedy):
            if one.region.x > left and one.region.right - left > size.width:
                row, left = row + one.region.height, one.region.x
            rows.append(one._replace(region=one.region.translate((-left, row))))
        return rows


_ROWS = Rows()


class Actions(Horizontal):
    """``actions``: (key, words). Pressing one posts `Chosen` with its key. ``allowed``: they can be pressed from the start.

    ``first``: the key of the one that stands out; None: the first of them.
    """

    DEFAULT_CSS = """
    Actions { height: auto; margin-top: 1; }
    Actions Button { margin-right: 1; min-width: 6; padding: 0; }
    Actions Button:disabled { border: none !important; text-style: dim; }
    """

    @dataclass
    class Chosen(Message):
        """A button was pressed."""

        key: str

    def __init__(
        self,
        actions: Sequence[tuple[str, str]],
        *,
        first: str | None = None,
        allowed: bool = True,
        id: str | None = None,
        classes: str = "",
    ) -> None:
        super().__init__(id=id, classes=classes)
        stands_out = None if classes or not actions else first or actions[0][0]
        self._buttons = {
            key: Button(
                words,
                id=f"act-{key}",
                variant="primary" if key == stands_out else "default",
                compact=True,
                disabled=not allowed,
            )
            for key, words in actions
        }

    @property
    def layout(self) -> Layout:
        """In rows; tools in one beside what is said of a list. Style sheets know Textual's own layouts alone."""
        return super().layout if self.has_class("tools") else _ROWS

    def compose(self) -> ComposeResult:
        """The buttons, the first one first."""
        yield from self._buttons.values()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Post `Chosen` with the key of the button."""
        pressed.stop()
        self.post_message(self.Chosen((pressed.button.id or "").removeprefix("act-")))

    def has(self, key: str) -> bool:
        """Whether there is a button for it."""
        return key in self._buttons

    def allow(self, **allowed: bool) -> None:
        """Which can be pressed now; a key that is not named stays as it is."""
        for key, is_allowed in allowed.items():
            self._buttons[key].disabled = not is_allowed

    def shows(self, **shown: bool) -> None:
        """Which are there at all."""
        changed = False
        for key, is_shown in shown.items():
            changed = changed or self._buttons[key].display != is_shown
            self._buttons[key].display = is_shown
        if changed and self.is_mounted:
            # Buttons that changed while Textual laid them out would keep their places.
            self.call_after_refresh(self.refresh, layout=True)

    def explain(self, **tooltips: str) -> None:
        """What is told beside a button while the mouse rests on it."""
        for key, words in tooltips.items():
            self._buttons[key].tooltip = words
