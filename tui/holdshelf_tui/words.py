"""Words on screen: a librarian's, and inert. Text from cameras and people never reaches a widget but through `plain`."""

from __future__ import annotations

from textual.content import Content

from holdshelf_tui.cli.render import counted, inert, local, size, span
from holdshelf_tui.words_clock import NS, clock, day, moment, told_clock, when

__all__ = [
    "NS",
    "Content",
    "clock",
    "counted",
    "day",
    "inert",
    "local",
    "moment",
    "plain",
    "size",
    "span",
    "told_clock",
    "when",
]


def plain(text: str, most: int = 200) -> Content:
    """Text without escapes, controls, bidirectional marks or markup."""
    return Content(inert(text, most))
