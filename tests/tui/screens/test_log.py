"""The access log on screen: in words, newest first, found by what one looks for, verified; and flags looked at afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from holdshelf_core.access_log.types import LogEntryRow, LogShow
from holdshelf_core.api.errors import Refused
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.looks.types import BreakGlass, LookStill
from holdshelf_core.outbox.types import DeliverAsk, ReadOutbox
from holdshelf_core.people.types import FlagRow, ReadFlags, ShareMake
from holdshelf_core.reports.types import PrintRequest
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_tui.screens.log import LogPane
from holdshelf_tui.widgets.listing import row_key
from tests.people import wait_past_midnight
from tests.tui.keyboard import Desk, does, said, types, until_said
from tests.tui.stage import Stage, screen_text, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    wait_past_midnight()  # entries of today are asked for by their day
    with Desk(tmp_path_factory.mktemp("log")) as running:
        running.hold("dora", reference="26-500")
        with contextlib.suppress(Refused):  # the desk's camera is not named in Sam's letter
            running.client("sam").act(HoldPlace("violation", "26-501", [SpanAsk("desk", 1, 2)]))
        running.client("sam").act(BreakGlass(["lobby"], "a fight"))
        yield running


async def log_tab(pilot: Pilot[str]) -> LogPane:
    home = await settled(pilot)
    pane = await home.go("log")
    assert isinstance(pane, LogPane)
    await until(pilot, "entries", lambda: pane.query_one(DataTable).row_count)
    pane.query_one(DataTable).focus()
    return pane


def said_of(pane: LogPane, seq: int) -> str:
    row = pane.rows[str(seq)]
    assert isinstance(row, LogEntryRow)
    return str(row.entry["action"])


async def test_entries_stand_newest_first_in_words_and_open_whole(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(100, 48)) as pilot:
        pane = await log_tab(pilot)
        await until_said(pilot, "placed a hold", "opened an imminent-danger look", "✗ tried to place a hold", "Sam Roe")
        seqs = [int(str(key.value)) for key in pane.query_one(DataTable).rows]
        assert seqs == sorted(seqs, reverse=True)
        # The screen also asks for other lists again, each time with an entry: one of those may be newer.
        read = next(seq for seq in seqs if said_of(pane, seq) == "log.show")
        await pilot.press(*["down"] * seqs.index(read), "enter")
        shown = await until_said(pilot, f"Entry {read} of the access log")
        assert "log.show" in shown and "Session" in shown and "Library Director, read the access log" in shown
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
        await until_said(pilot, "Only holds, Sam Roe, refused: 1 entry", "✗ tried to place a hold")
        await does(pilot, pane, "everything")
        await until_said(pilot, "Newest first")


async def test_who_did_what_today_is_answered_by_a_day_at_both_ends_and_told_back(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await log_tab(pilot)
        await pilot.press("slash")
        await until_said(pilot, "Which entries")
        await pilot.press(*["down"] * 4)  # holds
        await pilot.press(*["tab"] * 3)
        today = time.strftime("%m/%d")
        await types(pilot, today)
        await pilot.press("tab")
        await types(pilot, today)
        await until_said(pilot, f"since {time.strftime('%b %-d, %Y, 12:00 am')}, until")
        await pilot.press("enter")
        await until_said(pilot, "Only holds, since", "placed a hold")


async def test_who_looked_is_one_question_that_prints_and_exports(stage: Stage) -> None:
    look = stage.look("dora", incident="26-505")
    dora, at = stage.client("dora"), stage.made.start_utc_ns
    dora.act(LookStill(look.id, "lobby", at + 10**9, 160))
    sheet = dora.act(ShareMake("lobby", at, at + 10**9, "violation", given_to="the desk", kind="sheet"))
    dora.act(PrintRequest("still", share=sheet.id))
    dora.act(DeliverAsk("still", "Still.pdf", "outbox", b"%PDF-1.7\n%%EOF\n", "", sheet.id))
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        pane = await log_tab(pilot)
        await pilot.press("q")
        await until_said(pilot, "Who looked?")
        await pilot.press("tab")  # the front entrance is the first camera
        await types(pilot, time.strftime("%m/%d") + "\n")
        shown = await until_said(
            pilot,
            *("Who looked: Front entrance, on ", "that is all of it", "Print", "Table"),
            "looked at pictures of Front entrance",
        )
        assert "placed a hold" not in shown, shown
        told = {row.entry["action"] for row in pane.rows.values() if isinstance(row, LogEntryRow)}
        assert {"look.open", "break_glass", "share.make", "print.facts", "print.deliver"} <= told
        assert not told & {"hold.place", "hold.list", "log.show"}
        await pilot.press("E")
        shown = await until_said(pilot, "In your outbox")
        assert "Who looked.csv" in " ".join(shown.split())
        await pilot.press("enter", "f")
        await until_said(pilot, "and all between")
        await pilot.press("escape", "p")
        await until_said(pilot, "My outbox, to fetch")
        await pilot.press("enter")
        shown = await until_said(pilot, "Who looked.pdf")
    asked = stage.service.client.act(LogShow(action="log.show", most=50)).entries
    assert any(
        row.entry.get("facts", {}).get("of") == "looks" and row.entry.get("cameras") == ["lobby"] for row in asked
    )


async def test_an_entry_is_a_sentence_and_its_raw_line_one_key_away(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await log_tab(pilot)
        await pilot.press("enter")
        shown = await until_said(pilot, "Dora Reed, Library Director, read the access log")
        assert '"action":"log.show"' not in shown and "Raw line (B)" in shown
        await pilot.press("B")
        await until_said(pilot, '{"action":"log.show"')
        await pilot.press("B")
        await until_said(pilot, "Written")


async def test_reading_is_an_entry_and_is_not_done_unasked(stage: Stage) -> None:
    def readings() -> int:
        rows = stage.service.client.act(LogShow(action="log.show", most=5000))
        return sum(row.entry["person"] != "admin" for row in rows.entries)

    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        before = readings()
        pane = await log_tab(pilot)
        stage.hold("dora", reference="26-502")  # something happens
        await pilot.pause(1.0)
        assert readings() == before + 1
        await pilot.press("f5")
        await until(pilot, "read anew", lambda: readings() == before + 2)
        await until(pilot, "shown", lambda: "26-502" in said(pilot) or pane.query_one(DataTable).row_count)


async def test_after_reading_anew_the_newest_is_chosen_and_told_of_with_cameras_by_name(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await log_tab(pilot)
        await pilot.press(*["down"] * 4)
        stage.hold("dora", reference="26-503")
        await pilot.press("f5")
        newest = await until(
            pilot,
            "read anew",
            lambda: next((k for k, r in pane.rows.items() if r.entry.get("incident") == "26-503"), ""),
        )
        first = str(int(newest) + 1)  # the reading itself
        table = pane.query_one(DataTable)
        await until(pilot, "at the first", lambda: row_key(table) == first and table.cursor_row == 0)
        await until_said(pilot, f"{first}: Dora Reed, Library Director, read the access log")
        await pilot.press("down")
        shown = await until_said(pilot, f"{newest}: Dora Reed, Library Director, placed a hold")
        assert "on Front entrance, " in shown and "lobby" not in shown and "no. 26-503" in shown
        (line,) = [
            line for line in screen_text(pilot).splitlines() if "placed a hold (" in line and "26-503" not in line
        ][:1]
        assert "…" in line, line


async def test_verify_says_that_the_log_is_whole(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await log_tab(pilot)
        await pilot.press("y")
        await until_said(pilot, "Verify the access log")
        await pilot.press("enter")
        await until_said(pilot, "The log is intact")
        await pilot.press("escape", "y")
        await until_said(pilot, "Verify the access log")
        await types(pilot, "57 entries\n")
        await until_said(pilot, "is no line of an access log: one reads like 57:3f2a 91bc")


async def test_verify_says_which_entry_names_a_policy_that_was_not_in_force(tmp_path: Path) -> None:
    with Desk(tmp_path) as other:
        other.service.stop()
        log = AccessLog.open(other.service.data / "state")
        foreign = {"at": time_text(time.time_ns()), "offset_s": 0, "action": "look.show", "outcome": "done"}
        log.append({**foreign, "person": "admin", "via": "local", "policy": "f" * 64}, {})
        number = log.size
        log.close()
        other.service.start()
        async with other.app("dora").run_test(size=(80, 24)) as pilot:
            await does(pilot, await log_tab(pilot), "verify")
            await until_said(pilot, "Verify the access log")
            await pilot.press("enter")
            shown = await until_said(pilot, f"Entry {number} names a policy that was not in force")
            assert "each as it was written, none missing" in shown and "is intact" not in shown


async def test_a_seat_takes_a_copy_into_the_outbox_and_the_admin_has_none(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await log_tab(pilot)
        await pilot.press("f")
        await until_said(pilot, "Take a copy of the access log")
        await pilot.press("tab")
        await types(pilot, "no time at all\n")
        await until_said(pilot, "is not a time")
        await pilot.press(*["backspace"] * 14, "enter")
        shown = await until_said(pilot, "The copy is in your outbox")
        assert "Access log public form.jsonl" in " ".join(shown.split())
    rows = stage.client("dora").read(ReadOutbox()).rows
    assert [row.kind for row in rows if row.path.endswith(".jsonl")] == ["log"]
    entry = stage.service.client.act(LogShow(action="outbox.log")).entries[-1].entry
    assert entry["facts"]["public"] is True and entry["seat"] == "director"
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        pane = await log_tab(pilot)
        assert pane.check_action("do", ("copy",)) is False


def flags(stage: Stage) -> list[FlagRow]:
    """Those of looks: the naming of the Chair is flagged, too."""
    return [row for row in stage.client("carl").read(ReadFlags()) if row.kind != "seat_by_seat"]


async def test_scene_17_a_flagged_look_is_reviewed_by_somebody_else(stage: Stage) -> None:
    (flag,) = flags(stage)
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "▲Log")
        await pilot.press("f2")
        await until_said(pilot, "Review Sam Roe's imminent-danger look")
        await pilot.press("enter")
        await until_said(pilot, "To be reviewed (1)")
        await until_said(pilot, "an imminent-danger look")
        pilot.app.screen.query_one("#pane-log DataTable").focus()
        await pilot.press("enter")
        await until_said(pilot, "Review an act")
        await types(pilot, "it was a fight indeed\n")
        await until_said(pilot, f"▲ 1 of {flag.needs}")
    (after,) = flags(stage)
    assert len(after.reviewed_by) == 1


async def test_p21_the_admin_reads_the_public_form_with_names_from_the_register(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 60)) as pilot:
        await log_tab(pilot)
        shown = await until_said(pilot, "Dora Reed")
        assert "a fight" not in shown
