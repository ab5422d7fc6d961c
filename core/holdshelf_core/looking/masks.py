"""Privacy masks (P6) as images: which samples of a frame must show nothing.

Coarse where it must choose: a sample that a mask touches at all is hidden. Must never be given a scaled-down frame:
what is mixed into its neighbours before it is hidden can be read from them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, pairwise, product
from math import ceil, floor

from PIL import Image, ImageDraw

from holdshelf_core.policy.model import Mask

SCALE = 10_000
"""Corners are in 0…SCALE of the picture's width and height."""
COLOUR_REACH_PX = 2
"""How much more is hidden around a mask in a plane of colour samples, in those. A camera mixes neighbours when it makes few
colour samples of many: those beside a mask hold some of the colour under it. Half the usual four taps of that filter.
"""
GREY = 96
"""Luma of a hidden area: neither night nor glare."""
_KEPT, _KEPT_PIXELS = 8, 4_000_000
"""So many covers are kept, of frames up to that size: memory is bounded."""


def hidden(masks: tuple[Mask, ...], width: int, height: int, margin_px: int = 0) -> Image.Image:
    """255 where a mask lies or touches, 0 elsewhere; mode L, width × height. ``margin_px`` hides that much more around.

    For planes of fewer samples than the frame has pixels: their size, and ``COLOUR_REACH_PX``.
    """
    make = _hidden if width * height <= _KEPT_PIXELS else _hidden.__wrapped__
    return make(masks, width, height, margin_px)


@lru_cache(maxsize=_KEPT)
def _hidden(masks: tuple[Mask, ...], width: int, height: int, margin_px: int) -> Image.Image:
    cover = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(cover)
    for mask in masks:
        points = [(min(max(x, 0), SCALE), min(max(y, 0), SCALE)) for x, y in mask.points]
        # Of a shape that crosses itself, everything that it can be taken to mean: a fan from its first corner.
        shapes = [[points[0], *pair] for pair in pairwise(points[1:])] if _crosses_itself(points) else [points]
        for shape in shapes:
            exact = [(x * width / SCALE, y * height / SCALE) for x, y in shape]
            # Corners rounded each way, and an outline over the edges between them: no pixel that an edge crosses is left.
            for round_x, round_y in product((floor, ceil), repeat=2):
                corners = [(round_x(x), round_y(y)) for x, y in exact]
                draw.polygon(corners, fill=255)
                draw.line([*corners, corners[0]], fill=255, width=3 + 2 * margin_px, joint="curve")
    return cover


def _crosses_itself(points: list[tuple[int, int]]) -> bool:
    edges = list(pairwise([*points, points[0]]))

    def side(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
        turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return (turn > 0) - (turn < 0)

    return any(
        side(*one, other[0]) * side(*one, other[1]) < 0 and side(*other, one[0]) * side(*other, one[1]) < 0
        for one, other in combinations(edges, 2)
    )
