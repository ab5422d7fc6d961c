"""A picture on the terminal: decoded off the loop, painted a few rows at a time, and gone without a trace.

Under a dialog there is nothing of it, nor while its tab is not in front: it is painted anew afterwards. It shows the whole
picture as the service made it, with its masks and its legend.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from io import BytesIO
from typing import cast

from PIL import Image
from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.graphics import HALF, NO_COLORS, Graphics
from holdshelf_tui.session.screen_diff import Covered, Drawing
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import half_block
from holdshelf_tui.widgets.half_block import Fitted
from holdshelf_tui.widgets.pixels import Band, bands, fit_pixels

MOST_PIXELS = 4096 * 4096
_CELL_BYTES = 4
QUICK_BYTES = 16_000
"""Of a picture that somebody may leave for the next one at once."""
SHARPEN_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Painting:
    """A picture made ready for one size: rows of characters, or bands of pixels over blank cells."""

    size: Fitted
    colors: int = 0
    strips: list[Strip] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    is_coarse: bool = False

    def next(self, row: int) -> tuple[int, int]:
        """(rows that are painted in one go from this one on, about how many bytes that costs)."""
        if row < len(self.strips):
            strip = self.strips[row]
            return 1, strip.cost if isinstance(strip, half_block.PictureStrip) else _CELL_BYTES * strip.cell_length
        return next(((band.rows, len(band.text)) for band in self.bands if band.first_row == row), (1, 1))


def prepare(
    jpeg: bytes,
    columns: int,
    rows: int,
    graphics: Graphics,
    *,
    dark: bool,
    before: Painting | None = None,
    most_bytes: int | None = None,
) -> Painting:
    """Decode and make ready. ``before``: what stands there now. ``most_bytes``: see `half_block.paint`. Raises ValueError for
    what is no picture of ours, or too large. Blocks.
    """
    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("too large")
            if graphics.protocol == HALF or graphics.colors <= NO_COLORS:
                size = half_block.fit(image.width, image.height, columns, rows)
                if not size.columns:
                    return Painting(size)
                image.draft("RGB", (2 * size.columns, 4 * size.rows))
                same = before is not None and (before.size, before.colors) == (size, graphics.colors)
                there = before.strips if before is not None and same else ()
                strips, is_coarse = half_block.paint(
                    image, size, graphics.colors, dark=dark, before=there, most_bytes=most_bytes
                )
                return Painting(size, graphics.colors, strips, is_coarse=is_coarse)
            size, width, height = fit_pixels(image.width, image.height, columns, rows, graphics)
            if not size.columns:
                return Painting(size)
            image.draft("RGB", (width, height))
            return Painting(size, bands=bands(image, width, height, graphics))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(str(error)) from None


class PictureView(Widget):
    """One picture, or a few words in its place. Its size is what its style says; the picture keeps its shape within."""

    DEFAULT_CSS = """
    PictureView { width: 1fr; height: 1fr; color: $text-muted; }
    """

    def __init__(self, words: str = "", *, id: str | None = None, is_stepped: bool = False) -> None:
        """``is_stepped``: somebody goes from one picture to the next. Each comes coarse where it would take many bytes, and as it
        is when it has stood for a moment.
        """
        super().__init__(id=id)
        self._words, self._is_stepped = words, is_stepped
        self._sharpening: Timer | None = None
        self._jpeg = b""
        self._painting: Painting | None = None
        self._painted_rows = 0
        self._rows: dict[int, Strip] = {}
        self.painted = asyncio.Event()
        """Whether all of it is on screen."""

    # --- what it shows ------------------------------------------------------------------------------------------

    def show(self, jpeg: bytes) -> None:
        """Another picture. What is shown stays until it is ready."""
        if jpeg == self._jpeg and self._painting is not None:
            return
        self._jpeg = jpeg
        self._make(quick=self._is_stepped)

    def say(self, words: str) -> None:
        """No picture, but these words."""
        if words == self._words and not self._jpeg:
            return
        blank = not words and not self._words and self._painting is None
        self.workers.cancel_group(self, "make")
        self._jpeg, self._words = b"", inert(words, 300)
        self._take_off()
        self._painting = None
        if not blank:
            self.refresh()

    @property
    def words(self) -> str:
        """What stands in its place."""
        return self._words

    @property
    def has_picture(self) -> bool:
        """Whether there is one, painted or about to be."""
        return bool(self._jpeg)

    @property
    def shown_cells(self) -> Fitted | None:
        """The size of the picture in cells, once it is ready."""
        return self._painting.size if self._painting is not None else None

    @work(exclusive=True, group="make")
    async def _make(self, *, quick: bool = False) -> None:
        if self._sharpening is not None:
            self._sharpening.stop()
        size, jpeg = self.size, self._jpeg
        if not jpeg or not size.area:
            return
        try:
            painting = await asyncio.to_thread(
                prepare,
                jpeg,
                size.width,
                size.height,
                self._graphics,
                dark=self.app.current_theme.dark,
                before=self._painting,
                most_bytes=QUICK_BYTES if quick else None,
            )
        except ValueError:
            self.say("This picture cannot be drawn.")
            return
        if jpeg is not self._jpeg or size != self.size:
            return
        before, words = self._painting, self._words
        moved = before is not None and painting.size != before.size
        self._take_off(keep=not moved)
        self._painting, self._words = painting, ""
        self.painted.clear()
        if moved or words:
            self.refresh()
        self._queue()
        if painting.is_coarse:
            self._sharpening = self.set_timer(SHARPEN_AFTER_S, self._make)

    @property
    def _graphics(self) -> Graphics:
        return cast(SessionApp, self.app).graphics

    # --- painting -------------------------------------------------------------------------------------------------

    def _queue(self) -> None:
        if self._painting is not None and self.is_attached:
            cast(SessionApp, self.app).paint_queue.add(self)

    def _take_off(self, *, keep: bool = False) -> None:
        """Nothing of the picture is painted any more. ``keep``: leave the old one there to be painted over."""
        self._painted_rows = 0
        self.painted.clear()
        if not keep:
            self._rows.clear()

    @property
    def next_bytes(self) -> int:
        """See `paint_queue.Painted`."""
        painting = self._painting
        if painting is None or not self._in_sight or self._painted_rows >= painting.size.rows:
            return 0
        return max(1, painting.next(self._painted_rows)[1])

    def paint_more(self, most_bytes: int) -> int:
        """See `paint_queue.Painted`."""
        painting = self._painting
        if painting is None:
            return 0
        first, cost = self._painted_rows, 0
        while self._painted_rows < painting.size.rows:
            row = self._painted_rows
            rows, more = painting.next(row)
            if cost and cost + more > most_bytes:
                break
            cost += more
            if painting.strips:
                self._rows[row] = painting.strips[row]
            self._painted_rows += rows
        if self._painted_rows >= painting.size.rows:
            self.painted.set()
        self.refresh(Region(0, first, self.size.width, self._painted_rows - first))
        return cost

    @property
    def _in_sight(self) -> bool:
        return self.is_attached and self.is_on_screen and self.screen.is_active and bool(self.size.area)

    def render_lines(self, crop: Region) -> list[Strip]:
        """As the compositor asks; nothing of the picture while a dialog stands before it."""
        whole = self.visual_style.rich_style
        blank_style = Style(bgcolor=whole.bgcolor)
        if not self.is_attached or not self.screen.is_active:
            if self._painted_rows:
                self._take_off()
            return [Strip.blank(crop.width, blank_style)] * crop.height
        if self._painting is None:
            return self._words_lines(crop, whole)
        if not self._painted_rows:
            self.call_later(self._queue)
        lines = [self._line(y, crop, blank_style) for y in range(crop.y, crop.bottom)]
        return self._with_pixels(lines, crop, blank_style)

    def _line(self, y: int, crop: Region, blank_style: Style) -> Strip:
        strip = self._rows.get(y)
        if strip is None:
            return Strip.blank(crop.width, blank_style)
        return strip.crop_extend(crop.x, crop.right, blank_style)

    def _with_pixels(self, lines: list[Strip], crop: Region, blank_style: Style) -> list[Strip]:
        painting = self._painting
        if painting is None or not painting.bands:
            return lines
        place = self.screen.find_widget(self)
        if place.visible_region != place.region:
            return lines
        columns = painting.size.columns
        for band in painting.bands:
            if band.first_row >= self._painted_rows:
                continue
            x, y = place.region.x, place.region.y + band.first_row
            style = Covered(Drawing(band.text, band.erase, x, y, columns, band.rows), blank_style.bgcolor)
            line = Strip([Segment(" " * columns, style)], columns).extend_cell_length(crop.right, blank_style)
            for row in range(max(band.first_row, crop.y), min(band.first_row + band.rows, crop.bottom)):
                lines[row - crop.y] = line.crop(crop.x, crop.right)
        return lines

    def _words_lines(self, crop: Region, style: Style) -> list[Strip]:
        whole = Content(self._words).wrap(max(1, self.size.width)) if self._words else []
        top = max(0, (self.size.height - len(whole)) // 2)
        lines = []
        for y in range(crop.y, crop.bottom):
            text = whole[y - top].plain.center(self.size.width) if top <= y < top + len(whole) else ""
            strip = Strip([Segment(text, style)]) if text else Strip.blank(0)
            lines.append(strip.crop_extend(crop.x, crop.right, style))
        return lines

    # --- life -----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Made anew for the new size."""
        self.draw_anew()

    def draw_anew(self) -> None:
        """For another size of its own or of the terminal's cells, or in another way."""
        self._take_off()
        if self._painting is not None:
            self._painting = None
            self.refresh()
        self._make()

    def on_hide(self) -> None:
        """Another tab is in front."""
        self._take_off()

    def on_show(self) -> None:
        self._queue()

    def on_unmount(self) -> None:
        """Nothing stays behind on the terminal."""
        cast(SessionApp, self.app).paint_queue.drop(self)
        self._take_off()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All that there is."""
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """All that there is."""
        return container.height
