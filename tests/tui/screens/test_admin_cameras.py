"""The admin's tabs by keys alone: cameras found, added, tried, moved, removed; and no picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Input

from holdshelf_core.api import types
from holdshelf_core.cameras.types import CameraRemove
from holdshelf_tui.screens.add_cameras import AddCamerasPane
from holdshelf_tui.screens.cameras import CamerasPane
from holdshelf_tui.screens.dialogs.camera import camera_lines
from holdshelf_tui.screens.dialogs.step import StepDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.picture import PictureView
from tests.rig.onvif_cameras import PASSWORD, VirtualCameras, onvif_cameras
from tests.rig.onvif_device import OnvifDevice, Profile
from tests.rig.rtsp import Mount, RtspServer
from tests.tui.keyboard import does, fills
from tests.tui.keyboard import types as type_text
from tests.tui.screens.admin_rig import admin_stage, closed, last_entry, press_button
from tests.tui.stage import Stage, screen_text, settled, until, until_shown

SECRET = "shelf-42"


@pytest.fixture(scope="module")
def rig() -> Iterator[RtspServer]:
    with RtspServer([Mount("door", auth="digest", password=SECRET), Mount("desk")]) as running:
        yield running


@pytest.fixture
def onvif() -> Iterator[VirtualCameras]:
    with onvif_cameras("Porch \x1b[31m\u202e", clocks_off_by="-1y") as found:
        yield found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with admin_stage(tmp_path_factory.mktemp("admin")) as running:
        yield running


def cameras(stage: Stage) -> dict[str, types.CameraRow]:
    """By name."""
    return {row.name: row for row in stage.service.client.status().cameras}


def removed(stage: Stage, *ids: str) -> None:
    """What a test has added: its stream would be recorded to the end of the file."""
    for camera in ids:
        stage.service.act(CameraRemove(camera))


async def choose(pilot: Pilot[Any], camera: str) -> CamerasPane:
    """The Cameras tab with the cursor on that camera."""
    home = await settled(pilot)
    pane = home.front
    assert isinstance(pane, CamerasPane)
    await until(pilot, camera, lambda: any(str(key.value) == camera for key in pane.query_one(DataTable).rows))
    while pane.chosen is None or pane.chosen.id != camera:
        await pilot.press("down")
    return pane


# --- adding ------------------------------------------------------------------------------------------------------------


async def test_p5_a_camera_is_added_by_its_address_and_a_no_loses_nothing_that_was_typed(
    stage: Stage, rig: RtspServer
) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "Add by address")
        await pilot.press("A")
        await until_shown(pilot, "Go on")
        await pilot.press("enter")
        await until_shown(pilot, "What is the camera's address?")
        await type_text(pilot, rig.url("door") + "\n")
        await until_shown(pilot, "Try it")
        await fills(pilot, "viewer", "wrong-one")
        await until_shown(pilot, "▸ Password")  # where the cursor is, told by a sign
        assert "wrong-one" not in screen_text(pilot), "the password is shown"
        await pilot.press("shift+tab", "enter")
        await until_shown(pilot, "refuses this user name or password")
        dialog = pilot.app.screen
        assert isinstance(dialog, StepDialog)
        assert dialog.text("username") == "viewer"
        await until_shown(pilot, "▸ Password")  # what is to be corrected has the cursor
        await pilot.press("ctrl+u")
        await type_text(pilot, SECRET + "\n")
        shown = await until_shown(pilot, "Name and place it")
        assert SECRET not in shown
        await pilot.press("ctrl+u")
        await type_text(pilot, "Staff lounge door\n")
        await until_shown(pilot, "What kind of place is it?")
        assert "Staff lounge door" not in cameras(stage)
        await pilot.press(*["down"] * 3)  # the seating area
        await pilot.press("enter")
        await until_shown(pilot, "sounds like a private place")
        assert "Staff lounge door" not in cameras(stage)
        await pilot.press("space", "enter")
        shown = await until_shown(pilot, "is added as staff-lounge-door")
        await closed(pilot)
    row = cameras(stage)["Staff lounge door"]
    assert (row.area_kind, row.commission) == ("seating", "new")
    assert last_entry(stage, "camera.add")["facts"]["confirmed_not_private"] is True
    assert last_entry(stage, "camera.try")["outcome"] == "done"
    removed(stage, row.id)


async def test_a_camera_is_found_picked_tried_and_named(stage: Stage, onvif: VirtualCameras) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "Look for cameras")
        pane = home.front
        assert isinstance(pane, AddCamerasPane)
        assert isinstance(pilot.app.focused, Button)
        pane.query_one("#at", Input).focus()
        await type_text(pilot, f"127.0.0.9, {onvif[0].probe_address}\n")
        looking, found = "Looking for cameras  █", "1 camera answered, 1 not added yet"
        await until(pilot, looking, lambda: any(words in screen_text(pilot) for words in (looking, found)))
        shown = await until_shown(pilot, found, "Porch")
        assert shown.replace("\n", "").isprintable()
        await pilot.press("enter")
        await until_shown(pilot, "Nothing is added whose stream")
        await fills(pilot, "", PASSWORD)
        await pilot.press("enter")
        await until_shown(pilot, "Name and place it")
        await pilot.press("ctrl+u")
        await fills(pilot, "Porch", "")
        await pilot.press("enter")
        await until_shown(pilot, "What kind of place is it?")
        await pilot.press("down", "down", "enter")
        await until_shown(pilot, "is added as porch")
        await until_shown(pilot, "year")  # its clock is one off
        await closed(pilot)
        await until_shown(pilot, "porch")
        await pilot.press("enter")
        await until_shown(pilot, "was already added, as porch")
    assert cameras(stage)["Porch"].integration == "onvif"
    removed(stage, "porch")


async def test_the_channels_of_a_device_are_added_one_after_the_other(stage: Stage, rig: RtspServer) -> None:
    profiles = [Profile(f"p{n}", uri=rig.url("desk"), channel=f"s{n}", name=f"Lens {n}") for n in (1, 2)]
    async with OnvifDevice(profiles=profiles) as device, stage.app("").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "Add by address")
        await pilot.press("A")
        await until_shown(pilot, "Go on")
        await type_text(pilot, device.address + "\n")
        await until_shown(pilot, "Nothing is added whose stream")
        await fills(pilot, "", device.password)
        await pilot.press("enter")
        for number, name in ((1, "Left lens"), (2, "Right lens")):
            await until_shown(pilot, f"channel {number}: Lens {number}")
            await pilot.press("down", "enter")
            await until_shown(pilot, "Name and place it")
            await pilot.press("ctrl+u")
            await fills(pilot, name, "")
            await pilot.press("enter")
            await until_shown(pilot, "What kind of place is it?")
            await pilot.press("down", "down", "enter")
            await until_shown(pilot, f"{name} is added as")
            await pilot.press("enter")
        await until(pilot, "home again", lambda: isinstance(pilot.app.screen, HomeScreen))
    there = cameras(stage)
    assert {"Left lens", "Right lens"} <= set(there)
    removed(stage, there["Left lens"].id, there["Right lens"].id)


async def test_a_replaced_camera_is_tried_and_keeps_its_name(stage: Stage, rig: RtspServer) -> None:
    stage.service.add(rig.url("desk") + "?old", "Old desk", "service-desk")
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, "old-desk")
        await press_button(pilot, "act-replace")
        await until_shown(pilot, "Old desk keeps its name, place, masks and recordings")
        await pilot.press("ctrl+u")
        await type_text(pilot, rig.url("desk") + "?new")
        await fills(pilot, "", "", "", "", "", "", "it fell down")
        await pilot.press("enter")
        await until_shown(pilot, "approves it again")
        await closed(pilot)
    assert cameras(stage)["Old desk"].address.endswith("?new")
    removed(stage, "old-desk")


# --- trying, renaming, moving, removing --------------------------------------------------------------------------------


async def test_p4_p5_a_camera_is_tried_renamed_moved_and_removed(stage: Stage, rig: RtspServer) -> None:
    stage.service.add(rig.url("desk"), "Desk", "service-desk")
    stage.service.await_recording("desk")
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, "desk")
        await pilot.press("y")
        await until_shown(pilot, "It is being recorded", "✓ Its stream plays")
        await closed(pilot)

        await press_button(pilot, "act-rename")
        await until_shown(pilot, "Rename it")
        await pilot.press("ctrl+u")
        await type_text(pilot, "Men's desk\n")
        await until_shown(pilot, "sounds like a private place")
        assert "Desk" in cameras(stage)
        await pilot.press("space", "enter")
        await until_shown(pilot, "It is called Men's desk now")
        await closed(pilot)
        assert cameras(stage)["Men's desk"].id == "desk"
        await until_shown(pilot, "Men's desk")  # in the list, too: a form is about what stands there

        await press_button(pilot, "act-move")
        await until_shown(pilot, "Record the move")
        await pilot.press(*["down"] * 5)  # from the service desk to another common area
        await pilot.press("enter")
        await until_shown(pilot, "Which place is it")
        await until(pilot, "the cursor there", lambda: getattr(pilot.app.focused, "id", "") == "note")
        await type_text(pilot, "hallway, leads to the desk")
        await fills(pilot, "", "", "", "the desk was moved")
        await pilot.press("enter")
        await until_shown(pilot, "has been moved")
        await closed(pilot)
        assert cameras(stage)["Men's desk"].area_kind == "other"

        await press_button(pilot, "act-remove")
        await until_shown(pilot, "nothing is erased now")
        await pilot.press("enter")
        await until_shown(pilot, "Why is it removed?")
        assert "Men's desk" in cameras(stage)
        await type_text(pilot, "sold\n")
        await until_shown(pilot, "is no longer recorded")
        await closed(pilot)
    assert "Men's desk" not in cameras(stage)
    assert last_entry(stage, "camera.remove")["outcome"] == "done"


async def test_a_new_password_is_kept_only_if_it_is_right(stage: Stage, rig: RtspServer) -> None:
    camera = stage.service.add(rig.url("door"), "Locked", username="viewer", password=SECRET)
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, camera)
        await press_button(pilot, "act-password")
        await until_shown(pilot, "kept only if it is right")
        await fills(pilot, "", "mistyped")
        await pilot.press("enter")
        shown = await until_shown(pilot, "The old settings were kept")
        assert "mistyped" not in shown
        await pilot.press("ctrl+u")
        await type_text(pilot, SECRET + "\n")
        await until_shown(pilot, "is correct and was saved")
        await closed(pilot)
    assert last_entry(stage, "camera.check")["facts"]["what"] == "new password"
    removed(stage, camera)


async def test_a_new_address_is_tried_and_kept(stage: Stage, rig: RtspServer) -> None:
    stage.service.add(rig.url("desk") + "?moving", "Moving", "service-desk")
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, "moving")
        await press_button(pilot, "act-address")
        await until_shown(pilot, "does not say which camera it comes from")
        await pilot.press("ctrl+u")
        await type_text(pilot, "http://127.0.0.1:9\n")
        await until_shown(pilot, "no address of the kind that Moving has")
        assert stage.service.camera("moving").address == rig.url("desk") + "?moving"
        await pilot.press("ctrl+u")
        await type_text(pilot, rig.url("desk") + "?moved\n")
        await until_shown(pilot, "The new address is correct and was saved")
        await closed(pilot)
    assert stage.service.camera("moving").address == rig.url("desk") + "?moved"
    assert last_entry(stage, "camera.reconfigure")["facts"]["what"] == "new address"
    removed(stage, "moving")


# --- how a camera fares ------------------------------------------------------------------------------------------------


async def test_details_show_state_gaps_with_reasons_and_repairs(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, "lobby")
        await pilot.press("enter")
        await until_shown(pilot, "Gaps, 24 h", "○ camera unreachable", "127.0.0.1", "in use, approved by")
        await pilot.press("end")
        await until_shown(pilot, "1 min 00 s   camera unreachable", "service stopped")
        await pilot.press("escape")
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        await choose(pilot, "lobby")
        await pilot.press("enter")
        shown = await until_shown(pilot, "Gaps, 24 h")
        assert "127.0.0.1" not in shown and "holdshelf camera" not in shown
        await press_button(pilot, "act-timeline")
        pane = await until(pilot, "the timeline", lambda: isinstance(home.front, TimelinePane) and home.front)
        assert isinstance(pane, TimelinePane)
        await until(pilot, "its own timeline", lambda: pane.cameras and pane.camera == "lobby")


def test_a_seat_is_told_no_command(stage: Stage) -> None:
    row, disk = stage.service.camera("lobby"), stage.service.client.status().disk
    repair = types.RepairRow(
        "auth:lobby", "lobby", "error", "It refuses its password.", "Run `holdshelf camera check`.", 1
    )
    seats = "\n".join(camera_lines(row, disk, [repair], None, [], admin=False, columns=200))
    assert "holdshelf" not in seats and "The admin of this server can fix it." in seats
    assert "`holdshelf camera check`" in "\n".join(camera_lines(row, disk, [repair], None, [], admin=True))


# --- no picture --------------------------------------------------------------------------------------------------------


async def test_p11_the_admin_is_shown_no_picture_and_nothing_that_leads_to_one(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        for key in ("timeline", "live", "shared", "releases"):
            assert not home.has(key)
        pane = await choose(pilot, "lobby")
        for number in range(1, 9):
            await pilot.press(str(number))
            await until(pilot, f"tab {number}", lambda: home.front is not None and home.front.is_attached)
            shown = screen_text(pilot)
            assert not any(words in shown for words in ("Bring into use", "Live", "Timeline", "Retire")), shown
        assert not home.query(PictureView)
        await pilot.press("1")
        for what in ("commission", "timeline", "live", "retire"):
            await does(pilot, pane, what)
        await pilot.press("b", "t", "enter")
        shown = await until_shown(pilot, "Forecast")
        assert not any(words in shown for words in ("Bring into use", "Live", "Timeline", "Retire")), shown
        assert not pilot.app.screen.query(PictureView)
