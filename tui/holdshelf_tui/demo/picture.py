"""The picture of a virtual camera: a drawn room, a clock, and a row of colors that tells camera and second.

The row is a shelf of twenty book spines along the lower edge. Their colors carry the camera's number and the UTC
second in 48 bits, so that a test can tell from any still, live or recorded, full size or thumbnail, what it shows.
Eight colors far apart, cells of 32 × 32 (four macroblocks) in a picture of 640 × 360: low bit rates, JPEG and scaling
to 80 × 45 leave them readable. A check sum makes a damaged row unreadable rather than wrong.

    ivory black | camera, 6 bits · UTC second, 32 bits · check sum, 10 bits: sixteen cells of 3 bits | black ivory

Pictures are RGB arrays of shape (height, width, 3). Nothing here may depend on a font, a file or the network.
"""

import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from holdshelf_tui.demo.scenes import UNITS_HIGH, UNITS_WIDE, Mover, build_scene
from holdshelf_tui.text.time_format import NS

MAX_CAMERA_NUMBER = 63

_CELLS = 20
_CELL_TOP = 320  # units; with a height of 32 a multiple of 16, as a macroblock lies
_CELL_HIGH = 32
_BITS_PER_CELL = 3
_CHECK_BITS = 10
_WHITENING = 0x5A3C_96E1_7B42  # turned into the bits so that a time's many zeros make a mixed shelf, not a red one
_IVORY, _BLACK = 0, 1
_LEFT_END = (_IVORY, _BLACK)
_RIGHT_END = (_BLACK, _IVORY)

# Book cloth near the eight corners of the color cube: as far apart as eight colors can be, and still good to look at.
_COLORS: NDArray[np.int16] = np.array(
    [
        (240, 236, 222),  # ivory
        (22, 22, 28),  # black
        (204, 34, 44),  # crimson
        (22, 142, 62),  # forest
        (32, 52, 196),  # navy
        (238, 198, 40),  # gold
        (40, 192, 202),  # turquoise
        (190, 52, 188),  # plum
    ],
    dtype=np.int16,
)
_MAX_COLOR_DISTANCE = 120  # in RGB, about the distance of the two nearest colors: the check sum does the judging


@dataclass(frozen=True)
class Reading:
    """What a picture's row of colors says: the camera's number (1 … 63) and the second since 1970, UTC."""

    camera: int
    utc_second: int


def _check_sum(payload: int) -> int:
    return zlib.crc32(payload.to_bytes(5, "big")) & ((1 << _CHECK_BITS) - 1)


def encode_cells(camera: int, utc_second: int) -> list[int]:
    """The color numbers of the twenty cells, left to right."""
    payload = (camera << 32) | utc_second
    bits = (payload << _CHECK_BITS | _check_sum(payload)) ^ _WHITENING
    data_cells = _CELLS - len(_LEFT_END) - len(_RIGHT_END)
    data = [(bits >> (_BITS_PER_CELL * (data_cells - 1 - cell))) & 0b111 for cell in range(data_cells)]
    return [*_LEFT_END, *data, *_RIGHT_END]


def decode_cells(cells: list[int]) -> Reading | None:
    """The reverse of `encode_cells`; None when the ends or the check sum do not fit."""
    if tuple(cells[:2]) != _LEFT_END or tuple(cells[-2:]) != _RIGHT_END:
        return None
    bits = 0
    for cell in cells[2:-2]:
        bits = bits << _BITS_PER_CELL | cell
    bits ^= _WHITENING
    payload = bits >> _CHECK_BITS
    if _check_sum(payload) != bits & ((1 << _CHECK_BITS) - 1):
        return None
    return Reading(camera=payload >> 32, utc_second=payload & 0xFFFF_FFFF)


def read_picture(picture: NDArray[np.uint8] | Image.Image) -> Reading | None:
    """Reads camera and second from a whole (uncropped) picture of any size from about 60 pixels wide.

    Takes a Pillow image or an RGB array (height, width, 3); None when this is no such picture or it is too damaged.
    """
    rgb = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.shape[1] < _CELLS:
        return None
    height, width = rgb.shape[:2]
    # Only the middle of each cell is looked at: its edges mix with their neighbors when a picture is scaled.
    rows = _middle(_CELL_TOP * height / UNITS_HIGH, (_CELL_TOP + _CELL_HIGH) * height / UNITS_HIGH)
    cells = []
    for cell in range(_CELLS):
        columns = _middle(cell * width / _CELLS, (cell + 1) * width / _CELLS)
        seen = rgb[rows, columns].reshape(-1, 3).mean(axis=0)
        distances = np.linalg.norm(_COLORS - seen, axis=1)
        nearest = int(distances.argmin())
        if distances[nearest] > _MAX_COLOR_DISTANCE:
            return None
        cells.append(nearest)
    return decode_cells(cells)


def _middle(start: float, end: float) -> slice:
    """The whole pixels of the middle half of [start, end), at least one."""
    quarter = (end - start) / 4
    first = round(start + quarter)
    return slice(first, max(first + 1, round(end - quarter)))


@functools.lru_cache(16)
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Pillow's own: a bare machine has no fonts


class PicturePainter:
    """Draws what camera `number` sees at an instant. Not thread-safe: one instance a thread."""

    def __init__(self, number: int, name: str, width: int, height: int) -> None:
        if not 1 <= number <= MAX_CAMERA_NUMBER:
            raise ValueError(f"A virtual camera's number lies between 1 and {MAX_CAMERA_NUMBER}, not {number}.")
        self.number = number
        self.width = width
        self.height = height
        self._scale = height / UNITS_HIGH
        self._scene = build_scene(number, width, height)
        self._still = self._scene.background.copy()  # everything that stays for one second
        self._still_second = -1
        self._canvas = self._still.copy()
        self._draw_frame(name)

    def frame(self, utc_ns: int) -> NDArray[np.uint8]:
        """The picture at `utc_ns`, RGB. The array is drawn over by the next call: copy it to keep it."""
        second, part_ns = divmod(utc_ns, NS)
        if second != self._still_second:
            self._draw_second(second)
            self._still_second = second
        np.copyto(self._canvas, self._still)
        for mover in self._scene.movers:
            self._place(mover, utc_ns / 1e9)
        # A bar that fills once a second: the part of the time that a clock without fractions does not show.
        left, right = self._pixels(UNITS_WIDE - 14 - 160), self._pixels(UNITS_WIDE - 14)
        filled = left + int((right - left) * part_ns / 1e9)
        self._canvas[self._pixels(54) : self._pixels(57), left:filled] = (238, 198, 40)
        return self._canvas

    def is_somebody_there(self, utc_ns: int) -> bool:
        """Whether anything but the room itself moves in the picture at that time."""
        return any(not mover.stays and mover.place(utc_ns / 1e9) is not None for mover in self._scene.movers)

    def _pixels(self, units: float) -> int:
        return round(units * self._scale)

    def _place(self, mover: Mover, at_s: float) -> None:
        where = mover.place(at_s)
        if where is None:
            return
        x, y, sprite_number = self._pixels(where[0]), self._pixels(where[1]), where[2]
        sprite = mover.sprites[sprite_number]
        left, top = max(0, x), max(0, y)
        right, bottom = min(self.width, x + sprite.shape[1]), min(self.height, y + sprite.shape[0])
        if left >= right or top >= bottom:
            return
        seen = sprite[top - y : bottom - y, left - x : right - x]
        below = self._canvas[top:bottom, left:right]
        opacity = seen[:, :, 3:].astype(np.uint16)
        mixed = (seen[:, :, :3] * opacity + below * (255 - opacity)) // 255
        self._canvas[top:bottom, left:right] = mixed.astype(np.uint8)

    def _draw_frame(self, name: str) -> None:
        """What never changes: the strip for name and clock, the shelf's boards."""
        image = Image.fromarray(self._scene.background)
        strip = Image.new("RGB", (self.width, self._pixels(60)), (18, 22, 30))
        shaded = Image.blend(image.crop((0, 0, self.width, strip.height)), strip, 0.82)
        image.paste(shaded, (0, 0))
        draw = ImageDraw.Draw(image)
        wood, edge = (122, 82, 48), (86, 56, 32)
        draw.rectangle((0, self._pixels(312), self.width, self.height), fill=edge)
        draw.rectangle((0, self._pixels(352), self.width, self._pixels(357)), fill=wood)
        draw.rectangle((0, self._pixels(312), self.width, self._pixels(317)), fill=wood)
        draw.text((self._pixels(14), self._pixels(8)), name, (250, 246, 232), font=self._font(22))
        below = f"camera {self.number} · Holdshelf demo, a drawn picture"
        draw.text((self._pixels(14), self._pixels(36)), below, (176, 184, 196), font=self._font(12))
        self._frame = np.asarray(image, dtype=np.uint8)

    def _draw_second(self, utc_second: int) -> None:
        image = Image.fromarray(self._frame)
        draw = ImageDraw.Draw(image)
        local = datetime.fromtimestamp(utc_second, UTC).astimezone()
        offset = f"{local:%z}"
        right = self._pixels(UNITS_WIDE - 14)
        clock = f"{local:%H:%M:%S} {offset[:3]}:{offset[3:5]}"
        draw.text((right, self._pixels(5)), clock, (255, 255, 255), font=self._font(30), anchor="ra")
        utc = f"{local:%Y-%m-%d}   {datetime.fromtimestamp(utc_second, UTC):%H:%M:%S} UTC"
        draw.text((right, self._pixels(37)), utc, (206, 212, 220), font=self._font(13), anchor="ra")
        np.copyto(self._still, np.asarray(image, dtype=np.uint8))
        rows = slice(self._pixels(_CELL_TOP), self._pixels(_CELL_TOP + _CELL_HIGH))
        for color, columns in zip(encode_cells(self.number, utc_second), self._cell_columns(), strict=True):
            self._still[rows, columns] = _COLORS[color]

    def _cell_columns(self) -> Iterator[slice]:
        for cell in range(_CELLS):
            yield slice(round(cell * self.width / _CELLS), round((cell + 1) * self.width / _CELLS))

    def _font(self, size_units: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _font(size_units * self._scale)
