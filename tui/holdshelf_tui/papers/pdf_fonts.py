"""The letters of a PDF: which are there, how wide they are, what stands for those that are not, and where lines break.

Four faces of Noto Sans are in ``fonts/``: Latin, Greek and Cyrillic with all their accents. A letter of another script becomes
□, one each, and a paper that holds one says so. Right-to-left scripts are among those, so nothing ever turns a line round.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, cast

from holdshelf_tui.cli.render import inert

if TYPE_CHECKING:
    from fpdf import FPDF
    from fpdf.fonts import TTFFont

INSTEAD = "□"
ABOUT_INSTEAD = f"{INSTEAD} stands for a letter that is not in this paper's type."
MOST_MARKS = 2
"""Accents on one letter that are kept: more are an attack on the line above."""


class Face(Enum):
    """A face: (family, style, file) as fpdf knows it."""

    REGULAR = ("paper", "", "NotoSans-Regular.ttf")
    BOLD = ("paper", "B", "NotoSans-Bold.ttf")
    ITALIC = ("paper", "I", "NotoSans-Italic.ttf")
    MONO = ("typed", "", "NotoSansMono-Regular.ttf")


class Type:
    """The faces of one PDF, each loaded when it is first needed, and what was set with them."""

    def __init__(self, sheet: FPDF) -> None:
        self._sheet = sheet
        self._widths: dict[Face, dict[int, float]] = {}
        self._settable: dict[tuple[Face, str], str] = {}
        self.substituted = False
        """Whether a letter was replaced by □ so far."""

    def widths(self, face: Face) -> dict[int, float]:
        """Of each letter of the face, in thousandths of the size."""
        if face not in self._widths:
            family, style, name = face.value
            with as_file(files("holdshelf_tui.papers") / "fonts" / name) as path:
                self._sheet.add_font(family, style, path)
            font = cast("TTFFont", self._sheet.fonts[family + style])
            self._widths[face] = {char: font.cw[char] for char in font.cmap}
        return self._widths[face]

    def settable(self, words: str, face: Face = Face.REGULAR) -> str:
        """``words`` as they can be set: composed, inert, any space a plain one, □ for what is not in the type."""
        out: list[str] = []
        marks = 0
        for char in inert(unicodedata.normalize("NFC", words), len(words) + 1):
            mark = unicodedata.category(char).startswith("M")
            marks = marks + 1 if mark else 0
            if mark and (marks > MOST_MARKS or not out or out[-1] in (" ", INSTEAD)):
                continue  # nothing that it could stand on
            shown = self._letter(char, face)
            if not mark or shown != INSTEAD:
                out.append(shown)
                self.substituted |= shown == INSTEAD and char != INSTEAD
        return "".join(out)

    def _letter(self, char: str, face: Face) -> str:
        known = self._settable.get((face, char))
        if known is None:
            known = self._settable[face, char] = self._find(char, face)
        return known

    def _find(self, char: str, face: Face) -> str:
        if unicodedata.category(char).startswith("Z"):
            return " "
        if ord(char) in self.widths(face) or ord(char) in self.widths(Face.MONO):
            return char
        plain = unicodedata.normalize("NFKC", char)
        return plain if all(ord(c) in self.widths(face) for c in plain) else INSTEAD

    def width(self, words: str, face: Face, size: float) -> float:
        """Points, of settable words."""
        own, other = self.widths(face), self.widths(Face.MONO)
        return sum(own[ord(c)] if ord(c) in own else other[ord(c)] for c in words) * size / 1000

    def runs(self, words: str, face: Face) -> list[tuple[Face, str]]:
        """Settable words in stretches of one face: the typewriter's lends signs that the others lack."""
        own = self.widths(face)
        runs: list[tuple[Face, str]] = []
        for char in words:
            needed = face if ord(char) in own else Face.MONO
            if runs and runs[-1][0] is needed:
                runs[-1] = (needed, runs[-1][1] + char)
            else:
                runs.append((needed, char))
        return runs

    def fold(self, words: str, face: Face, size: float, width: float, first: float | None = None) -> list[str]:
        """Settable words in lines of at most ``width`` points, the first of ``first``. Never an empty list.

        Breaks at spaces; a word that is longer than a line is broken where it must, behind a stroke or dot if one is near.
        """
        space = self.width(" ", face, size)
        lines: list[str] = []
        line: list[str] = []
        room = width if first is None else first
        used = 0.0
        for word in words.split():
            for piece in self._pieces(word, face, size, width if first is None else min(first, width)):
                wide = self.width(piece, face, size)
                if line and used + space + wide > room:
                    lines.append(" ".join(line))
                    line, used, room = [], 0.0, width
                used += wide + (space if line else 0.0)
                line.append(piece)
        return [*lines, " ".join(line)]

    def _pieces(self, word: str, face: Face, size: float, room: float) -> list[str]:
        if self.width(word, face, size) <= room:
            return [word]
        pieces: list[str] = []
        piece, wide = "", 0.0
        for char in word:
            step = self.width(char, face, size)
            if piece and wide + step > room and not unicodedata.combining(char):
                cut = max(piece.rfind(sign) for sign in "/-_.?&=,") + 1
                cut = cut if cut > len(piece) * 2 // 3 else len(piece)
                pieces.append(piece[:cut])
                piece = piece[cut:]
                wide = self.width(piece, face, size)
            piece += char
            wide += step
        return [*pieces, piece]

    def typed(self, line: str, size: float, room: float) -> list[str]:
        """A typewritten line; one that is too long in pieces of about one length, the later ones behind '→ '."""
        words = self.settable(line.expandtabs(4).rstrip(), Face.MONO)
        if self.width(words, Face.MONO, size) <= room:
            return [words]
        most = max(8, int(room / (size / 1000) / self.widths(Face.MONO)[ord("0")]) - 2)
        count = -(-len(words) // most)
        each = -(-len(words) // count)
        return [("→ " if at else "") + words[at : at + each] for at in range(0, len(words), each)]
