"""How a larger picture and a dozen small ones share a pane so that little of it stays empty. Pure.

A caption belongs to its picture: it stands right below it, so each place is as high as its picture and one row more.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from holdshelf_tui.session.graphics import HALF, NO_COLORS, Graphics
from holdshelf_tui.widgets import half_block
from holdshelf_tui.widgets.half_block import Fitted
from holdshelf_tui.widgets.pixels import fit_pixels

COUNTS = (12, 8, 6, 4, 3, 2, 1)
"""How many small pictures there may be: as many as have room enough."""
LEAST_COLUMNS, LEAST_ROWS = 14, 4
"""Of a small picture's place: the longest time of day, with the sign before it, is fourteen characters."""
GAP = 1
STILL_PX, SMALL_PX = 1280, 640
"""How wide a picture is at most, in a terminal that shows pixels."""
SHAPE, SMALL_SHAPE = 16 / 11, 16 / 11
"""Width by height of a picture with its legend, until one has come: of a camera that is 16 to 9."""
_STILL_SHARE = 25, 75
_LEAST_STILL = 0.4
"""Of the cells that the larger picture would cover if it had all the room: small pictures never crowd it out."""


@dataclass(frozen=True, slots=True)
class Board:
    """Cells: the box of the larger picture, and of each of ``across`` × ``down`` small ones, without their captions.

    ``beside``: the small ones stand at its right, else below it.
    """

    beside: bool
    still: Fitted
    across: int
    down: int
    small: Fitted

    @property
    def count(self) -> int:
        """How many small ones there are."""
        return self.across * self.down


def cells_of(width_px: int, height_px: int, columns: int, rows: int, graphics: Graphics) -> Fitted:
    """The cells that a picture of that size takes within a box."""
    if graphics.protocol == HALF or graphics.colors <= NO_COLORS:
        return half_block.fit(width_px, height_px, columns, rows)
    return fit_pixels(width_px, height_px, columns, rows, graphics)[0]


def _cells(shape: float, columns: int, rows: int, most_px: int, graphics: Graphics) -> Fitted:
    """As `cells_of`, for a picture that is asked for as wide as the box."""
    width_px = min(most_px, max(1, columns) * graphics.cell_width_px)
    return cells_of(width_px, max(1, round(width_px / shape)), columns, rows, graphics)


def small_places(columns: int, rows: int, shape: float, graphics: Graphics) -> tuple[int, int, Fitted] | None:
    """(across, down, the box of each) of as many small pictures as have room in a box, as large as can be."""
    for count in COUNTS:
        best, largest = None, 0
        for across in range(1, count + 1):
            if count % across:
                continue
            wide, high = columns // across - GAP, rows // (count // across) - 1
            if wide < LEAST_COLUMNS or high < LEAST_ROWS:
                continue
            cells = _cells(shape, wide, _whole_rows(shape, wide, high, graphics), SMALL_PX, graphics)
            if cells.columns * cells.rows > largest:
                best, largest = (across, count // across, Fitted(wide, cells.rows)), cells.columns * cells.rows
        if best is not None:
            return best
    return None


def _whole_rows(shape: float, columns: int, rows: int, graphics: Graphics) -> int:
    """The height of a small picture's box: a little less than what the picture could take, where that spares most of a row that
    would lie empty between it and its caption.
    """
    if graphics.protocol == HALF:
        return rows
    filled, beyond = divmod(min(SMALL_PX, columns * graphics.cell_width_px) / shape, graphics.cell_height_px)
    return min(rows, max(LEAST_ROWS, int(filled) + (2 * beyond > graphics.cell_height_px)))


@functools.lru_cache(64)
def board(columns: int, rows: int, graphics: Graphics, shape: float = SHAPE, small_shape: float = SMALL_SHAPE) -> Board:
    """The arrangement with as many small pictures as have room, in which pictures cover most of the box.

    ``shape``, ``small_shape``: width by height of the larger picture and of a small one.
    """
    wide = max(1, columns * 2 // 5)
    best = Board(True, Fitted(wide, rows), 1, 1, Fitted(max(1, columns - wide - GAP), max(1, rows - 1)))
    most = (0, 0)
    alone = _cells(shape, columns, rows, STILL_PX, graphics)
    low, high = _STILL_SHARE
    boxes = [(True, Fitted(wide, rows)) for wide in range(columns * low // 100, columns * high // 100 + 1)]
    boxes += [(False, Fitted(columns, tall)) for tall in range(rows * low // 100, rows * high // 100 + 1)]
    for beside, box in boxes:
        still = _cells(shape, box.columns, box.rows, STILL_PX, graphics)
        if still.columns * still.rows < _LEAST_STILL * alone.columns * alone.rows:
            continue
        left = Fitted(columns - box.columns - GAP, rows) if beside else Fitted(columns, rows - still.rows)
        places = small_places(left.columns, left.rows, small_shape, graphics)
        if places is None:
            continue
        across, down, small = places
        cells = _cells(small_shape, small.columns, small.rows, SMALL_PX, graphics)
        covered = across * down * cells.columns * cells.rows + still.columns * still.rows
        if (across * down, covered) > most:
            most = across * down, covered
            best = Board(beside, box if beside else Fitted(columns, still.rows), across, down, small)
    return best
