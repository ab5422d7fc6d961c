"""The sign for an entrance as PDF (P3): letters sized for a distance, a pictogram, the policy's address as a QR code.

One ink beside black, nothing to the edge of the page, all of it vectors. Its letters: `cap_height_in`, tested; which distance
that is good for stands in docs/papers.md and never on the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_tui.papers import frame, pictogram, sign_text
from holdshelf_tui.papers.pdf_fonts import ABOUT_INSTEAD, Face
from holdshelf_tui.papers.pdf_sheet import Sheet
from holdshelf_tui.papers.text import clean

INCH = 72.0
PAGES: dict[str, tuple[float, float]] = {
    "12x18": (12 * INCH, 18 * INCH),
    "tabloid": (11 * INCH, 17 * INCH),
    "letter": (8.5 * INCH, 11 * INCH),
    "a4": (595.28, 841.89),
}
MARGIN_IN = 0.5
CAP_HEIGHT = 0.714
"""Of a capital of Noto Sans, in parts of the size."""
FEET_BEST, FEET_MOST = 10, 25
"""Read with ease, and at all, for each inch of a capital: the rule of thumb of those who make signs."""
INK = (0, 51, 102)
_WHITE = (255, 255, 255)
_BLACK = 0
_GREY = 70
_QUIET = 4
"""Modules of white round a QR code, as its standard asks."""
_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)


def sign_pdf(facts: PaperFacts, page: str = "12x18", language: str = "") -> bytes:
    """PDF bytes. ``language`` 'en', 'es', or two as 'en+es' ('' as the facts say). Raises BadRequest for an unknown one."""
    keys = sign_text.languages(language or facts.language)
    sheet = Sheet(*PAGES[page])
    sheet.new_page()
    _Sign(sheet, facts, keys, *PAGES[page]).draw()
    text = sign_text.TEXTS[keys[0]]
    sheet.pdf.set_title(" ".join(text.headline))
    sheet.pdf.set_author(sheet.type.settable(clean(facts.library)) or "Library")
    sheet.pdf.set_lang(keys[0])
    sheet.pdf.set_creator("Holdshelf")
    sheet.pdf.set_producer("Holdshelf")
    sheet.pdf.set_creation_date(_UNDATED)
    return bytes(sheet.pdf.output())


def cap_height_in(page: str, language: str = "en") -> float:
    """Height of the headline's capitals in inches, which a sign of that page has whatever the library is called."""
    width, height = PAGES[page]
    sheet = Sheet(width, height)
    keys = sign_text.languages(language)
    return _Sign(sheet, PaperFacts(), keys, width, height).headline * CAP_HEIGHT / INCH


@dataclass
class _Fitted:
    """Words that fit: their lines and size."""

    lines: list[str]
    size: float


class _Sign:
    """Measures first, from the bottom up; then draws. What is left at the top is the pictogram's."""

    def __init__(self, sheet: Sheet, facts: PaperFacts, keys: tuple[str, ...], width: float, height: float) -> None:
        self.sheet, self.facts = sheet, facts
        self.texts = [sign_text.TEXTS[key] for key in keys]
        self.version = sign_text.text_version(facts, "+".join(keys))
        self.margin = max(MARGIN_IN * INCH, width * 0.05)
        self.x, self.y = self.margin, self.margin
        self.width, self.height = width - 2 * self.margin, height - 2 * self.margin
        self.unit = self.width / 100
        self.lines = [sheet.type.settable(line, Face.BOLD) for line in self.texts[0].headline]
        widest = max(sheet.type.width(line, Face.BOLD, 1) for line in self.lines)
        # As large as the width lets them be, and never so tall that nothing else has room.
        share = 0.423 if len(keys) == 1 else 0.3
        self.headline = min(self.width / widest, self.height * share / (len(self.lines) * _LEADING))

    # --- measuring ------------------------------------------------------------------------------------------------

    def _fit(self, words: str, face: Face, size: float, width: float, lines: int = 1, least: float = 7) -> _Fitted:
        """The words as large as ``size``, smaller until they stand on so many lines; only what has no space is broken."""
        shown = self.sheet.type.settable(words, face)
        while True:
            folded = self.sheet.type.fold(shown, face, size, width)
            whole = self._whole(folded, shown) or (lines > 1 and " " not in shown.strip())
            if (len(folded) <= lines and whole) or size <= least:
                return _Fitted(folded, size)
            size = max(least, size * 0.97)

    @staticmethod
    def _whole(lines: list[str], words: str) -> bool:
        """No word was broken."""
        return " ".join(lines) == " ".join(words.split())

    # --- drawing --------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """The whole sign."""
        for words in (self.facts.library, self.facts.contact, self.facts.policy_address):
            self.sheet.type.settable(clean(words), Face.BOLD)  # the foot is set first, and tells of missing letters
        bottom = self._foot(self.y + self.height)
        bottom = self._library(bottom)
        bottom = self._whom_to_ask(bottom)
        bottom = self._statements(bottom)
        bottom = self._headline(bottom)
        self._pictogram(bottom)

    def _lines(self, fitted: _Fitted, face: Face, x: float, bottom: float, leading: float, grey: int = _BLACK) -> float:
        """Sets lines above ``bottom``; returns where they begin."""
        step = fitted.size * leading
        for at, line in enumerate(fitted.lines):
            baseline = bottom - fitted.size * 0.24 - (len(fitted.lines) - 1 - at) * step
            self.sheet.words(x, baseline, line, face, fitted.size, grey)
        return bottom - step * len(fitted.lines)

    def _foot(self, bottom: float) -> float:
        """Which text this is, for who walks with the checklist; policy and log, as on every paper."""
        words = f"Text version {self.version} · {frame.foot(self.facts).running}"
        if self.sheet.type.substituted:
            words += f" · {ABOUT_INSTEAD}"
        fitted = self._fit(words, Face.REGULAR, max(6.5, self.unit * 1.15), self.width, lines=2, least=5.5)
        return self._lines(fitted, Face.REGULAR, self.x, bottom, 1.25, _GREY) - self.unit * 1.2

    def _library(self, bottom: float) -> float:
        """The library's name: 60 letters on a line or two."""
        name = clean(self.facts.library) or "____________________"
        fitted = self._fit(name, Face.BOLD, self.unit * 4.6, self.width, lines=1, least=self.unit * 3.0)
        if len(fitted.lines) > 1:
            fitted = self._fit(name, Face.BOLD, self.unit * 3.9, self.width, lines=2)
        top = self._lines(fitted, Face.BOLD, self.x, bottom, 1.2)
        rule = top - self.unit * 1.0
        self.sheet.rule(self.x, rule, self.width, max(1.0, self.unit * 0.25), _BLACK)
        return rule - self.unit * 2.4

    def _whom_to_ask(self, bottom: float) -> float:
        """Contact and the policy's address; its QR code to the right of them."""
        side = max(1.2 * INCH, self.unit * 16.5)
        address = sign_text.qr_address(self.facts)
        gap = self.unit * 5
        width = self.width - (side + gap if address else 0)
        first = self.texts[0]
        label, body = self.unit * 2.5, self.unit * 3.1
        blocks: list[tuple[Face, _Fitted, int]] = []
        for heading, words in (
            (self._both("questions"), sign_text.contact(self.facts, first)),
            (self._both("policy"), sign_text.policy_address(self.facts) or self._both("ask_copy")),
        ):
            blocks.append((Face.REGULAR, self._fit(heading, Face.REGULAR, label, width), _GREY))
            blocks.append((Face.BOLD, self._fit(words, Face.BOLD, body, width, lines=2), _BLACK))
        heights = [fitted.size * 1.28 * len(fitted.lines) for _, fitted, _ in blocks]
        height = max(sum(heights) + self.unit * 1.6, side + self.unit * 2 if address else 0)
        top = bottom - height
        at = top + (height - sum(heights) - self.unit * 1.6) / 2
        for number, ((face, fitted, grey), tall) in enumerate(zip(blocks, heights, strict=True)):
            self._lines(fitted, face, self.x, at + tall, 1.28, grey)
            at += tall + (self.unit * 1.6 if number == 1 else 0)
        if address:
            self._qr(address, self.x + self.width - side, top + (height - side) / 2, side)
        return top - self.unit * 2.4

    def _both(self, field: str) -> str:
        return " · ".join(dict.fromkeys(str(getattr(text, field)) for text in self.texts))

    def _qr(self, address: str, x: float, y: float, side: float) -> None:
        """Its modules as black rectangles, each row's neighbors joined: ``side`` is without the white round it."""
        import segno  # noqa: PLC0415 (only this paper has one)

        code = segno.make(address, micro=False, error="m")
        rows = [list(row) for row in code.matrix_iter(border=0)]
        module = side / len(rows)
        self.sheet.pdf.set_fill_color(*_WHITE)
        quiet = _QUIET * module
        self.sheet.pdf.rect(x - quiet, y - quiet, side + 2 * quiet, side + 2 * quiet, style="F")
        self.sheet.pdf.set_fill_color(_BLACK)
        for line, row in enumerate(rows):
            start = None
            for column, dark in enumerate([*row, 0]):
                if dark and start is None:
                    start = column
                elif not dark and start is not None:
                    # a hair wider and higher, so that no viewer shows white between two rows
                    self.sheet.pdf.rect(
                        x + start * module, y + line * module, (column - start) * module, module * 1.01, style="F"
                    )
                    start = None

    def _statements(self, bottom: float) -> float:
        """No sound, nobody watching all the time, own care: from the least to the most important, upwards."""
        large = self.unit * 4.7
        for text in reversed(self.texts):
            small = text is not self.texts[0]
            scale = 0.72 if small else 1.0
            care = self._fit(text.care, Face.REGULAR, large * 0.72 * scale, self.width)
            bottom = self._lines(care, Face.REGULAR, self.x, bottom, 1.4)
            watched = self._fit(text.not_watched, Face.BOLD, large * scale, self.width)
            sound = self._fit(text.no_sound, Face.BOLD, watched.size, self.width)
            bottom = self._lines(watched, Face.BOLD, self.x, bottom, 1.3)
            bottom = self._lines(sound, Face.BOLD, self.x, bottom, 1.3)
            if small:
                words = " ".join(text.headline)
                headline = self._fit(words, Face.BOLD, large * 1.45, self.width)
                bottom = self._lines(headline, Face.BOLD, self.x, bottom - self.unit * 0.6, 1.25) - self.unit * 2.2
                self.sheet.rule(self.x, bottom + self.unit * 0.5, self.width, max(0.5, self.unit * 0.12), _BLACK)
                bottom -= self.unit * 0.8
        return bottom - self.unit * 0.6

    def _headline(self, bottom: float) -> float:
        """The sentence that the sign is for."""
        # Letters of this size stand visibly in from a margin: their own white is taken off.
        x = self.x - self.headline * _BEARING
        return self._lines(_Fitted(self.lines, self.headline), Face.BOLD, x, bottom, _LEADING)

    def _pictogram(self, bottom: float) -> None:
        """In the middle of a full ground, over what is left of the page."""
        height = bottom - self.y - self.unit * 2.4
        pictogram.panel(self.sheet.pdf, self.x, self.y, self.width, height, self.unit * 3.2, INK)
        tall = min(height * 0.8, self.width * 0.7 * pictogram.HEIGHT / pictogram.WIDTH)
        wide = tall * pictogram.WIDTH / pictogram.HEIGHT
        left, top = self.x + (self.width - wide) / 2, self.y + (height - tall) / 2
        pictogram.camera(self.sheet.pdf, left, top, tall, _WHITE, INK)


_LEADING = 1.0
_BEARING = 0.04
"""White to the left of a letter of Noto Sans Bold, in parts of the size; the least of those that a headline begins with."""
