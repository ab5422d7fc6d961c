"""The drawing of a PDF: letters at a place, rules, boxes, bars. Knows no block and breaks no page."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from holdshelf_tui.papers.pdf_fonts import Face, Type
from holdshelf_tui.papers.pdf_style import BLACK, PALE

if TYPE_CHECKING:
    from fpdf import FPDF


class Sheet:
    """A PDF in points, its origin at the top left."""

    def __init__(self, width: float, height: float) -> None:
        from fpdf import FPDF  # noqa: PLC0415 (a tenth of a second that only a PDF costs)

        self.pdf: FPDF = FPDF(unit="pt", format=(width, height))
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.type = Type(self.pdf)

    def new_page(self) -> None:
        """The following goes on a page of its own."""
        self.pdf.add_page()

    def words(self, x: float, baseline: float, words: str, face: Face, size: float, grey: int = BLACK) -> None:
        """Settable words, from ``x`` on."""
        self.pdf.set_text_color(grey)
        for needed, run in self.type.runs(words, face):
            self.type.widths(needed)
            family, style, _ = needed.value
            self.pdf.set_font(family, style, size)
            self.pdf.text(x, baseline, run)
            x += self.type.width(run, needed, size)

    def rule(self, x: float, y: float, width: float, thick: float = 0.5, grey: int = PALE) -> None:
        """A line from left to right, its middle at ``y``. A pen is as thick lengthwise: its ends are set back by that."""
        self.pdf.set_draw_color(grey)
        self.pdf.set_line_width(thick)
        self.pdf.line(x + thick / 2, y, x + max(width - thick / 2, thick / 2), y)

    def upright(self, x: float, y: float, height: float, thick: float, grey: int = BLACK) -> None:
        """A line downwards, its middle at ``x``."""
        self.pdf.set_draw_color(grey)
        self.pdf.set_line_width(thick)
        self.pdf.line(x, y + thick / 2, x, y + max(height - thick / 2, thick / 2))

    def box(self, x: float, y: float, side: float, *, ticked: bool) -> None:
        """A box to tick, its top left at (x, y)."""
        self.frame(x, y, side, side, thick=max(0.8, side / 11))
        if ticked:
            self.pdf.set_line_width(max(1.2, side / 6))
            self.pdf.polyline(
                [
                    (x + side * 0.20, y + side * 0.52),
                    (x + side * 0.42, y + side * 0.75),
                    (x + side * 0.82, y + side * 0.22),
                ]
            )

    def frame(self, x: float, y: float, width: float, height: float, thick: float = 0.8, grey: int = BLACK) -> None:
        """An empty rectangle."""
        self.pdf.set_draw_color(grey)
        self.pdf.set_line_width(thick)
        self.pdf.rect(x, y, width, height)

    def bar(self, x: float, y: float, width: float, height: float, grey: int) -> None:
        """A full rectangle."""
        self.pdf.set_fill_color(grey)
        self.pdf.rect(x, y, width, height, style="F")

    def picture(self, x: float, y: float, width: float, height: float, jpeg: bytes) -> None:
        """A JPEG. Without an alternative text: it would call the whole file tagged, whose other words are not."""
        self.pdf.image(BytesIO(jpeg), x=x, y=y, w=width, h=height)

    def section(self, words: str, level: int, y: float) -> None:
        """A bookmark to here."""
        self.pdf.set_y(y)
        self.pdf.start_section(words, level=level, strict=False)
