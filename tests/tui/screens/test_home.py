"""The home screen: whose tabs are shown, and that it outlives a restart of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from holdshelf_tui.screens.home import HomeScreen
from tests.tui.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("home")) as running:
        yield running


async def settled(pilot: Pilot[str]) -> HomeScreen:
    """The home screen, once the service has said who sits there."""
    for _ in range(400):
        await pilot.pause(0.02)
        if isinstance(pilot.app.screen, HomeScreen) and pilot.app.screen.front is not None:
            return pilot.app.screen
    raise AssertionError("no home screen")


async def test_it_says_who_sits_there(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert "Dora Reed, Library Director" in str(home.query_one("#who", Static).content)
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert "Admin of this machine" in str(home.query_one("#who", Static).content)
