"""Somebody's text as one line that no screen, journal or mail obeys. Names and messages come from people, cameras and servers."""

from __future__ import annotations


def inert(text: str, instead: str = " ") -> str:
    """Return the text without line breaks, control, format (escapes, bidi marks) or surrogate characters.

    White space of any kind becomes spaces, as many as there were; ``instead`` stands for each other character that is not
    printable, and '' drops them. The length is for the caller to limit.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else instead for c in text)
