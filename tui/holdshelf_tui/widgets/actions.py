"""A row of buttons under a list: what can be done to what the cursor is on. What cannot now is grey and says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button


class Actions(Horizontal):
    """``actions``: (key, words). Pressing one posts `Chosen` with its key."""

    DEFAULT_CSS = """
    Actions { height: auto; margin-top: 1; }
    Actions Button { margin-right: 1; min-width: 6; padding: 0; }
    Actions Button:disabled { border: none !important; text-style: dim; }
    """

    @dataclass
    class Chosen(Message):
        """A button was pressed."""

        key: str

    def __init__(self, actions: Sequence[tuple[str, str]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions = list(actions)

    def compose(self) -> ComposeResult:
        """The buttons, the first one first."""
        for number, (key, words) in enumerate(self._actions):
            variant = "primary" if number == 0 else "default"
            yield Button(words, id=f"act-{key}", variant=variant, compact=True)  # type: ignore[arg-type]

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Tell which."""
        pressed.stop()
        self.post_message(self.Chosen((pressed.button.id or "").removeprefix("act-")))

    def allow(self, **allowed: bool) -> None:
        """Which can be pressed now; a key that is not named stays as it is."""
        for key, is_allowed in allowed.items():
            self.query_one(f"#act-{key}", Button).disabled = not is_allowed

    def shows(self, **shown: bool) -> None:
        """Which are there at all."""
        changed = False
        for key, is_shown in shown.items():
            button = self.query_one(f"#act-{key}", Button)
            changed = changed or button.display != is_shown
            button.display = is_shown
        if changed:
            # Buttons that changed while Textual laid them out would keep their places.
            self.call_after_refresh(self.refresh, layout=True)
