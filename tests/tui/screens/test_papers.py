"""Papers on screen as they are printed, and the signs that the checklist leaves to attest (P3, P17)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, Tabs

from holdshelf_core.api.types_board import LogRows, LogShow
from holdshelf_core.api.types_commission import EntranceAdd, EntranceRow
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.widgets.reader import Reader
from tests.tui.keyboard import Desk, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until, until_shown


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("papers")) as running:
        yield running


async def papers_tab(pilot: Pilot[str], paper: str = "policy") -> PapersPane:
    home = await settled(pilot)
    pane = await home.go("papers")
    assert isinstance(pane, PapersPane)
    pane.query_one(Tabs).active = f"paper-{paper}"
    await until(pilot, paper, lambda: paper in pane._texts and pane._paper == paper)
    return pane


def prints(stage: Stage) -> list[dict[str, object]]:
    rows = stage.service.client.act("log.show", LogShow(action="print", most=5000), LogRows)
    return [row.entry for row in rows.entries]


async def test_p17_scene_18_the_policy_is_read_at_page_width_and_nobody_is_asked(stage: Stage) -> None:
    before = len(prints(stage))
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        pane = await papers_tab(pilot)
        shown = await until_said(pilot, "Security camera policy")
        assert "nobody is asked who or why" in shown
        page = str(pane.query_one("#page", Static).content)
        assert page == pane._texts["policy"] and max(map(len, page.splitlines())) <= 80
        reader = pane.query_one(Reader)
        reader.focus()
        await pilot.press("end")
        await until(pilot, "the end of the paper", lambda: reader.at_end)
        await until_said(pilot, "Printed:")
        await pilot.press("home", "pagedown")
        await until(pilot, "a page on", lambda: reader.scroll_offset.y > 0)
    assert len(prints(stage)) == before + 1  # counted, once
    assert prints(stage)[-1]["facts"] == {"paper": "policy", "read_on": "screen"}
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await (await settled(pilot)).go("log")
        shown = await until_said(pilot, "Sam Roe read a paper: paper policy")
        assert "printed a paper" not in shown and "read_on" not in shown


async def test_it_says_what_one_types_to_print_it(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        shown = await until_shown(
            pilot, "To print it, on your own PC (for 8022 and the-recorder, what you log in with):"
        )
        assert "ssh -p 8022 sam@the-recorder print policy > policy.txt" in shown
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        await until_shown(pilot, "  holdshelf print policy > policy.txt")


async def test_a_page_lies_in_the_middle_of_a_wide_screen(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(160, 48)) as pilot:
        pane = await papers_tab(pilot, "sign")
        page = pane.query_one("#page")
        assert page.size.width == 80 and page.region.x == 40
        await until_said(pilot, "No sound is recorded")


async def test_p3_a_sign_is_attested_from_the_checklist(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await papers_tab(pilot, "checklist")
        pane.action_do("add")
        await until_said(pilot, "Register an entrance")
        await fills(pilot, "Main entrance", "version 2")
        await pilot.press("enter")
        await until_said(pilot, "Main entrance: not attested")
        await until_said(pilot, "ENTRANCE e1 Main entrance")
        pane.query_one(Reader).focus()
        await pilot.press("a")
        await until_said(pilot, "A sign was looked at")
        await pilot.press("enter")
        await until_said(pilot, "Tick both, or say what is wrong")
        await pilot.press("space", "tab", "space", "enter")
        await until(pilot, "attested", lambda: entrance(stage).state == "attested")
        await until(pilot, "a new checklist", lambda: "not attested" not in said(pilot))


def entrance(stage: Stage) -> EntranceRow:
    return stage.client("dora").get("/rules/entrances", list[EntranceRow])[0]


async def test_p3_a_defect_is_written_down_and_a_seat_goes_without_for_some_days(stage: Stage) -> None:
    stage.client("dora").act("entrance.add", EntranceAdd("Side door"), EntranceRow)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await papers_tab(pilot, "checklist")
        await until_said(pilot, "Side door: not attested")
        pane.query_one(Reader).focus()
        await pilot.press("a")
        await until_said(pilot, "A sign was looked at")
        await fills(pilot, "", "", "", "torn off")
        await pilot.press("enter")
        await until(pilot, "a defect", lambda: entrance(stage).defect == "torn off")
        pane.action_do("waive")
        await until_said(pilot, "Go without a sign")
        await pilot.press("tab")
        await types(pilot, "a new one is printed\n")
        await until(pilot, "waived", lambda: entrance(stage).state == "waived")


async def test_who_may_not_attest_is_not_offered_it(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot, "checklist")
        shown = await until_said(pilot, "Checklist: signs")
        assert "Attest" not in shown and "Register" not in shown
