"""The rooms that the demo's cameras look at: drawn here, so that no picture of a real person or place is ever shown.

A scene is a still background and a few movers (a walker, a car, a book cart, a pendulum) whose place is a function of
the time alone, so that the same second always gives the same picture. Movers come and go: a stretch without any of them
keeps the encoded stream small, which is what makes a demo's activity line worth looking at.

Everything is drawn in units of a 640 × 360 picture and scaled. Nothing that matters is drawn above y = 60 or below
y = 312: `picture` lays the clock and the color cells there.
"""

# corners, color, roundness: named at every call they would drown the drawing

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

UNITS_WIDE = 640
UNITS_HIGH = 360
_COMES_ONCE_IN = 4
"""Periods: a stretch in which nobody comes is some minutes long, so that a strip of an hour has its ups and downs."""
_OVERSAMPLING = 2  # drawn larger and scaled down: Pillow's shapes have no soft edges of their own

Color = tuple[int, int, int]


class Pen:
    """Draws in units of a 640 × 360 picture on an image of any size."""

    def __init__(self, width_units: float, height_units: float, scale: float, color: Color | None = None) -> None:
        self._scale = scale * _OVERSAMPLING
        self._size = (max(1, round(width_units * scale)), max(1, round(height_units * scale)))
        large = (self._size[0] * _OVERSAMPLING, self._size[1] * _OVERSAMPLING)
        self._image = Image.new("RGBA", large, (0, 0, 0, 0) if color is None else (*color, 255))
        self._draw = ImageDraw.Draw(self._image)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: Color, round_by: float = 0.0) -> None:
        place = [value * self._scale for value in (x0, y0, x1, y1)]
        self._draw.rounded_rectangle(place, round_by * self._scale, fill=color)

    def oval(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        self._draw.ellipse([value * self._scale for value in (x0, y0, x1, y1)], fill=color)

    def shape(self, points: Sequence[tuple[float, float]], color: Color) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=color)

    def line(self, points: Sequence[tuple[float, float]], color: Color, thick: float) -> None:
        scaled = [(x * self._scale, y * self._scale) for x, y in points]
        self._draw.line(scaled, fill=color, width=max(1, round(thick * self._scale)), joint="curve")

    def fade(self, x0: float, y0: float, x1: float, y1: float, top: Color, bottom: Color) -> None:
        """A box that goes from one color to another, in steps wide enough to compress well."""
        steps = max(1, round((y1 - y0) / 4))
        for step in range(steps):
            part = step / max(1, steps - 1)
            mixed = tuple(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
            y = y0 + (y1 - y0) * step / steps
            self.box(x0, y, x1, y0 + (y1 - y0) * (step + 1) / steps, (mixed[0], mixed[1], mixed[2]))

    def image(self) -> Image.Image:
        return self._image.resize(self._size, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Mover:
    """Something that moves: its sprites (height, width, 4: RGBA) and where it is, in units, at a time in seconds.

    `place` gives (x, y, sprite number) of the upper left corner, or None while the mover is away. `stays`: it is part of the
    room, as a clock's pendulum is.
    """

    sprites: Sequence[NDArray[np.uint8]]
    place: Callable[[float], tuple[float, float, int] | None]
    stays: bool = False


@dataclass(frozen=True)
class Scene:
    """What one camera sees. `background` is (height, width, 3) RGB."""

    background: NDArray[np.uint8]
    movers: Sequence[Mover]


def build_scene(number: int, width: int, height: int) -> Scene:
    """The scene of camera `number` (from 1). There are four; further cameras see them again under another light."""
    builders = (_entrance, _reading_room, _parking_lot, _returns_desk)
    scale = height / UNITS_HIGH
    pen = Pen(UNITS_WIDE, UNITS_HIGH, scale, (40, 44, 52))
    movers = builders[(number - 1) % len(builders)](pen, scale)
    image = pen.image().convert("RGB").resize((width, height))
    evening = (number - 1) // len(builders) % 3
    if evening:
        darker = ImageEnhance.Brightness(image).enhance(1 - 0.22 * evening)
        image = ImageEnhance.Color(darker).enhance(1 - 0.3 * evening)
    return Scene(np.asarray(image, dtype=np.uint8), movers)


# -- what moves --------------------------------------------------------------------------------------------------------


def _sprite(pen: Pen) -> NDArray[np.uint8]:
    return np.asarray(pen.image(), dtype=np.uint8)


def _there_and_back(
    sprites_forth: int, period_s: float, offset_s: float, speed: float, y: float, width: float, poses_per_second: float
) -> Callable[[float], tuple[float, float, int] | None]:
    """Crosses the picture left to right, later right to left, then stays away for what is left of the period; in most
    periods it does not come at all.

    The second half of the sprites must be the first half mirrored.
    """
    crossing_s = (UNITS_WIDE + width) / speed

    def place(at_s: float) -> tuple[float, float, int] | None:
        period, into_s = divmod(at_s + offset_s, period_s)
        if not _comes(f"{period:.0f} {period_s} {offset_s}"):
            return None
        pose = int(at_s * poses_per_second) % sprites_forth
        if into_s < crossing_s:
            return into_s * speed - width, y, pose
        back_s = into_s - period_s / 2
        if 0 <= back_s < crossing_s:
            return UNITS_WIDE - back_s * speed, y, sprites_forth + pose
        return None

    return place


def _comes(period: str) -> bool:
    """Whether a mover comes in a period: in the same ones each time that they are drawn, and in no order."""
    return zlib.crc32(period.encode()) % _COMES_ONCE_IN == 0


def _with_mirrored(sprites: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return sprites + [np.ascontiguousarray(sprite[:, ::-1]) for sprite in sprites]


def _walker(scale: float, coat: Color, hair: Color, tall: float, y_feet: float, **when: float) -> Mover:
    width, height = 34.0, 84.0
    sprites = []
    for pose in range(4):
        pen = Pen(width * tall, height * tall, scale)
        reach = (9, 4, -9, -4)[pose] * tall
        hip, knee_y, foot_y = (17 * tall, 50 * tall), 66 * tall, 82 * tall
        for side, trousers in ((-1, (44, 48, 62)), (1, (58, 64, 82))):
            foot_x = hip[0] + side * reach
            pen.line([hip, (hip[0] + side * reach * 0.7, knee_y), (foot_x, foot_y - 2 * tall)], trousers, 7 * tall)
            pen.oval(foot_x - 4 * tall, foot_y - 5 * tall, foot_x + 7 * tall, foot_y + 1 * tall, (30, 28, 30))
        pen.box(9 * tall, 20 * tall, 25 * tall, 56 * tall, coat, 7 * tall)
        darker = (coat[0] * 3 // 4, coat[1] * 3 // 4, coat[2] * 3 // 4)
        pen.line([(17 * tall, 26 * tall), (17 * tall - reach * 0.9, 46 * tall)], darker, 6 * tall)
        pen.oval(10 * tall, 2 * tall, 25 * tall, 19 * tall, (222, 180, 150))
        pen.oval(8 * tall, 0, 22 * tall, 11 * tall, hair)
        sprites.append(_sprite(pen))
    walk = _there_and_back(
        4, when["period_s"], when["offset_s"], when["speed"], y_feet - height * tall, width * tall, poses_per_second=5
    )
    return Mover(_with_mirrored(sprites), walk)


def _draw_car(pen: Pen, x: float, y: float, body: Color) -> None:
    """A car seen from its left side, 120 × 50 units, its wheels on y + 50."""
    pen.oval(x + 2, y + 42, x + 118, y + 54, (46, 48, 52))
    pen.shape([(x + 22, y + 22), (x + 40, y + 2), (x + 82, y + 2), (x + 100, y + 22)], body)
    pen.shape([(x + 30, y + 21), (x + 43, y + 6), (x + 60, y + 6), (x + 60, y + 21)], (176, 206, 222))
    pen.shape([(x + 64, y + 21), (x + 64, y + 6), (x + 80, y + 6), (x + 92, y + 21)], (176, 206, 222))
    pen.box(x + 2, y + 19, x + 118, y + 42, body, 8)
    pen.box(x + 108, y + 24, x + 118, y + 31, (250, 240, 180), 2)
    pen.box(x + 2, y + 24, x + 9, y + 31, (210, 50, 40), 2)
    for wheel_x in (x + 18, x + 80):
        pen.oval(wheel_x, y + 29, wheel_x + 22, y + 51, (32, 32, 36))
        pen.oval(wheel_x + 6, y + 35, wheel_x + 16, y + 45, (170, 172, 178))


def _car(scale: float, body: Color, y_wheels: float, **when: float) -> Mover:
    pen = Pen(120, 56, scale)
    _draw_car(pen, 0, 0, body)
    drive = _there_and_back(
        1, when["period_s"], when["offset_s"], when["speed"], y_wheels - 52, 120, poses_per_second=1
    )
    return Mover(_with_mirrored([_sprite(pen)]), drive)


def _pendulum(scale: float, x: float, y: float, length: float) -> Mover:
    """A clock's pendulum, a swing of two seconds, hung from the middle of its sprite's upper edge."""
    sprites = []
    count = 11
    for step in range(count):
        lean = math.radians(-14 + 28 * step / (count - 1))
        pen = Pen(length, length + 8, scale)
        foot = (length / 2 + math.sin(lean) * length * 0.85, math.cos(lean) * length * 0.85)
        pen.line([(length / 2, 0), foot], (196, 160, 70), 2)
        pen.oval(foot[0] - 6, foot[1] - 6, foot[0] + 6, foot[1] + 6, (226, 186, 84))
        sprites.append(_sprite(pen))

    def place(at_s: float) -> tuple[float, float, int]:
        return x - length / 2, y, round((math.sin(at_s * math.pi) + 1) / 2 * (count - 1))

    return Mover(sprites, place, stays=True)


def _book_cart(scale: float, y_wheels: float, **when: float) -> Mover:
    pen = Pen(110, 84, scale)
    for shelf, books in ((6, (0, 3, 5, 1, 2, 6, 4, 0, 2)), (40, (4, 1, 6, 0, 5, 3, 2, 1, 6))):
        for place, book in enumerate(books):
            high = 22 + (book * 5 + place) % 7
            pen.box(10 + place * 10, shelf + 30 - high, 19 + place * 10, shelf + 30, _SPINES[book], 1)
        pen.box(4, shelf + 29, 106, shelf + 34, (150, 104, 62))
    pen.box(2, 4, 7, 74, (132, 90, 52), 2)
    pen.box(103, 4, 108, 74, (132, 90, 52), 2)
    for wheel_x in (8, 90):
        pen.oval(wheel_x, 72, wheel_x + 12, 84, (40, 40, 44))
    roll = _there_and_back(1, when["period_s"], when["offset_s"], when["speed"], y_wheels - 84, 110, poses_per_second=1)
    return Mover(_with_mirrored([_sprite(pen)]), roll)


# -- where ------------------------------------------------------------------------------------------------------------

_SPINES: tuple[Color, ...] = (
    (150, 62, 54), (62, 94, 122), (196, 160, 92), (84, 116, 82), (112, 76, 108), (188, 118, 72), (72, 72, 84),
)  # fmt: skip


def _bookcase(pen: Pen, x0: float, y0: float, x1: float, y1: float, seed: int) -> None:
    pen.box(x0, y0, x1, y1, (104, 70, 42), 2)
    rows = max(1, round((y1 - y0) / 34))
    row_high = (y1 - y0 - 6) / rows
    for row in range(rows):
        top = y0 + 4 + row * row_high
        pen.box(x0 + 4, top, x1 - 4, top + row_high - 4, (66, 44, 28))
        x, book = x0 + 5.0, seed + row * 7
        while x < x1 - 14:
            wide = 6 + book * 5 % 5
            high = (row_high - 8) * (0.72 + 0.07 * (book * 3 % 4))
            if book % 11:  # now and then a book is out
                pen.box(x, top + row_high - 4 - high, x + wide - 1, top + row_high - 4, _SPINES[book % len(_SPINES)], 1)
            x += wide
            book += 1


def _tree(pen: Pen, x: float, y: float, size: float) -> None:
    pen.box(x - 4 * size, y - 40 * size, x + 4 * size, y, (96, 72, 52))
    for dx, dy, r, green in ((-16, -62, 22, (74, 122, 76)), (14, -66, 24, (86, 136, 84)), (-2, -84, 24, (98, 150, 92))):
        pen.oval(x + (dx - r) * size, y + (dy - r) * size, x + (dx + r) * size, y + (dy + r) * size, green)


def _entrance(pen: Pen, scale: float) -> list[Mover]:
    pen.box(0, 0, 640, 312, (178, 116, 88))
    for row in range(23):
        y = 56 + row * 10
        pen.line([(0, y), (640, y)], (166, 105, 79), 1)
        for brick in range(33):
            x = brick * 20 + (row % 2) * 10
            pen.line([(x, y), (x, y + 10)], (166, 105, 79), 1)
    pen.box(150, 74, 490, 266, (222, 212, 194), 3)  # the stone portal
    pen.box(166, 82, 474, 108, (70, 62, 58), 3)
    _letters(pen, 240, 88, "LIBRARY", (240, 226, 190))
    pen.box(176, 116, 464, 266, (58, 52, 50))
    for pane in range(4):  # glass doors, lit from inside
        x = 182 + pane * 70
        pen.fade(x, 122, x + 64, 262, (248, 226, 168), (206, 174, 122))
        pen.line([(x + 10, 250), (x + 46, 130)], (252, 240, 204), 6)
    for handle in (316, 324):
        pen.box(handle - 1, 180, handle + 1, 214, (60, 54, 52))
    for window_x in (32, 520):
        pen.box(window_x, 110, window_x + 88, 210, (222, 212, 194), 3)
        pen.fade(window_x + 7, 117, window_x + 81, 203, (150, 190, 210), (110, 150, 178))
        pen.box(window_x + 42, 117, window_x + 46, 203, (222, 212, 194))
    pen.box(0, 262, 640, 312, (160, 158, 152))
    for step in range(3):
        pen.box(140 - step * 14, 262 + step * 8, 500 + step * 14, 271 + step * 8, (206 - step * 12,) * 3)
    for planter in (112, 528):
        pen.box(planter - 18, 250, planter + 18, 284, (122, 98, 84), 3)
        for dx, dy in ((-12, 240), (10, 238), (0, 226)):
            pen.oval(planter + dx - 16, dy - 14, planter + dx + 16, dy + 16, (82, 128, 80))
    return [
        _walker(scale, (176, 54, 52), (60, 40, 30), 1.05, 300, period_s=44, offset_s=0, speed=62),
        _walker(scale, (52, 96, 150), (150, 146, 142), 1.12, 309, period_s=70, offset_s=25, speed=48),
    ]


def _reading_room(pen: Pen, scale: float) -> list[Mover]:
    pen.box(0, 0, 640, 236, (232, 218, 190))
    pen.box(0, 226, 640, 312, (158, 112, 74))
    for plank in range(7):
        pen.line([(0, 236 + plank * 12), (640, 236 + plank * 12)], (146, 101, 65), 1)
    for window_x in (208, 330):
        pen.oval(window_x, 66, window_x + 92, 158, (150, 118, 84))
        pen.box(window_x, 110, window_x + 92, 216, (150, 118, 84))
        pen.oval(window_x + 6, 72, window_x + 86, 152, (164, 208, 232))
        pen.fade(window_x + 6, 112, window_x + 86, 210, (164, 208, 232), (206, 226, 214))
        pen.oval(window_x + 10, 160, window_x + 70, 216, (112, 158, 112))
        pen.box(window_x, 208, window_x + 92, 226, (150, 118, 84))
        pen.box(window_x + 44, 72, window_x + 48, 212, (150, 118, 84))
        pen.box(window_x + 4, 138, window_x + 88, 142, (150, 118, 84))
    _bookcase(pen, 12, 76, 190, 232, seed=2)
    _bookcase(pen, 524, 76, 632, 232, seed=9)
    pen.box(452, 66, 494, 226, (116, 74, 44), 4)  # a long-case clock
    pen.oval(457, 72, 489, 104, (244, 238, 220))
    pen.line([(473, 88), (473, 78)], (40, 36, 34), 2)
    pen.line([(473, 88), (481, 92)], (40, 36, 34), 2)
    pen.box(459, 112, 487, 212, (62, 40, 26), 2)
    walker = _walker(scale, (78, 122, 92), (50, 38, 34), 1.0, 262, period_s=56, offset_s=12, speed=46)
    pen.box(70, 256, 570, 272, (124, 78, 44), 3)  # the long table, and what stands on it
    pen.box(84, 270, 100, 312, (104, 64, 36))
    pen.box(540, 270, 556, 312, (104, 64, 36))
    for lamp in (150, 320, 490):
        pen.box(lamp - 2, 232, lamp + 2, 256, (190, 158, 82))
        pen.box(lamp - 14, 253, lamp + 14, 257, (190, 158, 82), 2)
        pen.box(lamp - 26, 222, lamp + 26, 236, (46, 122, 88), 6)
        pen.oval(lamp - 22, 233, lamp + 22, 240, (252, 236, 170))
    for x, color in ((216, _SPINES[0]), (262, _SPINES[1]), (400, _SPINES[3])):
        pen.box(x, 249, x + 34, 256, color, 1)
    return [_pendulum(scale, 473, 116, 66), walker]


def _parking_lot(pen: Pen, scale: float) -> list[Mover]:
    pen.fade(0, 0, 640, 150, (150, 190, 222), (214, 226, 230))
    pen.box(0, 148, 640, 178, (104, 134, 96))  # a hedge
    pen.box(60, 92, 380, 176, (196, 176, 152), 2)  # the library from behind
    pen.box(50, 84, 390, 98, (132, 90, 76), 2)
    for window in range(6):
        pen.box(82 + window * 50, 112, 112 + window * 50, 148, (112, 140, 160), 2)
    for x, size in ((28, 1.1), (430, 1.0), (500, 1.3), (560, 0.9), (616, 1.2)):
        _tree(pen, x, 178, size)
    pen.box(0, 174, 640, 184, (122, 150, 104))
    pen.box(0, 184, 640, 312, (98, 100, 106))
    pen.box(0, 182, 640, 187, (170, 168, 162))
    for bay in range(6):
        x = 10 + bay * 124
        pen.shape([(x, 242), (x + 4, 242), (x + 14, 188), (x + 10, 188)], (220, 220, 214))
    for bay, color in ((0, (206, 206, 210)), (1, (58, 84, 128)), (3, (148, 48, 46)), (4, (70, 74, 78))):
        _draw_car(pen, 14 + bay * 124, 186, color)
    for dash in range(9):
        pen.box(dash * 76 + 10, 252, dash * 76 + 50, 255, (226, 208, 140))
    for lamp in (136, 508):
        pen.box(lamp - 2, 76, lamp + 2, 190, (70, 74, 80))
        pen.box(lamp - 16, 72, lamp + 16, 78, (70, 74, 80), 2)
    return [
        _car(scale, (222, 164, 52), 306, period_s=38, offset_s=4, speed=120),
        _walker(scale, (96, 70, 128), (42, 34, 32), 0.9, 258, period_s=64, offset_s=34, speed=54),
    ]


def _returns_desk(pen: Pen, scale: float) -> list[Mover]:
    pen.box(0, 0, 640, 250, (214, 220, 214))
    pen.box(0, 236, 640, 312, (128, 136, 140))
    _bookcase(pen, 8, 70, 150, 240, seed=4)
    _bookcase(pen, 158, 70, 300, 240, seed=13)
    pen.box(344, 74, 612, 110, (50, 92, 112), 4)
    _letters(pen, 392, 84, "RETURNS", (236, 240, 232))
    pen.box(330, 176, 626, 264, (176, 134, 92), 4)  # the desk
    pen.box(322, 168, 634, 182, (214, 178, 132), 4)
    for panel in range(4):
        pen.box(342 + panel * 70, 192, 402 + panel * 70, 256, (162, 120, 80), 2)
    pen.box(430, 132, 498, 168, (44, 48, 54), 3)  # a screen, seen from behind
    pen.box(458, 164, 470, 170, (44, 48, 54))
    for place, book in enumerate((0, 5, 3)):
        pen.box(546, 161 - place * 8, 598, 168 - place * 8, _SPINES[book], 1)
    pen.box(356, 150, 392, 168, (232, 226, 210), 2)
    pen.oval(362, 126, 386, 152, (110, 152, 98))
    return [
        _book_cart(scale, 302, period_s=50, offset_s=8, speed=58),
        _walker(scale, (194, 120, 60), (72, 48, 36), 1.1, 308, period_s=58, offset_s=40, speed=66),
    ]


# Strokes of the few capitals that stand on the signs, in a box of 4 × 6: the signs need no font.
_STROKES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "L": (((0, 0), (0, 6), (4, 6)),),
    "I": (((2, 0), (2, 6)),),
    "B": (((0, 0), (0, 6), (3, 6), (4, 5), (4, 4), (3, 3), (0, 3)), ((0, 0), (3, 0), (4, 1), (4, 2), (3, 3))),
    "R": (((0, 6), (0, 0), (3, 0), (4, 1), (4, 2), (3, 3), (0, 3)), ((2, 3), (4, 6))),
    "A": (((0, 6), (2, 0), (4, 6)), ((1, 4), (3, 4))),
    "Y": (((0, 0), (2, 3), (4, 0)), ((2, 3), (2, 6))),
    "E": (((4, 0), (0, 0), (0, 6), (4, 6)), ((0, 3), (3, 3))),
    "T": (((0, 0), (4, 0)), ((2, 0), (2, 6))),
    "U": (((0, 0), (0, 5), (1, 6), (3, 6), (4, 5), (4, 0)),),
    "N": (((0, 6), (0, 0), (4, 6), (4, 0)),),
    "S": (((4, 1), (3, 0), (1, 0), (0, 1), (0, 2), (1, 3), (3, 3), (4, 4), (4, 5), (3, 6), (1, 6), (0, 5)),),
}


def _letters(pen: Pen, x: float, y: float, text: str, color: Color) -> None:
    for place, letter in enumerate(text):
        for stroke in _STROKES[letter]:
            pen.line([(x + place * 25 + dx * 4, y + dy * 2.5) for dx, dy in stroke], color, 3)
