"""Busy pictures and a line that says which key came, for tests of pacing: `python -m tests.tui.noisy_app half-block`.

A second word is for how many seconds the terminal may be silent before it counts as one that never answers.
"""

from __future__ import annotations

import io
import sys
import time

from PIL import Image
from textual.app import ComposeResult
from textual.containers import Grid
from textual.events import Key
from textual.widgets import Static

from holdshelf_tui.session import driver
from holdshelf_tui.session.driver import DrivenApp, TerminalDriver
from holdshelf_tui.session.graphics import Graphics
from holdshelf_tui.session.paint_queue import PaintQueue
from holdshelf_tui.widgets.picture import PictureView


def noisy_jpeg(width: int = 480, height: int = 360, seed: int = 0) -> bytes:
    """As busy as a picture gets: each costs what no camera's does."""
    channels = [Image.effect_noise((width, height), 90 + seed) for _ in range(3)]
    out = io.BytesIO()
    Image.merge("RGB", channels).save(out, "JPEG", quality=85)
    return out.getvalue()


class NoisyApp(DrivenApp[str]):
    """``keys``: how many came. Twelve pictures, shown anew at each ``n``; ``q`` leaves."""

    CSS = """
    Grid { grid-size: 4 3; height: 1fr; }
    #said { height: 1; }
    """

    def __init__(self, protocol: str) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.graphics = Graphics(protocol)
        self.paint_queue = PaintQueue(self)
        self.keys = 0
        self._jpegs = [noisy_jpeg(seed=seed) for seed in range(4)]

    def compose(self) -> ComposeResult:
        yield Static("key 0", id="said")
        with Grid():
            for _ in range(12):
                yield PictureView()

    def on_mount(self) -> None:
        self._began = time.monotonic()
        self._show()

    def _show(self) -> None:
        for number, picture in enumerate(self.query(PictureView)):
            picture.show(self._jpegs[(number + self.keys) % 4])

    def on_key(self, key: Key) -> None:
        self.keys += 1
        if key.key == "n":
            self._show()
        if key.key == "q":
            self.exit("done")
        self.query_one("#said", Static).update(f"key {self.keys} ", layout=False)


if __name__ == "__main__":
    if sys.argv[2:]:
        driver.SILENT_S = float(sys.argv[2])
    NoisyApp(sys.argv[1]).run()
