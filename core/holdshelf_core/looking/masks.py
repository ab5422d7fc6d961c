"""Privacy masks (P6) as images: which samples of a frame must show nothing.

Coarse where it must choose: a sample that a mask touches at all is hidden. Must never be given a scaled-down frame:
what is mixed into its neighbours before it is hidden can be read from them.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor

from PIL import Image, ImageChops, ImageDraw

from holdshelf_core.policy.model import Mask

SCALE = 10_000
"""Corners are in 0…SCALE of the picture's width and height."""
GREY = 96
"""Luma of a hidden area: neither night nor glare."""


@lru_cache(maxsize=16)
def hidden(masks: tuple[Mask, ...], width: int, height: int, margin_px: int = 0) -> Image.Image:
    """255 where a mask lies or touches, 0 elsewhere; mode L, width × height. ``margin_px`` hides that much more around."""
    cover = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(cover)
    for mask in masks:
        exact = [(x * width / SCALE, y * height / SCALE) for x, y in mask.points]
        # Corners rounded each way, and an outline over the edges between them: no pixel that an edge crosses is left.
        for round_x in (floor, ceil):
            for round_y in (floor, ceil):
                corners = [(round_x(x), round_y(y)) for x, y in exact]
                draw.polygon(corners, fill=255)
                draw.line([*corners, corners[0]], fill=255, width=3 + 2 * margin_px, joint="curve")
    return cover


@lru_cache(maxsize=16)
def hidden_chroma(
    masks: tuple[Mask, ...], width: int, height: int, chroma_width: int, chroma_height: int, margin_px: int = 0
) -> Image.Image:
    """The same for subsampled colour planes: a colour sample is hidden when it colours any hidden pixel, or is next to one.

    Next to one, because the eye's and the converter's idea of where a colour sample sits differ by half a sample.
    """
    cover = hidden(masks, width, height, margin_px)
    small = cover.resize((chroma_width, chroma_height), Image.Resampling.BOX).point(lambda value: 255 if value else 0)
    wider = small.copy()
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        shifted = Image.new("L", small.size, 0)
        shifted.paste(small, (dx, dy))
        wider = ImageChops.lighter(wider, shifted)
    return wider
