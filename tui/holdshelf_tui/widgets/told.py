"""Text that changes in place, and takes the room that it needs."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


def tell(line: Static, content: Content | str) -> None:
    """Show that text there.

    A widget that changes twice before Textual has laid it out keeps the room of its first text (Widget.refresh counts the
    change once), so that a longer one is cut off: it is laid out once more.
    """
    if line.content == content:
        return  # what is asked each second is mostly as it was
    line.update(content)
    line.call_after_refresh(line.refresh, layout=True)
