"""Live pictures of a camera that sends: for a purpose, ended by themselves, never behind another tab (P9)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from holdshelf_core.api.types_board import LogRows, LogShow
from holdshelf_core.api.types_looks import PurposeOpen
from holdshelf_tui.screens.live import NS, LivePane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.picture import Picture
from tests.looking import commissioned, seed
from tests.people import People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.tui.stage import seated, settled, told, until, until_shown


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    with RtspServer([Mount("door", media="h264_720p")]) as running:
        yield running


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, server: RtspServer) -> Iterator[People]:
    """A service that runs and records one camera, with a Director."""
    service = Service(tmp_path_factory.mktemp("live") / "data", mint=True)
    with service:
        assert service.add(server.url("door"), "Front door") == "front-door"
    seed(service.data, commissioned("front-door"))
    with service:
        found = People(service)
        found.name_director()
        service.await_recording("front-door")
        yield found


def entries(people: People, action: str) -> int:
    return len(people.service.act("log.show", LogShow(action=action, most=500), LogRows).entries)


async def live(pilot: Pilot[Any]) -> LivePane:
    pane = await (await settled(pilot)).go("live")
    assert isinstance(pane, LivePane)
    await until(pilot, "cameras", lambda: pane.cameras)
    await until_shown(pilot, "end by themselves")
    return pane


async def start(pilot: Pilot[Any]) -> None:
    """As a person does it: the button that has the keys, then the prompt."""
    await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
    await pilot.press("enter")
    await until_shown(pilot, "Why do you look live?")
    await pilot.press("enter")


async def test_p9_live_pictures_come_for_a_purpose_and_stop_with_the_tab(people: People) -> None:
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = pilot.app.looks  # type: ignore[attr-defined]
        assert not pane.query_one(Picture).has_picture
        await start(pilot)
        await until(pilot, "a live look", looks.all)
        picture = pane.query_one(Picture)
        await until(pilot, "a picture", lambda: picture.has_picture and picture.painted.is_set())
        await until_shown(pilot, "ends by itself in 9:")
        first, began = pane._shown_utc_ns, time.monotonic()
        assert abs(first - time.time_ns()) < 10e9
        seen = {first}
        while time.monotonic() - began < 2.0:
            await pilot.pause(0.02)
            seen.add(pane._shown_utc_ns)
        assert 3 <= len(seen) <= 2 * 4 + 2, "newer pictures, at most four a second"
        await pilot.press("x")
        await until(pilot, "no look", lambda: not looks.all())
        assert not picture.has_picture
        await start(pilot)
        await until(pilot, "another picture", lambda: picture.has_picture)
        await (await settled(pilot)).go("cameras")
        await until(pilot, "no look behind another tab", lambda: not looks.all())
        assert any("Your live look has ended" in one for one in told(pilot))
        assert not picture.has_picture
    wait_for("it is written down", lambda: entries(people, "purpose.close"))


async def test_p9_it_ends_by_itself_and_one_confirm_renews_it(people: People) -> None:
    """The minutes themselves are the service's to count; here the screen is told that they are over."""
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = pilot.app.looks  # type: ignore[attr-defined]
        await start(pilot)
        (look,) = await until(pilot, "a live look", looks.all)
        picture = pane.query_one(Picture)
        await until(pilot, "a picture", lambda: picture.has_picture)
        looks._rows[look.id] = msgspec.structs.replace(look, live_until_utc_ns=time.time_ns() - 1)
        await until_shown(pilot, "The live view has ended by itself")
        await until_shown(pilot, "Go on looking")
        assert not picture.display
        await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
        await pilot.press("enter")
        await until(pilot, "a renewal", lambda: entries(people, "live.renew") == 1)
        await until(pilot, "pictures again", lambda: picture.display and picture.painted.is_set())
        assert [row.id for row in looks.all()] == [look.id]


async def test_p12_a_look_in_imminent_danger_goes_on_in_the_timeline_and_back(people: People) -> None:
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = pilot.app.looks  # type: ignore[attr-defined]
        await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
        await pilot.press("enter")
        await until_shown(pilot, "Why do you look live?")
        await pilot.click("#danger")
        await until(pilot, "its first field", lambda: getattr(pilot.app.focused, "id", "") == "why")
        await pilot.press(*"a fight", "enter")
        (look,) = await until(pilot, "the look", looks.all)
        await until(pilot, "where", lambda: any("The last minutes are in Timeline" in one for one in told(pilot)))
        picture = pane.query_one(Picture)
        await until(pilot, "a picture", lambda: picture.has_picture)
        home = await settled(pilot)
        timeline = await home.go("timeline")
        assert isinstance(timeline, TimelinePane)
        still = timeline.query_one("#still", Picture)
        await until(pilot, "the last minutes", lambda: still.has_picture, seconds=40)
        await until_shown(pilot, "being recorded now")
        await pilot.press("end")
        screen = await until_shown(pilot, "being recorded now")
        assert "erased on schedule, or" not in screen
        await home.go("live")
        await until(pilot, "live again", lambda: picture.display and picture.has_picture)
        assert [row.id for row in looks.all()] == [look.id], "one look, one flag"
        await pilot.press("x")
        await until(pilot, "no look", lambda: not looks.all())


async def test_the_line_of_looks_names_the_cameras_of_other_tabs_looks(people: People) -> None:
    async with seated(people, "dora") as pilot:
        looks = pilot.app.looks  # type: ignore[attr-defined]
        await settled(pilot)
        now = time.time_ns()
        asked = PurposeOpen(["front-door"], "violation", "26-7", start_utc_ns=now - 60 * NS, end_utc_ns=now)
        await looks.async_open(asked)
        await live(pilot)
        await until_shown(pilot, "26-7 · Front door")
