"""Releases by keys alone: asked for, stopped by a gate, papered, trimmed, decided by somebody else (P13)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.errors import Refused
from holdshelf_core.holds.types import HoldListAsk
from holdshelf_core.outbox.types import ReadOutbox
from holdshelf_core.people.board_types import BoardSet
from holdshelf_core.releases.types import (
    CounselListAsk,
    CounselRow,
    PaperAsk,
    ReadExports,
    ReleaseApprove,
    ReleaseListAsk,
    ReleaseRequest,
    ReleaseRow,
    ReleaseWithdraw,
    SpanRow,
)
from holdshelf_tui.screens.dialogs.span_form import typed_as
from holdshelf_tui.screens.releases import ReleasesPane
from holdshelf_tui.session.paper_upload import PaperUpload
from holdshelf_tui.widgets import key_table
from tests.bundles import nobody_else
from tests.looking import MINUTE_NS
from tests.people import PAPER
from tests.tui.keyboard import Desk, does, fills, said, types, until_said
from tests.tui.stage import Stage, arrived, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("releases")) as running:
        yield running


def releases(stage: Stage) -> dict[str, ReleaseRow]:
    """By number of the incident."""
    answer = stage.client("dora").act(ReleaseListAsk(all=True))
    return {row.reference: row for row in answer.releases}


def second(stage: Stage) -> int:
    """The first whole second of what was made."""
    return -(-stage.made.start_utc_ns // 1_000_000_000) * 1_000_000_000


def requested(stage: Stage, reference: str, login: str = "dora", *, answered: bool = True) -> ReleaseRow:
    """A request with its paper, which both gates pass. ``answered``: nobody else is seen in it."""
    span = SpanRow("lobby", second(stage), second(stage) + MINUTE_NS)
    paper = PaperAsk(PAPER, "court-order", "Superior Court", "CV-26-8", signed_by_judge=True, scope=[span])
    asked = ReleaseRequest("court-order", [span], reference, paper)
    row = stage.client(login).act(asked)
    return nobody_else(stage.client(login), row.id) if answered else row


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
        await until_said(pilot, "No release is requested")
        await pilot.press("r")
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
        shown = await until_said(pilot, "It may not be released")
        assert "Hold it now" not in shown, "all of it is held"
        await pilot.press("enter")  # what we need
        shown = await until_said(pilot, "what we need from you")
        assert "letterhead" in shown
        await pilot.press("enter")
        await until_said(pilot, "It may not be released")
        await pilot.press("escape")
        await until_said(pilot, "needed: the number of the active case")
        await pilot.press("w")
        await until_said(pilot, "what we need from you")
        await pilot.press("enter")
    row = releases(stage)["26-901"]
    assert row.state == "stopped" and row.holds
    holds = stage.client("dora").act(HoldListAsk()).holds
    assert [hold.reference for hold in holds] == ["26-901"]


async def test_scene_8_with_its_paper_it_is_trimmed_to_what_the_paper_names(stage: Stage) -> None:
    start = second(stage)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot)
        await pilot.press("r")
        await until_said(pilot, "On the basis of")
        await fills(pilot, "", "26-902", " ", typed_as(start), "2 min", " ")  # a search warrant; the paper is here
        await until_said(pilot, "Issued by")
        await fills(pilot, "", PAPER, "", "Superior Court", "CR-26-77", "", "", " ", "", "")  # … a judge signed it
        await pilot.press("tab", "down", "space")  # it names the lobby
        await fills(pilot, "", typed_as(start), "1 min")
        await pilot.press("enter")
        await until_said(pilot, "The paper does not cover this", "Trim it to the paper", "Hold it now", "What we need")
        row = releases(stage)["26-902"]
        assert row.state == "stopped"
        await pilot.press("enter")
        await until_said(pilot, f"{row.id} is waiting for approval")
        await pilot.press("escape")
    trimmed = releases(stage)["26-902"].given
    assert trimmed == [SpanRow("lobby", start, start + MINUTE_NS)]


async def test_it_waits_for_a_second_person_who_finds_it_and_approves(stage: Stage) -> None:
    row = requested(stage, "26-903")
    assert row.state == "requested"
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("a")
        shown = await until_said(pilot, "I withdraw my request")
        assert "I approve" not in shown
        await pilot.press("escape")
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "2 things wait for you")  # the trimmed one, too
        await until_said(pilot, "5▲Releases")
        await pilot.press("f2")
        await until_said(pilot, f"Dora Reed requests the release {row.id}")
        await pilot.press("down", "enter")
        await until_said(pilot, "a court order; requested by Dora Reed")
        pilot.app.screen.query_one("#pane-releases DataTable").focus()
        await pilot.press("a")
        await until_said(pilot, "I approve")
        await pilot.press("enter")
        await until_said(pilot, f"{row.id} is approved")
    assert releases(stage)["26-903"].approved_by_name == "Carl Moss"


async def test_scene_9_what_is_approved_is_made_into_a_bundle_and_has_its_receipt(stage: Stage) -> None:
    row = requested(stage, "26-906")
    stage.client("carl").act(ReleaseApprove(row.id))
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await releases_tab(pilot, row.id)
        await until_said(pilot, "Make the bundle")
        await pilot.press("m")
        await until_said(pilot, f"The bundle of {row.id} is made")
        await pilot.press("enter")
        await until(pilot, "exported", lambda: pane.chosen is not None and pane.chosen.state == "exported")
        await until(pilot, "it is made once", lambda: "Make the bundle" not in said(pilot))
        await pilot.press("u")
        shown = await until_said(pilot, "Key that signed it")
        made = releases(stage)["26-906"].bundle
        assert made is not None and made.fingerprint in shown
        await pilot.press("enter")
    newer = requested(stage, "26-916")  # it stands above it
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await arrived(pilot)
        await until_said(pilot, "What do you need?")
        await pilot.press("down", "enter")  # an officer is here
        await until_said(pilot, "what we need from you")
        await pilot.press("0")
        await until_said(pilot, "Print the receipt for the officer")
        await pilot.press("down", "down", "down", "enter")
        shown = await until_said(pilot, "Key that signed it")
        assert made.fingerprint in shown
        await pilot.press("enter")
    stage.client("dora").act(ReleaseWithdraw(newer.id, "by mistake"))


async def test_a_bundle_is_called_off_from_its_progress(stage: Stage) -> None:
    """Made in seconds: where this process was kept waiting for so long, the next one is called off."""
    for number in range(5):
        if await is_called_off(stage, f"26-907{number}"):
            return
    raise AssertionError("each was made before it could be called off")


async def is_called_off(stage: Stage, reference: str) -> bool:
    """Asks for a bundle, and calls it off; False when it was done by then."""
    span = SpanRow("lobby", second(stage), second(stage) + 5 * MINUTE_NS)
    paper = PaperAsk(PAPER, "court-order", "Superior Court", "CV-26-8", signed_by_judge=True, scope=[span])
    dora = stage.client("dora")
    row = dora.act(ReleaseRequest("court-order", [span], reference, paper))
    nobody_else(dora, row.id)
    stage.client("carl").act(ReleaseApprove(row.id))

    def ended() -> str:
        states = {one.release: one.state for one in dora.read(ReadExports())}
        return state if (state := states.get(row.id, "")) in ("done", "failed", "cancelled") else ""

    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("m")
        await until(pilot, "its progress", lambda: "Cancel it" in said(pilot) or ended())
        if ended():
            return False
        await pilot.press("shift+tab", "enter")
        if await until(pilot, "its end", ended) != "cancelled":
            return False
        await until_said(pilot, "No bundle was made", "called it off")
        await pilot.press("enter")
    assert releases(stage)[reference].state == "approved"
    return True


async def test_a_no_needs_its_reason_and_everything_can_be_read(stage: Stage) -> None:
    row = requested(stage, "26-904")
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot, row.id)
        await pilot.press("enter")
        shown = await until_said(pilot, "names Front entrance")
        assert "Superior Court" in shown and "The policy (P13): ✓ yes" in shown and PAPER in shown
        await pilot.press("enter", "a")
        await until_said(pilot, "no: it is not released")
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
    return stage.client("dora").act(CounselListAsk()).determinations


async def test_counsels_determination_is_recorded_and_ended(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot)
        await pilot.press("j")
        await until_said(pilot, "Counsel has no determination in force")
        await pilot.press("tab")
        await fills(pilot, PAPER)
        await pilot.press("enter")
        await until_said(pilot, "Which kinds of requests does it cover?")
        await pilot.press("space", "tab")
        await fills(pilot, "in 90 days", "", "Trumbull Police")
        await pilot.press("enter")
        (row,) = await until(pilot, "it is recorded", lambda: determinations(stage))
        await until_said(pilot, "entry")
        assert (row.state, row.bases, row.cameras, row.agencies) == (
            "active", ["search-warrant"], None, ["Trumbull Police"]
        )  # fmt: skip
        await pilot.press("enter")
        await until(pilot, "the list", lambda: isinstance(pilot.app.focused, DataTable))
        await pilot.press("j")
        await until_said(pilot, f"In force: {row.id}: search warrant; any camera; Trumbull Police")
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
        stage.client("dora").act(asked)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await releases_tab(pilot, releases(stage)["26-908"].id)
        await does(pilot, pane, "again")
        await until_said(pilot, "trimmed to what its paper names")
        await pilot.press("down", "enter")
        shown = await until_said(pilot, "Counsel's route: the library's counsel is asked")
        assert "Trim it" not in shown, "the paper names all of it"
        while pilot.app.focused is not None and pilot.app.focused.id != "do-counsel":
            await pilot.press("right")
        await pilot.press("enter")
        await until_said(pilot, "Counsel has no determination")
        await pilot.press("tab")
        await fills(pilot, PAPER)
        await pilot.press(
            "tab", "tab", "down", "down", "down", "space", "tab"
        )  # past the button; an active investigation
        await fills(pilot, "in 90 days", "", "Prospect Police")
        await pilot.press("enter")
        await until_said(pilot, "Recorded")
        await pilot.press("enter")
        shown = await until_said(pilot, "waiting for approval")
        assert "without a court order" in shown
        await pilot.press("escape")
    row = releases(stage)["26-908"]
    assert (row.state, [no.gate for no in row.refusals]) == ("requested", [2, 2])


async def test_counsels_word_is_a_seats_matter(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert not home.has("releases")


async def test_a_sealed_paper_is_found_on_the_screen_and_opened_by_a_seat_for_a_reason(stage: Stage) -> None:
    dora = stage.client("dora")
    letter = b"%PDF-1.7 a subpoena\n%%EOF\n"
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await releases_tab(pilot)
        await pilot.press(key_table.SENT)
        shown = await until_said(pilot, "You have no paper here")
        assert (
            "put warrant.jpg drop" in shown
            and "are thrown away" in shown
            and "A paper that was sent is kept for" in shown
        )
        await pilot.press("escape")
        dora.act(BoardSet("paper_days", "30", "to be asked about later", PAPER))
        upload = PaperUpload(dora, "subpoena.pdf")
        upload.write(letter)
        paper = upload.finish()
        await pilot.press(key_table.SENT)
        shown = await until_said(pilot, "Kept sealed")
        assert (
            "Your last one: subpoena.pdf (PDF, " in shown
            and "; kept until " in shown
            and f"{paper.sha256[:8]}…" in shown
        )
        await pilot.press("enter")
        await until_said(pilot, "Why is it opened?")
        await types(pilot, "counsel asks for it\n")
        shown = await until_said(pilot, f"Paper {paper.sha256[:8]}.pdf")
        assert "In your outbox" in shown
    assert any(paper.sha256[:8] in row.path and row.size == len(letter) for row in dora.read(ReadOutbox()).rows)
    (opened,) = dora.act(LogShow(action="paper.open")).entries
    assert opened.texts["why"] == "counsel asks for it" and opened.entry["facts"]["sha256"] == paper.sha256
