"""The admin's tabs by keys alone: cameras found, added, tried, moved, removed; room, examination, jobs; and no picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Input

from holdshelf_core.access_log import types as types_board
from holdshelf_core.alerts.types import ReadAlerts
from holdshelf_core.api import types
from holdshelf_core.api.errors import BadRequest, Refused
from holdshelf_core.backups.types import ReadBackups
from holdshelf_core.cameras.types import CameraRemove
from holdshelf_core.operations import types as operation_types
from holdshelf_core.reports.types import ReadCoverage
from holdshelf_tui.screens.add_cameras import AddCamerasPane
from holdshelf_tui.screens.cameras import CamerasPane
from holdshelf_tui.screens.dialogs.camera import camera_lines
from holdshelf_tui.screens.dialogs.step import StepDialog
from holdshelf_tui.screens.doctor import JOB_WORDS, DoctorPane, result_words
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.storage import StoragePane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.fields import Tick
from holdshelf_tui.widgets.picture import PictureView
from tests.rig.faults import FakeClock
from tests.rig.mail import HOST, MailServer
from tests.rig.onvif_cameras import PASSWORD, VirtualCameras, onvif_cameras
from tests.rig.onvif_device import OnvifDevice, Profile
from tests.rig.rtsp import Mount, RtspServer
from tests.service import wait_for
from tests.tui.keyboard import does, fills
from tests.tui.keyboard import types as type_text
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
    with Stage(tmp_path_factory.mktemp("admin"), cameras={"stacks": "Stacks", "lobby": "Front entrance"}) as running:
        yield running


def cameras(stage: Stage) -> dict[str, types.CameraRow]:
    """By name."""
    return {row.name: row for row in stage.service.client.status().cameras}


def removed(stage: Stage, *ids: str) -> None:
    """What a test has added: its stream would be recorded to the end of the file."""
    for camera in ids:
        stage.service.act(CameraRemove(camera))


def last_entry(stage: Stage, action: str) -> dict[str, Any]:
    rows = stage.service.act(types_board.LogShow(action=action)).entries
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
        await until_shown(pilot, "It was moved")
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


# --- storage, examination, jobs, clock -----------------------------------------------------------------------------------


async def test_p15_the_room_and_the_floor_are_set_with_a_reason(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "Floor      none")
        assert isinstance(home.front, StoragePane)
        await pilot.press("e")
        await until_shown(pilot, "Set it")
        await pilot.press("enter")
        await until_shown(pilot, "Nothing has changed yet")
        await fills(pilot, "lots", "", "14")
        await pilot.press("enter")
        await until_shown(pilot, "is not a size")
        await pilot.press("ctrl+u")
        await type_text(pilot, "2GB\n")
        await until_shown(pilot, "Why does it change?")
        assert stage.service.client.status().disk.floor_days is None
        await type_text(pilot, "a test\n")
        await until_shown(pilot, "Footage may use 2.0 GB")
        await closed(pilot)
        await until_shown(pilot, "warns below 14 days")
    disk = stage.service.client.status().disk
    assert (disk.budget_bytes, disk.floor_days) == (2_000_000_000, 14)
    assert last_entry(stage, "capacity.set")["facts"]["floor_days"] == "14"


async def test_p10_whether_last_week_is_really_there_is_one_look(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("3")
        await until_shown(pilot, "Coverage   Of the last 7 days and today, ")
        await pilot.press("y")
        await until_shown(pilot, "nothing on record", "today")
        await pilot.press("escape")
        await pilot.press("down", "enter")
        await until_shown(pilot, "Coverage of ")
        await pilot.press("escape")
    whole = {row.camera: row.days for row in stage.client("dora").read(ReadCoverage())}
    assert set(stage.cameras) <= set(whole)
    assert {len(days) for days in whole.values()} == {8}
    assert sum(day.recorded_s for day in whole["lobby"]) == pytest.approx(240, abs=0.1)
    gaps = sum(gap.seconds for day in whole["lobby"] for gap in day.gaps if gap.reason == "camera unreachable")
    assert gaps >= 60
    only = stage.client("sam").read(ReadCoverage(days=0))
    assert [row.camera for row in only] == ["lobby"], "as whoever may see that a camera is there"
    for camera in ("stacks", "no-such-camera"):
        with pytest.raises(Refused):
            stage.client("sam").read(ReadCoverage(camera))
    with pytest.raises(BadRequest):
        stage.client("dora").read(ReadCoverage(days=-1))


def test_sizes_in_a_jobs_result_are_told_as_people_read_them() -> None:
    job = operation_types.JobRow("held room", "warn", 600.0, None, None, None, "47669248 bytes held, room for 30 days")
    assert result_words(job) == "47.7 MB held, room for 30 days"


async def test_the_examination_says_the_next_step_and_the_jobs_their_last_result(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 40)) as pilot:
        home = await settled(pilot)
        await pilot.press("4")
        await until_shown(pilot, "to fix")
        assert isinstance(home.front, DoctorPane)
        await until_shown(pilot, "→ Run `holdshelf camera check stacks`")
        await pilot.press("down")
        await until_shown(pilot, "→ Run `holdshelf camera check lobby`")
        await pilot.press("f5")
        await until_shown(pilot, "to fix")
        await press_tab(pilot, home.front)
        shown = await until_shown(pilot, "they run automatically")
        jobs = stage.service.client.read(operation_types.ReadJobs())
        assert [job.name for job in jobs if JOB_WORDS[job.name] not in shown] == []
        assert not {"sweep", "scrub", "bytes"} & set(shown.split())


async def test_backups_are_scheduled_made_and_ended_by_keys(stage: Stage, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    async with stage.app("").run_test(size=(80, 40)) as pilot:
        home = await settled(pilot)
        await pilot.press("4")
        await until_shown(pilot, "to fix")
        pane = home.front
        assert isinstance(pane, DoctorPane)
        await press_tab(pilot, pane)
        await until_shown(pilot, "they run automatically")
        await pilot.press("K")
        await until_shown(pilot, "Back up each day")
        await until(pilot, "the form takes keys", lambda: isinstance(pilot.app.focused, Input))
        await fills(pilot, f"{there}/nowhere")
        await pilot.press("enter")
        await until_shown(pilot, "is not there")
        pilot.app.screen.query_one("#target", Input).value = str(there)
        await pilot.press("enter")
        await until_shown(pilot, "A backup is made each day at 02:30")
        await closed(pilot)
        row = stage.service.client.read(ReadBackups())
        assert row is not None and row.target == str(there)
        pane.table.focus()
        await pilot.press("y")
        await until_shown(pilot, "was verified from there")
        await closed(pilot)
        assert [one.suffix for one in sorted(there.iterdir())] == [".tar", ".json"]
        pane.table.focus()
        await pilot.press("d")
        await until_shown(pilot, "Make no more backups?")
        await pilot.press("enter")
        await until_shown(pilot, "No backup is made by itself any more")
        await closed(pilot)
    assert stage.service.client.read(ReadBackups()) is None


async def who_is_told(pilot: Pilot[Any]) -> DoctorPane:
    """The doctor's tab, where nobody is told yet."""
    home = await settled(pilot)
    await pilot.press("4")
    await until_shown(pilot, "to fix")
    pane = home.front
    assert isinstance(pane, DoctorPane)
    for _ in range(2):
        await press_tab(pilot, pane)
    await until_shown(pilot, "Nobody is told when something is wrong")
    return pane


async def test_who_is_told_is_set_tested_changed_and_removed(stage: Stage) -> None:
    with MailServer() as mail:
        async with stage.app("").run_test(size=(80, 24)) as pilot:
            pane = await who_is_told(pilot)
            await pilot.press("i")
            await until_shown(pilot, "Tell somebody what is wrong")
            await pilot.press("enter")
            await until_shown(pilot, "Mail server")
            await fills(pilot, "office", HOST, "")
            await pilot.press("down", "down")
            await fills(pilot, "", "")
            await pilot.press("ctrl+u")
            await fills(pilot, str(mail.port), "", "", "recorder@library.example", "it@library.example")
            await pilot.press("enter")
            await until_shown(pilot, "office tells it@library.example")
            await closed(pilot)
            # Two cameras answer to nobody: seconds later that is told, too.
            await until(
                pilot, "its row", lambda: any(words in screen_text(pilot) for words in ("not tried yet", "works"))
            )
            pane.table.focus()
            await pilot.press("y")
            await until_shown(pilot, "The test message was delivered")
            assert mail.subjects().count("Holdshelf: a test message") == 1
            await closed(pilot)
            await until_shown(pilot, "works")
            await pilot.press("e")
            await until_shown(pilot, "Change office")
            assert stage.service.client.read(ReadAlerts())[0].way.rules.quiet == ""
            quiet = pilot.app.screen.query_one("#quiet", Input)
            await until(pilot, "the form takes keys", lambda: pilot.app.focused is not None)
            quiet.focus()
            await until(pilot, "the cursor there", lambda: pilot.app.focused is quiet)
            await type_text(pilot, "22:00-07:00\n")
            await until_shown(pilot, "office tells it@library.example")
            await closed(pilot)
            await until_shown(pilot, "Quiet hours: 22:00-07:00; errors break through")
            await pilot.press("d")
            await until_shown(pilot, "Remove office?")
            await pilot.press("enter")
            await until_shown(pilot, "office is removed")
            await closed(pilot)
            await until_shown(pilot, "Nobody is told when something is wrong")
    assert stage.service.client.read(ReadAlerts()) == []


async def test_home_assistant_is_told_by_a_broker_that_is_set_by_keys(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        pane = await who_is_told(pilot)
        await pilot.press("i")
        await until_shown(pilot, "Tell somebody what is wrong")
        await pilot.press("down", "down", "enter")
        await until_shown(pilot, "MQTT broker")
        await fills(pilot, "home", "localhost")
        await pilot.press("enter")
        await until_shown(pilot, "home tells MQTT, localhost:8883, holdshelf/recorder")
        await closed(pilot)
        await until_shown(pilot, "Entities made by: MQTT discovery")
        pane.table.focus()
        await pilot.press("e")
        await until_shown(pilot, "Change home")
        pilot.app.screen.query_one("#discovery", Tick).value = False
        await pilot.press("enter")
        await until_shown(pilot, "home tells MQTT")
        await closed(pilot)
        await until_shown(pilot, "Entities made by: Holdshelf's integration")
        await pilot.press("d")
        await until_shown(pilot, "Remove home?")
        await pilot.press("enter")
        await until_shown(pilot, "Home Assistant may keep its entities")
        await closed(pilot)
        await until_shown(pilot, "Nobody is told when something is wrong")


async def test_a_heartbeat_is_set_changed_and_removed_by_keys(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        pane = await who_is_told(pilot)
        await pilot.press("i")
        await until_shown(pilot, "Tell somebody what is wrong")
        await pilot.press("down", "down", "down", "enter")
        await until_shown(pilot, "Tell that it runs")
        await fills(pilot, "pulse", "http://127.0.0.1:9/ping")
        await pilot.press("enter")
        shown = await until_shown(pilot, "pulse tells heartbeat, 127.0.0.1")
        assert "ping" not in shown
        await closed(pilot)
        await until_shown(pilot, "every 5 minutes, and nothing else")
        pane.table.focus()
        await pilot.press("e")
        await until_shown(pilot, "Change pulse")
        await pilot.press("tab", "ctrl+u", "7", "enter")
        await until_shown(pilot, "pulse tells")
        await closed(pilot)
        await until_shown(pilot, "every 7 minutes, and nothing else")
        await pilot.press("d")
        await until_shown(pilot, "Remove pulse?")
        await pilot.press("enter")
        await until_shown(pilot, "pulse is removed")
        await closed(pilot)
        await until_shown(pilot, "Nobody is told when something is wrong")


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
                await fills(pilot, " ", "my phone")
                await pilot.press("enter")
                await until_shown(pilot, "The time is confirmed")
            assert "clock_disagreement" not in stage.service.repairs()

            fake.step(20 * 86_400)
            wait_for("the step is a repair", lambda: "clock_disagreement" in stage.service.repairs())
            async with stage.app("dora").run_test(size=(80, 24)) as pilot:
                await settled(pilot)
                await until_shown(pilot, "Confirm the time")  # on the first tab, where the repair stands
                await press_button(pilot, "act-clock")
                await until_shown(pilot, "20.0 days ahead")
                await fills(pilot, " ", "the town hall's")
                await pilot.press("enter")
                await until(pilot, "confirmed", lambda: "clock_disagreement" not in stage.service.repairs())


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
