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
from syrupy.exceptions import SnapshotDoesNotExist
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Footer, Input, ProgressBar, Static, Tabs
from textual.widgets._tabs import Underline

from holdshelf_core.api.client import Client
from holdshelf_core.operations.types import ClockRow
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.screens.dialogs.clock import ClockDialog
from holdshelf_tui.screens.dialogs.help import HelpDialog
from holdshelf_tui.screens.dialogs.log_copy import CopyDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.storage import StoragePane
from holdshelf_tui.themes import ANSI, CONTRAST, LIGHT
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.looking import MINUTE_NS, NS
from tests.rig.faults import FakeClock
from tests.rig.hang import HANG_S
from tests.service import wait_for
from tests.tui.screens.scrub import Scrub
from tests.tui.stage import Stage, arrived, screen_text, settled, until, until_shown

NOW_UTC_NS = 1_773_165_610 * NS
"""Tue, Mar 10, 2026, 2:00:10 pm in New York."""
ZONE = "America/New_York"
SET_AHEAD = ClockRow(NOW_UTC_NS + 180 * MINUTE_NS, NOW_UTC_NS, 60 * MINUTE_NS, doubtful=True)
SMALL, LARGE = (80, 24), (160, 48)
COMES_S = 20.0

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
    app = HoldshelfApp(Client(stage.service.data, token=opened["token"], timeout_s=HANG_S), **more)
    app.animation_level = "none"
    app._filters.append(Scrub())
    try:
        yield app
    finally:
        if login:
            stage.service.end_session(opened["session"])


def underline(tabs: Tabs) -> None:
    """Textual moves the line a moment after the tab, or its label, has changed; below a dialog not before that is closed."""
    if tabs.size and tabs.active_tab is not None:
        line, front = tabs.query_one(Underline), tabs.active_tab
        span = front.virtual_region.shrink(front.styles.gutter).column_span
        line.highlight_start, line.highlight_end = span


async def still(pilot: Pilot[Any]) -> None:
    """Everything has come, and no cursor blinks."""
    home = next(screen for screen in pilot.app.screen_stack if isinstance(screen, HomeScreen))
    await until(pilot, "who waits", lambda: "F2" in str(home.query_one("#welcome", Static).content))
    await until(pilot, "what was asked for", lambda: "Asking …" not in screen_text(pilot))
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    footers = pilot.app.screen.query(Footer)
    if footers:  # it is made again, and empty for a moment, whenever the keys change
        await until(pilot, "the keys", lambda: "^q" in screen_text(pilot))
    await pilot.pause(0.2)  # what is loaded soon after an event has come by then
    underline_all(pilot)
    await pilot.pause()


def underline_all(pilot: Pilot[Any]) -> None:
    """See `underline`; of the home screen, also below a dialog."""
    home = next(screen for screen in pilot.app.screen_stack if isinstance(screen, HomeScreen))
    for tabs in home.query(Tabs):
        underline(tabs)


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
    await until_shown(pilot, "Coverage   In")
    pane = pilot.app.screen.query_one(StoragePane)
    pane.hidden()  # it does not ask again
    pane.say("Media: /srv/media")  # as long as in every run: beside the list's tools a long one takes two lines
    pane.query_one(ProgressBar).update(total=100, progress=28)
    await pilot.pause()


async def tab(pilot: Pilot[Any], key: str, words: str) -> None:
    """That tab, when those words are there."""
    home = await settled(pilot)
    await home.go(key)
    await until_shown(pilot, words)


async def timeline(pilot: Pilot[Any]) -> None:
    """The hour of the made footage, with both marks."""
    await tab(pilot, "timeline", "need a purpose")
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


async def form(pilot: Pilot[Any], dialog: Screen[Any], words: str) -> None:
    """A form that is opened from a list full of a run's own figures, over the first tab instead."""
    await home_settled(pilot)
    pilot.app.push_screen(dialog)
    await until_shown(pilot, words)


async def start(pilot: Pilot[Any]) -> None:
    """What everybody is asked first."""
    await arrived(pilot)
    await until_shown(pilot, "to write down:")


async def steps(pilot: Pilot[Any]) -> None:
    """Inside of what somebody needs, past the first step."""
    await start(pilot)
    await pilot.press("down", "enter")
    await until_shown(pilot, "what we need")
    await pilot.press("0")
    await until_shown(pilot, "✓ 1")


SCREENS: dict[str, tuple[str, Callable[[Pilot[Any]], Any]]] = {
    "start": ("dora", start),
    "start-of-a-designee": ("sam", start),
    "start-of-the-admin": ("", start),
    "start-steps": ("dora", steps),
    "cameras": ("dora", home_settled),
    "cameras-of-the-admin": ("", home_settled),
    "add-cameras": ("", lambda pilot: tab(pilot, "add", "Add by address")),
    "storage": ("", storage),
    "timeline": ("dora", timeline),
    "purpose": ("dora", lambda pilot: dialog(pilot, "o", "Why are you looking?")),
    "go-to-a-time": ("dora", lambda pilot: dialog(pilot, "t", "Go to a time")),
    "hold": ("dora", lambda pilot: dialog(pilot, "h", "Ground")),
    "live": ("dora", live),
    "copy-of-the-log": ("dora", lambda pilot: form(pilot, CopyDialog(), "Into my outbox")),
    "confirm-the-time": ("dora", lambda pilot: form(pilot, ClockDialog(SET_AHEAD), "The time is right")),
    "holds": ("dora", lambda pilot: tab(pilot, "holds", "26-114")),
    "releases": ("dora", lambda pilot: tab(pilot, "releases", "No release")),
    "people": ("dora", lambda pilot: tab(pilot, "people", "Sam Roe")),
    "checklist-and-print": ("dora", lambda pilot: tab(pilot, "papers", "Security camera policy")),
    "shared": ("sam", lambda pilot: tab(pilot, "shared", "shared")),
}


@pytest.fixture
def looks(snapshot: SnapshotAssertion) -> Looks:
    """Whether what is on the screen now looks as what was kept under that name."""
    kept = snapshot.use_extension(SVGImageExtension)

    def are_alike(pilot: Pilot[Any], name: str) -> bool:
        underline_all(pilot)
        try:
            wanted = kept.extension.read_snapshot(
                test_location=kept.test_location, index=name, session_id=str(id(kept.session))
            )
        except SnapshotDoesNotExist:
            return True
        return bool(wanted == kept.extension.serialize(pilot.app.export_screenshot(simplify=True)))

    async def compare(pilot: Pilot[Any], name: str) -> None:
        await still(pilot)
        if not kept.update_snapshots:
            with contextlib.suppress(AssertionError):  # what a busy machine brings later; the comparison below tells
                await until(pilot, name, lambda: are_alike(pilot, name), COMES_S)
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
async def test_without_colors_it_looks_as_it_did(
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
