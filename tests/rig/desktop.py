"""A screen without a monitor (Xvfb), real terminal programs on it, and what they show as pixels."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.rig.hang import HANG_S

type Image = NDArray[np.uint8]
"""(height, width, 3)."""

WIDTH, HEIGHT = 1500, 1000
_KEYS_APART_MS = "40"
_CURSOR_PX = 400


class Desktop:
    """``with Desktop() as desktop: desktop.run([...]); desktop.type("2"); desktop.shot()``. One program at a time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="desktop-")
        self._program: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        read, write = os.pipe()
        command = [
            "Xvfb",
            "-displayfd",
            str(write),
            "-screen",
            "0",
            f"{WIDTH}x{HEIGHT}x24",
            "-fbdir",
            self._folder.name,
        ]
        self._server = subprocess.Popen(
            [*command, "-nolisten", "tcp"], pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        self._environment = {**os.environ, "DISPLAY": f":{number}", "LIBGL_ALWAYS_SOFTWARE": "1", "LC_ALL": "C.UTF-8"}
        self._environment["XDG_RUNTIME_DIR"] = self._folder.name
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
        self._server.terminate()
        self._server.wait(HANG_S)
        self._folder.cleanup()

    def run(self, command: Sequence[str]) -> None:
        """Start a program, whose window lies at the upper left."""
        self._program = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self._do("mousemove", "200", "200")  # there is no window manager: keys go to the window under the pointer

    def stop(self) -> None:
        """End the program that was started, if there is one, and wait for it."""
        if self._program is not None:
            self._program.terminate()
            self._program.wait(HANG_S)
            self._program = None

    def type(self, text: str) -> None:
        """As a person types it."""
        self._do("type", "--delay", _KEYS_APART_MS, text)

    def press(self, *keys: str) -> None:
        """Keys by their X names."""
        self._do("key", "--delay", _KEYS_APART_MS, *keys)

    def _do(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self._environment, check=True, timeout=HANG_S)

    def shot(self) -> Image:
        """What is on the screen."""
        raw = (Path(self._folder.name) / "Xvfb_screen0").read_bytes()
        head = struct.unpack(">25I", raw[:100])
        width, height, per_line, colors = head[4], head[5], head[12], head[19]
        start = head[0] + 12 * colors
        lines = np.frombuffer(raw, np.uint8, height * per_line, start).reshape(height, per_line)
        return lines[:, : 4 * width].reshape(height, width, 4)[:, :, 2::-1].copy()

    def still(self, quiet_s: float = 1.0, seconds: float = 60.0) -> Image:
        """What is on the screen once it has not changed for so long, but for a cursor that blinks."""
        ends, since, last = time.monotonic() + seconds, time.monotonic(), self.shot()
        while time.monotonic() - since < quiet_s:
            assert time.monotonic() < ends, "the screen does not come to rest"
            time.sleep(0.1)
            now = self.shot()
            if int((now != last).any(axis=2).sum()) > _CURSOR_PX:
                since, last = time.monotonic(), now
        return last


def ink(image: Image, grounds: Sequence[tuple[int, int, int]]) -> NDArray[np.bool_]:
    """Which pixels are of none of these colors."""
    packed = image.astype(np.uint32) @ np.array((1 << 16, 1 << 8, 1), np.uint32)
    return np.asarray(~np.isin(packed, [(red << 16) + (green << 8) + blue for red, green, blue in grounds]))


type Box = tuple[int, int, int, int]
"""(left, top, right, bottom) in pixels, the latter two not within."""


def solid_boxes(marked: NDArray[np.bool_], least_px: int) -> list[Box]:
    """The rectangles that are filled, at least so wide and high: each once, by its upper left corner. What lies over one another
    or touches is no rectangle, or one that is too large.
    """
    found: list[Box] = []
    left_over = marked.copy()
    for top in range(marked.shape[0] - least_px):
        row = left_over[top]
        while (start := _run(row, least_px)) is not None:
            left, right = start
            block = left_over[top:, left:right]
            filled = block.mean(axis=1) > 0.98
            height = int(filled.argmin()) if not filled.all() else filled.size
            left_over[top : top + max(1, height), left:right] = False
            if height >= least_px:
                found.append((left, top, right, top + height))
    return found


def _run(row: NDArray[np.bool_], least_px: int) -> tuple[int, int] | None:
    """The first run of so many marked pixels."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], row.astype(np.int8), [0]))))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= least_px:
            return int(start), int(end)
    return None
