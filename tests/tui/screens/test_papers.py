"""Papers on screen as they are printed, and the signs that the checklist leaves to attest (P3, P17)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from pypdf import PdfReader
from textual.pilot import Pilot
from textual.widgets import Button, Static, Tabs

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.errors import Refused
from holdshelf_core.cameras.commission_types import EntranceAdd, EntranceRemove, EntranceRow, ReadEntrances
from holdshelf_core.holds.types import HoldLift, SpanAsk
from holdshelf_core.outbox.types import ReadOutbox
from holdshelf_core.people.types import ReadMe
from holdshelf_core.releases.types import ReleaseListAsk, ReleaseRequest
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.widgets.reader import Reader
from tests.looking import MINUTE_NS
from tests.rig.cups import Cups
from tests.service import wait_for
from tests.tui.cli.test_driver import run
from tests.tui.keyboard import Desk, does, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until, until_shown

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def cups() -> Iterator[Cups]:
    """Without a printer, until a test adds one."""
    with Cups() as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, cups: Cups) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("papers"), environment=cups.environment) as running:
        yield running


async def papers_tab(pilot: Pilot[str], paper: str = "policy") -> PapersPane:
    home = await settled(pilot)
    pane = await home.go("papers")
    assert isinstance(pane, PapersPane)
    pane.query_one(Tabs).active = f"paper-{paper}"
    await until(pilot, paper, lambda: paper in pane._texts and pane.part == paper)
    return pane


def prints(stage: Stage) -> list[dict[str, object]]:
    rows = stage.service.client.act(LogShow(action="print", most=5000))
    return [row.entry for row in rows.entries]


async def test_p17_scene_18_the_policy_is_read_at_page_width_and_nobody_is_asked(stage: Stage) -> None:
    before = len(prints(stage))
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        pane = await papers_tab(pilot)
        await until_said(pilot, "Security camera policy", "For anyone who asks.", "No name is asked for")
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
    async with stage.app("dora").run_test(size=(120, 24)) as pilot:
        await (await settled(pilot)).go("log")
        shown = await until_said(pilot, "Sam Roe read the paper “Policy” on the screen")
        assert "printed a paper" not in shown and "read_on" not in shown


async def test_it_says_what_one_types_to_print_it(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        shown = await until_shown(pilot, "By command, on your own PC:")
        assert "ssh -p 8022 sam@library-cameras print policy --outbox" in shown
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        shown = await until_shown(pilot, "  holdshelf print policy --file policy.pdf")
        assert "outbox" not in shown  # the admin has none


async def test_a_page_lies_in_the_middle_of_a_wide_screen(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(160, 48)) as pilot:
        pane = await papers_tab(pilot, "sign")
        page = pane.query_one("#page")
        await until(pilot, "it in the middle", lambda: page.size.width == 80 and page.region.x == 40)
        await until_said(pilot, "No sound is recorded")


async def test_p3_a_sign_is_attested_from_the_checklist(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await papers_tab(pilot, "checklist")
        await does(pilot, pane, "add")
        await until_said(pilot, "Register an entrance")
        await fills(pilot, "Main entrance", "version 2")
        await pilot.press("enter")
        await until_said(pilot, "Main entrance: not attested")
        await until(pilot, "its form", lambda: "e1 · Main entrance" in str(pane.query_one("#page", Static).content))
        pane.query_one(Reader).focus()
        await pilot.press("v")
        await until_said(pilot, "A sign was looked at")
        await pilot.press("enter")
        await until_said(pilot, "Check both, or say what is wrong")
        await pilot.press("space", "tab", "space", "enter")
        await until(pilot, "attested", lambda: entrance(stage).state == "attested")
        await until(pilot, "a new checklist", lambda: "not attested" not in said(pilot))
        side = stage.client("dora").act(EntranceAdd("Side entrance", "version 2")).id
        await until(pilot, "it is known", lambda: any(row.id == side for row in pane._entrances))
        await pilot.press("v")
        await until_said(pilot, "● Side entrance (not attested)")
        await pilot.press("escape")
    stage.client("dora").act(EntranceRemove(side, "walled up"))


def entrance(stage: Stage, name: str = "Main entrance") -> EntranceRow:
    return next(row for row in stage.client("dora").read(ReadEntrances()) if row.name == name)


async def test_p3_a_defect_is_written_down_and_a_seat_goes_without_for_some_days(stage: Stage) -> None:
    stage.client("dora").act(EntranceAdd("Side door"))
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await papers_tab(pilot, "checklist")
        await until_said(pilot, "Side door: not attested")
        pane.query_one(Reader).focus()
        await pilot.press("v")
        await until_said(pilot, "A sign was looked at")
        await fills(pilot, "", "", "", "torn off")
        await pilot.press("enter")
        await until(pilot, "a defect", lambda: entrance(stage, "Side door").defect == "torn off")
        await does(pilot, pane, "waive")
        await until_said(pilot, "Go without a sign")
        await pilot.press("tab")
        await types(pilot, "a new one is printed\n")
        await until(pilot, "waived", lambda: entrance(stage, "Side door").state == "waived")


async def test_who_may_not_attest_is_not_offered_it(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot, "checklist")
        shown = await until_said(pilot, "Checklist: signs")
        assert "Attest" not in shown and "Register" not in shown


# --- every paper, and where it goes --------------------------------------------------------------------------------------


def outbox(stage: Stage, login: str = "dora") -> dict[str, bytes]:
    """The papers in somebody's outbox, by name."""
    rows = stage.client(login).read(ReadOutbox()).rows
    owner = stage.client(login).read(ReadMe()).id
    lying = stage.service.data / "media" / "outbox" / owner
    return {
        row.path.removeprefix("/prints/"): (lying / row.path.strip("/")).read_bytes()
        for row in rows
        if row.kind == "print"
    }


async def test_every_paper_is_reached_with_the_arrows_alone(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        for words in (
            "The notice at an entrance",
            "what we need from you",
            "Checklist: signs",
            "Quarterly report",
            "Of a hold: press /",
            "Of a release: press /",
        ):
            await pilot.press("right")
            await until_said(pilot, words)
        await pilot.press("tab")
        await until(
            pilot,
            "the first button",
            lambda: isinstance(button := pilot.app.focused, Button) and button.id == "act-choose",
        )


async def test_who_may_not_have_a_paper_is_not_offered_it(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        shown = await until_said(pilot, "Security camera policy", "Of a hold")
        assert "Of a release" not in shown and "Report" not in shown


async def test_p17_a_paper_goes_to_the_outbox_and_it_is_said_how_to_fetch_it(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        await until_said(pilot, "Security camera policy")
        await pilot.press("f")
        told = await until_said(pilot, "In your outbox")
        assert "/prints/" in told and "Policy.pdf" in told
        assert "sftp -P 8022 dora@library-cameras" in told and "WinSCP" in told
        await pilot.press("escape")
    (name,) = [name for name in outbox(stage) if name.endswith("Policy.pdf")]
    assert outbox(stage)[name].startswith(b"%PDF-1.")
    (entry,) = [e for e in prints(stage) if e["action"] == "print.deliver"]
    facts = entry["facts"]
    assert isinstance(facts, dict)
    assert facts["sha256"] == hashlib.sha256(outbox(stage)[name]).hexdigest()


async def test_page_large_type_and_language_are_chosen_in_the_form(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        await until_said(pilot, "Security camera policy")
        await pilot.press("p")
        await until_said(pilot, "My outbox", "No printer is set up", "● Letter", "● English")
        await pilot.press("tab", "down", "tab", "space", "tab", "down", "enter")  # A4, large, Spanish
        await until_said(pilot, "es in large type.pdf")
    raw = next(raw for name, raw in outbox(stage).items() if "in large type" in name)
    assert re.search(rb"/MediaBox ?\[0 0 595.28 841.89\]", raw)
    assert PdfReader(BytesIO(raw)).root_object["/Lang"] == "es"


async def test_the_admin_has_no_outbox_and_is_offered_none(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await papers_tab(pilot)
        shown = await until_said(pilot, "Security camera policy", "Print")
        assert "To my outbox" not in shown
        await pilot.press("f")
        await pilot.press("p")
        form = await until_said(pilot, "No printer is set up")
        assert "My outbox" not in form
        await pilot.press("enter")
        await until_said(pilot, "There is no printer, and the admin has no outbox.")


async def test_p16_the_notice_of_a_hold_is_chosen_from_a_list_and_opened_from_its_own_tab(stage: Stage) -> None:
    hold = stage.hold("dora", reference="26-777")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        pane = await home.go("papers")
        assert isinstance(pane, PapersPane)
        pane.query_one(Tabs).active = "paper-hold"
        await until_said(pilot, "Of a hold: press /")
        await pilot.press("slash")
        assert hold.id in await until_said(pilot, "26-777")
        await pilot.press("enter")
        await until(pilot, "its notice", lambda: hold.id in pane._texts.get("hold", ""))
        assert "26-777" in pane._texts["hold"]
        assert f"print hold {hold.id} --outbox" in await until_said(pilot, f"Hold notice, {hold.id}")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await (await settled(pilot)).go("holds")
        await until_said(pilot, "26-777")
        await pilot.press("p")
        await until_said(pilot, f"Hold notice, {hold.id}")


async def test_a_paper_that_is_read_says_of_when_it_is_and_that_something_has_changed(stage: Stage) -> None:
    hold = stage.hold("dora", reference="26-778")
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        pane = await (await settled(pilot)).go("papers")
        assert isinstance(pane, PapersPane)
        pane.show_paper("hold", hold.id)
        await until_said(pilot, f"Hold notice, {hold.id}", "As of ")
        assert "is in force" in pane._texts["hold"] and "has changed" not in said(pilot)
        stage.client("dora").act(HoldLift(hold.id, "closed"))
        await until_said(pilot, "something has changed since. F5 refreshes it")
        await pilot.press("f5")
        await until(pilot, "the state now", lambda: "asked for by Dora Reed" in pane._texts.get("hold", ""))
        await until(pilot, "no change since", lambda: "has changed" not in said(pilot))


async def test_p13_a_release_has_its_papers_and_a_blank_form(stage: Stage) -> None:
    span = SpanAsk("lobby", stage.made.start_utc_ns, stage.made.start_utc_ns + MINUTE_NS)
    with pytest.raises(Refused):  # no paper: the request is kept, and stopped
        stage.client("dora").act(ReleaseRequest("subpoena", [span], "26-901"))
    (row,) = stage.client("dora").act(ReleaseListAsk()).releases
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        pane = await home.go("papers")
        assert isinstance(pane, PapersPane)
        pane.query_one(Tabs).active = "paper-release"
        await until_said(pilot, "Of a release: press /")
        await pilot.press("slash")
        assert row.id in await until_said(pilot, "Which paper of which release?")
        await pilot.press("tab", "down", "enter")  # what we need, of that request
        await until_said(pilot, f"What we need, {row.id}")
        assert row.id in pane._texts["release"]
        await pilot.press("slash")
        await until_said(pilot, "Which paper of which release?")
        await pilot.press("tab", "down", "enter")  # its receipt: no bundle is made
        refused = await until(pilot, "a refusal in the form", lambda: "bundle" in said(pilot).lower() and said(pilot))
        assert "Which paper" in refused
        await pilot.press("shift+tab", "down", "enter")
        await until_said(pilot, "belongs to one release: choose it")
        await pilot.press("tab", "up", "up", "enter")  # the blank form
        await until(pilot, "a blank form", lambda: "release" in pane._texts and row.id not in pane._texts["release"])
        await home.go("releases")
        await until_said(pilot, row.id)
        await pilot.press("w")
        await until_said(pilot, "To my outbox")
        await pilot.press("tab", "enter")
        await until_said(pilot, "In your outbox")
    assert any(f"What we need {row.id}.pdf" in name for name in outbox(stage))


async def test_a_paper_comes_out_of_a_printer_from_the_screen_and_by_command(stage: Stage, cups: Cups) -> None:
    cups.add("desk")
    paper = cups.folder / "out" / "desk"
    try:
        async with stage.app("").run_test(size=(80, 24)) as pilot:  # the admin's only place
            await papers_tab(pilot, "sign")
            await pilot.press("p")
            await until_said(pilot, "Printer desk", "● Letter")  # what fits a printer, though a sign is larger
            await pilot.press("enter")
            told = await until_said(pilot, "Sent to the printer")
            assert "desk, job desk-" in told
        await until(pilot, "the sign", paper.with_suffix(".title").exists)
        assert re.search(rb"/MediaBox ?\[0 0 612 792\]", paper.read_bytes())
        paper.with_suffix(".title").unlink()
        done = run("print", "refusal", "--printer", "default", "--page", "a4", "--data", stage.service.data)
        assert done.code == 0 and "It was sent to the printer: desk, job desk-" in done.out, done
        wait_for("the sheet", paper.with_suffix(".title").exists)
        assert re.search(rb"/MediaBox ?\[0 0 595.28 841.89\]", paper.read_bytes())
    finally:
        cups.run("lpadmin", "-x", "desk")
