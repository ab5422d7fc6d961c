"""What a PDF leaves to a pen: boxes to tick, rules to write on, points of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import text
from holdshelf_tui.papers.pdf_fonts import Face
from holdshelf_tui.papers.pdf_piece import Piece
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.pdf_style import GREY, PALE

if TYPE_CHECKING:
    from holdshelf_tui.papers.pdf_blocks import Setter

_UNCUT = 160
"""Letters, in what the end of a page does not cut."""


def set_item(setter: Setter, item: d.Item) -> list[Piece]:
    style = setter.style
    high = setter.line_height(style.body)
    if item.box is None:
        indent, hang = style.body * 0.5, style.body * 1.1
        pieces = setter.paragraph(setter.say(item.words), indent=indent, hang=hang, begin="•")
    else:
        indent, hang = style.body * 0.3, style.box + style.body * 0.75

        def draw(sheet: Sheet, top: float) -> None:
            down = high * 0.78 - style.body * 0.36 - style.box / 2
            sheet.box(style.side + indent, top + down, style.box, ticked=bool(item.box))

        pieces = setter.paragraph(setter.say(item.words), indent=indent, hang=hang, beside=draw)
    for note in item.notes:
        pieces[-1] = replace(pieces[-1], keep=True)
        size = max(style.small, style.body * 0.92)
        pieces += setter.paragraph(setter.say(note), size=size, indent=indent + hang, grey=GREY)
    return pieces


def set_boxes(setter: Setter, boxes: Sequence[tuple[str, bool]]) -> list[Piece]:
    style = setter.style
    indent, gap = style.body * 0.3, style.body * 2
    beside = style.box + style.body * 0.6
    rows: list[list[tuple[float, list[str], bool]]] = [[]]
    x = indent
    for words, ticked in boxes:
        lines = setter.type.fold(
            setter.type.settable(setter.say(words, _UNCUT)), Face.REGULAR, style.body, style.measure - indent - beside
        )
        wide = beside + max(setter.type.width(line, Face.REGULAR, style.body) for line in lines)
        if rows[-1] and x + wide > style.measure:
            rows.append([])
            x = indent
        rows[-1].append((x, lines, ticked))
        x += wide + gap
    return [_box_row(setter, row, beside) for row in rows if row]


def _box_row(setter: Setter, row: Sequence[tuple[float, list[str], bool]], beside: float) -> Piece:
    style, high = setter.style, setter.line_height(setter.style.body)
    white = style.body * 0.45

    def draw(sheet: Sheet, top: float) -> None:
        for x, lines, ticked in row:
            left, baseline = style.side + x, top + white + high * 0.78
            sheet.box(left, baseline - style.body * 0.36 - style.box / 2, style.box, ticked=ticked)
            for number, line in enumerate(lines):
                sheet.words(left + beside, baseline + number * high, line, Face.REGULAR, style.body)

    return Piece(white + high * max(len(lines) for _, lines, _ in row), draw)


def set_checks(setter: Setter, checks: Sequence[d.Check]) -> list[Piece]:
    """Box and words, code, what is known, with a thin rule below each row; two in a row where nothing is known and they fit."""
    style, size = setter.style, setter.style.table
    small, gap, beside = max(style.small, size * 0.92), size * 1.2, setter.style.box + setter.style.body * 0.6
    words = [setter.type.settable(setter.say(check.words, 100)) for check in checks]
    codes = [setter.type.settable(setter.say(check.code, 60), Face.MONO) for check in checks]
    known = style.measure * 0.3 if any(check.known for check in checks) else 0.0
    code = max((setter.type.width(c, Face.MONO, small) for c in codes), default=0.0) + 1
    code = min(code, style.measure * (0.34 if known else 0.45))
    half = (style.measure - 2 * gap) / 2
    widest = max((setter.type.width(w, Face.REGULAR, size) for w in words), default=0.0)
    if not known and beside + widest + gap + code <= half:
        cells = [_check(setter, 0.0, w, c, (beside, half - code, code)) for w, c in zip(words, codes, strict=True)]
        second = (len(cells) + 1) // 2
        return [
            _check_row(
                setter, [cells[at], *(_moved(cell, half + 2 * gap) for cell in cells[at + second : at + second + 1])]
            )
            for at in range(second)
        ]
    room = style.measure - beside - code - known - 2 * gap
    if known and widest + 1 < room:
        # what is known gets what the words do not need
        known, room = known + room - widest - 1, widest + 1
    pieces = []
    for check, word, typed in zip(checks, words, codes, strict=True):
        cell = _check(setter, 0.0, word, typed, (beside, beside + room + gap, code))
        face = Face.BOLD if check.due else Face.REGULAR
        told = setter.type.fold(setter.type.settable(setter.say(check.known, 140), face), face, small, known)
        pieces.append(_check_row(setter, [[*cell, (style.measure - known, face, small, told)]]))
    return pieces


type _Cell = list[tuple[float, Face, float, list[str]]]
"""What stands beside one box: (from where, in which face and size, lines)."""


def _check(setter: Setter, x: float, words: str, code: str, places: tuple[float, float, float]) -> _Cell:
    style, size = setter.style, setter.style.table
    small, (beside, at, wide) = max(style.small, size * 0.92), places
    said = setter.type.fold(words, Face.REGULAR, size, at - beside - size * 1.2)
    typed = setter.type.fold(code, Face.MONO, small, wide)
    return [(x, Face.REGULAR, size, []), (x + beside, Face.REGULAR, size, said), (x + at, Face.MONO, small, typed)]


def _moved(cell: _Cell, x: float) -> _Cell:
    return [(x + left, face, size, lines) for left, face, size, lines in cell]


def _check_row(setter: Setter, cells: Sequence[_Cell]) -> Piece:
    """Each cell's first place is its box."""
    style, size, high = setter.style, setter.style.table, setter.line_height(setter.style.table)
    white = size * (0.3 if size > 9 else 0.22)  # many forms on few pages: their rules are closer
    deep = max(high * max(len(lines) for cell in cells for _, _, _, lines in cell), style.box) + 2 * white

    def draw(sheet: Sheet, top: float) -> None:
        baseline = top + white + high * 0.78
        for cell in cells:
            (left, _, _, _), *columns = cell
            sheet.box(style.side + left, baseline - size * 0.36 - style.box / 2, style.box, ticked=False)
            for x, face, letters, lines in columns:
                for number, line in enumerate(lines):
                    sheet.words(style.side + x, baseline + number * high, line, face, letters)
        sheet.rule(style.side, top + deep, style.measure, 0.3, PALE)

    return Piece(deep, draw)


def set_fields(setter: Setter, fields: Sequence[d.Field]) -> list[Piece]:
    """Labels and rules to write on, as wide as asked; a row that is nearly full is stretched to the margin."""
    style = setter.style
    unit, gap, size = style.measure / text.WIDTH, style.body * 1.6, style.body
    rows: list[list[tuple[list[str], float, float, str]]] = [[]]
    used = 0.0
    for field in fields:
        face = Face.REGULAR
        label = setter.type.fold(setter.type.settable(setter.say(field.label, _UNCUT)), face, size, style.measure * 0.5)
        wide = max(setter.type.width(line, face, size) for line in label) + size * 0.5
        line = min(max(field.columns * unit, size * 3), style.measure - wide)
        value = setter.type.settable(setter.say(field.value, _UNCUT))
        if value:
            line = min(max(line, setter.type.width(value, face, size) + size), style.measure - wide)
        if rows[-1] and used + gap + wide + line > style.measure + 0.5:
            rows.append([])
            used = 0.0
        used += (gap if rows[-1] else 0.0) + wide + line
        rows[-1].append((label, wide, line, value))
    return [_field_row(setter, row, gap, always=len(rows) > 1) for row in rows if row]


def _field_row(
    setter: Setter, row: Sequence[tuple[list[str], float, float, str]], gap: float, *, always: bool = False
) -> Piece:
    style, size, high = setter.style, setter.style.body, setter.line_height(setter.style.body)
    used = sum(wide + line for _, wide, line, _ in row) + gap * (len(row) - 1)
    spare = style.measure - used
    stretch = 1 + spare / sum(line for _, _, line, _ in row) if always or spare < style.measure * 0.4 else 1.0
    values = [setter.type.fold(value, Face.REGULAR, size, line * stretch - size * 0.3) for _, _, line, value in row]
    most = max(*map(len, values), *(len(label) for label, _, _, _ in row))
    deep = max(style.pitch, high * most + size * 0.5)

    def draw(sheet: Sheet, top: float) -> None:
        x, baseline = style.side, top + deep - size * 0.35
        for (label, wide, line, _), lines in zip(row, values, strict=True):
            for number, words in enumerate(label):
                sheet.words(x, baseline - (len(label) - 1 - number) * high, words, Face.REGULAR, size, GREY)
            for number, words in enumerate(lines):
                down = (len(lines) - 1 - number) * high
                sheet.words(x + wide + size * 0.2, baseline - down, words, Face.REGULAR, size)
            sheet.rule(x + wide, baseline + size * 0.2, line * stretch, 0.6, GREY)
            x += wide + line * stretch + gap

    return Piece(deep, draw)
