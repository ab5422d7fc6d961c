"""A page of plots in a PDF, drawn as lines and bars: for a copier, so nothing is told by a shade alone.

Each bar bears its own name and value, each axis begins at nothing, there is no legend to look up. The columns share one size
of letters, the largest at which all fit on the page; where none does, the plots become bar charts like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.pdf_fonts import Face
from holdshelf_tui.papers.pdf_piece import Piece, together
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.pdf_style import BLACK, GREY, Style

if TYPE_CHECKING:
    from holdshelf_tui.papers.pdf_blocks import Setter

SIZES = (9.5, 9.2, 8.9, 8.6, 8.3, 8.0, 7.7, 7.4, 7.1, 6.8)
"""Of the letters beside the bars, in points; smaller ones nobody reads."""
BAR = 105
"""The grey of a bar: dark on any copier, and a black notch shows on it."""
_LABEL = 0.45
"""Of a column's width, at most, for the names."""
_LEAST_BAR = 34.0
_GUTTER = 24.0
_MOST_PITCH = 1.06


def set_plots(setter: Setter, plots: d.Plots) -> list[Piece]:
    """One piece that takes a page, or bar charts where it would not fit one."""
    style = setter.style
    room = page_room(style)
    wide = (style.measure - _GUTTER * (len(plots.columns) - 1)) / max(1, len(plots.columns))
    for size in SIZES if style.body < style.lead and style.table < SIZES[0] * 1.2 else ():
        columns = [[_Panel(setter, panel, wide, size) for panel in column] for column in plots.columns]
        _align(columns)
        tall = max((sum(panel.height(1.0) for panel in column) for column in columns), default=0.0)
        if tall > room:
            continue
        pitch = min(_MOST_PITCH, _pitch(columns, room))

        def draw(sheet: Sheet, top: float, columns: list[list[_Panel]] = columns, pitch: float = pitch) -> None:
            for number, column in enumerate(columns):
                y = top
                for panel in column:
                    panel.draw(sheet, style.side + number * (wide + _GUTTER), y, pitch)
                    y += panel.height(pitch)

        height = max(sum(panel.height(pitch) for panel in column) for column in columns)
        return [Piece(height, draw)]
    charts = [setter.block(chart) for chart in plots.bars()]
    return [
        replace(piece, before=style.gap * 2 if at == 0 else piece.before)
        for chart in charts
        for at, piece in enumerate(together(chart) if len(chart) <= 16 else chart)
    ]


def page_room(style: Style) -> float:
    """What a page has for its body, below legend and head of a later page."""
    head = style.legend * 3.7 + style.running * 3.3
    return style.height - style.top - style.bottom - head - style.running * 1.5


def _align(columns: Sequence[Sequence[_Panel]]) -> None:
    """The first plots of the columns begin their bars at one height: the same camera stands in one line."""
    first = [column[0] for column in columns if column]
    head = max((panel.head for panel in first), default=0.0)
    for panel in first:
        panel.extra = head - panel.head


def _pitch(columns: Sequence[Sequence[_Panel]], room: float) -> float:
    """By how much rows may be spread so that the fullest column fills its page."""
    spare = 10.0
    for column in columns:
        fixed, rows = sum(panel.fixed for panel in column), sum(panel.rows_height for panel in column)
        if rows:
            spare = min(spare, (room - fixed) / rows)
    return max(1.0, spare)


@dataclass(frozen=True)
class _Row:
    label: list[str]
    words: list[str]
    value: float
    notch: float | None
    height: float


class _Panel:
    """One plot, its lines folded for a width and a size."""

    def __init__(self, setter: Setter, panel: d.Panel, width: float, size: float) -> None:
        self.panel, self.width, self.size, self.setter = panel, width, size, setter
        self.high = size * 1.22
        self.extra = 0.0
        """White above the first bar, beyond what it needs."""
        type_ = setter.type
        self.title = type_.fold(type_.settable(setter.say(panel.title), Face.BOLD), Face.BOLD, size + 1, width)
        self.note = (
            type_.fold(type_.settable(setter.say(panel.note)), Face.REGULAR, size - 0.6, width) if panel.note else []
        )
        labels = [self._fold(words, width * _LABEL, 2) for words, _, _ in panel.rows]
        self.side = max((type_.width(line, Face.REGULAR, size) for lines in labels for line in lines), default=0.0)
        room = width - self.side - size * 1.2
        told = [self._fold(words, room - _LEAST_BAR, 2) for _, _, words in panel.rows]
        values = [max(0.0, value) for _, value, _ in panel.rows]
        notches = [*panel.notches, *[None] * (len(values) - len(panel.notches))]
        most = panel.most if panel.most is not None else max(values, default=0.0)
        if panel.mark is not None:
            most = max(most, panel.mark[0])
        self.most = most or 1.0
        # The longest bar whose words still stand behind it; a frame is behind every bar.
        beside = [size * 0.5 + max(type_.width(line, Face.REGULAR, size) for line in lines) for lines in told]
        reach = self.most if panel.framed else 0.0
        scales = [
            (room - need) / max(reach, value)
            for need, value in zip(beside, values, strict=True)
            if max(reach, value) > 0
        ]
        self.scale = max(0.0, min([*scales, room / self.most]))
        self.rows = [
            _Row(label, words, value, notch, self.high * max(len(label), len(words)) + size * 0.22)
            for label, words, value, notch in zip(labels, told, values, notches, strict=True)
        ]

    def _fold(self, words: str, width: float, most: int) -> list[str]:
        type_ = self.setter.type
        lines = type_.fold(type_.settable(self.setter.say(words)), Face.REGULAR, self.size, width)
        return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1].rstrip(" ,;") + " …"]

    @property
    def fixed(self) -> float:
        """Of the height, what does not stretch: title, note, name of the mark, white below."""
        return self.head + self.extra + self.size * 2.0

    @property
    def head(self) -> float:
        """From its top to its first bar, as far as it needs that itself."""
        mark = self.high if self.panel.mark is not None else 0.0
        return (
            mark + (self.size + 1) * 1.25 * len(self.title) + (self.size - 0.6) * 1.3 * len(self.note) + self.size * 0.6
        )

    @property
    def rows_height(self) -> float:
        """Of the height, what stretches."""
        return sum(row.height for row in self.rows)

    def height(self, pitch: float) -> float:
        """All of it, with the white below."""
        return self.fixed + self.rows_height * pitch

    def draw(self, sheet: Sheet, left: float, top: float, pitch: float) -> None:
        """At its place; rows ``pitch`` times as far apart as they need to be."""
        y = top
        for line in self.title:
            sheet.words(left, y + (self.size + 1), line, Face.BOLD, self.size + 1)
            y += (self.size + 1) * 1.25
        for line in self.note:
            sheet.words(left, y + self.size * 0.95, line, Face.REGULAR, self.size - 0.6, GREY)
            y += (self.size - 0.6) * 1.3
        y += self.size * 0.6 + self.extra
        axis = left + self.side + self.size * 0.6
        if self.panel.mark is not None:
            value, name = self.panel.mark
            x = axis + value * self.scale
            words = self._fold(name, self.width, 1)[0]
            wide = self.setter.type.width(words, Face.REGULAR, self.size - 0.6)
            sheet.words(
                max(left, min(x - wide / 2, left + self.width - wide)),
                y + self.size * 0.8,
                words,
                Face.REGULAR,
                self.size - 0.6,
            )
            y += self.high
        begin = y
        for row in self.rows:
            self._draw_row(sheet, row, axis, y, row.height * pitch)
            y += row.height * pitch
        sheet.upright(axis, begin - self.size * 0.15, y - begin + self.size * 0.3, 0.7, BLACK)
        if self.panel.mark is not None:
            self._draw_mark(sheet, axis + self.panel.mark[0] * self.scale, begin, y)

    def _draw_row(self, sheet: Sheet, row: _Row, axis: float, y: float, height: float) -> None:
        size, type_ = self.size, self.setter.type
        middle = y + height / 2
        first = middle - self.high * len(row.label) / 2 + self.high * 0.77
        for number, line in enumerate(row.label):
            x = axis - size * 0.6 - type_.width(line, Face.REGULAR, size)
            sheet.words(x, first + number * self.high, line, Face.REGULAR, size)
        thick = min(self.high * 0.82, height * 0.7)
        length = min(row.value, self.most) * self.scale
        if length:
            sheet.bar(axis, middle - thick / 2, max(0.8, length), thick, BAR)
        if row.notch is not None and row.notch >= 0:
            x = axis + min(row.notch, self.most) * self.scale
            sheet.upright(x, middle - thick / 2 - 0.6, thick + 1.2, 3.0, 255)
            sheet.upright(x, middle - thick / 2 - 0.6, thick + 1.2, 1.1, BLACK)
        end = length
        if self.panel.framed:
            sheet.frame(axis, middle - thick / 2, self.most * self.scale, thick, 0.5)
            end = self.most * self.scale
        first = middle - self.high * len(row.words) / 2 + self.high * 0.77
        for number, line in enumerate(row.words):
            sheet.words(axis + end + size * 0.5, first + number * self.high, line, Face.REGULAR, size)

    def _draw_mark(self, sheet: Sheet, x: float, begin: float, end: float) -> None:
        """A broken line across the bars."""
        y, dash = begin - 1.0, 3.0
        while y < end:
            sheet.upright(x, y, min(dash, end - y), 0.9, BLACK)
            y += dash * 1.7
