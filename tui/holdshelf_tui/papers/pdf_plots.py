"""Plots and pictures of a PDF."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.pdf_fonts import Face
from holdshelf_tui.papers.pdf_piece import Piece, nothing, together
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.pdf_style import BLACK, BODY, GREY

if TYPE_CHECKING:
    from holdshelf_tui.papers.pdf_blocks import Setter


def set_bars(setter: Setter, bars: d.Bars) -> list[Piece]:
    style = setter.style
    size, high = style.table, setter.line_height(style.table)
    rows = [
        (setter.say(label, 80), max(0.0, value), setter.type.settable(setter.say(words, 60)))
        for label, value, words in bars.rows
    ]
    most = bars.most if bars.most is not None else max((value for _, value, _ in rows), default=0.0)
    labels = [
        setter.type.fold(setter.type.settable(label), Face.REGULAR, size, style.measure * 0.3) for label, _, _ in rows
    ]
    side = max((setter.type.width(line, Face.REGULAR, size) for lines in labels for line in lines), default=0.0)
    told = [setter.type.fold(words, Face.REGULAR, size, style.measure * 0.24) for _, _, words in rows]
    beside = max((setter.type.width(line, Face.REGULAR, size) for lines in told for line in lines), default=0.0)
    left = style.side + side + size * 0.8
    room = style.measure - side - beside - size * 1.6
    title = setter.say(bars.title) + (f" ({setter.say(bars.unit)})" if bars.unit else "")
    pieces = [replace(piece, keep=True) for piece in setter.paragraph(title, Face.BOLD, style.body)]
    pieces.append(Piece(size * 0.4, nothing, keep=True))
    for lines, words, (_, value, _) in zip(labels, told, rows, strict=True):
        deep = high * max(len(lines), len(words)) + size * 0.35
        length = room * min(1.0, value / most) if most > 0 else 0.0
        length = max(length, 1.0) if value > 0 else 0.0

        def draw(
            sheet: Sheet, top: float, lines: list[str] = lines, words: list[str] = words, length: float = length,
            deep: float = deep,
        ) -> None:  # fmt: skip
            for number, line in enumerate(lines):
                wide = setter.type.width(line, Face.REGULAR, size)
                sheet.words(style.side + side - wide, top + high * (0.78 + number), line, Face.REGULAR, size)
            if length:
                sheet.bar(left, top + high * 0.16, length, high * 0.74, 95)
            sheet.upright(left, top, deep, 0.6, BLACK)
            for number, line in enumerate(words):
                sheet.words(left + length + size * 0.5, top + high * (0.78 + number), line, Face.REGULAR, size)

        pieces.append(Piece(deep, draw))
    return together(pieces) if len(pieces) <= 16 else pieces


def set_picture(setter: Setter, picture: d.Picture) -> list[Piece]:
    style = setter.style
    words = setter.say(picture.words)
    size = _size_of(picture.jpeg)
    if size is None:
        return setter.barred(setter.paragraph(words, indent=style.body * 1.1), 1.2, GREY)
    # It grows smaller faster than the letters do: a picture can be read longer than they can.
    most = (style.height - style.top - style.bottom) * 0.62 * min(1.0, style.body / BODY) ** 3
    scale = min(style.measure / size[0], most / size[1])
    wide, high = size[0] * scale, size[1] * scale

    def draw(sheet: Sheet, top: float) -> None:
        sheet.picture(style.side, top, wide, high, picture.jpeg)
        sheet.frame(style.side, top, wide, high, 0.5)

    caption = setter.paragraph(words, size=style.small, grey=GREY)
    return together([Piece(high + style.small * 0.4, draw), *caption])


def _size_of(jpeg: bytes) -> tuple[int, int] | None:
    """None for what is no JPEG."""
    from PIL import Image  # noqa: PLC0415 (few papers hold a picture)

    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
