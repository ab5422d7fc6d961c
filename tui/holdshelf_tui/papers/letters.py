"""The letters of a PDF: which ones its type has, and what stands for those that it lacks. Pure.

The faces of Noto Sans in ``fonts/`` have Latin, Greek and Cyrillic with all their accents. A letter of another script becomes
□, one each, and a paper that holds one says so. Right-to-left scripts are among those, so nothing ever turns a line round.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files

from holdshelf_tui.papers.catalogs import noted
from holdshelf_tui.text.words import inert

INSTEAD = "□"
ABOUT_INSTEAD = noted("□ stands for a letter that this paper's font does not have.")
MOST_MARKS = 2
"""Accents on one letter that are kept: more are an attack on the line above."""


@cache
def known(face: str = "text") -> frozenset[str]:
    """The letters of a face, 'text' or 'mono', as ``fonts/letters.txt`` lists them."""
    for line in (files("holdshelf_tui.papers") / "fonts" / "letters.txt").read_text("ascii").splitlines():
        name, *spans = line.split()
        if name == face:
            ends = ([int(end, 16) for end in span.split("-")] for span in spans)
            return frozenset(chr(code) for first, *last in ends for code in range(first, (last or [first])[0] + 1))
    raise LookupError(face)


def settable(words: str, *, mono: bool = False) -> str:
    """``words`` as they can be set: composed, inert, any space a plain one, □ for what is not in the type."""
    out: list[str] = []
    marks = 0
    for char in inert(unicodedata.normalize("NFC", words), len(words) + 1):
        mark = unicodedata.category(char).startswith("M")
        marks = marks + 1 if mark else 0
        if mark and (marks > MOST_MARKS or not out or out[-1] in (" ", INSTEAD)):
            continue  # nothing that it could stand on
        shown = _letter(char, mono)
        if not mark or shown != INSTEAD:
            out.append(shown)
    return "".join(out)


@cache
def _letter(char: str, mono: bool) -> str:
    """The letter, the compatible ones that stand for it, or □. The typewriter lends signs that the text face lacks."""
    if unicodedata.category(char).startswith("Z"):
        return " "
    own = known("mono") if mono else known("text") | known("mono")
    if char in own:
        return char
    plain = unicodedata.normalize("NFKC", char)
    return plain if all(letter in own for letter in plain) else INSTEAD
