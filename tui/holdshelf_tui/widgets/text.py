"""Text in a widget: inert, and as large as it needs to be."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from textual.app import App
from textual.content import Content
from textual.widgets import Static

from holdshelf_core.policy.listing import unbroken
from holdshelf_tui.text.words import inert


def plain(text: str, most: int = 200) -> Content:
    """Text of cameras and people without escapes, controls, bidirectional marks or markup."""
    return Content(inert(text, most))


def muted(text: Content, app: App[Any], start: int = 0, end: int | None = None) -> Content:
    """That text, or the part of it from ``start`` to before ``end``, as what matters less.

    `$text-muted` within a text would be brighter than the text around it:
    Textual takes the percentage of a theme's color for a length there, and leaves it out (parse_style).
    """
    return text.stylize(app.theme_variables["text-muted"], start, end)


def fitting(lines: Sequence[str], columns: int, rows: int, rest: str) -> list[str]:
    """The lines that fit whole into so many rows of so many columns; where some do not, ``rest`` stands in their place."""
    heights = [max(1, len(textwrap.wrap(unbroken(line), max(1, columns), drop_whitespace=False))) for line in lines]
    if sum(heights) <= rows:
        return list(lines)
    room = rows - 1
    shown = 0
    while shown < len(lines) and heights[shown] <= room:
        room -= heights[shown]
        shown += 1
    return [*lines[:shown], rest]


def set_text(line: Static, content: Content | str) -> None:
    """Show that text there.

    A widget that changes twice before Textual has laid it out keeps the room of its first text (Widget.refresh counts the
    change once), so that a longer one is cut off: it is laid out once more.
    """
    if line.content == content:
        return  # what is asked each second is mostly as it was
    line.update(content)
    line.call_after_refresh(line.refresh, layout=True)
