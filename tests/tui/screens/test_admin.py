"""The admin's tabs by keys alone: cameras found, added, tried, moved, removed; room, examination, jobs; and no picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Input

from holdshelf_core.api import types, types_board
from holdshelf_tui.screens.add_cameras import AddCamerasPane
from holdshelf_tui.screens.cameras import CamerasPane
from holdshelf_tui.screens.dialogs.camera import camera_lines
from holdshelf_tui.screens.dialogs.step import StepDialog
from holdshelf_tui.screens.doctor import JOB_WORDS, DoctorPane, result_words
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.storage import StoragePane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.picture import Picture
from tests.rig.faults import FakeClock
from tests.rig.onvif_cameras import PASSWORD, VirtualCameras, onvif_cameras
from tests.rig.rtsp import Mount, RtspServer
from tests.service import wait_for
from tests.tui.keyboard import fills
from tests.tui.keyboard import types as type_text
from tests.tui.stage import Stage, screen_text, settled, until, until_shown

SECRET = "shelf-42"


@pytest.fixture(scope="module")
def rig() -> Iterator[RtspServer]:
    with RtspServer([Mount("door", auth="digest", password=SECRET), Mount("desk")]) as running:
        yield running


@pytest.fixture(scope="module")
def onvif() -> Iterator[VirtualCameras]:
    with onvif_cameras("Porch \x1b[31m\u202e", clocks_off_by="-1y") as found:
        yield found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("admin"), cameras={"stacks": "Stacks", "lobby": "Front entrance"}) as running:
        yield running


def cameras(stage: Stage) -> dict[str, types.CameraRow]:
    """By name."""
    return {row.name: row for row in stage.service.client.status().cameras}


def last_entry(stage: Stage, action: str) -> dict[str, Any]:
    rows = stage.service.act("log.show", types_board.LogShow(action=action), types_board.LogRows).entries
    return rows[-1].entry


async def choose(pilot: Pilot[Any], camera: str) -> CamerasPane:
    """The Cameras tab with the cursor on that camera."""
    home = await settled(pilot)
    pane = home.front
    assert isinstance(pane, CamerasPane)
    await until(pilot, camera, lambda: any(str(key.value) == camera for key in pane.query_one(DataTable).rows))
    while pane.chosen is None or pane.chosen.id != camera:
        await pilot.press("down")
    return pane


async def press_button(pilot: Pilot[Any], button: str) -> None:
    """Tab to a button, and Enter."""
    for _ in range(40):
        if getattr(pilot.app.focused, "id", "") == button:
            await pilot.press("enter")
            return
        await pilot.press("tab")
    raise AssertionError(f"{button} is not reached with Tab\n{screen_text(pilot)}")


async def closed(pilot: Pilot[Any]) -> None:
    """Enter on what is told; home again."""
    await pilot.press("enter")
    await until(pilot, "home again", lambda: isinstance(pilot.app.screen, HomeScreen))


# --- adding ------------------------------------------------------------------------------------------------------------


async def test_p5_a_camera_is_added_by_its_address_and_a_no_loses_nothing_that_was_typed(
    stage: Stage, rig: RtspServer
) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until_shown(pilot, "Add by address")
        await pilot.press("a")
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
        await until_shown(pilot, "Which kind of place is it?")
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
        await until_shown(pilot, "Looking for cameras  █")
        shown = await until_shown(pilot, "1 camera answered, 1 not added yet")
        assert "Porch" in shown and shown.replace("\n", "").isprintable()
        await pilot.press("enter")
        await until_shown(pilot, "Nothing is added whose stream")
        await fills(pilot, "", PASSWORD)
        await pilot.press("enter")
        await until_shown(pilot, "Name and place it", 40)
        await pilot.press("ctrl+u")
        await fills(pilot, "Porch", "")
        await pilot.press("enter")
        await until_shown(pilot, "Which kind of place is it?")
        await pilot.press("down", "down", "enter")
        await until_shown(pilot, "is added as porch", 40)
        await until_shown(pilot, "year")  # its clock is one off
        await closed(pilot)
        await until_shown(pilot, "porch")
        await pilot.press("enter")
        await until_shown(pilot, "is here already, as porch")
    assert cameras(stage)["Porch"].integration == "onvif"


# --- trying, renaming, moving, removing --------------------------------------------------------------------------------


async def test_p4_p5_a_camera_is_tried_renamed_moved_and_removed(stage: Stage, rig: RtspServer) -> None:
    stage.service.add(rig.url("desk"), "Desk", "service-desk")
    stage.service.await_recording("desk")
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, "desk")
        await pilot.press("k")
        shown = await until_shown(pilot, "It is being recorded")
        assert "✓ Its stream plays" in shown
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

        await press_button(pilot, "act-move")
        await until_shown(pilot, "It was moved")
        await pilot.press(*["down"] * 5)  # from the service desk to another common area
        await pilot.press("enter")
        await until_shown(pilot, "Which other place is it")
        await type_text(pilot, "hallway, leads to the desk")
        await fills(pilot, "", "", "", "the desk was moved")
        await pilot.press("enter")
        await until_shown(pilot, "is placed")
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
    camera = (
        stage.service.add(rig.url("door"), "Locked", username="viewer", password=SECRET)
        if not any(row.name == "Staff lounge door" for row in cameras(stage).values())
        else "staff-lounge-door"
    )
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, camera)
        await press_button(pilot, "act-password")
        await until_shown(pilot, "kept only if it is right")
        await fills(pilot, "", "mistyped")
        await pilot.press("enter")
        shown = await until_shown(pilot, "What was known before is kept")
        assert "mistyped" not in shown
        await pilot.press("ctrl+u")
        await type_text(pilot, SECRET + "\n")
        await until_shown(pilot, "is right and is kept")
        await closed(pilot)
    assert last_entry(stage, "camera.check")["facts"]["what"] == "new password"


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
        await until_shown(pilot, "The new address is right and is kept")
        await closed(pilot)
    assert stage.service.camera("moving").address == rig.url("desk") + "?moved"
    assert last_entry(stage, "camera.reconfigure")["facts"]["what"] == "new address"


# --- how a camera fares ------------------------------------------------------------------------------------------------


async def test_details_show_state_gaps_with_reasons_and_repairs(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await choose(pilot, "lobby")
        await pilot.press("enter")
        shown = await until_shown(pilot, "Gaps, 24 h")
        assert "○ camera unreachable" in shown and "127.0.0.1" in shown and "in use, approved by" in shown
        await pilot.press("end")
        shown = await until_shown(pilot, "1 min 00 s   camera unreachable")
        assert "service stopped" in shown
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
    assert "holdshelf" not in seats and "The admin of this machine mends it." in seats
    assert "`holdshelf camera check`" in "\n".join(camera_lines(row, disk, [repair], None, [], admin=True))


# --- storage, examination, jobs, clock -----------------------------------------------------------------------------------


async def test_p15_the_room_and_the_floor_are_set_with_a_reason(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "Floor      none")
        assert isinstance(home.front, StoragePane)
        await pilot.press("s")
        await until_shown(pilot, "Set it")
        await pilot.press("enter")
        await until_shown(pilot, "Nothing is to change yet")
        await fills(pilot, "lots", "", "14")
        await pilot.press("enter")
        await until_shown(pilot, "is not a size")
        await pilot.press("ctrl+u")
        await type_text(pilot, "2GB\n")
        await until_shown(pilot, "Why does it change?")
        assert stage.service.client.status().disk.floor_days is None
        await type_text(pilot, "a test\n")
        await until_shown(pilot, "Footage may take 2.0 GB")
        await closed(pilot)
        await until_shown(pilot, "warns below 14 days")
    disk = stage.service.client.status().disk
    assert (disk.budget_bytes, disk.floor_days) == (2_000_000_000, 14)
    assert last_entry(stage, "capacity.set")["facts"]["floor_days"] == "14"


def test_sizes_in_a_jobs_result_are_told_as_people_read_them() -> None:
    job = types.JobRow("held room", "warn", 600.0, None, None, None, "47669248 bytes held, room for 30 days")
    assert result_words(job) == "47.7 MB held, room for 30 days"


async def test_the_examination_says_the_next_step_and_the_jobs_their_last_result(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 40)) as pilot:
        home = await settled(pilot)
        await pilot.press("4")
        await until_shown(pilot, "to mend")
        assert isinstance(home.front, DoctorPane)
        await until_shown(pilot, "→ Run `holdshelf camera check stacks`")
        await pilot.press("down")
        await until_shown(pilot, "→ Run `holdshelf camera check lobby`")
        await pilot.press("r")
        await until_shown(pilot, "to mend")
        await press_tab(pilot, home.front)
        shown = await until_shown(pilot, "they run by themselves")
        jobs = stage.service.client.get("/jobs", list[types.JobRow])
        assert [job.name for job in jobs if JOB_WORDS[job.name] not in shown] == []
        assert not {"sweep", "scrub", "bytes"} & set(shown.split())


async def press_tab(pilot: Pilot[Any], pane: DoctorPane) -> None:
    """From the list up to the parts, and to the next one."""
    while getattr(pilot.app.focused, "parent", None) is not pane or type(pilot.app.focused).__name__ != "Tabs":
        await pilot.press("shift+tab")
    await pilot.press("right")


async def test_a_clock_that_was_set_is_confirmed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with FakeClock() as fake:
        environment = fake.environment({})
        with Stage(
            tmp_path_factory.mktemp("clock"), cameras={"lobby": "Front entrance"}, environment=environment
        ) as stage:
            fake.step(10 * 86_400)
            wait_for("the step is a repair", lambda: "clock_disagreement" in stage.service.repairs())
            async with stage.app("").run_test(size=(80, 24)) as pilot:
                await settled(pilot)
                await pilot.press("4")
                await until_shown(pilot, "Confirm the time")
                await press_button(pilot, "act-clock")
                await until_shown(pilot, "10.0 days ahead")
                await pilot.press("enter")
                await until_shown(pilot, "Compare it with another clock first")
                await fills(pilot, " ", "my telephone")
                await pilot.press("enter")
                await until_shown(pilot, "The time is confirmed")
            assert "clock_disagreement" not in stage.service.repairs()


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
        assert not home.query(Picture)
        await pilot.press("1")
        for what in ("commission", "timeline", "live", "retire"):
            pane.action_do(what)
        await pilot.press("c", "t", "enter")
        shown = await until_shown(pilot, "Forecast")
        assert not any(words in shown for words in ("Bring into use", "Live", "Timeline", "Retire")), shown
        assert not pilot.app.screen.query(Picture)
