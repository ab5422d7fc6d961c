"""The quarterly report on the print tab: read at 80 columns, beside its bars where there is room, a quarter at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, Tabs

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.reports.report_types import KeptReport, KeptReports
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.screens.report import BarsPage, neighbor, pages
from holdshelf_tui.session.waiting import report_duties
from holdshelf_tui.widgets.reader import Reader
from tests.scenes.rig import Desk as Terminal
from tests.tui.keyboard import Desk, until_said
from tests.tui.papers.report_facts import facts
from tests.tui.stage import Stage, settled, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("report")) as running:
        running.look()
        yield running


async def report_tab(pilot: Pilot[str]) -> PapersPane:
    home = await settled(pilot)
    pane = await home.go("papers")
    assert isinstance(pane, PapersPane)
    pane.query_one(Tabs).active = "paper-report"
    await until(pilot, "the report", lambda: "report" in pane._texts and "Quarterly report" in page_of(pane))
    return pane


def page_of(pane: PapersPane) -> str:
    return str(pane.query_one("#page", Static).content)


def quarter_of(pane: PapersPane) -> str:
    opened = pane._opened["report"].facts
    assert opened is not None
    assert opened.report is not None
    return opened.report.quarter


async def test_the_report_is_read_at_80_columns_and_stepped_through_by_quarter(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await report_tab(pilot)
        last = quarter_of(pane)
        page = page_of(pane)
        assert max(map(len, page.splitlines())) <= 80
        assert not pane.query_one(BarsPage).display
        assert "after this quarter" in " ".join(page.split()), "nothing was here then, and it says so"
        pane.query_one(Reader).focus()
        await pilot.press("greater_than_sign")
        running = neighbor(last, 1)
        await until(pilot, "the running quarter", lambda: quarter_of(pane) == running and pane._texts.get("report"))
        shown = await until_said(pilot, "so far")
        assert "Confidential library record (P21)" in shown
        assert not pane.state_of("later")
        page = page_of(pane)
        assert "violation of a policy" in page
        assert "█ 1" in page, "the look that was opened, as a bar"
        before = pane.query_one(Reader).scroll_offset.y
        await pilot.press("pagedown")
        await until(pilot, "a page on", lambda: pane.query_one(Reader).scroll_offset.y > before)
        await pilot.press("less_than_sign", "less_than_sign")
        await until(pilot, "a quarter back", lambda: quarter_of(pane) in (last, neighbor(last, -1)))
    rows = stage.service.client.act(LogShow(action="print", most=100)).entries
    assert rows[0].entry["facts"] == {"paper": "report", "quarter": last, "read_on": "screen"}


async def test_a_wide_screen_has_the_bars_beside_the_figures(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(160, 48)) as pilot:
        pane = await report_tab(pilot)
        bars = pane.query_one(BarsPage)
        await until(pilot, "bars", lambda: bars.display)
        await until_said(pilot, "Looks, by purpose (P12)")
        await until(pilot, "they stand there alone", lambda: "Looks, by purpose" not in page_of(pane))
        await until(pilot, "room", lambda: pane.query_one(Reader).region.width >= 80 and bars.region.width == 80)
        pane.query_one(Tabs).active = "paper-policy"
        await until(pilot, "the policy alone", lambda: not bars.display)
        await pilot.resize_terminal(100, 30)
        pane.query_one(Tabs).active = "paper-report"
        await until(pilot, "the whole report", lambda: "Looks, by purpose" in page_of(pane) and not bars.display)


async def test_p13_the_register_of_requests_of_the_same_quarter_is_a_key_away(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await report_tab(pilot)
        last = quarter_of(pane)
        pane.query_one(Reader).focus()
        await pilot.press("quotation_mark")
        await until(pilot, "the register", lambda: "Register of requests" in page_of(pane))
        opened = pane._opened["report"].facts
        assert opened is not None and opened.requests is not None and opened.requests.quarter == last
        assert "No request was received" in page_of(pane)


async def test_a_report_that_is_ready_leads_to_it(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        pane = await home.go("papers")
        assert isinstance(pane, PapersPane)
        pane.choose("report:2026-Q1")
        await until(pilot, "that report", lambda: "report" in pane._texts and quarter_of(pane) == "2026-Q1")
        await until_said(pilot, "first quarter of 2026")


async def test_p21_no_designee_and_no_admin_is_offered_it(stage: Stage) -> None:
    for login in ("sam", ""):
        async with stage.app(login).run_test(size=(80, 24)) as pilot:
            home = await settled(pilot)
            pane = await home.go("papers")
            assert pane is not None
            assert not pane.query("#paper-report")


def test_it_is_printed_by_command_for_a_seat_and_refused_to_the_admin(stage: Stage, tmp_path: Path) -> None:
    dora = Terminal(stage.service, stage.service.open_session("dora", stage.people.fingerprints["dora"]))
    file = tmp_path / "report.pdf"
    done = dora.run("print", "report", "--quarter", "now", "--file", file)
    assert done.code == 0, done.err
    assert file.read_bytes().startswith(b"%PDF-")
    told = dora.run("print", "report", "now", "--json").json()["facts"]["report"]
    assert told["so_far"]
    assert {row["id"]: row["count"] for row in told["purposes"] if row["count"]} == {"violation": 1}
    refused = dora.run_here("print", "report", "--data", stage.service.data)
    assert refused.code == 1
    assert "The admin of this server may not see the quarterly report" in refused.err
    assert "P21: " in refused.err


def test_the_latest_report_waits_until_it_was_seen() -> None:
    def row(quarter: str, read: bool) -> KeptReport:
        return KeptReport(quarter, 0, "00", read)

    (duty,) = report_duties(KeptReports([row("2026-Q3", False), row("2026-Q2", False)], "2026-Q4"))
    assert (duty.tab, duty.key) == ("papers", "report:2026-Q3")
    assert duty.words == "The report for the third quarter of 2026 is ready for the Board"
    assert not report_duties(KeptReports([row("2026-Q3", True), row("2026-Q2", False)], "2026-Q4"))
    assert not report_duties(KeptReports([], "2026-Q4"))


def test_the_two_pages_hold_what_the_one_holds() -> None:
    left, right = pages(facts(40))
    assert "Peer spot check" in left
    assert "Days of footage kept" not in left
    assert all(len(line) <= 80 for line in [*left.splitlines(), *right.splitlines()])
    assert "█" in right
    assert (neighbor("2026-Q1", -1), neighbor("2026-Q4", 1)) == ("2025-Q4", "2027-Q1")
