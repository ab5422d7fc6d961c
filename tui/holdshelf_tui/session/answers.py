"""What a terminal says of itself when it is asked, taken out of the keys wherever it is read, at the start and later on."""

from __future__ import annotations

import re

MAX_HELD = 256
"""An answer is never longer; what is, are keys."""

_NAME = re.compile(r"\x1bP>\|([^\x1b\x07]{0,100})\x1b\\")
_CELL = re.compile(r"\x1b\[6;(\d{1,4});(\d{1,4})t")
_AREA = re.compile(r"\x1b\[4;(\d{1,5});(\d{1,5})t")
_ATTRIBUTES = re.compile(r"\x1b\[\?([\d;]{0,100})c")
_SEEN = re.compile(r"\x1b\[[03]n")
_PICTURE = re.compile(r"\x1b_G[^\x1b]{0,200}\x1b\\")
_ANSWER = re.compile("|".join(p.pattern for p in (_NAME, _CELL, _AREA, _ATTRIBUTES, _SEEN, _PICTURE)))
# The beginning of an answer, at the end of what was read so far.
_BEGUN = re.compile(
    r"\x1b(?:\[(?:[03]|[46](?:;[\d;]{0,11})?|\?[\d;]{0,100})?|P(?:>(?:\|[^\x1b]{0,100}\x1b?)?)?|_(?:G[^\x1b]{0,200}\x1b?)?)?\Z"
)


class Answers:
    """Takes a terminal's answers out of what it sends. What is left are keys, in their order."""

    def __init__(self) -> None:
        self._held = ""
        self.name = ""
        self.attributes: frozenset[str] = frozenset()
        self.answered = False
        """Whether the last question was answered."""
        self.cell_px: tuple[int, int] | None = None
        """(width, height) of one character's cell."""
        self.area_px: tuple[int, int] | None = None
        """(width, height) of all its columns and rows."""
        self.seen = 0
        """How many times it has said that it is there (DSR 5)."""

    @property
    def said(self) -> tuple[object, ...]:
        """All that it has said of itself."""
        return self.name, self.attributes, self.answered, self.cell_px, self.area_px

    def feed(self, text: str) -> str:
        """The keys in what was read; the beginning of what may be an answer is kept back for the next call."""
        text = self._held + text
        self._held = ""
        out, at = [], 0
        for match in _ANSWER.finditer(text):
            out.append(text[at : match.start()])
            at = match.end()
            self._note(match.group())
        rest = text[at:]
        begun = _BEGUN.search(rest)
        if begun is not None and len(begun.group()) <= MAX_HELD:
            self._held = begun.group()
            rest = rest[: begun.start()]
        return "".join(out) + rest

    @property
    def holding(self) -> bool:
        """Something is kept back."""
        return bool(self._held)

    def let_go(self) -> str:
        """What was kept back, when no more comes: a key after all (Escape)."""
        held, self._held = self._held, ""
        return held

    def _note(self, answer: str) -> None:
        if (match := _NAME.fullmatch(answer)) is not None:
            self.name = match[1].lower()
        elif (match := _CELL.fullmatch(answer)) is not None:
            self.cell_px = int(match[2]), int(match[1])
        elif (match := _AREA.fullmatch(answer)) is not None:
            self.area_px = int(match[2]), int(match[1])
        elif (match := _ATTRIBUTES.fullmatch(answer)) is not None:
            self.attributes, self.answered = frozenset(match[1].split(";")), True
        elif _SEEN.fullmatch(answer) is not None:
            self.seen += 1
