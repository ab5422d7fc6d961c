"""A larger picture of one instant and small ones of the time around it, arranged so that little of the pane stays empty."""

from __future__ import annotations

from typing import cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.message import Message

from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.graphics import SHORT_LEGEND_PX, Graphics
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.picture_layout import SHAPE, SMALL_PX, SMALL_SHAPE, STILL_PX, Board, board
from holdshelf_tui.widgets.thumbnails import Thumbnails

LEAST_STILL_PX = 480
"""In character cells, in which no legend can be read."""


class StillAndStrip(Container):
    """``still`` and ``thumbnails``. How they are arranged follows the pane, the terminal's cells, and the shape of the pictures
    of the camera in front (`front`), once some have come (`came`).
    """

    DEFAULT_CSS = """
    StillAndStrip { height: 1fr; layout: horizontal; }
    StillAndStrip > #still { margin-right: 1; }
    StillAndStrip.below { layout: vertical; }
    StillAndStrip.below > #still { margin-right: 0; }
    """

    class Rearranged(Message):
        """Pictures of another number or size have room now."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.still, self.thumbnails = PictureView(id="still", is_stepped=True), Thumbnails()
        self.board: Board | None = None
        """How they are arranged; None before there is room."""
        self._arranged_for: tuple[Board, Graphics] | None = None
        self._camera = ""
        self._shapes: dict[str, tuple[float, float]] = {}

    def compose(self) -> ComposeResult:
        """The larger one first."""
        yield self.still
        yield self.thumbnails

    def on_resize(self) -> None:
        """Find the best arrangement."""
        self.lay_out()

    def lay_out(self) -> None:
        """Find the best arrangement, for the terminal as it is now."""
        columns, rows = self.size
        if not columns or not rows:
            return
        shapes = self._shapes.get(self._camera, (SHAPE, SMALL_SHAPE))
        graphics = self._graphics
        found = board(columns, rows, graphics, *shapes)
        if (found, graphics) == self._arranged_for:
            return
        self._arranged_for = found, graphics
        self.board = found
        self.set_class(not found.beside, "below")
        self.still.styles.width, self.still.styles.height = found.still.columns, found.still.rows
        self.thumbnails.lay_out(found.across, found.down, found.small.rows)
        self.post_message(self.Rearranged())

    @property
    def _graphics(self) -> Graphics:
        return cast(SessionApp, self.app).graphics

    @property
    def still_px(self) -> int:
        """How wide the larger picture is asked for."""
        columns = self.board.still.columns if self.board is not None else 1
        return self._graphics.picture_px(columns, STILL_PX, least=LEAST_STILL_PX)

    @property
    def small_px(self) -> int:
        """How wide the small ones are asked for."""
        columns = self.board.small.columns if self.board is not None else 1
        return max(SHORT_LEGEND_PX, self._graphics.picture_px(columns, SMALL_PX, least=SHORT_LEGEND_PX))

    def front(self, camera: str) -> None:
        """Pictures of this camera come now."""
        if camera != self._camera:
            self._camera = camera
            self.lay_out()

    def came(self, *, still: tuple[int, int] | None = None, small: tuple[int, int] | None = None) -> None:
        """A picture of the camera in front has that width and height. The first of each kind counts: the legend's height differs
        a little with the width that is asked for, and pictures that come and go must not move anything.
        """
        shape, small_shape = self._shapes.get(self._camera, (SHAPE, SMALL_SHAPE))
        if still is not None and shape == SHAPE and all(still):
            shape = still[0] / still[1]
        if small is not None and small_shape == SMALL_SHAPE and all(small):
            small_shape = small[0] / small[1]
        self._shapes[self._camera] = shape, small_shape
        self.lay_out()
