"""How pictures are drawn on a terminal: told to the app before it starts, never found out while it runs."""

from __future__ import annotations

from dataclasses import dataclass

HALF, SIXEL, KITTY = "half-block", "sixel", "kitty"
PROTOCOLS = (HALF, SIXEL, KITTY)
NO_COLOURS, FEW, SOME, ALL = 2, 16, 256, 1 << 24


@dataclass(frozen=True, slots=True)
class Graphics:
    """``protocol``: half-block | sixel | kitty. ``cell_width_px``, ``cell_height_px``: of one character's cell, where known.

    ``colours``: 2, 16, 256 or 16,777,216. ``typed``: keys that were typed while the terminal was asked, to be heard still.
    ``asked``: it has been asked and has not answered yet; ``name``: what it calls itself.
    """

    protocol: str = HALF
    colours: int = ALL
    cell_width_px: int = 10
    cell_height_px: int = 20
    typed: str = ""
    asked: bool = False
    name: str = ""

    @property
    def rich_colours(self) -> str:
        """The same as Rich names it."""
        return {NO_COLOURS: "standard", FEW: "standard", SOME: "256"}.get(self.colours, "truecolor")


HALF_BLOCK = Graphics()
