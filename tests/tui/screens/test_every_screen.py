"""Every screen, tab and dialog is shown at 80×24 and 160×48: nothing that a person reads is cut in any, and none is left out.

How the dialogs look at 80×24 is kept as text in __snapshots__, to be looked at after a change that is meant:
`pytest tests/tui/screens/test_every_screen.py --snapshot-update`. At 160×48 a dialog is the same, with more around it. Colors
are in test_snapshots, and in tests/tui/themes for every theme.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Tabs

from holdshelf_core.api.client import Client
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.list_pane import ListPane
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.themes import CONTRAST, DARK, LIGHT
from tests.rig.hang import HANG_S
from tests.tui.screens.every_screen import BY_ADMIN, BY_SEAT, ELSEWHERE, PANES, VARIES, House, every_kind, house_of
from tests.tui.screens.test_snapshots import LARGE, NOW_UTC_NS, SMALL, app_of, stage, stopped_clock
from tests.tui.stage import Stage, arrived, is_there, screen_text, settled, until
from tests.tui.uncut import still_cut

__all__ = ["stage", "stopped_clock"]

pytestmark = pytest.mark.usefixtures("no_frames")
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x48"])


@pytest.fixture(scope="module")
def house(stage: Stage) -> House:
    opened = stage.service.open_session("dora", stage.people.fingerprints["dora"])
    return house_of(stage, Client(stage.service.data, token=opened["token"], timeout_s=HANG_S), NOW_UTC_NS)


@SIZES
@pytest.mark.parametrize("login", ["dora", ""], ids=["seat", "admin"])
async def test_nothing_is_cut_in_any_dialog(
    stage: Stage, house: House, login: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    found, pictures = [], []
    with app_of(stage, login) as app:
        async with app.run_test(size=size) as pilot:
            await arrived(pilot)
            for name, made in (BY_SEAT if login else BY_ADMIN).items():
                dialog = made(house, app)
                await app.push_screen(dialog)
                await until(pilot, name, lambda dialog=dialog: app.screen is dialog)
                found += await still_cut(pilot, name)
                if name not in VARIES:
                    pictures.append(f"{name}\n{of_dialog(pilot)}")
                app.pop_screen()
                await until(pilot, "home again", lambda: isinstance(app.screen, HomeScreen))
    assert not found, "\n".join(found)
    if size == SMALL:
        assert "\n\n".join(pictures) == snapshot


def of_dialog(pilot: Pilot[Any]) -> str:
    """The dialog alone: what is around it belongs to another picture."""
    box = next(iter(pilot.app.screen.query(".dialog, Screen > Vertical").results())).region
    lines = screen_text(pilot).splitlines()[box.y : box.bottom]
    return "\n".join(line[box.x : box.right].rstrip() for line in lines)


def in_front(home: HomeScreen, pane: Pane) -> bool:
    return (
        home.front is pane
        and home.query_one(Tabs).active == f"tab-{str(pane.id).removeprefix('pane-')}"
        and home.is_ready
    )


def lists(pane: Pane) -> list[str]:
    return list(pane.PARTS) if isinstance(pane, ListPane) and pane.PARTS else [""]


@SIZES
@pytest.mark.parametrize("login", PANES, ids=["seat", "designee", "admin"])
async def test_nothing_is_cut_in_any_tab(stage: Stage, house: House, login: str, size: tuple[int, int]) -> None:
    del house  # a hold, a look and a release are there
    found: list[str] = []
    with app_of(stage, login) as app:
        async with app.run_test(size=size) as pilot:
            found += await still_cut(pilot, "start") if await arrived(pilot) else []
            home = await settled(pilot)
            for key in [key for key in home._kinds if key != "start"]:
                pane = await home.go(key)
                assert pane is not None
                await until(pilot, key, partial(in_front, home, pane))
                for part in lists(pane):
                    if part and isinstance(pane, ListPane):
                        pane.turn_to(part)
                        await until(pilot, part, lambda p=pane, at=part: p.part == at)
                    found += await still_cut(pilot, f"{key} {part}".strip())
    assert not found, "\n".join(found)


async def test_every_screen_dialog_and_tab_is_shown_here_or_where_it_is_said(stage: Stage, house: House) -> None:
    shown: set[str] = set()
    for login, made in (("dora", BY_SEAT), ("", BY_ADMIN)):
        with app_of(stage, login) as app:
            async with app.run_test(size=SMALL) as pilot:
                await arrived(pilot)
                shown |= {type(one(house, app)).__name__ for one in made.values()}
    for login in PANES:
        with app_of(stage, login) as app:
            async with app.run_test(size=SMALL) as pilot:
                shown |= {kind.__name__ for kind in (await arrived(pilot))._kinds.values()}
    kinds = {kind.__name__ for kind in every_kind() if issubclass(kind, Screen | Pane)}
    missing = kinds - shown - set(ELSEWHERE)
    assert not missing, f"{sorted(missing)} have no picture: add them to every_screen"
    assert set(ELSEWHERE) <= kinds, "one of these is gone"


async def test_a_form_with_rules_of_its_own_keeps_those_of_all_forms(stage: Stage, house: House) -> None:
    """The first form of a session, and as wide as the others."""
    with app_of(stage, "dora") as app:
        async with app.run_test(size=SMALL) as pilot:
            await arrived(pilot)
            widths = []
            for name in ("go-to-a-time", "adopt-the-policy", "enrol"):
                dialog = BY_SEAT[name](house, app)
                await app.push_screen(dialog)
                await until(
                    pilot, name, lambda dialog=dialog: is_there(dialog) and dialog.query(".dialog").first().region.width
                )
                widths.append(dialog.query(".dialog").first().region.width)
                app.pop_screen()
                await until(pilot, "home again", lambda: isinstance(app.screen, HomeScreen))
            assert widths == [78, 78, 78]


LEAVES = {"back", "close", "act-close", "do-close", "leave", "no", "cancel"}
"""Ids of the button that leaves a dialog."""


@pytest.mark.parametrize("login", ["dora", ""], ids=["seat", "admin"])
async def test_the_buttons_of_all_dialogs_stand_at_the_right_end_with_the_one_that_leaves_among_the_last_two(
    stage: Stage, house: House, login: str
) -> None:
    found: list[str] = []
    with app_of(stage, login) as app:
        async with app.run_test(size=SMALL) as pilot:
            await arrived(pilot)
            for name, made in (BY_SEAT if login else BY_ADMIN).items():
                dialog = made(house, app)
                await app.push_screen(dialog)
                await until(pilot, name, lambda dialog=dialog: app.screen is dialog)
                await still_cut(pilot, name)
                for row in dialog.query(".buttons, Actions").results(Horizontal):
                    buttons = [one for one in row.query(Button) if one.display]
                    if max(one.region.right for one in buttons) != row.region.right:
                        found.append(f"{name}: not at the right end")
                    if not LEAVES & {one.id for one in buttons[-2:]}:
                        found.append(f"{name}: {[one.id for one in buttons]}")
                app.pop_screen()
                await until(pilot, "home again", lambda: isinstance(app.screen, HomeScreen))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", [DARK, LIGHT, CONTRAST])
async def test_the_whole_of_the_button_in_front_has_one_ground_that_no_other_button_has(
    stage: Stage, house: House, theme: str
) -> None:
    with app_of(stage, "dora", theme=theme) as app:
        async with app.run_test(size=SMALL) as pilot:
            await arrived(pilot)
            dialog = BY_SEAT["confirm"](house, app)
            await app.push_screen(dialog)
            await until(pilot, "the question", lambda: is_there(dialog) and dialog.query_one("#yes").has_focus)
            yes, no = (dialog.query_one(one, Button) for one in ("#yes", "#no"))
            x, y = yes.region.offset
            # Not by its color alone.
            await until(pilot, "it is marked", lambda: bool(dialog.get_style_at(x + 2, y).underline))
            assert len(grounds_of(pilot, yes)) == 1
            assert grounds_of(pilot, yes).isdisjoint(grounds_of(pilot, no))


def grounds_of(pilot: Pilot[Any], button: Button) -> set[str]:
    """The colors that are seen behind it."""
    place = button.region
    styles = [pilot.app.screen.get_style_at(x, place.y) for x in range(place.x, place.right)]
    return {str(one.color if one.reverse else one.bgcolor) for one in styles}
