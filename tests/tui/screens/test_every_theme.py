"""In every theme that has colors of its own, what a person reads on any dialog or tab stands out from its ground (4.5 to 1).

In the terminal's own colors all letters are the terminal's (tests/tui/themes). What cannot be done now may be gray.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets._footer import FooterKey

from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.list_pane import ListPane
from holdshelf_tui.themes import CONTRAST, DARK, LIGHT
from holdshelf_tui.themes.palettes import LEAST_CONTRAST, contrast
from tests.tui.screens.every_screen import BY_ADMIN, BY_SEAT, PANES, House
from tests.tui.screens.test_every_screen import house, in_front, lists
from tests.tui.screens.test_snapshots import LARGE, SMALL, app_of, stage, stopped_clock
from tests.tui.stage import Stage, arrived, settled, until
from tests.tui.uncut import still_cut

__all__ = ["house", "stage", "stopped_clock"]

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("no_frames")]
EACH = pytest.mark.parametrize("theme", [DARK, LIGHT, CONTRAST])


def faint(pilot: Pilot[Any], name: str) -> list[str]:
    """Words on the screen in front that do not stand out, each with where it is and by how much."""
    screen, found = pilot.app.screen, []
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            style, text = segment.style, segment.text
            if style is not None and style.color and style.bgcolor and any(letter.isalnum() for letter in text):
                letters, ground = style.color.get_truecolor(), style.bgcolor.get_truecolor()
                ratio = contrast(tuple(letters), tuple(ground))
                if ratio < LEAST_CONTRAST - 0.01 and not _cannot_be_done(screen, x, y):
                    found.append(f"{name}, line {y + 1}: {text.strip()!r} {ratio:.2f} to 1")
            x += segment.cell_length
    return found


def _cannot_be_done(screen: Screen[Any], x: int, y: int) -> bool:
    widget, _ = screen.get_widget_at(x, y)
    return any(getattr(one, "disabled", False) for one in widget.ancestors_with_self) or (
        isinstance(widget, FooterKey) and widget.has_class("-disabled")
    )


@EACH
@pytest.mark.parametrize("login", ["dora", ""], ids=["seat", "admin"])
async def test_words_stand_out_in_any_dialog(stage: Stage, house: House, login: str, theme: str) -> None:
    found: list[str] = []
    with app_of(stage, login, theme=theme) as app:
        async with app.run_test(size=SMALL) as pilot:
            await arrived(pilot)
            for name, made in (BY_SEAT if login else BY_ADMIN).items():
                dialog = made(house, app)
                await app.push_screen(dialog)
                await until(pilot, name, lambda dialog=dialog: app.screen is dialog)
                await still_cut(pilot, name)
                found += faint(pilot, name)
                app.pop_screen()
                await until(pilot, "home again", lambda: isinstance(app.screen, HomeScreen))
    assert not found, "\n".join(found)


@EACH
@pytest.mark.parametrize("login", PANES, ids=["seat", "designee", "admin"])
async def test_words_stand_out_in_any_tab(stage: Stage, house: House, login: str, theme: str) -> None:
    del house  # a hold, a look and a release are there
    found: list[str] = []
    with app_of(stage, login, theme=theme) as app:
        async with app.run_test(size=LARGE) as pilot:
            await arrived(pilot)
            found += faint(pilot, "start")
            home = await settled(pilot)
            for key in [key for key in home._kinds if key != "start"]:
                pane = await home.go(key)
                assert pane is not None
                await until(pilot, key, partial(in_front, home, pane))
                for part in lists(pane):
                    if part and isinstance(pane, ListPane):
                        pane.turn_to(part)
                        await until(pilot, part, lambda p=pane, at=part: p.part == at)
                    await still_cut(pilot, key)
                    found += faint(pilot, f"{key} {part}".strip())
    assert not found, "\n".join(found)
