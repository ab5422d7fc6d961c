"""Holds by keys alone: placed from anywhere, extended, reviewed, lifted by two, on screen or on signed paper (P16)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from holdshelf_core.holds.types import HoldLift, HoldListAsk, HoldRow, SpanAsk
from holdshelf_core.people import types as people
from holdshelf_tui.screens.dialogs.hold import FoundDialog, HoldDialog
from holdshelf_tui.screens.dialogs.span_form import typed_as
from holdshelf_tui.screens.holds import HoldsPane
from tests.looking import MINUTE_NS
from tests.people import PAPER
from tests.tui.keyboard import Desk, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("holds")) as running:
        yield running


def holds(stage: Stage) -> dict[str, HoldRow]:
    """All of them, by number of the incident."""
    answer = stage.client("dora").act(HoldListAsk(all=True))
    return {row.reference: row for row in answer.holds}


def place(stage: Stage, reference: str, login: str = "dora", camera: str = "lobby") -> HoldRow:
    return stage.hold(login, camera, reference)


async def holds_tab(stage: Stage, pilot: Pilot[Any], reference: str) -> HoldsPane:
    """The tab, with the cursor on the hold of that number."""
    home = await settled(pilot)
    pane = await home.go("holds")
    assert isinstance(pane, HoldsPane)
    key = holds(stage)[reference].id
    pane.choose(key)
    await until(pilot, f"the cursor on {key}", lambda: pane.chosen is not None and pane.chosen.id == key)
    pane.query_one(DataTable).focus()
    return pane


async def test_scene_6_a_hold_is_placed_from_anywhere_without_a_look(stage: Stage) -> None:
    start = stage.made.start_utc_ns // 1_000_000_000 * 1_000_000_000
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("H")
        await until_said(pilot, "Place a hold")
        await pilot.press("down")  # a violation
        await fills(pilot, "", "26-801", " ", typed_as(start), "4 min")
        await pilot.press("enter")
        await until_said(pilot, "is placed", "never recorded", "are kept")
        await pilot.press("enter")
        await until(pilot, "the form is gone", lambda: not isinstance(pilot.app.screen, FoundDialog | HoldDialog))
    row = holds(stage)["26-801"]
    assert (row.ground, row.state) == ("violation", "active")
    assert row.spans == [SpanAsk("lobby", start, start + 4 * MINUTE_NS)]


async def test_with_marks_one_number_and_one_enter_place_it_to_the_nanosecond(stage: Stage) -> None:
    spans = [
        SpanAsk("lobby", stage.made.start_utc_ns + 7, stage.made.start_utc_ns + MINUTE_NS + 11),
        SpanAsk("desk", stage.made.start_utc_ns + 9, stage.made.start_utc_ns + MINUTE_NS + 5),
    ]
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        answers: list[HoldRow | None] = []
        pilot.app.push_screen(HoldDialog(spans, stage.service.client.status().cameras), answers.append)
        await until_said(pilot, "Place a hold")
        await types(pilot, "26-802\n")
        await until_said(pilot, "is placed")
        assert answers[0] is not None
    assert holds(stage)["26-802"].spans == spans


async def test_until_lifted_is_a_tick_and_the_end_is_said_back_in_words(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("H")
        await until_said(pilot, "Place a hold")
        await fills(pilot, "", "26-803", " ", "20 min ago", "5 min")
        await until_said(pilot, "(5 min 00")
        await pilot.press("tab", "space")
        await until_said(pilot, "until it is lifted")
        await pilot.press("enter")
        await until_said(pilot, "What is recorded from now on is kept")
    assert holds(stage)["26-803"].spans[0].end_utc_ns is None


async def test_p21_a_name_for_a_number_is_refused_in_the_form_which_keeps_what_was_typed(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("H")
        await until_said(pilot, "Place a hold")
        await pilot.press("enter")
        await until_said(pilot, "needs its case or incident number")
        await until(
            pilot,
            "the cursor there",
            lambda: isinstance(field := pilot.app.focused, Input) and field.id == "reference",
        )
        await fills(pilot, "John Smith", " ", "40 min ago", "1 min")
        await pilot.press("enter")
        await until_said(pilot, "never a name")
        dialog = pilot.app.screen
        assert isinstance(dialog, HoldDialog)
        assert dialog.text("reference") == "John Smith" and dialog.text("from") == "40 min ago"
        await pilot.press("escape")
    assert "John Smith" not in holds(stage)


async def test_a_lift_takes_another_person_who_finds_it_waiting(stage: Stage) -> None:
    place(stage, "26-810")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await holds_tab(stage, pilot, "26-810")
        await pilot.press("l")
        await until_said(pilot, "Ask for a hold to be lifted")
        await types(pilot, "case closed\n")
        await until_said(pilot, "Lift asked for by Dora Reed")
        await pilot.press("a")
        shown = await until_said(pilot, "You cannot decide this")
        assert "I approve" not in shown
        await pilot.press("escape")
    assert holds(stage)["26-810"].state == "lifting"
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "1 thing waits for you")
        await until_said(pilot, "▲Holds")
        await pilot.press("f2")
        await until_said(pilot, "Dora Reed asks to lift")
        await pilot.press("enter")
        await until_said(pilot, "Lift asked for by Dora Reed")
        await pilot.press("a")
        await until_said(pilot, "I approve")
        await pilot.press("enter")
        await until_said(pilot, "then erased on schedule")
        await until_said(pilot, "nothing waiting")
    row = holds(stage)["26-810"]
    assert row.state == "grace" and row.grace_end_utc_ns is not None


async def test_p21_the_admin_is_told_that_the_reason_of_a_lift_is_not_for_them(stage: Stage) -> None:
    row = place(stage, "26-813")
    stage.client("dora").act(HoldLift(row.id, "closed by the police"))
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await holds_tab(stage, pilot, "26-813")
        shown = await until_said(pilot, "Lift asked for by Dora Reed; only the seats are shown the reason")
        assert "closed by the police" not in shown


async def test_a_lift_in_its_grace_is_taken_back(stage: Stage) -> None:
    row = place(stage, "26-811")
    stage.client("dora").act(HoldLift(row.id, "closed"))
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await holds_tab(stage, pilot, "26-811")
        for wanted in ("grace", "active"):
            await pilot.press("a")
            await until_said(pilot, "Decision")
            await pilot.press("enter")
            await until(pilot, wanted, lambda wanted=wanted: holds(stage)["26-811"].state == wanted)
            await until(pilot, "the list knows", lambda: pilot.app.screen.query(DataTable))
            await until_said(pilot, "then erased on schedule" if wanted == "grace" else "in force")


async def test_a_seat_without_a_key_approves_on_signed_paper(stage: Stage) -> None:
    dora = stage.client("dora")
    dora.act(people.PersonAdd("may", "May Orr"))
    dora.act(people.SeatName("mayor", "may", paper_sha256=PAPER))
    row = place(stage, "26-812")
    dora.act(HoldLift(row.id, "closed"))
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await holds_tab(stage, pilot, "26-812")
        await pilot.press("a")
        await until_said(pilot, "Signed by")
        await pilot.press("tab", "down")  # the Mayor
        await pilot.press("tab")
        await types(pilot, "abc\n")
        await until_said(pilot, "That is not a fingerprint")
        await pilot.press(*["backspace"] * 3)
        await types(pilot, PAPER.upper() + "\n")
        await until(pilot, "approved", lambda: holds(stage)["26-812"].state == "grace")


async def test_more_is_kept_and_a_review_is_written_down(stage: Stage) -> None:
    before = place(stage, "26-820")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await holds_tab(stage, pilot, "26-820")
        await pilot.press("e")
        await until_said(pilot, "Keep more under this hold")
        await pilot.press("down")
        await fills(pilot, " ", "55 min ago", "30 s", "", "seen there too")
        await pilot.press("enter")
        await until(pilot, "it is kept", lambda: isinstance(pilot.app.screen, FoundDialog))
        await until_said(pilot, "Service desk")
        await pilot.press("enter")
        await until(pilot, "the list", lambda: not isinstance(pilot.app.screen, FoundDialog))
        await pilot.press("v")
        await until_said(pilot, "Review a hold")
        await fills(pilot, "trial in March", "30")
        await pilot.press("enter")
        await until(pilot, "reviewed", lambda: holds(stage)["26-820"].review_utc_ns < before.review_utc_ns)
    assert {span.camera for span in holds(stage)["26-820"].spans} == {"lobby", "desk"}


async def test_a_designee_holds_and_reviews_and_does_not_lift(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("H")
        await until_said(pilot, "Place a hold")
        await fills(pilot, "", "26-830", "", "30 min ago", "1 min")  # one camera: it is ticked already
        await pilot.press("enter")
        await until_said(pilot, "is placed")
        await pilot.press("enter")
        await holds_tab(stage, pilot, "26-830")
        shown = await until_said(pilot, "Review")
        assert "Ask to lift" not in shown and "Decide" not in shown
        await pilot.press("l", "a")
        assert not isinstance(pilot.app.screen, HoldDialog)
    assert holds(stage)["26-830"].placed_by_name == "Sam Roe"


async def test_the_admin_sees_what_fills_the_disk_and_holds_nothing(stage: Stage) -> None:
    place(stage, "26-840")
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await home.go("holds")
        await until_said(pilot, "26-840")
        await until(pilot, "no way to place one", lambda: "Place a hold" not in said(pilot))
        await until_said(pilot, "held.")
        await pilot.press("H")
        assert pilot.app.screen is home


async def test_what_it_covers_to_the_second_on_wide_screens_too(stage: Stage) -> None:
    place(stage, "26-850")
    async with stage.app("dora").run_test(size=(160, 48)) as pilot:
        await holds_tab(stage, pilot, "26-850")
        await pilot.press("enter")
        await until(pilot, "what it covers", lambda: isinstance(pilot.app.screen, FoundDialog))
        await until_said(pilot, "1 min 00 s are kept")


async def test_a_form_outlives_a_restart_of_the_service(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Desk(tmp_path_factory.mktemp("restart")) as stage:
        app = stage.app("dora", has_door=True)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("H")
            await until_said(pilot, "Place a hold")
            await fills(pilot, "", "26-900", " ", "50 min ago", "1 min")
            stage.service.stop()
            await pilot.press("enter")
            await until_said(pilot, "No service runs")
            stage.service.start()
            opened = stage.service.open_session("dora", stage.people.fingerprints["dora"])
            app.link.renew(opened["token"])
            await pilot.press("enter")
            await until_said(pilot, "is placed")
        assert "26-900" in holds(stage)


async def test_older_holds_are_a_key_away_and_those_that_wait_are_always_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdshelf_tui.screens.holds.PAGE_ROWS", 2)
    waiting = place(stage, "26-970")
    stage.client("dora").act(HoldLift(waiting.id, "the case is closed"))
    for number in range(971, 976):
        place(stage, f"26-{number}")
    many = len([row for row in holds(stage).values() if row.state != "lifted"])
    async with stage.app("carl").run_test(size=(100, 30)) as pilot:
        home = await settled(pilot)
        pane = await home.go("holds")
        assert isinstance(pane, HoldsPane)
        await until_said(pilot, f"of {many} holds", "26-975", "26-970")
        assert pane.rows.keys() >= {waiting.id} and len(pane.rows) < many
        shown = len(pane.rows)
        pane.query_one(DataTable).focus()
        await pilot.press("<")
        await until(pilot, "older ones", lambda: len(pane.rows) > shown)
        assert f"The newest {len(pane.rows)} of {many} holds" in said(pilot)
