"""How every screen looks, at 80×24 and 160×48, and the themes: compared with what was looked at and kept in __snapshots__.

After a change that is meant: `pytest tests/tui/screens/test_snapshots.py --snapshot-update`, and look at the pictures. The
library stands still: its wall clock begins at the same instant each time (libfaketime), the app's own is stopped, and what
differs all the same is scrubbed. Screens full of a run's own figures (doctor, log, pictures) are asserted by their words in
the files of their own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import tzlocal
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Button, Input, ProgressBar, Static

from holdshelf_core.api.client import Client
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.screens.dialogs.help import HelpDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.storage import StoragePane
from holdshelf_tui.themes import ANSI, CONTRAST, LIGHT
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.looking import MINUTE_NS, NS
from tests.rig.faults import FakeClock
from tests.service import wait_for
from tests.tui.screens.scrub import Scrub
from tests.tui.stage import Stage, screen_text, settled, until, until_shown

NOW_UTC_NS = 1_773_165_610 * NS
"""Tue, Mar 10, 2026, 2:00:10 pm in New York."""
ZONE = "America/New_York"
SMALL, LARGE = (80, 24), (160, 48)

type Looks = Callable[[Pilot[Any], str], Awaitable[None]]


@pytest.fixture(scope="module")
def stopped_clock() -> Iterator[pytest.MonkeyPatch]:
    """Of this process: the wall clock alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", ZONE)
        patch.delenv("NO_COLOR", raising=False)
        patch.setattr(time, "time_ns", lambda: NOW_UTC_NS + 30 * NS)
        patch.setattr("tests.people.day", lambda days: f"2026-04-{days % 28 + 1:02d}")
        time.tzset()
        tzlocal.reload_localzone()
        yield patch
    time.tzset()
    tzlocal.reload_localzone()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, stopped_clock: pytest.MonkeyPatch) -> Iterator[Stage]:
    del stopped_clock
    with FakeClock() as clock:
        clock.set_offset(NOW_UTC_NS / NS - time.time())
        folder = tmp_path_factory.mktemp("looks")
        environment = clock.environment({"TZ": ZONE})
        with Stage(folder, start_utc_ns=NOW_UTC_NS - 60 * MINUTE_NS, environment=environment) as running:
            running.hold("dora")
            wait_for("what must be mended is told", lambda: len(running.service.repairs()) >= len(running.cameras), 60)
            yield running


@contextlib.contextmanager
def app_of(stage: Stage, login: str, **more: Any) -> Iterator[HoldshelfApp]:
    """The app of that person, scrubbed; their session ends with it."""
    opened = stage.service.open_session(login, stage.people.fingerprints[login]) if login else {"token": None}
    app = HoldshelfApp(Client(stage.service.data, token=opened["token"], timeout_s=20), **more)
    app.animation_level = "none"
    app._filters.append(Scrub())
    try:
        yield app
    finally:
        if login:
            stage.service.end_session(opened["session"])


async def still(pilot: Pilot[Any]) -> None:
    """Everything has come, and no cursor blinks."""
    home = next(screen for screen in pilot.app.screen_stack if isinstance(screen, HomeScreen))
    await until(pilot, "who waits", lambda: "F2" in str(home.query_one("#welcome", Static).content))
    await until(pilot, "what was asked for", lambda: "Asking …" not in screen_text(pilot))
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    await pilot.pause(0.2)  # what is loaded soon after an event has come by then


async def home_settled(pilot: Pilot[Any]) -> None:
    """The first tab."""
    await settled(pilot)
    await until_shown(pilot, "cameras recording")


async def live(pilot: Pilot[Any]) -> None:
    """Nothing is shown yet; the button has the keys."""
    await tab(pilot, "live", "Look live")
    await until(pilot, "the keys", lambda: isinstance(pilot.app.focused, Button))
    await pilot.pause()


async def storage(pilot: Pilot[Any]) -> None:
    """The disk of this machine is as full as it is."""
    await tab(pilot, "storage", "Media:")
    pane = pilot.app.screen.query_one(StoragePane)
    pane.hidden()  # it does not ask again
    pane.query_one(ProgressBar).update(total=100, progress=28)
    await pilot.pause()


async def tab(pilot: Pilot[Any], key: str, words: str) -> None:
    """That tab, when those words are there."""
    home = await settled(pilot)
    await home.go(key)
    await until_shown(pilot, words)


async def timeline(pilot: Pilot[Any]) -> None:
    """The hour of the made footage, with both marks."""
    await tab(pilot, "timeline", "for a purpose")
    await until(pilot, "the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
    home = await settled(pilot)
    pane: Any = home.front
    pane._go(NOW_UTC_NS - 59 * MINUTE_NS, level=1)
    await until_shown(
        pilot, "▁▅▅▅▁▅▅▅"
    )  # the activity of each minute, which comes after that of each quarter of an hour
    await pilot.press("left_square_bracket", "right", "right_square_bracket")
    await until(pilot, "both marks", lambda: pane.marks.start_utc_ns and pane.marks.end_utc_ns)


async def dialog(pilot: Pilot[Any], key: str, words: str) -> None:
    """What that key opens, over the timeline."""
    await timeline(pilot)
    await pilot.press(key)
    await until_shown(pilot, words)


SCREENS: dict[str, tuple[str, Callable[[Pilot[Any]], Any]]] = {
    "cameras": ("dora", home_settled),
    "cameras-of-the-admin": ("", home_settled),
    "add-cameras": ("", lambda pilot: tab(pilot, "add", "Add by address")),
    "storage": ("", storage),
    "timeline": ("dora", timeline),
    "purpose": ("dora", lambda pilot: dialog(pilot, "o", "Why do you look?")),
    "go-to-a-time": ("dora", lambda pilot: dialog(pilot, "t", "Go to a time")),
    "hold": ("dora", lambda pilot: dialog(pilot, "h", "Ground")),
    "live": ("dora", live),
    "holds": ("dora", lambda pilot: tab(pilot, "holds", "26-114")),
    "releases": ("dora", lambda pilot: tab(pilot, "releases", "No release")),
    "people": ("dora", lambda pilot: tab(pilot, "people", "Sam Roe")),
    "checklist-and-print": ("dora", lambda pilot: tab(pilot, "papers", "A MODEL, NOT ADOPTED")),
    "shared": ("sam", lambda pilot: tab(pilot, "shared", "shared")),
}


@pytest.fixture
def looks(snapshot: SnapshotAssertion) -> Looks:
    """Whether what is on the screen now looks as what was kept under that name."""
    kept = snapshot.use_extension(SVGImageExtension)

    async def compare(pilot: Pilot[Any], name: str) -> None:
        await still(pilot)
        assert kept(name=name) == pilot.app.export_screenshot(simplify=True), f"{name} now:\n{screen_text(pilot)}"

    return compare


@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen_looks_as_it_did(stage: Stage, looks: Looks, screen: str) -> None:
    login, show = SCREENS[screen]
    with app_of(stage, login) as app:
        async with app.run_test(size=SMALL) as pilot:
            await show(pilot)
            await looks(pilot, "80x24")
            await pilot.resize_terminal(*LARGE)
            await looks(pilot, "160x48")


@pytest.mark.parametrize("theme", [LIGHT, CONTRAST, ANSI])
@pytest.mark.parametrize("screen", ["timeline", "purpose"])
async def test_a_theme_looks_as_it_did(stage: Stage, looks: Looks, screen: str, theme: str) -> None:
    login, show = SCREENS[screen]
    with app_of(stage, login, theme=theme) as app:
        async with app.run_test(size=SMALL) as pilot:
            await show(pilot)
            await looks(pilot, "80x24")


@pytest.mark.parametrize("screen", ["timeline", "purpose"])
async def test_without_colours_it_looks_as_it_did(
    stage: Stage, looks: Looks, screen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    login, show = SCREENS[screen]
    with app_of(stage, login) as app:
        async with app.run_test(size=SMALL) as pilot:
            await show(pilot)
            await looks(pilot, "80x24")


async def test_what_waits_and_the_keys_look_as_they_did(stage: Stage, looks: Looks) -> None:
    with app_of(stage, "carl") as app:
        async with app.run_test(size=SMALL) as pilot:
            await home_settled(pilot)
            await still(pilot)
            await pilot.press("f2")
            await until_shown(pilot, "You are here as")
            await looks(pilot, "today")
            await pilot.press("escape", "f1")
            await until(pilot, "the keys", lambda: isinstance(pilot.app.screen, HelpDialog))
            await looks(pilot, "keys")
