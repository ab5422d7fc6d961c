"""A still with boxes that move over it: only their edges are drawn, so that who is below is seen. Keys move the chosen one.

A box stands in 0…10000 of the picture's width and height. What is chosen is told by its sign (■), not by color alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import clamp
from textual.message import Message

from holdshelf_core.api.boxes import FULL, Place
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.mask_canvas import Cell, Grid, MaskCanvas

CHOSEN, OTHER = "■", "□"
_CHOSEN = Style(color="#ffd700", bgcolor="#000000", bold=True)
_OTHER = Style(color="#ffffff", bgcolor="#000000")
_FAR = 4


class BoxCanvas(MaskCanvas):
    """``show_boxes``: where they are now. Arrows ask for the chosen one to be moved, or sized, by whole cells."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "push(-1, 0)", "Move", key_display="↑ ↓ ← →", id="box.move", tooltip="Move the box by a cell"),
        Binding("right", "push(1, 0)", "Right", show=False),
        Binding("up", "push(0, -1)", "Up", show=False),
        Binding("down", "push(0, 1)", "Down", show=False),
        *(
            Binding(key, f"push({x * _FAR}, {y * _FAR})", "Further", show=False)
            for key, x, y in (("shift+left", -1, 0), ("shift+right", 1, 0), ("shift+up", 0, -1), ("shift+down", 0, 1))
        ),
        Binding(
            key_table.SIZE,
            "size",
            "Size",
            show=False,
            id="box.size",
            tooltip="The arrows size the box, or move it again",
        ),
    ]

    @dataclass
    class Pushed(Message):
        """The chosen box is to be here."""

        place: Place

    def __init__(self, words: str = "", *, id: str | None = None) -> None:
        super().__init__(words, id=id)
        self.sizes = False
        """The arrows move the right and the lower edge, not the whole box."""
        self._boxes: list[Place] = []

    @property
    def boxes(self) -> list[Place]:
        """Those that are shown."""
        return self._boxes

    def show_boxes(self, boxes: Sequence[Place], chosen: int) -> None:
        """These, the chosen one (-1: none) brighter."""
        self._boxes, self._chosen = list(boxes), chosen
        self._mark()

    def _wanted(self, grid: Grid) -> dict[Cell, tuple[str, Style]]:
        marks: dict[Cell, tuple[str, Style]] = {}
        order = [number for number in range(len(self._boxes)) if number != self._chosen]
        for number in [*order, *([self._chosen] if 0 <= self._chosen < len(self._boxes) else [])]:
            sign = (CHOSEN, _CHOSEN) if number == self._chosen else (OTHER, _OTHER)
            marks |= dict.fromkeys(edge(grid, self._boxes[number]), sign)
        return marks

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Its own keys; those of drawing masks are none here."""
        return action not in ("move", "corner", "take_back", "shape")

    def action_size(self) -> None:
        """Another meaning of the arrows."""
        self.sizes = not self.sizes
        self.post_message(self.Changed())

    def action_push(self, x: int, y: int) -> None:
        """The chosen box, by so many cells."""
        grid = self.grid
        if grid is None or not 0 <= self._chosen < len(self._boxes):
            return
        across, down = round(FULL / grid.columns), round(min(grid.row_units, FULL))
        # Here at once: the next key may come before anybody has heard of this one.
        there = self._boxes[self._chosen] = pushed(self._boxes[self._chosen], x * across, y * down, sizes=self.sizes)
        self._mark()
        self.post_message(self.Pushed(there))

    def on_click(self, click: events.Click) -> None:
        """A click sets no corner here."""


def edge(grid: Grid, place: Place) -> set[Cell]:
    """The cells that a box's sides run through."""
    left, top, right, bottom = place
    first, last = left * grid.columns // FULL, max(left, right - 1) * grid.columns // FULL
    upper, lower = (min(grid.rows - 1, int(side / grid.row_units)) for side in (top, max(top, bottom - 1)))
    return {
        (x, y)
        for x in range(first, last + 1)
        for y in range(upper, lower + 1)
        if x in (first, last) or y in (upper, lower)
    }


def pushed(place: Place, x: int, y: int, *, sizes: bool) -> Place:
    """Moved within the picture, or its right and lower sides moved; it never becomes narrower than a step."""
    left, top, right, bottom = place
    if sizes:
        return left, top, clamp(right + x, left + max(1, abs(x)), FULL), clamp(bottom + y, top + max(1, abs(y)), FULL)
    x, y = clamp(x, -left, FULL - right), clamp(y, -top, FULL - bottom)
    return left + x, top + y, right + x, bottom + y
