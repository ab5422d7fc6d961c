"""What a person takes along by a key: an id, a head. It goes to the clipboard of the terminal that they sit at (OSC 52)."""

from __future__ import annotations

from typing import Any

from textual.app import App

from holdshelf_tui.text.words import inert

TOLD_S = 3.0
MOST_CHARS = 2_000


def copy(app: App[Any], text: str) -> None:
    """Copy it, and say so: a terminal that knows no OSC 52 copies nothing, and nobody learns of that."""
    text = inert(text, MOST_CHARS)
    app.copy_to_clipboard(text)
    app.notify(f"Copied: {inert(text, 60)}", timeout=TOLD_S)
