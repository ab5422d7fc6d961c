"""A picture as characters: two pixels in each, one above the other. Colors as the terminal has them, and few bytes.

Pure functions on Pillow images; called in threads. A cell is twice as high as wide, so a half of one is a square pixel and
nothing is stretched. Where a color is within a few steps of the one that is set already, it is not set anew: that halves
what a camera's picture costs and shows nowhere. For the same reason a cell that shows nearly what it did before stays as it is.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from PIL import Image, ImageOps
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from holdshelf_tui.session.graphics import FEW, NO_COLORS, SOME

type Rgb = tuple[int, int, int]

UPPER, LOWER, FULL, EMPTY = "▀", "▄", "█", " "
SHADES = " ░▒▓█"
NEAR = 10
"""Steps of one channel, of 255, within which a color counts as the same."""
COARSEST = 8 * NEAR
_CELL_BYTES, _COLOR_BYTES = 3, 17
# What the sixteen are taken for: xterm's, which most terminals come close to.
_SIXTEEN: tuple[Rgb, ...] = (
    (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (192, 192, 192),
    (128, 128, 128), (255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
)  # fmt: skip
_LEVELS = (0, 95, 135, 175, 215, 255)
# Ordered dithering (Bayer, 4 × 4): with few colors a slow change of brightness would be one flat patch.
_BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture's size in cells, and in the pixels that fill them."""

    columns: int
    rows: int


def fit(width_px: int, height_px: int, columns: int, rows: int) -> Fitted:
    """The largest size within a box of cells that keeps the picture's shape."""
    if width_px < 1 or height_px < 1 or columns < 1 or rows < 1:
        return Fitted(0, 0)
    scale = min(columns / width_px, 2 * rows / height_px)
    return Fitted(max(1, min(columns, round(width_px * scale))), max(1, min(rows, round(height_px * scale / 2))))


type Cell = tuple[str, Rgb, Rgb]
"""A character, its color, its ground."""


class PictureStrip(Strip):
    """One row of a picture, and its cells, for the picture that comes after it. ``cost``: bytes, about, that it takes at most;
    ``fresh``: that it takes over the cells that stood there.
    """

    __slots__ = ("cells", "cost", "fresh")

    def __init__(self, segments: list[Segment], cells: list[Cell], fresh: int) -> None:
        super().__init__(segments, len(cells))
        self.cells, self.fresh = cells, fresh
        changes = sum((one[1] != next[1]) + (one[2] != next[2]) for one, next in itertools.pairwise(cells))
        self.cost = _CELL_BYTES * len(cells) + _COLOR_BYTES * (2 + changes)


def paint(
    image: Image.Image,
    size: Fitted,
    colors: int,
    *,
    dark: bool = True,
    before: Sequence[Strip] = (),
    most_bytes: int | None = None,
) -> tuple[list[Strip], bool]:
    """The rows of a picture, and whether it is coarse. ``dark``: light characters on a dark ground (matters where there is no
    color). ``before``: rows of the picture that stands there now, of the same size and with as many colors.
    ``most_bytes``: what it may take, about; one that takes more is painted in coarser steps of color until it does not.
    """
    if colors <= NO_COLORS:
        return _shaded(image, size, dark=dark), False
    small = image.convert("RGB").resize((size.columns, 2 * size.rows), Image.Resampling.BOX, reducing_gap=2.0)
    raw = small.tobytes()
    pixels = list(zip(raw[0::3], raw[1::3], raw[2::3], strict=True))
    if colors <= FEW:
        pixels = [
            _few(pixel, _BAYER[number // size.columns % 4][number % size.columns % 4])
            for number, pixel in enumerate(pixels)
        ]
    elif colors <= SOME:
        pixels = [_some(pixel) for pixel in pixels]
    steps = NEAR if colors > SOME else 0
    while True:
        rows: list[PictureStrip] = []
        for row in range(size.rows):
            at = 2 * row * size.columns
            top, bottom = pixels[at : at + size.columns], pixels[at + size.columns : at + 2 * size.columns]
            there = before[row] if row < len(before) else None
            rows.append(_row(top, bottom, colors, steps, there.cells if isinstance(there, PictureStrip) else []))
        fits = most_bytes is None or sum(row.fresh for row in rows) <= most_bytes
        if fits or not 0 < steps < COARSEST:
            return list(rows), steps > NEAR
        steps = steps * 3 // 2


# --- colors -------------------------------------------------------------------------------------------------------


@functools.lru_cache(1 << 15)
def _some(color: Rgb) -> Rgb:
    """The nearest of the 256: of the cube, or of the grays where that is nearer."""
    cube = tuple(min(_LEVELS, key=lambda level: abs(level - channel)) for channel in color)
    step = min(23, max(0, round((sum(color) / 3 - 8) / 10)))
    gray = 8 + 10 * step
    far_cube = sum((a - b) ** 2 for a, b in zip(color, cube, strict=True))
    far_gray = sum((a - gray) ** 2 for a in color)
    return (gray, gray, gray) if far_gray < far_cube else (cube[0], cube[1], cube[2])


@functools.lru_cache(1 << 14)
def _few(color: Rgb, threshold: int) -> Rgb:
    """The nearest of the sixteen, pushed a little by its place in the pattern."""
    push = (threshold - 7.5) * 4
    red, green, blue = (channel + push for channel in color)
    return min(_SIXTEEN, key=lambda c: 2 * (c[0] - red) ** 2 + 4 * (c[1] - green) ** 2 + 3 * (c[2] - blue) ** 2)


def _color(color: Rgb, colors: int) -> Color:
    """As the terminal is told of it."""
    if colors <= FEW:
        return Color.from_ansi(_SIXTEEN.index(color))
    return Color.from_ansi(_number(color)) if colors <= SOME else Color.from_rgb(*color)


def _number(color: Rgb) -> int:
    red, green, blue = color
    if red == green == blue and red not in _LEVELS:
        return 232 + (red - 8) // 10
    return 16 + 36 * _LEVELS.index(red) + 6 * _LEVELS.index(green) + _LEVELS.index(blue)


@functools.lru_cache(1 << 14)
def _style(front: Rgb, ground: Rgb, colors: int) -> Style:
    return Style(color=_color(front, colors), bgcolor=_color(ground, colors))


# --- one row ---------------------------------------------------------------------------------------------------------


def _near(one: Rgb, other: Rgb | None, most: int) -> bool:
    return (
        other is not None
        and abs(one[0] - other[0]) <= most
        and abs(one[1] - other[1]) <= most
        and abs(one[2] - other[2]) <= most
    )


def _choose(
    above: Rgb, below: Rgb, front: Rgb | None, ground: Rgb | None, most: int
) -> tuple[str, Rgb | None, Rgb | None]:
    """(character, its color, its ground) for a cell: of those that show it, the one that needs the fewest set anew."""
    if _near(above, below, most):
        if _near(above, ground, most) or not _near(above, front, most):
            return EMPTY, front, ground if _near(above, ground, most) else above
        return FULL, front, ground
    upright = (not _near(above, front, most)) + (not _near(below, ground, most))
    turned = (not _near(below, front, most)) + (not _near(above, ground, most))
    character, over, under = (LOWER, below, above) if turned < upright else (UPPER, above, below)
    return character, front if _near(over, front, most) else over, ground if _near(under, ground, most) else under


def _stays(above: Rgb, below: Rgb, there: Cell, most: int) -> bool:
    """Whether a cell shows these two already, as nearly as need be."""
    character, front, ground = there
    return _near(above, front if character in (UPPER, FULL) else ground, most) and _near(
        below, front if character in (LOWER, FULL) else ground, most
    )


def _row(top: list[Rgb], bottom: list[Rgb], colors: int, most: int, there: list[Cell]) -> PictureStrip:
    """One row. ``most``: steps within which a color counts as the same. ``there``: cells that stand where it will. Those that
    stay are not written, so they set no color for the next.
    """
    front: Rgb | None = None
    ground: Rgb | None = None
    cells: list[Cell] = []
    fresh = 0
    for column, (above, below) in enumerate(zip(top, bottom, strict=True)):
        if column < len(there) and _stays(above, below, there[column], most):
            cells.append(there[column])
            continue
        character, fore, under = _choose(above, below, front, ground, most)
        fresh += _CELL_BYTES + _COLOR_BYTES * ((fore != front) + (under != ground))
        front, ground = fore, under
        cells.append((character, front or above, ground or above))
    segments = [
        Segment("".join(cell[0] for cell in run), _style(*pens, colors))
        for pens, run in itertools.groupby(cells, key=itemgetter(1, 2))
    ]
    return PictureStrip(segments, cells, fresh)


def _shaded(image: Image.Image, size: Fitted, *, dark: bool) -> list[Strip]:
    """Without colors: five shades, their thresholds in a pattern."""
    gray = ImageOps.autocontrast(image.convert("L").resize((size.columns, size.rows), Image.Resampling.BOX), cutoff=1)
    if not dark:
        gray = ImageOps.invert(gray)
    raw, rows = gray.tobytes(), []
    for row in range(size.rows):
        line = raw[row * size.columns : (row + 1) * size.columns]
        text = "".join(
            SHADES[min(4, max(0, int(value / 51 + (_BAYER[row % 4][column % 4] - 7.5) / 24)))]
            for column, value in enumerate(line)
        )
        rows.append(Strip([Segment(text, Style())], size.columns))
    return rows
