"""Live pictures of a camera that sends: for a purpose, ended by themselves, never behind another tab (P9)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.looks.types import PurposeOpen
from holdshelf_tui.screens.live import LivePane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.text.time_format import NS
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.side_by_side import SideBySide
from tests.looking import commissioned, seed
from tests.people import People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.tui.keyboard import until_said
from tests.tui.stage import our_app, seated, settled, told, until, until_shown
from tests.tui.uncut import nothing_cut

pytestmark = pytest.mark.usefixtures("no_frames")

SOME = 8
"""So many pictures take two seconds, at the pace that is allowed."""


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    with RtspServer([Mount("door", media="h264_720p"), Mount("desk", media="h264_100k")]) as running:
        yield running


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, server: RtspServer) -> Iterator[People]:
    """A service that runs and records two cameras, with a Director."""
    service = Service(tmp_path_factory.mktemp("live") / "data", mint=True)
    with service:
        assert service.add(server.url("door"), "Front door") == "front-door"
        assert service.add(server.url("desk"), "Service desk") == "service-desk"
    seed(service.data, commissioned("front-door", "service-desk"))
    with service:
        found = People(service)
        found.name_director()
        service.await_recording("front-door")
        service.await_recording("service-desk")
        yield found


def entries(people: People, action: str) -> int:
    return len(people.service.act(LogShow(action=action, most=500)).entries)


async def live(pilot: Pilot[Any]) -> LivePane:
    pane = await (await settled(pilot)).go("live")
    assert isinstance(pane, LivePane)
    await until(pilot, "cameras", lambda: pane.cameras)
    await until_shown(pilot, "end automatically")
    return pane


async def start(pilot: Pilot[Any]) -> None:
    """As a person does it: the button that has the keys, then the prompt."""
    await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
    await pilot.press("enter")
    await until_shown(pilot, "Why are you looking live?")
    await pilot.press("enter")


async def test_p9_live_pictures_come_for_a_purpose_and_stop_with_the_tab(people: People) -> None:
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = our_app(pilot).looks
        assert not pane.query_one(PictureView).has_picture
        asked_utc_ns = time.time_ns()
        await start(pilot)
        await until(pilot, "a live look", looks.all)
        picture = pane.query_one(PictureView)
        await until(pilot, "a picture", lambda: picture.has_picture and picture.painted.is_set())
        await until_shown(pilot, "ends in 9:")
        await nothing_cut(pilot, "live")
        await until(pilot, "a picture of now", lambda: pane._shown_utc_ns > asked_utc_ns)
        began, seen = time.monotonic(), {pane._shown_utc_ns}
        await until(pilot, "newer pictures", lambda: seen.add(pane._shown_utc_ns) or len(seen) >= SOME)
        assert len(seen) <= (time.monotonic() - began) * 4 + 2, "at most four a second"
        await pilot.press("x")
        await until(pilot, "no look", lambda: not looks.all())
        await until(pilot, "no picture", lambda: not picture.has_picture)
        await start(pilot)
        await until(pilot, "another picture", lambda: picture.has_picture)
        await (await settled(pilot)).go("cameras")
        await until(pilot, "no look behind another tab", lambda: not looks.all())
        await until(
            pilot, "why", lambda: any("Your live look ended because you left its tab" in one for one in told(pilot))
        )
        await until(pilot, "no picture", lambda: not picture.has_picture)
    wait_for("it is written down", lambda: entries(people, "purpose.close"))


async def test_p9_two_cameras_of_one_live_look_stand_side_by_side_at_four_pictures_a_second_together(
    people: People,
) -> None:
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = our_app(pilot).looks
        await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
        await pilot.press("enter")
        await until_shown(pilot, "Why are you looking live?")
        pilot.app.screen.query_one("#cameras").focus()
        await pilot.press("down", "space", "enter")
        (look,) = await until(pilot, "a live look", looks.all)
        assert look.cameras == ["front-door", "service-desk"]
        both = pane.query_one(SideBySide)
        await until(pilot, "two pictures", lambda: sum(cell.picture.painted.is_set() for cell in both.shown) == 2)
        assert both.display and not pane.query_one("#picture").display
        await nothing_cut(pilot, "two live pictures")
        began, left = time.monotonic(), looks.all()[0].pictures_left
        seen: set[str] = set()

        def come() -> int:
            seen.update(cell.caption for cell in both.shown)
            return left - looks.all()[0].pictures_left

        await until(pilot, "newer pictures", lambda: come() >= SOME)
        assert come() <= (time.monotonic() - began) * 4 + 2, "at most four a second of both together"
        for name in ("▸Front door · ", " Service desk · "):
            assert any(words.startswith(name) and words[-2:] in ("am", "pm") for words in seen), seen
        opened = [row.entry for row in people.service.act(LogShow(action="look.open", most=500)).entries]
        assert sorted(e["cameras"] for e in opened if e["subject"] == look.id) == [["front-door"], ["service-desk"]]
        await pilot.press("vertical_line")
        await until(pilot, "one camera", lambda: not both.display and pane.query_one("#picture").display)
        await until(pilot, "its picture", lambda: pane.query_one("#picture", PictureView).has_picture)
        await until(pilot, "and no others", lambda: not both.shown)
        await pilot.press("vertical_line")
        await until_said(pilot, "Cameras side by side")
        await pilot.press("enter")
        await until(pilot, "both again", lambda: sum(cell.picture.has_picture for cell in both.shown) == 2)
        await pilot.press("1")
        await until(pilot, "no look behind another tab", lambda: not looks.all())
        await until(pilot, "no picture", lambda: not both.shown and pilot.app.screen.query_one("#head").display)


async def test_p9_it_ends_by_itself_and_one_confirm_renews_it(people: People) -> None:
    """The minutes themselves are the service's to count; here the screen is told that they are over."""
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = our_app(pilot).looks
        await start(pilot)
        (look,) = await until(pilot, "a live look", looks.all)
        picture = pane.query_one(PictureView)
        await until(pilot, "a picture", lambda: picture.has_picture)
        looks._rows[look.id] = msgspec.structs.replace(look, live_until_utc_ns=time.time_ns() - 1)
        await until_shown(pilot, "The live view ended automatically")
        await until_shown(pilot, "Keep looking")
        await until(pilot, "no picture", lambda: not picture.display)
        await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
        await pilot.press("enter")
        await until(pilot, "a renewal", lambda: entries(people, "live.renew") == 1)
        await until(pilot, "pictures again", lambda: picture.display and picture.painted.is_set())
        assert [row.id for row in looks.all()] == [look.id]


async def test_p12_a_look_in_imminent_danger_goes_on_in_the_timeline_and_back(people: People) -> None:
    async with seated(people, "dora") as pilot:
        pane = await live(pilot)
        looks = our_app(pilot).looks
        await until(pilot, "the button has the keys", lambda: getattr(pilot.app.focused, "id", "") == "look")
        await pilot.press("enter")
        await until_shown(pilot, "Why are you looking live?")
        await pilot.click("#danger")
        await until(pilot, "its first field", lambda: getattr(pilot.app.focused, "id", "") == "why")
        await pilot.press(*"a fight", "enter")
        (look,) = await until(pilot, "the look", looks.all)
        await until(pilot, "where", lambda: any("The last minutes are in Timeline" in one for one in told(pilot)))
        picture = pane.query_one(PictureView)
        await until(pilot, "a picture", lambda: picture.has_picture)
        home = await settled(pilot)
        timeline = await home.go("timeline")
        assert isinstance(timeline, TimelinePane)
        still = timeline.query_one("#still", PictureView)
        await until(pilot, "the last minutes", lambda: still.has_picture)
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
        looks = our_app(pilot).looks
        await settled(pilot)
        now = time.time_ns()
        asked = PurposeOpen(["front-door"], "violation", "26-7", start_utc_ns=now - 60 * NS, end_utc_ns=now)
        await looks.async_open(asked)
        await live(pilot)
        await until_shown(pilot, "26-7 · Front door")
