"""The access log on screen: in words, newest first, found by what one looks for, verified; and flags looked at afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from holdshelf_core.api.errors import Refused
from holdshelf_core.api.types_board import LogEntryRow, LogRows, LogShow
from holdshelf_core.api.types_holds import HoldPlace, HoldRow, SpanAsk
from holdshelf_core.api.types_looks import BreakGlass, GrantRow
from holdshelf_core.api.types_people import FlagRow
from holdshelf_tui.log_words import what_words
from holdshelf_tui.screens.log import LogPane
from holdshelf_tui.widgets.listing import row_key
from tests.tui.keyboard import Desk, said, types, until_said
from tests.tui.stage import Stage, screen_text, settled, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("log")) as running:
        running.hold("dora", reference="26-500")
        with contextlib.suppress(Refused):  # the desk's camera is not named in Sam's letter
            running.client("sam").act("hold.place", HoldPlace("violation", "26-501", [SpanAsk("desk", 1, 2)]), HoldRow)
        running.client("sam").act("break_glass", BreakGlass(["lobby"], "a fight"), GrantRow)
        yield running


async def log_tab(pilot: Pilot[str]) -> LogPane:
    home = await settled(pilot)
    pane = await home.go("log")
    assert isinstance(pane, LogPane)
    await until(pilot, "entries", lambda: pane.query_one(DataTable).row_count)
    pane.query_one(DataTable).focus()
    return pane


async def test_entries_stand_newest_first_in_words_and_open_whole(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(100, 48)) as pilot:
        pane = await log_tab(pilot)
        shown = await until_said(pilot, "placed a hold")
        for words in ("placed a hold", "looked at once, in imminent danger", "✗ REFUSED", "Sam Roe"):
            assert words in shown, shown
        seqs = [int(str(key.value)) for key in pane.query_one(DataTable).rows]
        assert seqs == sorted(seqs, reverse=True)
        await pilot.press("enter")
        shown = await until_said(pilot, f"Entry {seqs[0]} of the access log")
        assert "log.show" in shown and "Session" in shown
        await pilot.press("enter")
        await until(pilot, "closed", lambda: len(pilot.app.screen_stack) == 2)


async def test_slash_finds_by_act_person_and_what_was_refused(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await log_tab(pilot)
        await pilot.press("slash")
        await until_said(pilot, "Which entries")
        await pilot.press(*["down"] * 4)  # holds
        await pilot.press("tab", *["down"] * 3)  # Sam
        await pilot.press(*["tab"] * 4, "space", "enter")  # only what was refused
        shown = await until_said(pilot, "Only holds, Sam Roe, refused: 1 entry")
        assert "✗ REFUSED: placed a hold" in shown
        pane.action_do("everything")
        await until_said(pilot, "Newest first")


async def test_reading_is_an_entry_and_is_not_done_unasked(stage: Stage) -> None:
    def readings() -> int:
        rows = stage.service.client.act("log.show", LogShow(action="log.show", most=5000), LogRows)
        return sum(row.entry["person"] != "admin" for row in rows.entries)

    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        before = readings()
        pane = await log_tab(pilot)
        stage.hold("dora", reference="26-502")  # something happens
        await pilot.pause(1.0)
        assert readings() == before + 1
        await pilot.press("r")
        await until(pilot, "read anew", lambda: readings() == before + 2)
        await until(pilot, "shown", lambda: "26-502" in said(pilot) or pane.query_one(DataTable).row_count)


async def test_after_reading_anew_the_newest_is_chosen_and_told_of_with_cameras_by_name(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await log_tab(pilot)
        await pilot.press(*["down"] * 4)
        stage.hold("dora", reference="26-503")
        await pilot.press("r")
        newest = await until(
            pilot, "read anew", lambda: next((k for k, r in pane._rows.items() if "26-503" in r.words), "")
        )
        first = str(int(newest) + 1)  # the reading itself
        table = pane.query_one(DataTable)
        await until(pilot, "at the first", lambda: row_key(table) == first and table.cursor_row == 0)
        await until_said(pilot, f"{first}: Dora Reed read the access log")
        await pilot.press("down")
        shown = await until_said(pilot, f"{newest}: Dora Reed placed a hold")
        assert "Front entrance; " in shown and "lobby" not in shown
        (line,) = [
            line for line in screen_text(pilot).splitlines() if "placed a hold: H-" in line and "26-503" not in line
        ][:1]
        assert "…" in line, line


def test_people_are_named_and_keys_read_as_words() -> None:
    entry = {"action": "person.add", "subject": "p3", "outcome": "done"}
    row = LogEntryRow(9, entry, {"asked_for": "sam"}, "p3; asked_for: sam")
    assert what_words(row, {"p3": "Sam Roe"}) == "enrolled a person: Sam Roe; asked for: sam"


async def test_verify_says_that_the_log_is_whole(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await log_tab(pilot)
        await pilot.press("v")
        await until_said(pilot, "Verify the access log")
        await pilot.press("enter")
        await until_said(pilot, "The log is whole")
        await pilot.press("escape", "v")
        await until_said(pilot, "Verify the access log")
        await types(pilot, "57 entries\n")
        await until_said(pilot, "is no line of an access log: one reads like 57:3f2a 91bc")


def flags(stage: Stage) -> list[FlagRow]:
    """Those of looks: the naming of the Chair is flagged, too."""
    return [row for row in stage.client("carl").get("/rules/flags", list[FlagRow]) if row.kind != "seat_by_seat"]


async def test_scene_17_a_flagged_look_is_reviewed_by_somebody_else(stage: Stage) -> None:
    (flag,) = flags(stage)
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "▲Log")
        await pilot.press("f2")
        await until_said(pilot, "Review Sam Roe's imminent-danger look")
        await pilot.press("enter")
        await until_said(pilot, "To be reviewed (1)")
        await until_said(pilot, "a look at once")
        pilot.app.screen.query_one("#pane-log DataTable").focus()
        await pilot.press("enter")
        await until_said(pilot, "Look at it afterwards")
        await types(pilot, "it was a fight indeed\n")
        await until_said(pilot, f"▲ 1 of {flag.needs}")
    (after,) = flags(stage)
    assert len(after.reviewed_by) == 1


async def test_p21_the_admin_reads_the_public_form_with_names_from_the_register(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 60)) as pilot:
        await log_tab(pilot)
        shown = await until_said(pilot, "Dora Reed")
        assert "a fight" not in shown
