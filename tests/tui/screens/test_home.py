"""The home screen: whose tabs are shown, and how one gets into them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.widgets import Static, Tabs

from tests.tui.stage import Stage, settled


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("home")) as running:
        yield running


async def test_it_says_who_sits_there(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert "Dora Reed, Library Director" in str(home.query_one("#who", Static).content)
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert "Admin of this machine" in str(home.query_one("#who", Static).content)


async def test_down_goes_from_the_tabs_into_the_one_in_front(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        home.query_one(Tabs).focus()
        await pilot.press("down")
        assert home.front is not None
        assert home.focused in home.front.query("*")
