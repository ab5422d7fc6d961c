"""What a PDF's page is filled with: pieces below one another. A piece is one line, or what must not be cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from holdshelf_tui.papers.pdf_sheet import Sheet


@dataclass(frozen=True)
class Piece:
    """Something of a height that is drawn at (sheet, top)."""

    height: float
    draw: Callable[[Sheet, float], None]
    before: float = 0.0
    """White above it, but not at the top of a page."""
    keep: bool = False
    """It stays with the next one."""
    head: Sequence[Piece] = ()
    """They are drawn above it when it begins a page."""
    new_page: bool = False
    sinks: bool = False
    """It and all behind it stand at the bottom of their page."""


def nothing(_sheet: Sheet, _top: float) -> None:
    """What a piece of white draws."""


def together(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, none to be parted from the next."""
    return [replace(piece, keep=True) for piece in pieces[:-1]] + list(pieces[-1:])


def above(pieces: Sequence[Piece], before: float) -> list[Piece]:
    """The pieces with so much white above the first."""
    return [replace(pieces[0], before=before), *pieces[1:]] if pieces else []
