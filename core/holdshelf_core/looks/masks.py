"""Privacy masks (P6) as images, and a release's moving boxes as rectangles: which samples of a frame must be hidden.

Conservative: a sample that a mask touches at all is hidden. Must never be applied to a scaled-down frame: what was mixed into
neighboring samples before masking could be recovered.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, pairwise, product
from math import ceil, floor

from PIL import Image, ImageDraw

from holdshelf_core.policy.model import Mask
from holdshelf_core.policy.redaction import FULL, Place

COLOR_REACH_PX = 2
"""How far to extend a mask in a chroma plane, in its samples. Chroma subsampling mixes neighbors: samples beside a mask
contain some of the color under it. Half the usual four taps of that filter."""
GRAY = 96
"""Luma of a hidden area: looks like neither night nor glare."""
_KEPT, _KEPT_PIXELS = 8, 4_000_000
"""Number of cached mask images, and the largest frame size cached: limits memory."""


def hidden(masks: tuple[Mask, ...], width: int, height: int, margin_px: int = 0) -> Image.Image:
    """Return 255 where a mask is or touches, 0 elsewhere; mode L, width × height. ``margin_px`` hides that much more around
    it.

    For subsampled planes, pass their size, and ``COLOR_REACH_PX``.
    """
    make = _hidden if width * height <= _KEPT_PIXELS else _hidden.__wrapped__
    return make(masks, width, height, margin_px)


def covered(place: Place, width: int, height: int, margin_px: int = 0) -> Place:
    """Return the samples that a box is on or touches: left, top, right, bottom, the last two exclusive. ``margin_px`` as in
    ``hidden``.

    A box moves: another image for each frame would cost more than the rest of the painting.
    """
    left, top, right, bottom = place
    return (
        max(0, left * width // FULL - margin_px),
        max(0, top * height // FULL - margin_px),
        min(width, -(-right * width // FULL) + margin_px),
        min(height, -(-bottom * height // FULL) + margin_px),
    )


@lru_cache(maxsize=_KEPT)
def _hidden(masks: tuple[Mask, ...], width: int, height: int, margin_px: int) -> Image.Image:
    cover = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(cover)
    for mask in masks:
        points = [(min(max(x, 0), FULL), min(max(y, 0), FULL)) for x, y in mask.points]
        # For a shape that crosses itself, hide every possible interpretation: a fan from its first corner.
        shapes = [[points[0], *pair] for pair in pairwise(points[1:])] if _crosses_itself(points) else [points]
        for shape in shapes:
            exact = [(x * width / FULL, y * height / FULL) for x, y in shape]
            # Corners rounded both ways, and an outline over the edges between them: every pixel that an edge crosses is covered.
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
