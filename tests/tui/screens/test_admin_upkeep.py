"""The admin's tabs by keys alone: room, coverage, examination, jobs, backups, who is told of trouble, and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from holdshelf_core.alerts.types import AlertRemove, AlertSet, AppriseWay, ReadAlerts
from holdshelf_core.api.errors import BadRequest, Refused
from holdshelf_core.backups.types import ReadBackups
from holdshelf_core.operations import types as operation_types
from holdshelf_core.reports.types import ReadCoverage
from holdshelf_tui.screens.doctor import JOB_WORDS, DoctorPane, result_words
from holdshelf_tui.screens.storage import StoragePane
from holdshelf_tui.widgets.fields import Tick
from tests.rig.faults import FakeClock
from tests.rig.mail import HOST, MailServer
from tests.service import wait_for
from tests.tui.keyboard import fills
from tests.tui.keyboard import types as type_text
from tests.tui.screens.admin_rig import admin_stage, closed, last_entry, press_button, press_tab
from tests.tui.stage import Stage, screen_text, settled, until, until_shown


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with admin_stage(tmp_path_factory.mktemp("admin")) as running:
        yield running


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
        await until_shown(pilot, "Coverage   In the last 7 days and today, ")
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
    stage.service.act(AlertSet(AppriseWay("topic", secret="json://127.0.0.1:9/topic"), new=True))
    async with stage.app("").run_test(size=(80, 40)) as pilot:
        home = await settled(pilot)
        await pilot.press("4")
        names = [step.name for step in stage.service.client.read(operation_types.ReadDoctor()).steps]
        assert "Apprise confinement" in names
        await until_shown(pilot, "to fix", *names)  # none of them is cut
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
    stage.service.act(AlertRemove("topic"))


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
        await until_shown(pilot, "No more automatic backups are made")
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
    await until_shown(pilot, "Nobody gets an alert when something is wrong")
    return pane


async def test_who_is_told_is_set_tested_changed_and_removed(stage: Stage) -> None:
    with MailServer() as mail:
        async with stage.app("").run_test(size=(80, 24)) as pilot:
            pane = await who_is_told(pilot)
            await pilot.press("i")
            await until_shown(pilot, "Send alerts to somebody")
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
            await until_shown(pilot, "Change the alert office")
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
            await until_shown(pilot, "Nobody gets an alert when something is wrong")
    assert stage.service.client.read(ReadAlerts()) == []


async def test_home_assistant_is_told_by_a_broker_that_is_set_by_keys(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        pane = await who_is_told(pilot)
        await pilot.press("i")
        await until_shown(pilot, "Send alerts to somebody")
        await pilot.press("down", "down", "enter")
        await until_shown(pilot, "MQTT broker")
        await fills(pilot, "home", "localhost")
        await pilot.press("enter")
        await until_shown(pilot, "home tells MQTT, localhost:8883, holdshelf/recorder")
        await closed(pilot)
        await until_shown(pilot, "Entities made by: MQTT discovery")
        pane.table.focus()
        await pilot.press("e")
        await until_shown(pilot, "Change the alert home")
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
        await until_shown(pilot, "Nobody gets an alert when something is wrong")


async def test_a_heartbeat_is_set_changed_and_removed_by_keys(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        pane = await who_is_told(pilot)
        await pilot.press("i")
        await until_shown(pilot, "Send alerts to somebody")
        await pilot.press("down", "down", "down", "enter")
        await until_shown(pilot, "Report that it is running")
        await fills(pilot, "pulse", "http://127.0.0.1:9/ping")
        await pilot.press("enter")
        shown = await until_shown(pilot, "pulse tells heartbeat, 127.0.0.1")
        assert "ping" not in shown
        await closed(pilot)
        await until_shown(pilot, "every 5 minutes, and nothing else")
        pane.table.focus()
        await pilot.press("e")
        await until_shown(pilot, "Change the alert pulse")
        await pilot.press("tab", "ctrl+u", "7", "enter")
        await until_shown(pilot, "pulse tells")
        await closed(pilot)
        await until_shown(pilot, "every 7 minutes, and nothing else")
        await pilot.press("d")
        await until_shown(pilot, "Remove pulse?")
        await pilot.press("enter")
        await until_shown(pilot, "pulse is removed")
        await closed(pilot)
        await until_shown(pilot, "Nobody gets an alert when something is wrong")


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
