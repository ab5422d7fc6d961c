"""An open session follows the rights of who sits there: with another policy its tabs, and what they offer, are other ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Button, Static, Tab, Tabs

from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_tui.screens.dialogs.hold import HoldDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.papers import PapersPane
from tests.tui.keyboard import Desk, said, until_said
from tests.tui.stage import Stage, settled, told, until

pytestmark = pytest.mark.usefixtures("no_frames")

CHANGED = "What you may do here has changed: these are the tabs that are yours now."
ALL = 'rights = ["live", "archive", "hold", "share", "release", "commission"]\ndecides = ["all"]'
DANGER = "Somebody is in danger right now"
FEW = 'rights = ["hold"]\ndecides = ["release.approve", "hold", "flag.review"]'


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Desk(tmp_path) as running:
        yield running


def adopt(stage: Stage, version: str, rights: str = ALL, words: str = "Library Director") -> None:
    """The Chair adopts a policy in which the Director has these rights, and is called so."""
    file = (
        FIRST.read_text().replace(ALL, rights, 1).replace('words.en = "Library Director"', f'words.en = "{words}"', 1)
    )
    stage.client("carl").act(PolicyAdopt("The policy.", version, "2026-01-01", "enforce", "", file))


def labels(tabs: Tabs) -> list[str]:
    """What stands on them."""
    return [tab.label_text for tab in tabs.query(Tab).results(Tab)]


def titles(home: HomeScreen) -> list[str]:
    """What stands on the tabs, without number and count."""
    return [label.partition(" ")[2].partition(" (")[0] for label in labels(home.query_one(Tabs))]


async def test_tabs_and_what_they_offer_follow_another_policy(stage: Stage) -> None:
    async with stage.seated("dora", size=(130, 36)) as pilot:
        home = await settled(pilot)
        whole = titles(home)
        assert {"Timeline", "Live", "Releases"} <= set(whole)
        papers = await home.go("papers")
        assert isinstance(papers, PapersPane)
        await until(pilot, "its tabs", lambda: "Of a release" in labels(papers.query_one(Tabs)))
        await home.go("live")
        adopt(stage, "2", FEW, words="Head Librarian")
        left = [title for title in whole if title not in ("Timeline", "Live")]
        await until(pilot, "the tabs of what is left", lambda: titles(home) == left)
        await until_said(pilot, "Dora Reed, Head Librarian", "What do you need?")
        assert home.front is home.pane("start") and CHANGED in told(pilot)
        assert DANGER not in said(pilot), "nor do the first answers lead to tabs that are gone"
        await until(pilot, "its papers", lambda: "Of a release" not in labels(papers.query_one(Tabs)))
        await pilot.press("2")
        await until(pilot, "the third tab", lambda: home.front is home.pane("holds"))
        # With a form in front nothing moves behind it.
        await pilot.press("H")
        form = await until(
            pilot, "the form", lambda: pilot.app.screen if isinstance(pilot.app.screen, HoldDialog) else None
        )
        adopt(stage, "3")
        await until(
            pilot, "the words of the role", lambda: "Library Director" in str(home.query_one("#who", Static).content)
        )
        assert titles(home) == left and pilot.app.screen is form
        await pilot.press("escape")
        await until(pilot, "all tabs, in their places", lambda: titles(home) == whole)
        assert home.front is home.pane("holds") and home.query_one(Tabs).active == "tab-holds"
        await until(pilot, "all papers", lambda: "Of a release" in labels(papers.query_one(Tabs)))
        await home.go("timeline")
        await until(pilot, "its buttons", lambda: home.query_one("#share", Button).display)


async def test_a_role_that_is_only_called_otherwise_keeps_its_tabs_without_a_word(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        before = home.pane("cameras")
        adopt(stage, "2", words="Head Librarian")
        await until_said(pilot, "Dora Reed, Head Librarian")
        assert home.front is before and CHANGED not in told(pilot)


async def test_a_tab_that_stays_offers_what_is_left(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        timeline = await home.go("timeline")
        assert timeline is not None
        await until(pilot, "its buttons", lambda: timeline.query_one("#share", Button).display)
        adopt(stage, "2", FEW.replace('["hold"]', '["live", "archive", "hold"]'))
        await until(pilot, "no button to share", lambda: not timeline.query_one("#share", Button).display)
        assert timeline.query_one("#hold", Button).display
        assert home.front is timeline and CHANGED in told(pilot)
