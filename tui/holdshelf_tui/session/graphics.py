"""How pictures are drawn on a terminal: told to the app before it starts, and again when the terminal says more or changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdshelf_tui.session.answers import Answers

HALF, SIXEL, KITTY = "half-block", "sixel", "kitty"
NO_COLORS, FEW, SOME, ALL = 2, 16, 256, 1 << 24
LEAST_PX = 48
"""The narrowest picture that the service makes."""
SHORT_LEGEND_PX = 239
"""The widest picture whose legend is the short one: that of a small picture cannot be read anyway. A narrower one
would be half legend.
"""
DEFAULT_CELL = 10, 20
"""(width, height) in pixels, where nothing is drawn by it."""


@dataclass(frozen=True, slots=True)
class Graphics:
    """``protocol``: half-block | sixel | kitty. ``wanted``: the one that the person chose, '' the best one.

    ``cell_width_px``, ``cell_height_px``: of one character's cell; a protocol of pixels is there only where they are known.
    ``colors``: 2, 16, 256 or 16,777,216. ``typed``: keys that were typed while the terminal was asked, to be heard still.
    ``keeps_ground``: what it erases has the color that is set (background color erase), not its own. ``answers``: what it has
    said so far, and the beginning of what it is saying; None: it was not asked, and what is given here stays.
    """

    protocol: str = HALF
    colors: int = ALL
    cell_width_px: int = DEFAULT_CELL[0]
    cell_height_px: int = DEFAULT_CELL[1]
    typed: str = field(default="", compare=False)
    wanted: str = ""
    keeps_ground: bool = False
    answers: Answers | None = field(default=None, compare=False)

    @property
    def rich_colors(self) -> str:
        """The same as Rich names it."""
        return {NO_COLORS: "standard", FEW: "standard", SOME: "256"}.get(self.colors, "truecolor")

    def picture_px(self, columns: int, most: int, *, least: int) -> int:
        """How wide a picture is asked for, for a place of so many cells: as wide as it is drawn.

        ``least``: of half blocks, which show two pixels a cell, so that the legend is not larger than the picture.
        """
        wanted = max(least, 2 * columns) if self.protocol == HALF else columns * self.cell_width_px
        return max(LEAST_PX, min(most, wanted))


HALF_BLOCK = Graphics()
