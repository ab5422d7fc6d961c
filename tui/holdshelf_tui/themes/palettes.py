"""Our themes on terminals of 256 and of 16 colors: numbers chosen by hand, never rounded, and letters that can be read.

A palette names numbers for the grounds and for the letters of a theme, by the theme's own variables. Whatever is drawn (a screen
blends and tints as well) takes the numbers of what it is nearest to. Letters on a ground keep the contrast that WCAG 2 asks for
(4.5 : 1), or what the theme gave them where that is less on purpose: what cannot be done now, what lies behind a form.

The 256 are the same everywhere from 16 on. Of the first sixteen a terminal makes what it likes: contrast is reckoned for the
worst of those that are in use where there are only sixteen. Grounds are of the first eight: the Linux console has no others.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from textual.color import Color
from textual.theme import Theme

type Rgb = tuple[int, int, int]
type Numbers = Mapping[str, tuple[int, int]]
"""Of the 256, of the 16; by a variable of the theme."""

LEAST_CONTRAST = 4.5
_LEVELS = (0, 95, 135, 175, 215, 255)
# xterm's, the PC's (Linux console), the Windows console's.
SIXTEENS: tuple[tuple[Rgb, ...], ...] = tuple(
    tuple((number >> 16, number >> 8 & 255, number & 255) for number in sixteen)
    for sixteen in (
        (
            *(0x000000, 0xCD0000, 0x00CD00, 0xCDCD00, 0x0000EE, 0xCD00CD, 0x00CDCD, 0xE5E5E5),
            *(0x7F7F7F, 0xFF0000, 0x00FF00, 0xFFFF00, 0x5C5CFF, 0xFF00FF, 0x00FFFF, 0xFFFFFF),
        ),
        (
            *(0x000000, 0xAA0000, 0x00AA00, 0xAA5500, 0x0000AA, 0xAA00AA, 0x00AAAA, 0xAAAAAA),
            *(0x555555, 0xFF5555, 0x55FF55, 0xFFFF55, 0x5555FF, 0xFF55FF, 0x55FFFF, 0xFFFFFF),
        ),
        (
            *(0x0C0C0C, 0xC50F1F, 0x13A10E, 0xC19C00, 0x0037DA, 0x881798, 0x3A96DD, 0xCCCCCC),
            *(0x767676, 0xE74856, 0x16C60C, 0xF9F1A5, 0x3B78FF, 0xB4009E, 0x61D6D6, 0xF2F2F2),
        ),
    )
)


def color_of(number: int) -> Rgb:
    """One of the 256, from 16 on."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    at = number - 16
    return _LEVELS[at // 36], _LEVELS[at // 6 % 6], _LEVELS[at % 6]


def contrast(one: Rgb, other: Rgb) -> float:
    """From 1 to 21, as WCAG 2 reckons it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@functools.lru_cache(1 << 14)
def _luminance(color: Rgb) -> float:
    red, green, blue = (
        channel / 3294.6 if channel <= 10 else ((channel / 255 + 0.055) / 1.055) ** 2.4 for channel in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_of(letters: int, ground: int, colors: int) -> float:
    """Of two numbers, on the worst terminal."""
    if colors > 16:
        return contrast(color_of(letters), color_of(ground))
    return min(contrast(sixteen[letters], sixteen[ground]) for sixteen in SIXTEENS)


def _far(one: Rgb, other: Rgb) -> int:
    red, green, blue = (a - b for a, b in zip(one, other, strict=True))
    return 2 * red * red + 4 * green * green + 3 * blue * blue


@dataclass(frozen=True)
class Palette:
    """Of one theme. ``grounds``, ``letters``: numbers, by the theme's variable that they stand for."""

    grounds: Numbers
    letters: Numbers

    def on(self, theme: Theme, colors: int) -> Painter:
        """For a terminal of so many colors (256 or 16)."""
        return Painter(theme, self, colors)


class Painter:
    """Turns the colors of a theme into numbers of a terminal's colors. Pure, and remembers what it was asked."""

    def __init__(self, theme: Theme, palette: Palette, colors: int) -> None:
        self._colors = colors
        at = 0 if colors > 16 else 1
        looks = shown(theme)
        self._grounds = [(looks[name], numbers[at]) for name, numbers in palette.grounds.items()]
        self._letters = [(looks[name], numbers[at]) for name, numbers in palette.letters.items()]
        self.ground = functools.lru_cache(1 << 12)(self._ground)
        """(color) → the number of that ground."""
        self.letters = functools.lru_cache(1 << 12)(self._letters_on)
        """(color, color of the ground) → the number of letters on it."""

    def _ground(self, color: Rgb) -> int:
        return min(self._grounds, key=lambda one: _far(one[0], color))[1]

    def _letters_on(self, color: Rgb, ground: Rgb) -> int:
        under = self._ground(ground)
        wanted = min(LEAST_CONTRAST, contrast(color, ground))
        found = sorted(self._letters, key=lambda one: _far(one[0], color))
        for _, number in found:
            if contrast_of(number, under, self._colors) >= wanted:
                return number
        return max((number for _, number in found), key=lambda one: contrast_of(one, under, self._colors))


def shown(theme: Theme) -> dict[str, Rgb]:
    """What a theme's variables look like on its background, by name."""
    variables = theme.to_color_system().generate()
    background = Color.parse(variables["background"])
    found: dict[str, Rgb] = {}
    for name, value in variables.items():
        if value.startswith("auto "):
            color = background.get_contrast_text(float(value[5:-1]) / 100)
        elif value.startswith("#"):
            color = Color.parse(value)
        else:
            continue
        found[name] = (background + color).rgb
    return found


# Of each theme: (of the 256, of the 16). Slate is gray here, paper is white: the cube has navy and cream in their places.
DARK_PALETTE = Palette(
    grounds={
        "background": (233, 0),
        "surface": (235, 0),
        "panel": (236, 0),
        "panel-lighten-2": (238, 0),
        "block-cursor-background": (110, 6),
        "block-cursor-blurred-background": (239, 4),
        "accent": (179, 7),
        "foreground": (254, 7),
        "warning-muted": (58, 0),
        "error-muted": (52, 1),
        "success-muted": (22, 2),
        "success": (115, 2),
        "error": (210, 7),
    },
    letters={
        "foreground": (254, 15),
        "text": (255, 15),
        "text-muted": (248, 7),
        "text-disabled": (243, 8),
        "primary": (110, 14),
        "text-primary": (153, 14),
        "secondary": (152, 14),
        "accent": (179, 11),
        "text-accent": (222, 11),
        "text-warning": (222, 11),
        "text-error": (217, 9),
        "error": (210, 9),
        "text-success": (158, 10),
        "success": (115, 10),
        "border-blurred": (235, 0),
        "background": (16, 0),
    },
)
LIGHT_PALETTE = Palette(
    grounds={
        "background": (231, 7),
        "surface": (255, 7),
        "panel": (254, 7),
        "panel-darken-2": (252, 7),
        "block-cursor-background": (24, 4),
        "block-cursor-blurred-background": (252, 6),
        "accent": (94, 4),
        "foreground": (235, 0),
        "warning-muted": (223, 7),
        "error-muted": (224, 1),
        "success-muted": (194, 2),
        "success": (22, 2),
        "error": (124, 1),
    },
    letters={
        "foreground": (234, 0),
        "text": (16, 0),
        "text-muted": (240, 0),
        "text-disabled": (246, 8),
        "primary": (24, 4),
        "text-primary": (17, 4),
        "secondary": (239, 0),
        "accent": (94, 4),
        "text-accent": (58, 4),
        "text-warning": (58, 0),
        "text-error": (88, 0),
        "error": (124, 0),
        "text-success": (22, 0),
        "success": (22, 0),
        "border-blurred": (255, 7),
        "background": (231, 15),
    },
)
CONTRAST_PALETTE = Palette(
    grounds={
        "background": (16, 0),
        "panel": (234, 0),
        "block-cursor-background": (226, 7),
        "block-cursor-blurred-background": (238, 4),
        "foreground": (231, 7),
        "warning-muted": (58, 0),
        "error-muted": (52, 1),
        "success-muted": (22, 2),
        "success": (83, 2),
        "error": (217, 7),
    },
    letters={
        "foreground": (231, 15),
        "text-muted": (252, 7),
        "text-disabled": (245, 8),
        "accent": (226, 11),
        "success": (83, 10),
        "text-success": (157, 10),
        "error": (217, 9),
        "text-error": (224, 9),
        "background": (16, 0),
    },
)
