"""Rows as a table, for a terminal and for a file; values as a line of bars."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from holdshelf_tui.text.words import columns, inert

_LEAST_COLUMN = 8
_BARS = " ▁▂▃▄▅▆▇█"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Columns as wide as their widest cell, two spaces apart.

    ``width``: so many columns at most, by wrapping the widest cells; None: the terminal's, when this is written to one.
    """
    cells = [[inert(cell, 160) for cell in row] for row in (heads, *rows)]
    widths = [max(columns(row[i]) for row in cells) for i in range(len(heads))]
    width = terminal_width() if width is None else width
    if width is not None:
        _narrow(widths, width - 2 * (len(widths) - 1))
    lines = []
    for row in cells:
        parts = [_wrapped(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        for at in range(max(map(len, parts))):
            line = [part[at] if at < len(part) else "" for part in parts]
            lines.append(
                "  ".join(cell + " " * (wide - columns(cell)) for cell, wide in zip(line, widths, strict=True)).rstrip()
            )
    return "\n".join(lines)


def terminal_width() -> int | None:
    """Columns of the terminal that is written to; None for a file or a pipe, whose reader wants a row a line."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _narrow(widths: list[int], most: int) -> None:
    """Takes from the widest until all fit, or none is wider than what a word needs."""
    while sum(widths) > most and max(widths) > _LEAST_COLUMN:
        widths[widths.index(max(widths))] -= 1


def _wrapped(cell: str, wide: int) -> list[str]:
    """Lines of at most ``wide`` columns, broken at spaces; a longer word is broken where it must be."""
    if columns(cell) <= wide:
        return [cell]
    lines, line = [], ""
    for word in cell.split(" "):
        if line and columns(line) + 1 + columns(word) <= wide:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        line = word
        while columns(line) > wide:
            cut = len(line)
            while cut > 1 and columns(line[:cut]) > wide:
                cut -= 1
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line]


def sparkline(values: Sequence[int], width: int = 20) -> str:
    """The last ``width`` values as bars, the largest one full."""
    shown = list(values)[-width:]
    top = max(shown, default=0)
    if not top:
        return " " * width
    return "".join(_BARS[min(8, -(-value * 8 // top))] for value in shown).rjust(width)
