"""Where Textual may end a line: at spaces, but not between a number and its unit.

Textual takes a no-break space for any other, so that its own measure is told of a letter in its place.
"""

from __future__ import annotations

from textual import content

from holdshelf_core.policy.listing import unbroken

_divide_line = content.divide_line  # type: ignore[attr-defined]


def divide_line(text: str, width: int, fold: bool = True) -> list[int]:
    """The places at which lines of ``width`` end."""
    return _divide_line(unbroken(text, "x"), width, fold)


def keep_amounts_whole() -> None:
    """From now on, in all that this process shows."""
    content.divide_line = divide_line  # type: ignore[attr-defined]
