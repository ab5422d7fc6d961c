"""How pictures are drawn on a terminal: told to the app before it starts, never found out while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Graphics:
    """``protocol``: half-block | sixel | kitty. ``cell_width_px``, ``cell_height_px``: of one character's cell, where known.

    ``colours``: 2, 16, 256 or 16,777,216.
    """

    protocol: str = "half-block"
    colours: int = 1 << 24
    cell_width_px: int = 10
    cell_height_px: int = 20


HALF_BLOCK = Graphics()
