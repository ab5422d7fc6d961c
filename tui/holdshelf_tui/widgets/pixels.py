"""A picture as pixels, for terminals that take them: sixel, or kitty's protocol. In bands of rows, so that a key is never behind
more than one of them.

Sixels are made by textual-image's encoder alone: its widgets ask the terminal when they are imported, scale pictures up to the
terminal's pixels, and write kitty's protocol past the app's own output, where nothing could hold it back. A picture is never
scaled up here. Pure; called in threads.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from itertools import count

from PIL import Image

from holdshelf_tui.session.graphics import KITTY, Graphics
from holdshelf_tui.widgets.half_block import Fitted

BAND_PIXELS = 10_000
"""A band costs about half a byte to a byte a pixel."""
SIXEL_COLORS, KITTY_COLORS = 64, 128
_CHUNK = 4096
_ids = count(0x484F)


@dataclass(frozen=True, slots=True)
class Band:
    """A few rows. ``text`` draws them with their upper left corner at the cursor; ``erase`` takes them away."""

    first_row: int
    rows: int
    text: str
    erase: str = ""


def fit_pixels(width_px: int, height_px: int, columns: int, rows: int, graphics: Graphics) -> tuple[Fitted, int, int]:
    """The cells that a picture takes, and its size in pixels: its own, or as much smaller as it must be."""
    if width_px < 1 or height_px < 1 or columns < 1 or rows < 1:
        return Fitted(0, 0), 0, 0
    cell_width, cell_height = graphics.cell_width_px, graphics.cell_height_px
    scale = min(1.0, columns * cell_width / width_px, rows * cell_height / height_px)
    width, height = max(1, int(width_px * scale)), max(1, int(height_px * scale))
    return Fitted(-(-width // cell_width), -(-height // cell_height)), width, height


def bands(image: Image.Image, width_px: int, height_px: int, graphics: Graphics) -> list[Band]:
    """The picture at that size, in bands."""
    small = image.convert("RGB").resize((width_px, height_px), Image.Resampling.BOX, reducing_gap=2.0)
    cell = graphics.cell_height_px
    each = max(1, BAND_PIXELS // (width_px * cell))
    found = []
    for top in range(0, height_px, each * cell):
        part = small.crop((0, top, width_px, min(height_px, top + each * cell)))
        rows = -(-part.height // cell)
        if graphics.protocol == KITTY:
            number = next(_ids)
            found.append(Band(top // cell, rows, _kitty(part, number), f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"))
        else:
            found.append(Band(top // cell, rows, _sixel(part)))
    return found


def _sixel(image: Image.Image) -> str:
    """Sixels come six rows at a time. What the last ones have below the picture is see-through (P2 = 1): with the ground that the
    encoder asks for, foot paints it over the words below.
    """
    # It loads numpy where that is installed, which no other terminal needs.
    from textual_image._sixel import SixelOptions, image_to_sixels  # noqa: PLC0415

    return image_to_sixels(image, SixelOptions(colors=SIXEL_COLORS)).replace("\x1bP0;0;", "\x1bP0;1;", 1)


def _kitty(image: Image.Image, number: int) -> str:
    """Transmit and show at the cursor, which stays (C=1); no answer is wanted (q=2)."""
    out = BytesIO()
    image.quantize(KITTY_COLORS, Image.Quantize.FASTOCTREE).save(out, "PNG", compress_level=6)
    payload = b64encode(out.getvalue()).decode()
    head = f"a=T,f=100,C=1,q=2,i={number}"
    parts = []
    for at in range(0, len(payload), _CHUNK):
        more = int(at + _CHUNK < len(payload))
        keys = f"{head},m={more}" if not at else f"m={more}"
        parts.append(f"\x1b_G{keys};{payload[at : at + _CHUNK]}\x1b\\")
    return "".join(parts)
