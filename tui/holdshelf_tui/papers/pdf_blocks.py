"""From the blocks of a paper to pieces that can be put below one another: a piece is one line, or what must not be cut.

No piece knows its page. What stays with what is said by ``keep``; what stands above a table's row on a new page by ``head``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import text
from holdshelf_tui.papers.pdf_fonts import Face, Type
from holdshelf_tui.papers.pdf_forms import set_boxes, set_checks, set_fields, set_item
from holdshelf_tui.papers.pdf_piece import Piece, above, together
from holdshelf_tui.papers.pdf_plots import set_bars, set_picture
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.pdf_style import BLACK, GREY, Style
from holdshelf_tui.papers.pdf_table import set_table
from holdshelf_tui.papers.plots import set_plots

_SHORT_LETTERS = 60
_MARKS = (d.Item, d.Boxes, d.Fields, d.Checks)


class Setter:
    """Sets blocks in one style."""

    def __init__(self, type_: Type, style: Style) -> None:
        self.type = type_
        self.style = style

    # --- lines ------------------------------------------------------------------------------------------------------

    def line_height(self, size: float) -> float:
        """From one baseline to the next."""
        return size * self.style.leading

    def say(self, words: str, most: int = d.MOST_LETTERS) -> str:
        """Words of a block, settable; ``most`` letters where what holds them is not cut by the end of a page."""
        return text.clean(words, most)

    def paragraph(
        self,
        words: str,
        face: Face = Face.REGULAR,
        size: float | None = None,
        *,
        indent: float = 0.0,
        hang: float = 0.0,
        begin: str = "",
        grey: int = BLACK,
        beside: Callable[[Sheet, float], None] | None = None,
        width: float | None = None,
    ) -> list[Piece]:
        """Lines from ``indent`` on, the later ones ``hang`` further in; ``begin`` stands there on the first.

        ``beside`` is drawn once, with the first line: a bullet, a box, a label.
        """
        size = self.style.body if size is None else size
        x = self.style.side + indent
        room = (self.style.measure if width is None else width) - indent - hang
        shown = self.type.settable(words, face)
        bullet = self.type.settable(begin, face).rstrip()
        lines = self.type.fold(shown, face, size, room)
        high = self.line_height(size)
        pieces = []
        for number, line in enumerate(lines):

            def draw(sheet: Sheet, top: float, line: str = line, number: int = number) -> None:
                baseline = top + high * 0.78
                if number == 0:
                    if bullet:
                        sheet.words(x, baseline, bullet, face, size, grey)
                    if beside is not None:
                        beside(sheet, top)
                sheet.words(x + hang, baseline, line, face, size, grey)

            last = len(lines) - 1
            pieces.append(Piece(high, draw, keep=number < last and (last <= 2 or number in (0, last - 1))))
        return pieces

    def title(self, words: str) -> list[Piece]:
        """On one line if that leaves it large enough, else on lines of about one length."""
        size, shown = self.style.title, self.type.settable(words, Face.BOLD)
        wide = self.type.width(shown, Face.BOLD, size)
        if wide > self.style.measure:
            size = max(size * 0.8, size * self.style.measure / wide * 0.995)
        lines = self.type.fold(shown, Face.BOLD, size, self.style.measure)
        width = self.style.measure
        if 1 < len(lines) <= 4:
            while len(self.type.fold(shown, Face.BOLD, size, width - 6)) == len(lines):
                width -= 6
        return self.paragraph(words, Face.BOLD, size, width=width)

    # --- blocks -----------------------------------------------------------------------------------------------------

    def blocks(self, blocks: Sequence[d.Block]) -> list[Piece]:
        """All of them, with the white between."""
        pieces: list[Piece] = []
        before: d.Block | None = None
        new_page = False
        for block in blocks:
            if isinstance(block, d.NewPage):
                new_page = True
                continue
            if isinstance(block, d.Keep):
                own = together(self.blocks(block.blocks))
                # what is first in it decides on the white above
                first: d.Block | None = block.blocks[0] if block.blocks else None
            else:
                own, first = self.block(block), block
            if not own:
                continue
            own = above(own, self._white(before, first, own[0]))
            if new_page:
                own[0] = replace(own[0], new_page=True)
                new_page = False
            pieces += own
            before = block.blocks[-1] if isinstance(block, d.Keep) else block
        return pieces

    def _white(self, before: d.Block | None, block: d.Block | None, first: Piece) -> float:
        gap = self.style.gap
        if isinstance(block, d.Heading):
            return gap * (2.4 if block.level == 1 else 1.9)
        if isinstance(before, d.Heading):
            return gap * 0.7
        if isinstance(before, _MARKS) and isinstance(block, _MARKS):
            return gap * 0.45 if isinstance(block, d.Item) else 0.0
        return max(gap * 1.5 if isinstance(block, d.Verbatim) else gap, first.before)

    def block(self, block: d.Block) -> list[Piece]:  # noqa: PLR0912 (one kind of block a case)
        """One block's pieces."""
        match block:
            case d.Heading():
                return self._heading(block)
            case d.Para():
                return self._para(block)
            case d.Facts(rows):
                return self.rows([(self.say(label), self.say(value)) for label, value in rows if value.strip()])
            case d.Item():
                return set_item(self, block)
            case d.Boxes(boxes):
                return set_boxes(self, boxes)
            case d.Fields(fields):
                return set_fields(self, fields)
            case d.Checks(checks):
                return set_checks(self, checks)
            case d.Mono(lines):
                return [piece for line in lines for piece in self.mono(line)]
            case d.Table():
                return set_table(self, block)
            case d.Verbatim(words):
                return self._verbatim(words)
            case d.Plots():
                return set_plots(self, block)
            case d.Bars():
                return set_bars(self, block)
            case d.Picture():
                return set_picture(self, block)
            case d.Keep(blocks):
                return together(self.blocks(blocks))
            case _:  # a new page is the next block's beginning
                return []

    def _heading(self, heading: d.Heading) -> list[Piece]:
        size = self.style.heading if heading.level == 1 else self.style.subheading
        words = self.say(heading.words)
        pieces = together(self.paragraph(words, Face.BOLD, size))
        first = pieces[0]
        room = size * 0.45 if heading.level == 1 else 0.0
        mark = self.type.settable(words)[:200]

        def draw(sheet: Sheet, top: float) -> None:
            if heading.level == 1:
                sheet.rule(self.style.side, top, self.style.measure, 0.9, BLACK)
            sheet.section(mark, heading.level - 1, top)
            first.draw(sheet, top + room)

        pieces[0] = replace(first, height=first.height + room, draw=draw)
        return [replace(piece, keep=True) for piece in pieces]

    def _para(self, para: d.Para) -> list[Piece]:
        words, style = self.say(para.words), self.style
        match para.style:
            case "lead":
                return self.paragraph(words, size=style.lead)
            case "small":
                return self.paragraph(words, size=style.small, grey=GREY)
            case "caveat":
                return self.barred(self.paragraph(words, Face.BOLD, indent=style.body * 1.1), 3.2, BLACK)
            case "quote":
                return self.barred(self.paragraph(words, Face.ITALIC, indent=style.body * 1.1), 1.2, GREY)
            case _:
                return self.paragraph(words)

    def barred(self, pieces: Sequence[Piece], thick: float, grey: int) -> list[Piece]:
        """With a bar down the left."""
        out = []
        for piece in pieces:

            def draw(sheet: Sheet, top: float, piece: Piece = piece) -> None:
                sheet.upright(self.style.side + thick / 2, top, piece.height, thick, grey)
                piece.draw(sheet, top)

            out.append(replace(piece, draw=draw))
        return out

    def rows(self, rows: Sequence[tuple[str, str]], size: float | None = None, *, bold: bool = False) -> list[Piece]:
        """Labels, and values beside them in one column: a SHA-256 typewritten, a rule to write on where there is none."""
        size = self.style.body if size is None else size
        face = Face.BOLD if bold else Face.REGULAR
        labels = [self.type.settable(label, face) for label, _ in rows]
        widest = max((self.type.width(label, face, size) for label in labels), default=0.0)
        column = min(widest, self.style.measure * 0.3) + size * 1.2
        pieces: list[Piece] = []
        for label, (_, value) in zip(labels, rows, strict=True):
            beside = self.type.fold(label, face, size, column - size)
            typed = re.fullmatch(r"[0-9a-f]{64}", value) is not None
            pieces += self._row(beside, value, face, size, column, typed=typed)
        return pieces

    def _row(
        self, label: Sequence[str], value: str, face: Face, size: float, column: float, *, typed: bool
    ) -> list[Piece]:
        high, room = self.line_height(size), self.style.measure - column
        small = max(size * 0.96, self.style.least)
        if typed:
            # a checksum is not cut in two for the want of a little room
            small = max(self.style.least, min(small, small * room / self.type.width(value, Face.MONO, small)))
            lines, own = self.type.typed(value, small, room), Face.MONO
        else:
            lines, own = self.type.fold(self.type.settable(value), Face.REGULAR, size, room), Face.REGULAR
        pieces = []
        for number in range(max(len(label), len(lines))):

            def draw(sheet: Sheet, top: float, number: int = number) -> None:
                x, baseline = self.style.side, top + high * 0.78
                if number < len(label):
                    sheet.words(x, baseline, label[number], face, size, BLACK if face is Face.BOLD else GREY)
                if not value:
                    sheet.rule(x + column, baseline + size * 0.15, min(room, size * 22), 0.5, GREY)
                elif number < len(lines):
                    sheet.words(x + column, baseline, lines[number], own, small if typed else size)

            pieces.append(Piece(high, draw))
        return together(pieces) if len(pieces) <= 6 else pieces

    def mono(self, line: str, indent: float | None = None) -> list[Piece]:
        """A typewritten line."""
        style = self.style
        left = style.body if indent is None else indent
        shown = line.expandtabs(4)[: d.MOST_LETTERS]
        high = self.line_height(style.typed)
        pieces = []
        for words in self.type.typed(shown, style.typed, style.measure - left):

            def draw(sheet: Sheet, top: float, words: str = words) -> None:
                sheet.words(style.side + left, top + high * 0.78, words, Face.MONO, style.typed)

            pieces.append(Piece(high, draw))
        return together(pieces) if len(pieces) <= 6 else pieces

    # --- another's text ---------------------------------------------------------------------------------------------

    def _verbatim(self, words: str) -> list[Piece]:
        """Between two rules: its own lines, hanging behind their bullets and numbers, nothing restyled."""
        style = self.style
        high = self.line_height(style.body)
        lines = text.trimmed(words)
        hangs = self._hangs(lines)
        pieces = [self._ruled(style.gap * 0.9, at_end=False)]
        white = 0.0
        for number, line in enumerate(lines):
            if not line:
                white += high * 0.5
                continue
            begin = text.begin_of(line)
            indent = self.type.width(" ", Face.REGULAR, style.body) * (len(begin) - len(begin.lstrip(" ")))
            indent = min(indent * 1.6, style.measure * 0.3)
            hang = hangs.get(_kind(begin), 0.0)
            own = self.paragraph(line[len(begin) :], indent=indent, hang=hang, begin=begin.strip())
            if _stands_alone(lines, number):
                own = [replace(piece, keep=True) for piece in own]
                white *= 1.8
            pieces += above(own, white)
            white = 0.0
        pieces[-1] = replace(pieces[-1], keep=True)
        return [*pieces, self._ruled(style.gap * 0.9, at_end=True)]

    def _ruled(self, white: float, *, at_end: bool) -> Piece:
        def draw(sheet: Sheet, top: float) -> None:
            sheet.rule(self.style.side, top + (white if at_end else 0.0), self.style.measure, 0.9, BLACK)

        return Piece(white, draw, keep=not at_end)

    def _hangs(self, lines: Sequence[str]) -> dict[str, float]:
        """Of each kind of bullet or number the room that its widest needs."""
        hangs: dict[str, float] = {}
        size = self.style.body
        for line in lines:
            begin = text.begin_of(line)
            if begin.strip():
                wide = self.type.width(self.type.settable(begin.strip()), Face.REGULAR, size) + size * 0.45
                hangs[_kind(begin)] = max(hangs.get(_kind(begin), 0.0), wide)
        return hangs


def _kind(begin: str) -> str:
    return re.sub(r"[A-Za-z]", "a", re.sub(r"\d+", "0", begin.rstrip()))


def _stands_alone(lines: Sequence[str], number: int) -> bool:
    """A short line between empty ones stays with what follows: where a page ends, nothing else."""
    alone = (number == 0 or not lines[number - 1]) and number + 1 < len(lines) and not lines[number + 1]
    return alone and len(lines[number]) <= _SHORT_LETTERS
