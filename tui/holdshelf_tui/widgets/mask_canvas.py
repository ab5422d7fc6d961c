"""A camera's still with what is to be hidden drawn over it, cell by cell, by keys alone (P6).

The picture below stays as the service made it; only the cells that a key changes are painted anew. Corners are in
0…10000 of the picture's width and height, as masks are kept. What is hidden is told by its sign (×), not by color alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from PIL import Image, ImageDraw
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, clamp
from textual.message import Message
from textual.strip import Strip

from holdshelf_tui.session.graphics import HALF, Graphics
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.picture import PictureView

type Point = tuple[int, int]
type Cell = tuple[int, int]

FULL = 10_000
MOST_CORNERS = 16
HIDDEN, DRAWN, CORNER, CURSOR = "×", "/", "●", "╬"
_FINE_X, _FINE_Y = 4, 8
_FAR = 5
_HIDDEN = Style(color="#ffffff", bgcolor="#585858")
_CHOSEN = Style(color="#000000", bgcolor="#d0d0d0", bold=True)
_DRAWN = Style(color="#000000", bgcolor="#c08000")
_CURSOR = Style(color="#000000", bgcolor="#ffd700", bold=True)


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a picture, its legend left out. The last row may be picture in part only."""

    columns: int
    rows: int
    row_units: float
    """How much of the picture's height one row of cells is."""

    @classmethod
    def of(cls, columns: int, rows: int, height_px: int, picture_height_px: int) -> Grid:
        """For a JPEG that takes ``columns`` × ``rows`` cells, of whose ``height_px`` so many are picture."""
        each_px = height_px / max(1, rows)
        shown = clamp(-int(-picture_height_px // each_px), 1, rows)
        return cls(columns, shown, FULL * each_px / max(1, picture_height_px))

    def box(self, one: Cell, other: Cell) -> list[Point]:
        """The rectangle of both cells and all between, to their outer edges."""
        left = round(min(one[0], other[0]) * FULL / self.columns)
        right = round((max(one[0], other[0]) + 1) * FULL / self.columns)
        top, last = min(one[1], other[1]), max(one[1], other[1])
        upper = min(FULL, round(top * self.row_units))
        lower = FULL if last >= self.rows - 1 else min(FULL, round((last + 1) * self.row_units))
        return [(left, upper), (right, upper), (right, lower), (left, lower)]

    def corner(self, cell: Cell) -> Point:
        """The point of a cell: outermost cells stand for the picture's edges."""
        return (
            round(cell[0] * FULL / max(1, self.columns - 1)),
            FULL if cell[1] >= self.rows - 1 else min(FULL, round(cell[1] * FULL / max(1, self.rows - 1))),
        )

    def covered(self, points: Sequence[Point]) -> set[Cell]:
        """Cells that are hidden for the most part."""
        if len(points) < 2:
            return set()
        cover = Image.new("L", (self.columns * _FINE_X, self.rows * _FINE_Y))
        scaled = [(x / FULL * cover.width, y / self.row_units * _FINE_Y) for x, y in points]
        ImageDraw.Draw(cover).polygon(scaled, fill=255)
        raw = cover.resize((self.columns, self.rows), Image.Resampling.BOX).tobytes()
        return {(at % self.columns, at // self.columns) for at, value in enumerate(raw) if value >= 128}


class MaskCanvas(PictureView, can_focus=True):
    """``masks``: shown over the picture. With `draw` the cursor appears, and Enter sets corners."""

    DEFAULT_CSS = """
    MaskCanvas:focus { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "left",
            "move(-1, 0)",
            "Left",
            False,
            "↑ ↓ ← →",
            id="mask.move",
            tooltip="Move the cross; with Shift further",
        ),
        Binding("right", "move(1, 0)", "Right", show=False),
        Binding("up", "move(0, -1)", "Up", show=False),
        Binding("down", "move(0, 1)", "Down", show=False),
        *(
            Binding(f"{key}", f"move({x * _FAR}, {y * _FAR})", "Further", show=False)
            for key, x, y in (("shift+left", -1, 0), ("shift+right", 1, 0), ("shift+up", 0, -1), ("shift+down", 0, 1))
        ),
        Binding("home", "move(-9999, 0)", "To the left edge", show=False),
        Binding("end", "move(9999, 0)", "To the right edge", show=False),
        Binding("pageup", "move(0, -9999)", "To the upper edge", show=False),
        Binding("pagedown", "move(0, 9999)", "To the lower edge", show=False),
        Binding("enter", "corner", "Corner", id="mask.corner", tooltip="Two corners make a rectangle"),
        Binding("backspace", "take_back", "Take back", id="mask.back", tooltip="The last corner, or the last mask"),
        Binding(
            key_table.SHAPE, "shape", "Shape", id="mask.shape", tooltip="Draw a rectangle, or a shape with many corners"
        ),
    ]

    @dataclass
    class Drawn(Message):
        """A mask is complete."""

        points: list[Point]

    @dataclass
    class TakenBack(Message):
        """Backspace without a corner: the last mask is meant."""

    @dataclass
    class Changed(Message):
        """Corners, or the manner of drawing, changed."""

    def __init__(self, words: str = "", *, id: str | None = None) -> None:
        super().__init__(words, id=id)
        self.drawing = False
        self.shape = False
        """A shape with many corners, closed by Enter on its first; else a rectangle of two."""
        self.corners: list[Cell] = []
        self.cursor: Cell = (0, 0)
        self._masks: list[list[Point]] = []
        self._chosen = -1
        self._height_px = self._picture_height_px = 0
        self._hidden_cells: tuple[Grid, dict[Cell, bool]] | None = None
        self._marks: dict[int, dict[int, Segment]] = {}
        self._placed: Grid | None = None

    # --- what is shown ------------------------------------------------------------------------------------------

    def show_still(self, jpeg: bytes, height_px: int, picture_height_px: int) -> None:
        """A still, of whose height so much is picture."""
        self._height_px, self._picture_height_px = height_px, picture_height_px or height_px
        self.show(jpeg)

    @property
    def masks(self) -> list[list[Point]]:
        """What is drawn over it."""
        return self._masks

    def show_masks(self, masks: Sequence[Sequence[Point]], chosen: int = -1) -> None:
        """These, the chosen one brighter."""
        self._masks, self._chosen, self._hidden_cells = [list(points) for points in masks], chosen, None
        self._mark()

    def draw(self, on: bool) -> None:
        """With a cursor, or without."""
        self.drawing, self.corners = on, []
        self._mark()

    @property
    def grid(self) -> Grid | None:
        """The picture's cells, once it is ready."""
        size = self.shown_cells
        if size is None or not size.columns or not self._height_px:
            return None
        return Grid.of(size.columns, size.rows, self._height_px, self._picture_height_px)

    @property
    def _graphics(self) -> Graphics:
        # In cells, whatever the terminal can do: what is drawn over it must stand where it seems to.
        return replace(super()._graphics, protocol=HALF)

    # --- marks ---------------------------------------------------------------------------------------------------

    def _wanted(self, grid: Grid) -> dict[Cell, tuple[str, Style]]:
        if self._hidden_cells is None or self._hidden_cells[0] != grid:
            cells: dict[Cell, bool] = {}
            for number, points in enumerate(self._masks):
                for cell in grid.covered(points):
                    cells[cell] = cells.get(cell, False) or number == self._chosen
            self._hidden_cells = (grid, cells)
        marks = {cell: (HIDDEN, _CHOSEN if chosen else _HIDDEN) for cell, chosen in self._hidden_cells[1].items()}
        if not self.drawing:
            return marks
        for cell in grid.covered(self._begun(grid)):
            marks[cell] = (DRAWN, _DRAWN)
        marks |= dict.fromkeys(self.corners, (CORNER, _DRAWN))
        marks[self.cursor] = (CURSOR, _CURSOR)
        return marks

    def _begun(self, grid: Grid) -> list[Point]:
        """What would be hidden if the cursor's cell were the last corner."""
        if not self.corners:
            return []
        if not self.shape:
            return grid.box(self.corners[0], self.cursor)
        return [grid.corner(cell) for cell in (*self.corners, self.cursor)]

    def _mark(self) -> None:
        """Paint anew what differs."""
        grid = self.grid
        before = self._marks
        after: dict[int, dict[int, Segment]] = {}
        if grid is not None:
            self._place(grid)
            for (x, y), (character, style) in self._wanted(grid).items():
                after.setdefault(y, {})[x] = Segment(character, style)
        self._marks = after
        dirty = []
        for y in before.keys() | after.keys():
            old, new = before.get(y, {}), after.get(y, {})
            changed = [x for x in old.keys() | new.keys() if old.get(x) != new.get(x)]
            if changed:
                dirty.append(Region(min(changed), y, max(changed) - min(changed) + 1, 1))
        if dirty:
            self.refresh(*dirty)

    def _place(self, grid: Grid) -> None:
        """Cursor and corners within the picture; on a picture of another size they stay where they stand in it."""
        before = self._placed
        if before is None:
            self.cursor = (grid.columns // 2, grid.rows // 2)
        elif before != grid:
            cells = [(x * grid.columns // before.columns, y * grid.rows // before.rows) for x, y in self.corners]
            self.corners = [(min(x, grid.columns - 1), min(y, grid.rows - 1)) for x, y in cells]
            self.cursor = (self.cursor[0] * grid.columns // before.columns, self.cursor[1] * grid.rows // before.rows)
        self._placed = grid
        self.cursor = (clamp(self.cursor[0], 0, grid.columns - 1), clamp(self.cursor[1], 0, grid.rows - 1))

    def paint_more(self, most_bytes: int) -> int:
        """As a picture; the first time it is painted its cells are known."""
        if not self._painted_rows:
            self._mark()
        return super().paint_more(most_bytes)

    def _line(self, y: int, crop: Region, blank_style: Style) -> Strip:
        strip = super()._line(y, crop, blank_style)
        marks = self._marks.get(y)
        if not marks:
            return strip
        parts, at = [], 0
        for x in sorted(x - crop.x for x in marks if crop.x <= x < crop.right):
            if x > at:
                parts.append(strip.crop(at, x))
            parts.append(Strip([marks[x + crop.x]], 1))
            at = x + 1
        if at < crop.width:
            parts.append(strip.crop(at, crop.width))
        return Strip.join(parts)

    # --- keys ----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Its keys are there while something is drawn."""
        return self.drawing if action in ("move", "corner", "take_back", "shape") else True

    def action_move(self, x: int, y: int) -> None:
        """Move the cursor by so many cells, to the edge at most."""
        self.cursor = (self.cursor[0] + x, self.cursor[1] + y)
        self._mark()

    def action_shape(self) -> None:
        """Another manner of drawing; corners are begun anew."""
        self.shape, self.corners = not self.shape, []
        self._mark()
        self.post_message(self.Changed())

    def action_corner(self) -> None:
        """A corner here; with it the mask may be complete."""
        grid = self.grid
        if grid is None:
            return
        if not self.shape and self.corners:
            self._complete(grid.box(self.corners[0], self.cursor))
        elif self.shape and len(self.corners) >= 3 and self.cursor in (self.corners[0], self.corners[-1]):
            self._complete([grid.corner(cell) for cell in self.corners])
        elif self.cursor not in self.corners and len(self.corners) < MOST_CORNERS:
            self.corners.append(self.cursor)
            self._mark()
            self.post_message(self.Changed())

    def _complete(self, points: list[Point]) -> None:
        self.corners = []
        self._mark()
        self.post_message(self.Drawn(points))
        self.post_message(self.Changed())

    def action_take_back(self) -> None:
        """The last corner; without one, the last mask."""
        if self.corners:
            self.corners.pop()
            self._mark()
            self.post_message(self.Changed())
        else:
            self.post_message(self.TakenBack())

    def on_click(self, click: events.Click) -> None:
        """The mouse may set corners, too."""
        if self.drawing and self.grid is not None:
            self.cursor = (click.x, click.y)
            self._place(self.grid)
            self.action_corner()
