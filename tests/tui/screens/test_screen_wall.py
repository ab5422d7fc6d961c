"""A screen of the policy on a wall: its cameras live, by themselves, and nothing else; and who gives it its pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.people.types import ReadShares, ScreenGive, ShareEnd
from holdshelf_tui.screens.people import PeoplePane
from holdshelf_tui.screens.screen_wall import ScreenPane
from holdshelf_tui.widgets.fields import Choice
from holdshelf_tui.widgets.side_by_side import Beside
from tests.core.looks.test_screens import POLICY
from tests.looking import commissioned, seed
from tests.people import PAPER, wait_past_midnight
from tests.rig.rtsp import Mount, RtspServer
from tests.tui.keyboard import does, until_said
from tests.tui.stage import Stage, our_app, settled, until, until_shown
from tests.tui.uncut import nothing_cut


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    wait_past_midnight()  # a screen ends with the day
    with RtspServer([Mount("door", media="h264_bigkey")]) as server, Stage(tmp_path_factory.mktemp("wall")) as running:
        service = running.service
        assert service.add(server.url("door"), "Front door") == "front-door"
        service.client.act(PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", PAPER, POLICY))
        service.stop()
        seed(service.data, commissioned("front-door"))
        service.start()
        service.await_recording("front-door")
        for login, name in (("wall", "Wall by the desk"), ("desk", "Circulation desk")):
            running.people.enrol(login, name, running.client("dora"))
        yield running


async def test_a_screen_begins_by_itself_and_shows_its_cameras_and_nothing_else(stage: Stage) -> None:
    share = stage.client("dora").act(ScreenGive("desk", "wall")).id
    async with stage.seated("wall", size=(100, 30)) as pilot:
        home = await settled(pilot)
        assert home.titles == ["Screen"]
        pane = home.front
        assert isinstance(pane, ScreenPane)
        await until_said(pilot, "Live · 4 cameras · until 11:59 pm", "Front entrance", "Service desk", "Stacks")

        def door() -> Beside | None:
            return next((one for one in pane.query(Beside) if one.camera == "front-door"), None)

        await until(pilot, "a picture", lambda: (cell := door()) is not None and cell.picture.has_picture)
        await until_shown(pilot, "is not being recorded now")  # of a camera that sends nothing
        await nothing_cut(pilot, "a screen on a wall", (80, 24), (160, 48))
        await pilot.press("x")
        await until_said(pilot, "The screen shows nothing now.", "Begin")
        assert not our_app(pilot).looks.all()
        await pilot.press("o")
        await until_said(pilot, "Live · 4 cameras")
        stage.client("dora").act(ShareEnd(share, "taken down"))
        await until(pilot, "it is over", lambda: not pilot.app.is_running or "Live ·" not in our_app(pilot).title)


async def test_a_seat_gives_a_screen_its_pictures_and_sees_whose_they_are(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(100, 40)) as pilot:
        home = await settled(pilot)
        pane = await home.go("people")
        assert isinstance(pane, PeoplePane)
        pane.choose("shares")
        await until(pilot, "the shares", lambda: pane.part == "shares" and pane.is_loaded)
        await does(pilot, pane, "screen")
        await until_said(pilot, "Give a screen its pictures", "public rooms, for staff, until 11:59 pm")
        people = pilot.app.screen.query_one("#person", Choice)
        assert not people.value, "nobody is chosen for them"
        await pilot.press("tab")
        while "Circulation desk" not in people.words:
            await pilot.press("down")
        await pilot.press("tab", "enter")
        await until_said(pilot, "The screen has its pictures.")
    rows = [row for row in stage.client("dora").read(ReadShares()) if row.kind == "live" and row.state == "active"]
    assert [row.screen for row in rows] == ["desk"]
