"""Writes of each frame only what the terminal does not show yet: the cells that differ, in the fewest bytes.

Textual's compositor paints whole widgets, each run of characters with all its colors and a reset. Here a frame is laid over a
copy of what the terminal shows; what differs is written left to right, and of colors and attributes only what changes. Blank
cells are erased rather than painted, in their color where the terminal is known to keep it (background color erase).

Pictures in pixels lie over blank cells (`Drawing`). One that is shown already is not sent again; one that has lost a cell is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from rich.cells import get_character_cell_size, split_graphemes
from rich.color import Color, ColorSystem, ColorType
from rich.console import Console
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from holdshelf_tui.themes.palettes import Painter

type Pen = tuple[str, str, tuple[str, ...]]
"""SGR codes of the color, of the ground, and of the attributes. A blank cell has no color: '' goes with any."""

_DEFAULT: Pen = ("39", "49", ())
# SGR of Rich's attributes, by bit, and what takes each away.
_ON = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53")
_OFF = dict(zip(_ON, ("22", "22", "23", "24", "25", "25", "27", "28", "29", "24", "54", "54", "55"), strict=True))
# Terminals of sixteen colors make the first eight brighter for bold letters: black ones would be gray on their ground.
_BOLD, _DARK = "1", range(8)
_SEEN_ON_BLANKS = frozenset(("4", "7", "9", "21", "51", "52", "53"))
_UNKNOWN = "\0"
"""No cell holds this character: one whose content nobody knows differs from all."""
_CONTROLS = re.compile(r"[\0-\x1f\x7f-\x9f]")
_PLAIN = re.compile("[ -~\xa1-\xac\xae-\xff\u2500-\u259f]*")
"""Characters of which each terminal makes one cell: the cursor stands right behind them."""
_ERASED_LEAST = 9
"""Blank cells in the middle of a row that cost more than to erase them and to go on behind them."""
_MOST_PENS = 4096


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture in pixels over so many cells. ``text`` draws it at the cursor; ``erase``, if any, takes it away again.

    One that has an ``erase`` stands before whatever its cells hold; one that has none is gone from a cell that is written.
    """

    text: str
    erase: str
    x: int
    y: int
    columns: int
    rows: int


class Covered(Style):
    """Of blank cells that a drawing covers: it stays with them however a strip is cut."""

    __slots__ = ("drawing",)

    def __init__(self, drawing: Drawing, ground: Color | None) -> None:
        super().__init__(bgcolor=ground)
        self.drawing = drawing


type Content = str | Drawing
"""A character ('' behind a wide one), or what is drawn over a blank cell."""


class _Row:
    """What a row shows: for each cell its content and its pen."""

    __slots__ = ("content", "pens")

    def __init__(self, content: list[Content], pens: list[Pen]) -> None:
        self.content, self.pens = content, pens

    def copy(self) -> _Row:
        return _Row(self.content.copy(), self.pens.copy())

    def put(self, x: int, text: str, pen: Pen, blank: Pen) -> int:
        """Characters from a column on; the column behind them."""
        if not text.isprintable():
            text = _CONTROLS.sub(" ", text)
        if not _PLAIN.fullmatch(text) and any(get_character_cell_size(character) != 1 for character in text):
            return self._put_wide(x, text, pen, blank)
        end = min(x + len(text), len(self.content))
        self.content[x:end] = text[: max(0, end - x)]
        self.pens[x:end] = [pen] * (end - x)
        if pen is not blank:
            at = text.find(" ")
            while 0 <= at < end - x:
                self.pens[x + at] = blank
                at = text.find(" ", at + 1)
        return x + len(text)

    def _put_wide(self, x: int, text: str, pen: Pen, blank: Pen) -> int:
        """A character of no cell belongs to the one before it; one of two is in the first of them."""
        columns = len(self.content)
        for start, end, width in split_graphemes(text)[0]:
            character = text[start:end]
            if not width and 0 < x <= columns:
                at = x - 1 if self.content[x - 1] else x - 2
                self.content[at] = str(self.content[at]) + character
            for column in range(x, min(x + width, columns)):
                self.content[column] = character if column == x else ""
                self.pens[column] = blank if character == " " else pen
            if x < columns < x + width:
                self.content[x] = " "  # half of a wide one has no place
            x += width
        return x

    def cover(self, x: int, count: int, drawing: Drawing, blank: Pen) -> int:
        """Cells over which something is drawn; the column behind them."""
        end = min(x + count, len(self.content))
        self.content[x:end] = [drawing] * (end - x)
        self.pens[x:end] = [blank] * (end - x)
        return x + count


class ScreenDiff:
    """What one terminal shows. ``keeps_ground``: it erases in the color that is set (BCE)."""

    def __init__(self) -> None:
        self.keeps_ground = False
        self.is_known = False
        """Whether anybody knows what the terminal shows."""
        self._rows: list[_Row] = []
        self._drawn: set[Drawing] = set()
        """Those that have to be erased."""
        self._pens: dict[object, tuple[Pen, Pen]] = {}
        self._colors: ColorSystem | None = None
        self._painter: Painter | None = None

    @property
    def painter(self) -> Painter | None:
        """Makes numbers of a theme's colors, where the terminal has few; None: they are written as they are."""
        return self._painter

    @painter.setter
    def painter(self, painter: Painter | None) -> None:
        self._painter = painter
        self._pens.clear()

    def forget(self) -> None:
        """Nobody knows what the terminal shows: of the next frame all is written. May be called from a signal's handler."""
        self.is_known = False

    def leave(self) -> str:
        """What takes away the pictures that would outlast the screen."""
        text = "".join(drawing.erase for drawing in self._drawn)
        self._drawn.clear()
        self.forget()
        return text

    def of(self, frame: LayoutUpdate | ChopsUpdate) -> CompositorUpdate:
        """The frame as the app writes it: compared when it is written, and only then."""
        return _Difference(self, frame)

    def write(self, frame: LayoutUpdate | ChopsUpdate, console: Console) -> str:
        """What makes the terminal show the frame. Ends with no color and no attribute set."""
        colors = console._color_system or ColorSystem.TRUECOLOR
        if colors != self._colors or len(self._pens) > _MOST_PENS:
            self._colors = colors
            self._pens.clear()
        writer = _Writer(keeps_ground=self.keeps_ground)
        self._fit(*_size(frame), writer)
        rows: dict[int, _Row] = {}
        draws = bool(self._drawn)
        for x, y, strip in _pieces(frame):
            if y < len(self._rows):
                row = rows.get(y)
                if row is None:
                    row = rows[y] = self._rows[y].copy()
                draws |= self._lay(row, x, strip)
        if draws:
            self._draw(rows, writer)
        for y, row in sorted(rows.items()):
            writer.row(y, self._rows[y], row)
            self._rows[y] = row
        return writer.end()

    def _fit(self, columns: int, rows: int, writer: _Writer) -> None:
        if not self.is_known or len(self._rows) != rows or len(self._rows[0].content) != columns:
            writer.raw(self.leave())
            self.is_known = True
            self._rows = [_Row([_UNKNOWN] * columns, [_DEFAULT] * columns) for _ in range(rows)]

    def _lay(self, row: _Row, x: int, strip: Strip) -> bool:
        """Put a strip into a row. Returns whether something is drawn over it."""
        draws = False
        for text, style, control in strip:
            if control is None:
                pen, blank = self._pen(style)
                over = style.drawing if isinstance(style, Covered) else None
                x = row.put(x, text, pen, blank) if over is None else row.cover(x, len(text), over, blank)
                draws |= over is not None
        return draws

    def _pen(self, style: Style | None) -> tuple[Pen, Pen]:
        """(pen, the pen of its blanks)."""
        key = (style._color, style._bgcolor, style._attributes & style._set_attributes) if style is not None else None
        if (found := self._pens.get(key)) is None:
            pen = _DEFAULT
            if style is not None:
                bits = style._attributes & style._set_attributes
                attributes = tuple(code for bit, code in enumerate(_ON) if bits & 1 << bit)
                letters, ground = self._painted(style.color, style.bgcolor)
                if self._painter is not None and letters is not None and letters.number in _DARK:
                    attributes = tuple(code for code in attributes if code != _BOLD)
                pen = self._code(letters, ground=False), self._code(ground, ground=True), attributes
            shown = _SEEN_ON_BLANKS.intersection(pen[2])
            found = self._pens[key] = pen, (pen if shown else ("", pen[1], ()))
        return found

    def _painted(self, letters: Color | None, ground: Color | None) -> tuple[Color | None, Color | None]:
        """Both as the theme's palette has them. What is a number already (of a picture, say) stays."""
        painter = self._painter
        if painter is None or ground is None or ground.type is not ColorType.TRUECOLOR or ground.triplet is None:
            return letters, ground
        under = tuple(ground.triplet)
        if letters is not None and letters.type is ColorType.TRUECOLOR and letters.triplet is not None:
            letters = Color.from_ansi(painter.letters(tuple(letters.triplet), under))
        return letters, Color.from_ansi(painter.ground(under))

    def _code(self, color: Color | None, *, ground: bool) -> str:
        if color is None:
            return "49" if ground else "39"
        return ";".join(color.downgrade(self._colors or ColorSystem.TRUECOLOR).get_ansi_codes(not ground))

    # --- pictures in pixels -------------------------------------------------------------------------------------------

    def _draw(self, rows: dict[int, _Row], writer: _Writer) -> None:
        """Take away what would stand before other cells; draw what is new. What stands before a picture is written after it."""
        for gone in [one for one in self._drawn if not self._whole(one, rows)]:
            writer.raw(gone.erase)
            self._drawn.discard(gone)
        wanted = {
            cell: None
            for y, row in rows.items()
            for cell, shown in zip(row.content, self._rows[y].content, strict=True)
            if isinstance(cell, Drawing) and (cell.erase or cell != shown)
        }
        for drawing in wanted:
            if not drawing.erase or (drawing not in self._drawn and self._whole(drawing, rows)):
                self._put_on(drawing, rows, writer)

    def _put_on(self, drawing: Drawing, rows: dict[int, _Row], writer: _Writer) -> None:
        columns = range(drawing.x, drawing.x + drawing.columns)
        for y in range(drawing.y, min(drawing.y + drawing.rows, len(self._rows))):
            wanted = rows.setdefault(y, self._rows[y].copy())
            under, over = self._rows[y].copy(), self._rows[y].copy()
            for x in columns[: max(0, len(under.content) - drawing.x)]:
                under.content[x], over.content[x] = " ", drawing
                under.pens[x] = over.pens[x] = wanted.pens[x] if wanted.content[x] == drawing else ("", "49", ())
            writer.row(y, self._rows[y], under)
            self._rows[y] = over
        writer.draw(drawing)
        if drawing.erase:
            self._drawn.add(drawing)

    def _whole(self, drawing: Drawing, rows: dict[int, _Row]) -> bool:
        """Whether nothing stands before it in the frame that is to be shown."""
        return all(
            cell == drawing
            for y in range(drawing.y, min(drawing.y + drawing.rows, len(self._rows)))
            for cell in rows.get(y, self._rows[y]).content[drawing.x : drawing.x + drawing.columns]
        )


class _Difference(CompositorUpdate):
    """A frame, compared when the app writes it: one that it leaves out was never shown."""

    def __init__(self, screen: ScreenDiff, frame: LayoutUpdate | ChopsUpdate) -> None:
        self._screen, self._frame = screen, frame

    def render_segments(self, console: Console) -> str:
        return self._screen.write(self._frame, console)


def _size(frame: LayoutUpdate | ChopsUpdate) -> tuple[int, int]:
    if isinstance(frame, LayoutUpdate):
        return frame.region.width, frame.region.height
    return max((ends[-1] for ends in frame.chop_ends if ends), default=0), len(frame.chops)


def _pieces(frame: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """(column, row, strip) of what the compositor would write."""
    if isinstance(frame, LayoutUpdate):
        for y, line in enumerate(frame.strips, frame.region.y):
            x = frame.region.x
            for strip in line:
                yield x, y, strip
                x += strip.cell_length
        return
    for y, first, end in frame.spans:
        for stops, (x, piece) in zip(frame.chop_ends[y], frame.chops[y].items(), strict=False):
            if piece is not None and x < end and stops > first:
                yield x, y, piece


class _Writer:
    """Puts together what is written for a frame: knows where the cursor stands, and what is set."""

    def __init__(self, *, keeps_ground: bool) -> None:
        self._keeps_ground = keeps_ground
        self._out: list[str] = []
        self._pen = _DEFAULT
        self._x: int | None = None
        self._y: int | None = None

    def end(self) -> str:
        """Return what is to be written for the frame; it leaves no color and no attribute set."""
        self._set(_DEFAULT)
        return "".join(self._out)

    def raw(self, text: str) -> None:
        """Add a sequence that moves no cursor and sets no color."""
        self._out.append(text)

    def draw(self, drawing: Drawing) -> None:
        """At its place; where the cursor stands afterwards differs from terminal to terminal."""
        self._out += (Control.move_to(drawing.x, drawing.y).segment.text, drawing.text)
        self._x = self._y = None

    def row(self, y: int, shown: _Row, wanted: _Row) -> None:
        """Make a row show what is wanted."""
        if shown.content == wanted.content and shown.pens == wanted.pens:
            return
        content = wanted.content
        changed = [
            x
            for x, (old, new, old_pen, pen) in enumerate(
                zip(shown.content, content, shown.pens, wanted.pens, strict=True)
            )
            if old != new or old_pen != pen
        ]
        blank_from = self._blank_from(wanted)
        number = 0
        while number < len(changed):
            first = last = changed[number]
            if not content[first] and first:
                first -= 1  # the second half of a wide character: with its first
            number += 1
            while number < len(changed) and self._goes_on(wanted, last, changed[number]):
                last = changed[number]
                number += 1
            self._span(y, first, last + 1, wanted, blank_from)
            if last >= blank_from:
                return

    def _goes_on(self, row: _Row, last: int, next: int) -> bool:
        """Whether writing what is there already costs less than to go past it."""
        if next - last == 1:
            return True
        between = row.content[last + 1 : next]
        return (
            len(between) <= 4
            and all(pen == row.pens[last] for pen in row.pens[last + 1 : next])
            and not any(isinstance(cell, Drawing) for cell in between)
            and len("".join(cast(list[str], between)).encode()) <= 4
        )

    def _blank_from(self, row: _Row) -> int:
        """The column from which all is erased in one go; the row's length: none."""
        columns = len(row.content)
        pen = row.pens[-1]
        if not self._erasable(pen):
            return columns
        x = columns
        while x and row.content[x - 1] == " " and row.pens[x - 1] == pen:
            x -= 1
        return x if columns - x > 3 else columns

    def _erasable(self, pen: Pen) -> bool:
        return not pen[0] and (self._keeps_ground or pen[1] == "49")

    def _span(self, y: int, x: int, end: int, row: _Row, blank_from: int) -> None:
        content, pens = row.content, row.pens
        while x < end:
            pen, run = pens[x], x + 1
            while run < end and (pens[run] is pen or pens[run] == pen):
                run += 1
            self._go(x, y)
            self._set(pen)
            if x >= blank_from:
                self._out.append("\x1b[K")
                return
            if run - x >= _ERASED_LEAST and self._erasable(pen):
                self._out.append(f"\x1b[{run - x}X")
            else:
                text = "".join(cell if isinstance(cell, str) else " " for cell in content[x:run])
                self._out.append(text)
                self._x = run if run < len(content) and _PLAIN.fullmatch(text) else None
            x = run

    def _go(self, x: int, y: int) -> None:
        if y == self._y and x == self._x:
            return
        if y != self._y:
            if x == 0 and self._y is not None and y == self._y + 1:
                move = "\r\n"
            else:
                move = f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"
        else:
            move = f"\x1b[{x + 1}G"
            if self._x is not None and x > self._x:
                by = x - self._x
                move = min(move, f"\x1b[{by}C" if by > 1 else "\x1b[C", key=len)
        self._out.append(move)
        self._x, self._y = x, y

    def _set(self, pen: Pen) -> None:
        """Of what is set, only what differs. A blank cell leaves the color and what is not seen on it."""
        have = self._pen
        if not pen[0]:
            kept = have[2] if not _SEEN_ON_BLANKS.intersection(have[2]) else ()
            pen = have[0], pen[1], kept
        if have == pen:
            return
        if pen == _DEFAULT:
            self._out.append("\x1b[m")
        else:
            codes: list[str] = []
            if have[2] != pen[2]:
                off = dict.fromkeys(_OFF[code] for code in have[2] if code not in pen[2])
                codes += off
                codes += [code for code in pen[2] if code not in have[2] or _OFF[code] in off]
            codes += [new for old, new in zip(have[:2], pen[:2], strict=True) if old != new]
            self._out.append(f"\x1b[{';'.join(codes)}m")
        self._pen = pen
