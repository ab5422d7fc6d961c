"""Laying out a paper in 80 columns: folding by columns (not letters), centring, rules, blanks to fill in, head and foot.

Pure. Text that people, cameras and devices wrote comes through `clean` or `clean_lines` first: a paper is also read on a
terminal, and none may be obeyed by it. Widths are counted as terminals count them, so other scripts line up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_tui.cli import render

WIDTH = 80
NAME_COLUMNS = 160
"""A name longer than two lines is cut: it is a mistake or an attack, and the id beside it tells which it is."""
_JOINERS = "\u200c\u200d"
"""Without them Persian and the scripts of India are misspelt; they turn no text round and hide none."""
_BEGIN = re.compile(r" *(?:(?:[·•*–—-]|\(?\d{1,3}[.)]|P\d{1,2}\.|\(?[A-Za-z][.)]) +)?")
_ASIDE = {"\r": "", "\ufeff": "", "\u2028": "\n", "\u2029": "\n", "\x85": "\n", "\x0b": "\n", "\x0c": "\n"}


def clean(text: str, most: int = NAME_COLUMNS) -> str:
    """One line, inert, without spaces around it; cut at ``most`` letters."""
    return render.inert(" ".join(text.split()), most).strip()


def clean_lines(text: str) -> tuple[list[str], int]:
    """(lines, number of characters left out): a long text made inert, its lines and indents kept, tabs as spaces."""
    for character, instead in _ASIDE.items():
        text = text.replace(character, instead)
    text = text.expandtabs(4)
    lines, left_out = [], 0
    for line in text.split("\n"):
        kept = line if line.isprintable() else "".join(c for c in line if c in _JOINERS or render.inert(c) == c)
        left_out += len(line) - len(kept)
        lines.append(kept.rstrip())
    return lines, left_out


def fold(text: str, *, width: int = WIDTH, first: str = "", rest: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` columns, the first begun with ``first``, the others with ``rest``.

    Breaks at spaces; a word that is longer than a line is broken where it must. Never returns an empty list.
    """
    lines: list[str] = []
    line = first
    begun = False
    for word in text.split(" "):
        if not word:
            continue
        for piece in _pieces(word, width - max(render.columns(first), render.columns(rest))):
            gap = " " if begun else ""
            if begun and render.columns(line) + len(gap) + render.columns(piece) > width:
                lines.append(line)
                line, gap = rest, ""
            line += gap + piece
            begun = True
    lines.append(line)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """A word in pieces of at most ``width`` columns; a letter stays with its combining marks."""
    if render.columns(word) <= width:
        return [word]
    pieces, piece = [], ""
    for character in word:
        if piece and render.columns(piece + character) > width and not _clings(character):
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


def _clings(character: str) -> bool:
    return bool(unicodedata.combining(character))


def fold_lines(lines: Iterable[str], *, width: int = WIDTH) -> list[str]:
    """Each line folded below where its text begins: behind its indent and bullet. A line that fits stays as it is."""
    folded: list[str] = []
    for line in lines:
        if render.columns(line) <= width:
            folded.append(line)
            continue
        match = _BEGIN.match(line)
        begin = match[0][: width // 2] if match else ""
        folded += fold(line[len(begin) :], width=width, first=begin, rest=" " * render.columns(begin))
    return folded


def centred(text: str, *, width: int = WIDTH) -> list[str]:
    """``text`` folded to three quarters of the width, each line in the middle."""
    return [(" " * ((width - render.columns(line)) // 2) + line).rstrip() for line in fold(text, width=width * 3 // 4)]


def rule(character: str = "-") -> str:
    """A line over the whole width."""
    return character * WIDTH


def box(words: str, *, ticked: bool = False) -> str:
    """'[ ] words', to be ticked with a pen; ``ticked``: the register knows."""
    return f"[{'x' if ticked else ' '}] {words}"


def blank(label: str, columns: int) -> str:
    """'label ______', ``columns`` of line to write on."""
    return f"{label} {'_' * columns}"


def boxes(items: Sequence[str], *, indent: str = "  ") -> list[str]:
    """Things to tick or fill in beside one another, three spaces apart, as many as fit in a line."""
    lines: list[str] = []
    line = indent
    for item in items:
        gap = "" if line == indent else "   "
        if line != indent and render.columns(line + gap + item) > WIDTH:
            lines.append(line)
            line, gap = indent, ""
        line += gap + item
    return [*lines, line]


def library_name(facts: PaperFacts) -> str:
    """The library's name, or a place to write it."""
    return clean(facts.library) or "____________________ (name of the library)"


def head(facts: PaperFacts, title: str) -> list[str]:
    """The top of a paper: library, title, and what must be said about this print."""
    lines = [rule("="), *centred(library_name(facts)), *centred(title), rule("=")]
    for caveat in facts.caveats:
        lines += fold(clean(caveat, 400), first="! ", rest="  ")
    return lines


def contact_lines(facts: PaperFacts) -> list[str]:
    """Whom to ask (P19), and where the policy is (P18)."""
    lines = fold(clean(facts.contact) or "the Library Director", first="Questions:  ", rest=" " * 12)
    if address := clean(facts.policy_address, 400):
        lines += fold(address, first="On the web: ", rest=" " * 12)
    return lines


def foot(facts: PaperFacts) -> list[str]:
    """The bottom of each paper: contact, policy version and hash, log checkpoint, when it was printed."""
    lines = [rule(), *contact_lines(facts)]
    if facts.policy is None:
        lines.append("Policy:     none adopted here yet")
    else:
        version = (
            f"{clean(facts.policy.version, 40)}, adopted {clean(facts.policy.adopted_on, 10) or 'on a day unknown'}"
        )
        lines += fold(version, first="Policy:     ", rest=" " * 12)
        lines.append(f"  SHA-256   {clean(facts.policy.sha256, 64)}")
    if facts.log is None:
        lines.append("Access log: no checkpoint was at hand")
    else:
        lines += fold(f"checkpoint of {clean(facts.log.origin)}", first="Access log: ", rest=" " * 12)
        lines += fold(clean(facts.log.short), first=" " * 12, rest=" " * 12)
    lines.append(f"Printed:    {clean(facts.printed_at, 40) or 'date ____________________'}")
    return lines


def paper(lines: Iterable[str]) -> str:
    """The lines as one text, no spaces at their ends, one newline at the end."""
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"
