"""Pictures in real terminal programs, on a screen of their own (Xvfb), through a real ssh: where each begins and ends.

Judged by screenshots alone. `make terminals` brings the programs and runs this; without them it is no part of `make test`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from holdshelf_tui import themes
from holdshelf_tui.text.time_format import MINUTE_NS, moment
from holdshelf_tui.themes import THEMES
from holdshelf_tui.themes.palettes import shown
from tests.rig.desktop import Box, Desktop, Image, ink, solid_boxes
from tests.rig.shown import Shown
from tests.service import wait_for
from tests.tui.ssh.door_rig import LEAVE, DoorHouse, house_with_footage

TERMINALS = {
    "xterm": [
        "xterm",
        "-ti",
        "vt340",
        "-fa",
        "DejaVu Sans Mono",
        "-fs",
        "8",
        "-geometry",
        "150x45+0+0",
        "-b",
        "0",
        "-e",
    ],
    "xterm-small-letters": [
        "xterm",
        "-ti",
        "vt340",
        "-fn",
        "-misc-fixed-medium-r-semicondensed--13-120-75-75-c-60-iso10646-1",
        "-geometry",
        "150x45+0+0",
        "-b",
        "0",
        "-e",
    ],
    "kitty": [
        *("kitty", "--config", "NONE", "-o", "remember_window_size=no", "-o", "initial_window_width=150c"),
        *("-o", "initial_window_height=45c", "-o", "font_size=8", "-o", "window_padding_width=0"),
    ],
    # of Wayland alone: in a compositor that draws into a window here
    "foot": [
        "weston",
        "--backend=x11",
        "--renderer=pixman",
        "--shell=kiosk",
        "--width=1200",
        "--height=800",
        "--",
        "foot",
    ],
}
DARK = next(theme for theme in THEMES if theme.name == themes.DARK)
GROUNDS = [shown(DARK)[name] for name in ("background", "surface", "panel")]
LEAST_PX = 60
"""Letters are smaller, and lines of the strip lower."""
FEWEST = 9
"""Small pictures: of twelve, some fall into the gap of the made footage."""
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        any(shutil.which(name) is None for name in ("Xvfb", "xdotool", "xterm", "kitty", "weston", "foot"))
        and "CI" not in os.environ,
        reason="needs the programs of scripts/terminal-packages.txt: make terminals",
    ),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DoorHouse, str]]:
    """With a time of which there is a picture, as it is typed."""
    with house_with_footage(tmp_path_factory.mktemp("terminals"), size=(1280, 720)) as (made, footage):
        with Shown(made.ssh("dora", "-tt")) as first:  # the welcome is for the first time
            first.until("Start")
            first.type(b"\x1b")
            first.rests()
            first.close(LEAVE)
        yield made, f"{moment(footage.start_utc_ns + MINUTE_NS):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    with Desktop() as running:
        yield running


def has_screen(image: Image) -> bool:
    """Whether a whole screen is drawn: the theme's ground everywhere, and letters on it."""
    return bool((~ink(image, GROUNDS[:1])).sum() > 100_000)


def window(image: Image) -> Image:
    """The terminal's part of the screen."""
    drawn = ~ink(image, GROUNDS)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    return image[: rows.max() + 1, : columns.max() + 1]


def pictures(image: Image) -> list[Box]:
    """The larger one first."""
    found = solid_boxes(ink(image, GROUNDS), LEAST_PX) if has_screen(image) else []
    return sorted(found, key=lambda box: (box[0] - box[2]) * (box[3] - box[1]))


def has_caption(image: Image, box: Box, below_px: int) -> bool:
    """Whether letters stand right below a picture: some ink, and far from filled."""
    left, _, right, bottom = box
    share = float(ink(image[bottom : bottom + below_px, left:right], GROUNDS).mean())
    return 0.02 < share < 0.5


def keep(image: Image, name: str) -> None:
    """To be looked at, where HOLDSHELF_SHOTS names a folder."""
    if folder := os.environ.get("HOLDSHELF_SHOTS"):
        from PIL import Image as Pillow  # noqa: PLC0415

        Pillow.fromarray(image).save(Path(folder) / f"{name}.png")


@pytest.mark.parametrize("name", TERMINALS)
def test_each_picture_stands_alone_with_its_caption_right_below_it(
    library: tuple[DoorHouse, str], desktop: Desktop, name: str
) -> None:
    desktop.run([*TERMINALS[name], *library[0].ssh("dora")])
    wait_for("the first screen", lambda: has_screen(desktop.shot()), 60, 0.2)
    desktop.still()
    desktop.type("2")
    desktop.still()
    desktop.type("t")
    desktop.still()
    desktop.type(library[1])
    desktop.press("Return")
    desktop.still()
    desktop.type("o")
    desktop.still()
    desktop.press("Tab")
    desktop.type("26-1")
    desktop.press("Return")
    try:
        wait_for("pictures", lambda: len(pictures(window(desktop.shot()))) > FEWEST, 60, 0.5)
    finally:
        image = window(desktop.still())
        keep(image, name)
    still, *small = pictures(image)
    assert FEWEST <= len(small) <= 12
    widths, heights = {right - left for left, _, right, _ in small}, {bottom - top for _, top, _, bottom in small}
    assert max(widths) - min(widths) <= 1
    assert max(heights) - min(heights) <= 1
    assert still[2] - still[0] > 2 * max(widths)
    for box in small:
        assert has_caption(image, box, 20), box
    left, top = min(box[0] for box in small), min(box[1] for box in small)
    right, bottom = max(box[2] for box in small), max(box[3] for box in small)
    whole = (max(right, still[2]) - min(left, still[0])) * (max(bottom, still[3]) - min(top, still[1]))
    covered = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (still, *small))
    assert covered / whole > 0.7
    desktop.press("ctrl+q")
