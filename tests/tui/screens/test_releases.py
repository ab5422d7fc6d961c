"""Releases by keys alone: asked for, stopped by a gate, papered, trimmed, decided by somebody else (P13)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from holdshelf_core.api.errors import Refused
from holdshelf_core.api.types_holds import HoldList, HoldListAsk
from holdshelf_core.api.types_releases import (
    CounselList,
    CounselListAsk,
    CounselRow,
    PaperAsk,
    ReleaseApprove,
    ReleaseList,
    ReleaseListAsk,
    ReleaseRequest,
    ReleaseRow,
    SpanRow,
)
from holdshelf_tui.screens.dialogs.span_form import typed_as
from holdshelf_tui.screens.releases import ReleasesPane
from tests.looking import MINUTE_NS
from tests.people import PAPER
from tests.tui.keyboard import Desk, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("releases")) as running:
        yield running


def releases(stage: Stage) -> dict[str, ReleaseRow]:
    """By number of the incident."""
    answer = stage.client("dora").act("release.list", ReleaseListAsk(all=True), ReleaseList)
    return {row.reference: row for row in answer.releases}


def second(stage: Stage) -> int:
    """The first whole second of what was made."""
    return -(-stage.made.start_utc_ns // 1_000_000_000) * 1_000_000_000


def requested(stage: Stage, reference: str, login: str = "dora") -> ReleaseRow:
    """A request with its paper, which both gates pass."""
    span = SpanRow("lobby", second(stage), second(stage) + MINUTE_NS)
    paper = PaperAsk(PAPER, "court-order", "Superior Court", "CV-26-8", signed_by_judge=True, scope=[span])
    asked = ReleaseRequest("court-order", [span], reference, paper)
    return stage.client(login).act("release.request", asked, ReleaseRow)


async def releases_tab(pilot: Pilot[str], key: str = "") -> ReleasesPane:
    home = await settled(pilot)
    pane = await home.go("releases")
    assert isinstance(pane, ReleasesPane)
    if key:
        pane.choose(key)
        await until(pilot, f"the cursor on {key}", lambda: pane.chosen is not None and pane.chosen.id == key)
    pane.query_one(DataTable).focus()
    return pane


async def test_scene_6_without_paper_it_is_stopped_kept_under_its_number_and_can_be_held(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot)
        await until_said(pilot, "No release is asked for")
        await pilot.press("n")
        await until_said(pilot, "On the basis of")
        await pilot.press("down", "down", "down")  # law enforcement
        await fills(pilot, "", "26-901", " ", typed_as(second(stage)), "1 min")
        await pilot.press("enter")
        shown = await until_said(pilot, "There is no paper for a request by law enforcement")
        assert "(P13" in shown
        await until_said(pilot, "Hold it now")
        await pilot.press("enter")  # nothing is typed twice: number and times are filled in
        await until_said(pilot, "Place a hold")
        await pilot.press("enter")
        await until_said(pilot, "is placed")
        await pilot.press("enter")
        shown = await until_said(pilot, "It may not leave")
        assert "Hold it now" not in shown, "all of it is held"
        await pilot.press("enter")  # what we need
        shown = await until_said(pilot, "what we need from you")
        assert "letterhead" in shown
        await pilot.press("enter")
        await until_said(pilot, "It may not leave")
        await pilot.press("escape")
        await until_said(pilot, "needed: the number of the active case")
        await pilot.press("w")
        await until_said(pilot, "what we need from you")
        await pilot.press("enter")
    row = releases(stage)["26-901"]
    assert row.state == "stopped" and row.holds
    holds = stage.client("dora").act("hold.list", HoldListAsk(), HoldList).holds
    assert [hold.reference for hold in holds] == ["26-901"]


async def test_scene_8_with_its_paper_it_is_trimmed_to_what_the_paper_names(stage: Stage) -> None:
    start = second(stage)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot)
        await pilot.press("n")
        await until_said(pilot, "On the basis of")
        await fills(pilot, "", "26-902", " ", typed_as(start), "2 min", " ")  # a search warrant; the paper is here
        await until_said(pilot, "Issued by")
        await fills(pilot, "", PAPER, "Superior Court", "CR-26-77", "", "", " ", "", "")  # … a judge signed it
        await pilot.press("tab", "down", "space")  # it names the lobby
        await fills(pilot, "", typed_as(start), "1 min")
        await pilot.press("enter")
        await until_said(pilot, "The paper does not reach so far")
        shown = await until_said(pilot, "Trim it to the paper")
        assert "Hold it now" in shown and "What we need" in shown
        row = releases(stage)["26-902"]
        assert row.state == "stopped"
        await pilot.press("enter")
        await until_said(pilot, f"{row.id} awaits a second person")
        await pilot.press("escape")
    trimmed = releases(stage)["26-902"].given
    assert trimmed == [SpanRow("lobby", start, start + MINUTE_NS)]


async def test_it_waits_for_a_second_person_who_finds_it_and_approves(stage: Stage) -> None:
    row = requested(stage, "26-903")
    assert row.state == "requested"
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("a")
        shown = await until_said(pilot, "I withdraw what I asked for")
        assert "I approve" not in shown
        await pilot.press("escape")
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "2 things wait for you")  # the trimmed one, too
        await until_said(pilot, "5▲Releases")
        await pilot.press("f2")
        await until_said(pilot, f"Dora Reed requests the release {row.id}")
        await pilot.press("down", "enter")
        await until_said(pilot, "a court order; asked for by Dora Reed")
        pilot.app.screen.query_one("#pane-releases DataTable").focus()
        await pilot.press("a")
        await until_said(pilot, "I approve")
        await pilot.press("enter")
        await until_said(pilot, f"{row.id} is approved")
    assert releases(stage)["26-903"].approved_by_name == "Carl Moss"


async def test_scene_9_what_is_approved_is_made_into_a_bundle_and_has_its_receipt(stage: Stage) -> None:
    row = requested(stage, "26-906")
    stage.client("carl").act("release.approve", ReleaseApprove(row.id), ReleaseRow)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await releases_tab(pilot, row.id)
        await until_said(pilot, "Make the bundle")
        await pilot.press("m")
        await until_said(pilot, f"The bundle of {row.id} is made")
        await pilot.press("enter")
        await until(pilot, "exported", lambda: pane.chosen is not None and pane.chosen.state == "exported")
        assert "Make the bundle" not in said(pilot)
        await pilot.press("t")
        shown = await until_said(pilot, "Key that signed it")
        made = releases(stage)["26-906"].bundle
        assert made is not None and made.fingerprint in shown
        await pilot.press("enter")


async def test_a_bundle_is_called_off_from_its_progress(stage: Stage) -> None:
    span = SpanRow("lobby", second(stage), second(stage) + 5 * MINUTE_NS)
    paper = PaperAsk(PAPER, "court-order", "Superior Court", "CV-26-8", signed_by_judge=True, scope=[span])
    row = stage.client("dora").act(
        "release.request", ReleaseRequest("court-order", [span], "26-907", paper), ReleaseRow
    )
    stage.client("carl").act("release.approve", ReleaseApprove(row.id), ReleaseRow)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("m")
        await until_said(pilot, "Call it off")
        await pilot.press("shift+tab", "enter")
        shown = await until_said(pilot, "No bundle was made")
        assert "called it off" in shown
        await pilot.press("enter")
    assert releases(stage)["26-907"].state == "approved"


async def test_a_no_needs_its_reason_and_everything_can_be_read(stage: Stage) -> None:
    row = requested(stage, "26-904")
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("enter")
        shown = await until_said(pilot, "names Front entrance")
        assert "Superior Court" in shown and "The policy (P13): ✓ yes" in shown and PAPER in shown
        await pilot.press("enter", "a")
        await until_said(pilot, "no: it does not leave")
        await pilot.press("down", "down", "enter")
        await until_said(pilot, "Why? A few words are enough")
        await types(pilot, "the order was set aside\n")
        assert "What we need" in await until_said(pilot, f"{row.id} is refused")
    assert releases(stage)["26-904"].state == "refused"


async def test_who_asked_withdraws(stage: Stage) -> None:
    row = requested(stage, "26-905")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("a")
        await until_said(pilot, "I withdraw")
        await pilot.press("end", "tab")
        await types(pilot, "asked for by mistake\n")
        await until_said(pilot, f"{row.id} is withdrawn")
    assert releases(stage)["26-905"].state == "withdrawn"


async def test_a_designee_without_that_right_has_no_such_tab(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert await home.go("releases") is None
        assert "Releases" not in said(pilot)


def determinations(stage: Stage) -> list[CounselRow]:
    return stage.client("dora").act("counsel.list", CounselListAsk(), CounselList).determinations


async def test_counsels_determination_is_recorded_and_ended(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot)
        await pilot.press("c")
        await until_said(pilot, "Counsel has determined nothing that runs")
        await pilot.press("tab")
        await fills(pilot, PAPER)
        await pilot.press("enter")
        await until_said(pilot, "For requests on which basis?")
        await pilot.press("space", "tab")
        await fills(pilot, "in 90 days", "", "Trumbull Police")
        await pilot.press("enter")
        await until_said(pilot, "entry")
        (row,) = determinations(stage)
        assert (row.state, row.bases, row.cameras, row.agencies) == (
            "active", ["search-warrant"], None, ["Trumbull Police"]
        )  # fmt: skip
        await pilot.press("enter")
        await until(pilot, "the list", lambda: isinstance(pilot.app.focused, DataTable))
        await pilot.press("c")
        await until_said(pilot, f"Running: {row.id}: search warrant; any camera; Trumbull Police")
        await pilot.press("down", "tab")
        await until_said(pilot, "why it ends")
        await fills(pilot, "the statute was changed")
        await pilot.press("enter")
        await until(pilot, "ended", lambda: determinations(stage)[0].state == "ended")


async def test_scene_7_counsels_route_is_one_button_from_the_statutes_no_to_the_yes(stage: Stage) -> None:
    span = SpanRow("lobby", second(stage), second(stage) + MINUTE_NS)
    letter = PaperAsk(PAPER, "active-investigation", "Chief Roe", "26-908", "Prospect Police", "badge 12", scope=[span])
    with pytest.raises(Refused):
        asked = ReleaseRequest("active-investigation", [span], "26-908", letter)
        stage.client("dora").act("release.request", asked, ReleaseRow)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await releases_tab(pilot, releases(stage)["26-908"].id)
        pane.action_do("again")
        await until_said(pilot, "trimmed to what its paper names")
        await pilot.press("down", "enter")
        shown = await until_said(pilot, "Counsel's route: the Director asks the library's counsel")
        assert "Trim it" not in shown, "the paper names all of it"
        while pilot.app.focused is not None and pilot.app.focused.id != "do-counsel":
            await pilot.press("right")
        await pilot.press("enter")
        await until_said(pilot, "Counsel has determined")
        await pilot.press("tab")
        await fills(pilot, PAPER)
        await pilot.press("tab", "down", "down", "down", "space", "tab")  # requests in an active investigation
        await fills(pilot, "in 90 days", "", "Prospect Police")
        await pilot.press("enter")
        await until_said(pilot, "Written down")
        await pilot.press("enter")
        shown = await until_said(pilot, "awaits a second person")
        assert "without a court's order" in shown
        await pilot.press("escape")
    row = releases(stage)["26-908"]
    assert (row.state, [no.gate for no in row.refusals]) == ("requested", [2, 2])


async def test_counsels_word_is_a_seats_matter(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert not home.has("releases")
