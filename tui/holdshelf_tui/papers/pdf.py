"""A paper as PDF: set for a page that hangs on a wall or lies in a file, its fonts in it, the same bytes for the same facts.

fpdf2 does the drawing and is imported when the first PDF is made. Words of people and cameras are set as letters, never as
markup. Raises Conflict for a paper of more than MOST_PAGES pages.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from holdshelf_core.api.errors import Conflict
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.pdf_blocks import Setter
from holdshelf_tui.papers.pdf_fonts import ABOUT_INSTEAD, Face
from holdshelf_tui.papers.pdf_pages import PagePlan, draw, plan
from holdshelf_tui.papers.pdf_piece import Piece, above, together
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.pdf_style import BLACK, GREY, PAGES, PALE, Page, Style, scales, style

MOST_PAGES = 400
_LONG = 3
"""Pages beyond which no size is tried to save one."""
_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_RUNNING_LINES = 2


def render(document: d.Document, *, page: Page = "letter", large: bool = False) -> bytes:
    """PDF bytes. ``large``: 18 points and more, for eyes that need it."""
    sheet = Sheet(*PAGES[page])
    tried: list[_Set] = []
    for scale in (1.0,) if large else scales(one_page=document.one_page, dense=document.dense):
        tried.append(_Set(sheet, document, style(page, large=large, scale=scale)))
        if document.one_page and len(tried[-1].pages) == 1:
            break
        if not document.one_page and (len(tried[0].pages) == 1 or len(tried[0].pages) > _LONG):
            break
    best = min(tried, key=lambda each: (len(each.pages), -each.style.body))
    if len(best.pages) > MOST_PAGES:
        raise Conflict(
            f"This paper would have {len(best.pages)} pages, more than {MOST_PAGES}.", "Print it as text instead."
        )
    best.draw()
    _describe(sheet, document)
    return bytes(sheet.pdf.output())


class _Set:
    """A document in one style, laid on pages and not drawn yet."""

    def __init__(self, sheet: Sheet, document: d.Document, style: Style) -> None:
        self.sheet = sheet
        self.document = document
        self.style = style
        self.setter = Setter(sheet.type, style)
        self.library = text_of(self.setter, document.library)
        self.title = text_of(self.setter, document.title)
        self.legend = self._legend()
        self.running = self._running()
        # the body first: it tells whether a letter was missing
        pieces = [*self._head(), *above(self.setter.blocks(document.blocks), style.gap * 1.6)]
        self.pages: list[PagePlan] = plan(
            [*pieces, *self._foot()],
            style.top + self.legend_height,
            style.top + self.legend_height + self._later_height,
            style.height - self.bottom,
        )

    # --- what stands on every page ----------------------------------------------------------------------------------

    def _legend(self) -> list[str]:
        if not self.document.confidential:
            return []
        room = self.style.measure - self.style.legend * 2
        return self.sheet.type.fold(self.sheet.type.settable(d.LEGEND), Face.BOLD, self.style.legend, room)

    @property
    def legend_height(self) -> float:
        """What the legend takes at the top of each page."""
        lines = len(self.legend)
        return self.setter.line_height(self.style.legend) * lines + self.style.legend * 2.2 if lines else 0.0

    @property
    def _later_height(self) -> float:
        return self.setter.line_height(self.style.running) + self.style.running * 1.8

    def _running(self) -> list[str]:
        type_, size = self.sheet.type, self.style.running
        room = self.style.measure - type_.width("page 000 of 000", Face.REGULAR, size) - size * 2
        lines = type_.fold(type_.settable(text_of(self.setter, self.document.foot.running)), Face.REGULAR, size, room)
        return lines[:_MOST_RUNNING_LINES]

    @property
    def bottom(self) -> float:
        """Below the text of every page."""
        return self.style.bottom + self.setter.line_height(self.style.running) * (len(self.running) - 1)

    # --- the paper's own head and foot --------------------------------------------------------------------------------

    def _head(self) -> list[Piece]:
        style, setter = self.style, self.setter
        pieces: list[Piece] = []
        if self.library:
            pieces += setter.paragraph(self.library, Face.BOLD, style.library)
        else:
            pieces += setter.block(d.Fields([d.Field("Library", 50)]))
        pieces += setter.title(self.title)

        def draw_rule(sheet: Sheet, top: float) -> None:
            sheet.rule(style.side, top + style.gap * 0.7, style.measure, 2.0, BLACK)

        pieces.append(Piece(style.gap * 1.1, draw_rule))
        for caveat in self.document.caveats:
            pieces += above(setter.block(d.Para(caveat, "caveat")), style.gap)
        return [Piece(p.height, p.draw, p.before, keep=True) for p in pieces]

    def _foot(self) -> list[Piece]:
        style, setter = self.style, self.setter
        rows = [(text_of(setter, label), text_of(setter, value)) for label, value in self.document.foot.rows]
        if self.sheet.type.substituted:
            rows.append(("Letters", ABOUT_INSTEAD))

        def draw_rule(sheet: Sheet, top: float) -> None:
            sheet.rule(style.side, top, style.measure, 0.9, BLACK)

        pieces = [Piece(style.foot * 0.7, draw_rule), *setter.rows(rows, style.foot, bold=True)]
        pieces = together(above(pieces, style.gap * 2))
        return [Piece(p.height, p.draw, p.before, p.keep, sinks=True) for p in pieces]

    # --- drawing ------------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """All pages."""
        for number, page in enumerate(self.pages, 1):
            self.sheet.new_page()
            self._draw_legend()
            if number > 1:
                self._draw_later_head()
            self._draw_running(number)
            draw(self.sheet, page)

    def _draw_legend(self) -> None:
        if not self.legend:
            return
        style, high = self.style, self.setter.line_height(self.style.legend)
        top = style.top - style.legend * 0.4
        self.sheet.frame(style.side, top, style.measure, high * len(self.legend) + style.legend * 0.9, 1.0)
        for number, line in enumerate(self.legend):
            x = style.side + (style.measure - self.sheet.type.width(line, Face.BOLD, style.legend)) / 2
            baseline = top + style.legend * 0.45 + high * (0.78 + number)
            self.sheet.words(x, baseline, line, Face.BOLD, style.legend)

    def _draw_later_head(self) -> None:
        style, size = self.style, self.style.running
        words = " · ".join(part for part in (self.library, self.title) if part)
        line = self.sheet.type.fold(self.sheet.type.settable(words), Face.REGULAR, size, style.measure)[0]
        top = style.top + self.legend_height
        self.sheet.words(style.side, top + size, line, Face.REGULAR, size, GREY)
        self.sheet.rule(style.side, top + size * 1.6, style.measure, 0.5, PALE)

    def _draw_running(self, number: int) -> None:
        style, size = self.style, self.style.running
        high = self.setter.line_height(size)
        y = style.height - self.bottom + size * 1.4
        self.sheet.rule(style.side, y, style.measure, 0.5, PALE)
        for at, line in enumerate(self.running):
            self.sheet.words(style.side, y + size * 1.5 + at * high, line, Face.REGULAR, size, GREY)
        page = f"page {number} of {len(self.pages)}"
        x = style.side + style.measure - self.sheet.type.width(page, Face.REGULAR, size)
        self.sheet.words(x, y + size * 1.5, page, Face.REGULAR, size, GREY)


def text_of(setter: Setter, words: str) -> str:
    """Words of the head and foot, one line, inert, bounded."""
    return setter.say(words)


def _describe(sheet: Sheet, document: d.Document) -> None:
    """Title, language, author and a date that is the print's own, so that equal facts give equal bytes."""
    from fpdf.prefs import ViewerPreferences  # noqa: PLC0415

    pdf, settable = sheet.pdf, sheet.type.settable
    pdf.set_title(settable(document.title)[:400])
    pdf.set_author(settable(document.library)[:400] or "Library")
    pdf.set_subject(settable(document.foot.running)[:400])
    pdf.set_lang(document.language)
    pdf.set_creator("Holdshelf")
    pdf.set_producer("Holdshelf")
    pdf.set_creation_date(_printed(document.printed_at))
    pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)


def _printed(printed_at: str) -> datetime:
    """'2026-11-24 14:00 -05:00'; a fixed day where none is known."""
    try:
        found = datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:\d\d$)", "", printed_at))
    except ValueError:
        return _UNDATED
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
