"""What a captured terminal screen shows, as pixels: `tmux capture-pane -e` text → two pixels a cell."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from holdshelf_tui.demo.picture import Reading, read_picture

_SGR = re.compile(r"\x1b\[([\d;:]*)m|\x1b\(.|\x1b\[[\d;?]*[A-Za-z]|\x0e|\x0f")
_LEVELS = (0, 95, 135, 175, 215, 255)
_SIXTEEN = (
    (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (192, 192, 192),
    (128, 128, 128), (255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
)  # fmt: skip
_NOTHING = (0, 0, 0)
_IVORY = np.array((240, 236, 222), dtype=np.int16)
type Rgb = tuple[int, int, int]


def _indexed(number: int) -> Rgb:
    if number < 16:
        return _SIXTEEN[number]
    if number < 232:
        number -= 16
        return _LEVELS[number // 36], _LEVELS[number // 6 % 6], _LEVELS[number % 6]
    return (8 + 10 * (number - 232),) * 3


class Style:
    """Foreground and background as the last codes set them."""

    def __init__(self) -> None:
        self.fore = self.back = _NOTHING

    def take(self, codes: str) -> None:
        """One SGR sequence's numbers."""
        numbers = [int(one or 0) for one in re.split("[;:]", codes)]
        while numbers:
            code = numbers.pop(0)
            if code == 0:
                self.fore = self.back = _NOTHING
            elif code in (38, 48):
                color = self._color(numbers)
                self.fore, self.back = (color, self.back) if code == 38 else (self.fore, color)
            elif code == 39:
                self.fore = _NOTHING
            elif code == 49:
                self.back = _NOTHING
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.fore = _indexed(code - 30 if code < 90 else code - 82)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.back = _indexed(code - 40 if code < 100 else code - 92)

    @staticmethod
    def _color(numbers: list[int]) -> Rgb:
        if numbers.pop(0) == 5:
            return _indexed(numbers.pop(0))
        red, green, blue = numbers[:3]
        del numbers[:3]
        return red, green, blue


def pixels(captured: str) -> NDArray[np.uint8]:
    """(2 × rows, columns, 3) of a captured screen. Letters count as their background."""
    rows: list[list[tuple[Rgb, Rgb]]] = []
    for line in captured.split("\n"):
        style, cells, at = Style(), [], 0
        while at < len(line):
            found = _SGR.match(line, at)
            if found is not None:
                if found[1] is not None:
                    style.take(found[1])
                at = found.end()
                continue
            fore, back = style.fore, style.back
            cells.append({"▀": (fore, back), "▄": (back, fore), "█": (fore, fore)}.get(line[at], (back, back)))
            at += 1
        rows.append(cells)
    width = max(map(len, rows))
    image = np.zeros((2 * len(rows), width, 3), dtype=np.uint8)
    for y, cells in enumerate(rows):
        for x, (upper, lower) in enumerate(cells):
            image[2 * y, x], image[2 * y + 1, x] = upper, lower
    return image


def read_shelf(image: NDArray[np.uint8]) -> Reading | None:
    """What the row of colors of a demo's picture somewhere in these pixels says; one picture beside nothing that is ivory."""
    for row in image:
        ends = np.flatnonzero(np.linalg.norm(row.astype(np.int16) - _IVORY, axis=1) < 60)
        if ends.size < 2 or ends[-1] - ends[0] < 40:
            continue
        for left in (ends[0], ends[0] - 1):
            for right in (ends[-1] + 1, ends[-1] + 2):
                # As a whole picture that consists of this row: the reader looks at where the shelf would be.
                read = read_picture(np.repeat(row[None, max(0, left) : right], 36, axis=0))
                if read is not None:
                    return read
    return None
