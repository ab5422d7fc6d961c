"""Tables of a PDF: how wide each column is, rows line by line, so that none is too long for a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.pdf_fonts import Face
from holdshelf_tui.papers.pdf_piece import Piece
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.pdf_style import BLACK, PALE

if TYPE_CHECKING:
    from holdshelf_tui.papers.pdf_blocks import Setter

_NUMBER = re.compile(r"\A[-−+]?[\d.,]*\s?%?\Z")
_LONG_ROW = 12
"""Lines; a longer row may be cut by the end of a page."""


def set_table(setter: Setter, table: d.Table) -> list[Piece]:
    """A table that has too many columns for its page becomes labels and values, row by row."""
    style = setter.style
    head = [setter.type.settable(setter.say(cell, 40), Face.BOLD) for cell in table.head]
    rows = [[setter.type.settable(setter.say(cell)) for cell in row] for row in table.rows]
    gap = style.table * 1.2
    widths = _widths(setter, head, rows, table.shares, style.measure - gap * (len(head) - 1))
    if widths is None:
        records = [setter.rows(list(zip(head, row, strict=True))) for row in rows]
        return [replace(p, before=style.gap if at == 0 else 0) for record in records for at, p in enumerate(record)]
    right = [all(_NUMBER.match(row[at]) for row in rows) for at in range(len(head))]
    above = _row(setter, head, widths, gap, right, Face.BOLD)
    above = [replace(piece, keep=True) for piece in above]
    pieces = list(above)
    for row in rows:
        own = _row(setter, row, widths, gap, right, Face.REGULAR)
        pieces += [replace(piece, head=above) for piece in own]
    return pieces


def _widths(
    setter: Setter, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[int], room: float
) -> list[float] | None:
    """What each column gets of ``room``; None when a column would be narrower than a few letters."""
    size, measure = setter.style.table, setter.type.width
    if len(head) * size * 3.5 > room:
        return None
    if shares:
        return [room * share / sum(shares) for share in shares]
    needs = [measure(cell, Face.BOLD, size) for cell in head]
    for row in rows:
        needs = [max(need, measure(cell, Face.REGULAR, size)) for need, cell in zip(needs, row, strict=True)]
    needs = [max(need + 0.5, size * 2) for need in needs]
    spare = room - sum(needs)
    if spare >= 0:
        return [need + spare * need / sum(needs) for need in needs]
    fixed: dict[int, float] = {}
    while True:
        # columns that need less than an even share get what they need; the others share the rest evenly
        left = room - sum(fixed.values())
        even = left / (len(needs) - len(fixed))
        fits = {at: need for at, need in enumerate(needs) if at not in fixed and need <= even}
        if not fits:
            wanting = sum(needs[at] for at in range(len(needs)) if at not in fixed)
            shared = {at: even * 0.5 + left * 0.5 * needs[at] / wanting for at in range(len(needs)) if at not in fixed}
            return [fixed.get(at, shared.get(at, even)) for at in range(len(needs))]
        fixed |= fits


def _row(
    setter: Setter, cells: Sequence[str], widths: Sequence[float], gap: float, right: Sequence[bool], face: Face
) -> list[Piece]:
    """A row, line by line. ``right``: the columns whose words end at its right, as numbers do."""
    thick, grey = (0.9, BLACK) if face is Face.BOLD else (0.4, PALE)
    style, size = setter.style, setter.style.table
    high, white = setter.line_height(size), size * 0.28
    columns = [setter.type.fold(cell, face, size, wide) for cell, wide in zip(cells, widths, strict=True)]
    count = max(map(len, columns))
    pieces = []
    for number in range(count):
        over, under = (white if number == 0 else 0.0), (white if number == count - 1 else 0.0)

        def draw(sheet: Sheet, top: float, number: int = number, over: float = over, under: float = under) -> None:
            x = style.side
            for lines, wide, to_right in zip(columns, widths, right, strict=True):
                if number < len(lines):
                    inset = wide - setter.type.width(lines[number], face, size) if to_right else 0.0
                    sheet.words(x + inset, top + over + high * 0.78, lines[number], face, size)
                x += wide + gap
            if number == count - 1:
                sheet.rule(style.side, top + over + high + under, style.measure, thick, grey)

        keep = number < count - 1 and (count <= _LONG_ROW or number in (0, count - 2))
        pieces.append(Piece(over + high + under, draw, keep=keep))
    return pieces
