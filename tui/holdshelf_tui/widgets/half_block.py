"""A picture as characters: two pixels in each, one above the other. Colours as the terminal has them, and few bytes.

Pure functions on Pillow images; called in threads. A cell is twice as high as wide, so a half of one is a square pixel and
nothing is stretched. Where a colour is within a few steps of the one that is set already, it is not set anew: that halves
what a camera's picture costs and shows nowhere.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from PIL import Image, ImageOps
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from holdshelf_tui.widgets.graphics import FEW, NO_COLOURS, SOME

type Rgb = tuple[int, int, int]

UPPER, LOWER, FULL, EMPTY = "▀", "▄", "█", " "
SHADES = " ░▒▓█"
NEAR = 10
"""Steps of one channel, of 255, within which a colour counts as the same."""
_RESET = "\x1b[0m"
# What the sixteen are taken for: xterm's, which most terminals come close to.
_SIXTEEN: tuple[Rgb, ...] = (
    (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (192, 192, 192),
    (128, 128, 128), (255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
)  # fmt: skip
_LEVELS = (0, 95, 135, 175, 215, 255)
# Ordered dithering (Bayer, 4 × 4): with few colours a slow change of brightness would be one flat patch.
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


class PictureStrip(Strip):
    """One row of a picture. Whole, it is ``written`` so that only what changes is set; cut, segment by segment."""

    __slots__ = ("written",)

    def __init__(self, segments: list[Segment], columns: int, written: str) -> None:
        super().__init__(segments, columns)
        self.written = written

    def render(self, console: Console) -> str:
        """As Textual's compositor writes it."""
        return self.written


def paint(image: Image.Image, size: Fitted, colours: int, *, dark: bool = True) -> list[Strip]:
    """The rows of a picture. ``dark``: light characters on a dark ground (matters where there is no colour)."""
    if colours <= NO_COLOURS:
        return _shaded(image, size, dark=dark)
    small = image.convert("RGB").resize((size.columns, 2 * size.rows), Image.Resampling.BOX, reducing_gap=2.0)
    raw = small.tobytes()
    pixels = list(zip(raw[0::3], raw[1::3], raw[2::3], strict=True))
    if colours <= FEW:
        pixels = [
            _few(pixel, _BAYER[number // size.columns % 4][number % size.columns % 4])
            for number, pixel in enumerate(pixels)
        ]
    elif colours <= SOME:
        pixels = [_some(pixel) for pixel in pixels]
    rows = []
    for row in range(size.rows):
        at = 2 * row * size.columns
        top, bottom = pixels[at : at + size.columns], pixels[at + size.columns : at + 2 * size.columns]
        rows.append(_row(top, bottom, colours))
    return rows


# --- colours -------------------------------------------------------------------------------------------------------


@functools.lru_cache(1 << 15)
def _some(colour: Rgb) -> Rgb:
    """The nearest of the 256: of the cube, or of the greys where that is nearer."""
    cube = tuple(min(_LEVELS, key=lambda level: abs(level - channel)) for channel in colour)
    step = min(23, max(0, round((sum(colour) / 3 - 8) / 10)))
    grey = 8 + 10 * step
    far_cube = sum((a - b) ** 2 for a, b in zip(colour, cube, strict=True))
    far_grey = sum((a - grey) ** 2 for a in colour)
    return (grey, grey, grey) if far_grey < far_cube else (cube[0], cube[1], cube[2])


@functools.lru_cache(1 << 14)
def _few(colour: Rgb, threshold: int) -> Rgb:
    """The nearest of the sixteen, pushed a little by its place in the pattern."""
    push = (threshold - 7.5) * 4
    red, green, blue = (channel + push for channel in colour)
    return min(_SIXTEEN, key=lambda c: 2 * (c[0] - red) ** 2 + 4 * (c[1] - green) ** 2 + 3 * (c[2] - blue) ** 2)


@functools.lru_cache(1 << 15)
def _code(colour: Rgb, colours: int, *, ground: bool) -> str:
    """What sets it."""
    if colours <= FEW:
        number = _SIXTEEN.index(colour)
        return str((40 if ground else 30) + number if number < 8 else (100 if ground else 90) + number - 8)
    lead = 48 if ground else 38
    if colours <= SOME:
        return f"{lead};5;{_number(colour)}"
    return f"{lead};2;{colour[0]};{colour[1]};{colour[2]}"


def _number(colour: Rgb) -> int:
    red, green, blue = colour
    if red == green == blue and red not in _LEVELS:
        return 232 + (red - 8) // 10
    return 16 + 36 * _LEVELS.index(red) + 6 * _LEVELS.index(green) + _LEVELS.index(blue)


@functools.lru_cache(1 << 14)
def _style(front: Rgb, ground: Rgb) -> Style:
    return Style(color=Color.from_rgb(*front), bgcolor=Color.from_rgb(*ground))


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
    """(character, its colour, its ground) for a cell: of those that show it, the one that needs the fewest set anew."""
    if _near(above, below, most):
        if _near(above, ground, most) or not _near(above, front, most):
            return EMPTY, front, ground if _near(above, ground, most) else above
        return FULL, front, ground
    upright = (not _near(above, front, most)) + (not _near(below, ground, most))
    turned = (not _near(below, front, most)) + (not _near(above, ground, most))
    character, over, under = (LOWER, below, above) if turned < upright else (UPPER, above, below)
    return character, front if _near(over, front, most) else over, ground if _near(under, ground, most) else under


def _row(top: list[Rgb], bottom: list[Rgb], colours: int) -> Strip:
    """What is written for a row, and the same as segments."""
    most = NEAR if colours > SOME else 0
    front: Rgb | None = None
    ground: Rgb | None = None
    text: list[str] = []
    segments: list[Segment] = []
    run, run_style = "", None
    for above, below in zip(top, bottom, strict=True):
        character, *needs = _choose(above, below, front, ground, most)
        codes = []
        if needs[0] is not front and needs[0] is not None:
            codes.append(_code(needs[0], colours, ground=False))
        if needs[1] is not ground and needs[1] is not None:
            codes.append(_code(needs[1], colours, ground=True))
        front, ground = needs
        if codes:
            text.append(f"\x1b[{';'.join(codes)}m")
        text.append(character)
        shown = front if front is not None else above
        style = _style(shown, ground if ground is not None else above)
        if style is run_style:
            run += character
        else:
            if run:
                segments.append(Segment(run, run_style))
            run, run_style = character, style
    if run:
        segments.append(Segment(run, run_style))
    return PictureStrip(segments, len(top), "".join(text) + _RESET)


def _shaded(image: Image.Image, size: Fitted, *, dark: bool) -> list[Strip]:
    """Without colours: five shades, their thresholds in a pattern."""
    grey = ImageOps.autocontrast(image.convert("L").resize((size.columns, size.rows), Image.Resampling.BOX), cutoff=1)
    if not dark:
        grey = ImageOps.invert(grey)
    raw, rows = grey.tobytes(), []
    for row in range(size.rows):
        line = raw[row * size.columns : (row + 1) * size.columns]
        text = "".join(
            SHADES[min(4, max(0, int(value / 51 + (_BAYER[row % 4][column % 4] - 7.5) / 24)))]
            for column, value in enumerate(line)
        )
        rows.append(Strip([Segment(text, Style())], size.columns))
    return rows
