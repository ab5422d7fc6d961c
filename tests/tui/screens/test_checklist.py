"""The checklist's ticks entered at a screen of 80 by 24, by keys alone (P3 to P8, P18)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, Tabs

from holdshelf_core.cameras.checklist_types import ReadChecklist, SubjectRow
from holdshelf_core.cameras.commission_types import EntranceAdd
from holdshelf_tui.screens.dialogs.checklist import ChecklistDialog, TicksDialog
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.session.waiting import TICKS, checklist_duties
from holdshelf_tui.widgets.reader import Reader
from tests.tui.keyboard import Desk, said, types, until_said
from tests.tui.sitting import designee, seat
from tests.tui.stage import Stage, our_app, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(
        tmp_path_factory.mktemp("checklist"), cameras={"lobby": "Front entrance", "desk": "Service desk"}
    ) as running:
        people = running.people
        running.client("dora").act(EntranceAdd("Main entrance", "1.en"))
        people.appoint("kim", "Kim Lee", running.client("dora"), "commission", cameras=["lobby"])
        yield running


def row(stage: Stage, kind: str, id_: str = "") -> SubjectRow:
    rows = stage.service.client.read(ReadChecklist())
    return next(one for one in rows if (one.kind, one.id) == (kind, id_))


async def at_ticks(pilot: Pilot[str]) -> PapersPane:
    pane = await (await settled(pilot)).go("papers")
    assert isinstance(pane, PapersPane)
    pane.query_one(Tabs).active = "paper-checklist"
    await until_said(pilot, "Checklist: signs")
    pane.query_one(Reader).focus()
    await pilot.press("e")
    await until(pilot, "the forms", lambda: isinstance(pilot.app.screen, ChecklistDialog))
    await until_said(pilot, "Main entrance (e1)")
    return pane


async def at_form(pilot: Pilot[str], words: str) -> None:
    await until_said(pilot, words)
    await pilot.press("enter")
    await until(pilot, "its form", lambda: isinstance(pilot.app.screen, TicksDialog) and pilot.app.screen.is_ready)


async def test_p3_p4_one_walks_through_entrance_camera_and_house_by_keys_alone(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await at_ticks(pilot)
        await at_form(pilot, "▲ Main entrance (e1): not attested")
        await pilot.press("enter")
        await until_said(pilot, "Check what was seen with the space bar")
        for _ in range(3):
            await pilot.press("space", "down")
        await pilot.press("tab")
        await types(pilot, "25")
        await pilot.press("tab", "tab", "tab", "tab", "tab")
        await types(pilot, "Pat Doe\n")
        await until_said(pilot, "Main entrance: its sign is attested.")
        assert row(stage, "entrance", "e1").state == "attested"
        await at_form(pilot, "Front entrance (lobby): nothing is due")
        form = pilot.app.screen
        assert isinstance(form, TicksDialog) and form.text("checker") == "Pat Doe"  # carried on
        await pilot.press("up", "end", "space", "enter")  # all of these
        await until_said(pilot, "Front entrance: entered; all of it is checked off.")
        walk = next(point for point in row(stage, "camera", "lobby").points if point.id == "walk-test")
        assert walk.checker == "Pat Doe" and walk.by == "Dora Reed"
        await pilot.press("end")
        await at_form(pilot, "The house")
        await pilot.press("space", "enter")
        await until_said(pilot, "The house: 1 point entered.")
        await pilot.press("escape")
        await until(pilot, "a new paper", lambda: "Pat Doe" in str(pane.query_one("#page", Static).content))


async def test_p4_a_defect_is_entered_and_mended(stage: Stage) -> None:
    async with stage.app("kim").run_test(size=(80, 24)) as pilot:
        await at_ticks(pilot)
        assert "The house" not in said(pilot) and "Service desk" not in said(pilot)  # a letter for the lobby
        await pilot.press("end")
        await at_form(pilot, "Front entrance (lobby)")
        await pilot.press("down", "down", "space", "tab")
        await types(pilot, "a shelf is in the way\n")
        await until_said(pilot, "▲ Front entrance (lobby): defect: a shelf is in the way")
        lobby = row(stage, "camera", "lobby")
        assert lobby.due and [p.id for p in lobby.points if p.seen_utc_ns is not None] == ["private"]
        await pilot.press("end")
        await at_form(pilot, "Front entrance (lobby)")
        await until_said(pilot, "it was: a shelf is in the way")
        await pilot.press("tab")
        await types(pilot, "today\n")
        await until(pilot, "mended", lambda: row(stage, "camera", "lobby").mended == "a shelf is in the way")


async def test_what_cannot_be_is_told_in_the_form_and_nothing_typed_is_lost(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await at_ticks(pilot)
        await pilot.press("home")
        await at_form(pilot, "Main entrance (e1)")
        await pilot.press("tab")
        await types(pilot, "far away\n")
        await until_said(pilot, "e1.legible is a number of feet")
        form = pilot.app.screen
        assert isinstance(form, TicksDialog) and form.text("legible") == "far away"
        await pilot.press("escape", "enter", "end")
        await at_form(pilot, "The house")
        await pilot.press("tab")
        await types(pilot, "an old text is posted\n")
        await until_said(pilot, "Check the one item that has the defect.")


async def test_who_may_not_commission_is_not_offered_it(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        pane = await (await settled(pilot)).go("papers")
        pane.query_one(Tabs).active = "paper-checklist"
        shown = await until_said(pilot, "Checklist: signs")
        assert "Enter checkmarks" not in shown.replace("“Enter checkmarks”", "")


def test_what_is_due_is_among_the_duties_of_who_can_see_to_it(stage: Stage) -> None:
    def due(one: SubjectRow) -> SubjectRow:
        points = [type(point)(point.code, point.id, point.clause, point.words, due=True) for point in one.points]
        return SubjectRow(one.kind, one.id, one.code, one.name, points, due=True)

    rows = [due(one) for one in stage.service.client.read(ReadChecklist())]

    words = [(duty.tab, duty.key, duty.words) for duty in checklist_duties(rows, seat())]
    assert words == [
        ("papers", TICKS, "Walk with the checklist: Front entrance, Service desk"),
        ("papers", TICKS, "On the checklist: house.copies, house.website and 6 more"),
    ]
    assert len(checklist_duties(rows, designee("commission"))) == 1


async def test_enter_goes_on_to_the_next_one_also_before_the_list_is_there_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await at_ticks(pilot)
        await pilot.press("home")
        await at_form(pilot, "Main entrance (e1)")
        link, answers = our_app(pilot).link, asyncio.Event()
        read = link.read

        async def late(request: Any, **more: Any) -> Any:
            if isinstance(request, ReadChecklist):
                await answers.wait()
            return await read(request, **more)

        monkeypatch.setattr(link, "read", late)
        await pilot.press("space", "enter")
        await until(pilot, "the list as it was", lambda: isinstance(pilot.app.screen, ChecklistDialog))
        await pilot.press("enter")
        form = await until(pilot, "a form", lambda: isinstance(now := pilot.app.screen, TicksDialog) and now)
        assert isinstance(form, TicksDialog) and form.title_words == "Front entrance (lobby)"
        answers.set()
