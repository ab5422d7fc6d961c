"""Pages of a PDF: what goes on which, and what stands on each of them: legend, running head, running foot with its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from holdshelf_tui.papers.pdf_piece import Piece
from holdshelf_tui.papers.pdf_sheet import Sheet


@dataclass
class PagePlan:
    """One page: (top, piece) from the top down."""

    placed: list[tuple[float, Piece]] = field(default_factory=list)


def plan(pieces: Sequence[Piece], top: float, later_top: float, bottom: float) -> list[PagePlan]:
    """Pieces onto pages: the first begins at ``top``, the others at ``later_top``; none goes below ``bottom``."""
    pages = [PagePlan()]
    y = top
    for group in _groups(pieces):
        need = sum(piece.height + piece.before for piece in group)
        first = not pages[-1].placed
        if group[0].new_page and not first:
            pages.append(PagePlan())
            y, first = later_top, True
        elif not first and y + need > bottom:
            whole = need - group[0].before + sum(piece.height for piece in group[0].head)
            if whole <= bottom - later_top:
                pages.append(PagePlan())
                y, first = later_top, True
        for piece in group:
            white = 0.0 if not pages[-1].placed else piece.before
            if pages[-1].placed and y + white + piece.height > bottom + 0.01:
                pages.append(PagePlan())
                y, white, first = later_top, 0.0, True
            if not pages[-1].placed and len(pages) > 1:
                for above in piece.head:
                    pages[-1].placed.append((y, above))
                    y += above.height
            pages[-1].placed.append((y + white, piece))
            y += white + piece.height
    _sink(pages[-1], bottom)
    return pages


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    groups: list[list[Piece]] = []
    open_ = False
    for piece in pieces:
        if open_:
            groups[-1].append(piece)
        else:
            groups.append([piece])
        open_ = piece.keep
    return groups


def _sink(page: PagePlan, bottom: float) -> None:
    """What sinks stands at the bottom of the last page, where a hand looks for it."""
    at = next((number for number, (_, piece) in enumerate(page.placed) if piece.sinks), None)
    if at is None or at == 0:
        return
    y, last = page.placed[-1]
    spare = bottom - (y + last.height)
    page.placed[at:] = [(y + spare, piece) for y, piece in page.placed[at:]]


def draw(sheet: Sheet, page: PagePlan) -> None:
    """The page's pieces, each in its place."""
    for top, piece in page.placed:
        piece.draw(sheet, top)
