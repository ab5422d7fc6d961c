"""Ticks of the printed checklist entered back into a running service: who may, what the log says, what the next print shows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, NotPermitted
from holdshelf_core.cameras.checklist_types import ChecklistEnter, ChecklistEntered, ReadChecklist
from holdshelf_core.cameras.commission_types import EntranceAdd
from holdshelf_core.people.board_types import BoardSet
from holdshelf_core.policy import model
from holdshelf_core.reports.offline import read_offline
from holdshelf_core.reports.types import Attestation, PaperFacts, PrintRequest
from tests.looking import seed
from tests.people import PAPER, People, day, wait_past_midnight
from tests.service import Service
from tests.tui.stage import entry

DAY_NS = 86_400 * 10**9


class House:
    """A Director, a designee for the lobby, two cameras whose last walk was long ago, one entrance."""

    def __init__(self, folder: Path) -> None:
        self.service = Service(folder / "data", mint=True)
        long_ago = time.time_ns() - 400 * DAY_NS
        seed(
            self.service.data,
            [
                *(entry(camera, name) for camera, name in (("lobby", "Front entrance"), ("desk", "Service desk"))),
                *(
                    (
                        "commissions",
                        camera,
                        model.Commission(camera, state="approved", approved_by="p1", approved_utc_ns=long_ago),
                    )
                    for camera in ("lobby", "desk")
                ),
                ("policy", "adopted", model.Adopted("3", "2025-01-01", PAPER, installed_utc_ns=long_ago)),
            ],
        )

    def begin(self) -> None:
        self.people = People(self.service)
        self.director = self.people.name_director()
        self.people.appoint("sam", "Sam Roe", self.director, "commission", cameras=["lobby"])
        self.sam = self.people.client("sam")
        self.director.act(EntranceAdd("Main entrance", "1.en, 12 x 18 in"))

    def enter(self, *codes: str, by: Client | None = None, **more: Any) -> ChecklistEntered:
        return (by or self.director).act(ChecklistEnter(list(codes), **more))

    def printed(self) -> PaperFacts:
        return self.director.act(PrintRequest("checklist"))

    def entered(self) -> list[dict[str, Any]]:
        rows = self.service.client.act(LogShow(action="checklist", most=50))
        return [row.entry for row in rows.entries]

    def repairs(self) -> dict[str, str]:
        found = self.service.client.status().repairs
        return {r.issue_id: f"{r.sentence} {r.next_step}" for r in found if r.issue_id.startswith("checklist:")}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    wait_past_midnight()  # what was entered today is compared with today
    made = House(tmp_path_factory.mktemp("checklist"))
    with made.service:
        made.begin()
        yield made


def test_p3_p4_what_was_never_walked_is_a_repair_and_stops_nothing(house: House) -> None:
    repairs = house.repairs()
    assert "Front entrance and Service desk are due for a walk with the checklist (P4)." in repairs["checklist:cameras"]
    assert "holdshelf checklist enter lobby.all" in repairs["checklist:cameras"]
    assert "house.copies, house.website, house.staff-notice and 5 more are due" in repairs["checklist:house"]


def test_p3_print_enter_print_an_entrance(house: House) -> None:
    (before,) = house.printed().entrances
    assert before.attested_on == "" and before.points["lit"] == Attestation(code="e1.lit")
    codes = [point.code for point in before.points.values()]
    assert codes == ["e1.present", "e1.unobstructed", "e1.lit", "e1.legible", "e1.version", "e1.language"]
    said = house.enter(*codes[:3], by=house.sam)
    assert "Main entrance: its sign is not attested yet; still to enter: e1.legible" in said.sentences[0]
    assert "signs_attested" not in str(house.entered()[-1])
    done = house.enter("e1.legible=25", "e1.language=English", checker="Pat Doe", by=house.sam)
    assert house.entered()[-1]["facts"]["signs_attested"] == ["e1"]
    assert done.sentences == ["Main entrance: its sign is attested."]
    (after,) = house.printed().entrances
    assert (after.attested_by, after.attested_on, after.language) == ("Sam Roe", day(0), "English")
    legible = after.points["legible"]
    assert (legible.finding, legible.by, legible.done_on) == ("25 ft", "Pat Doe", day(0))
    assert after.points["lit"].by == "Sam Roe" and not after.points["lit"].is_due


def test_p3_a_defect_is_a_repair_until_it_is_mended(house: House) -> None:
    house.enter("e1", defect="torn at a corner")
    assert house.entered()[-1]["facts"]["signs_defect"] == ["e1"]
    status = {repair.issue_id: repair.sentence for repair in house.service.client.status().repairs}
    assert "The sign at Main entrance has a defect: torn at a corner (P3)." in status["entrance:e1"]
    (paper,) = house.printed().entrances
    assert (paper.mending.defect, paper.mending.found_by, paper.attested_on) == ("torn at a corner", "Dora Reed", "")
    house.enter("e1.unobstructed", mended=day(0))
    status = {repair.issue_id: repair.sentence for repair in house.service.client.status().repairs}
    assert status["entrance:e1"] == "The sign at Main entrance was repaired but has not been attested again (P3)."
    done = house.enter("e1.all", "e1.legible=25")
    assert done.sentences == ["Main entrance: its sign is attested."]
    (paper,) = house.printed().entrances
    assert (paper.mending.defect, paper.mending.mended, paper.mending.mended_on) == ("", "torn at a corner", day(0))
    assert "entrance:e1" not in {repair.issue_id for repair in house.service.client.status().repairs}


def test_p4_to_p8_a_cameras_points_are_entered_and_their_walk_is_no_longer_due(house: House) -> None:
    done = house.enter("lobby.all", by=house.sam, on=day(-3), checker="Pat Doe")
    assert done.sentences == ["Front entrance: entered; all of it is checked off."]
    lobby = next(camera for camera in house.printed().cameras if camera.id == "lobby")
    walk = lobby.points["walk-test"]
    assert (walk.code, walk.by, walk.done_on, walk.is_due) == ("lobby.walk-test", "Pat Doe", day(-3), False)
    assert "Service desk is due for a walk" in house.repairs()["checklist:cameras"]
    house.enter("desk.area", defect="a new shelf is in the way")
    repairs = house.repairs()
    assert "Service desk has a defect since" in repairs["checklist:camera:desk"]
    assert "holdshelf checklist enter desk.all --mended DAY" in repairs["checklist:camera:desk"]
    house.enter("desk.all", mended=day(0))
    assert {"checklist:camera:desk", "checklist:cameras"}.isdisjoint(house.repairs())


def test_p1_p18_the_houses_points_are_the_seats_and_fill_the_attestations(house: House) -> None:
    with pytest.raises(NotPermitted, match=r"Only the Director, Chair or Mayor attests.*\(P1"):
        house.enter("house.website", by=house.sam)
    points = (
        "website",
        "staff-notice",
        "board-review",
        "counsel",
        "copies",
        "letters",
        "confidentiality",
        "no-promise",
    )
    done = house.enter(*(f"house.{point}" for point in points))
    assert done.sentences == ["The house: 8 points entered."]
    facts = house.printed()
    for point in points:
        attestation = facts.house[point]
        assert (attestation.by, attestation.done_on) == ("Dora Reed", day(0)), point
    assert facts.house["website"].next_on < facts.house["board-review"].next_on == day(365)
    assert "checklist:house" not in house.repairs()
    house.enter("house.website", defect="last year's text is posted")
    facts = house.printed()
    assert (facts.house["website"].defect, facts.house["website"].is_due) == ("last year's text is posted", True)
    assert (facts.house["website"].done_on, facts.house["website"].by) == (
        day(0),
        "Dora Reed",
    )  # who found that, and when
    rows = house.director.read(ReadChecklist())
    website = next(point for point in rows[-1].points if point.id == "website")
    assert (website.seen_utc_ns, website.due) == (None, True)  # it is attested no more
    assert "last year's text is posted" in house.repairs()["checklist:house:website"]
    house.enter("house.website")
    assert house.printed().house["website"].defect == ""


def test_p11_a_designee_enters_ticks_of_the_letters_cameras_alone_and_the_admin_none(house: House) -> None:
    for codes, by in ((["desk.area"], house.sam), (["lobby.area", "desk.area"], house.sam)):
        with pytest.raises(NotPermitted, match="P11"):
            house.enter(*codes, by=by)
    with pytest.raises(NotPermitted):
        house.enter("lobby.area", by=house.service.client)
    seen = house.sam.read(ReadChecklist())
    assert {row.id for row in seen if row.kind == "camera"} == {"lobby"}


def test_p21_the_log_has_codes_in_public_and_names_and_words_in_private(house: House) -> None:
    house.enter("e1.version=2.en", "lobby.masks", checker="Pat Doe", on=day(-1))
    (row,) = house.service.client.act(LogShow(action="checklist.enter", most=1)).entries
    assert row.entry["facts"]["points"] == ["e1.version", "lobby.masks"]
    assert (row.entry["cameras"], row.entry["outcome"]) == (["lobby"], "done")
    assert "Pat" not in str(row.entry) and "2.en" not in str(row.entry)
    with pytest.raises(NotPermitted):
        house.enter("John Smith.was here", by=house.sam)
    assert "smith" not in str(house.entered()).casefold()


@pytest.mark.parametrize(
    ("codes", "more", "words"),
    [
        ([], {}, "No code was given"),
        (["lobby.area"], {"on": "2999-01-01"}, "enter a checkmark after the check"),
        (["lobby.area"], {"on": "someday"}, "is not a date"),
        (["lobby.area", "desk.area"], {"defect": "dirty"}, "enter each defect separately"),
        (["lobby"], {"mended": "2026-01-01"}, "Front entrance has no known defect"),
        (["lobby"], {"defect": "x", "mended": "2026-01-01"}, "either found or fixed"),
        (["lobby.area"], {"checker": "x" * 81}, "more than 80"),
        (["e1.version=" + "x" * 201], {}, "more than 200"),
        (["lobby.area"], {"defect": "x", "take_back": True}, "cannot also record a defect or a repair"),
        (["lobby.area"] * 2001, {}, "More than 2000 codes"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_entered(
    house: House, codes: list[str], more: dict[str, Any], words: str
) -> None:
    before = len(house.entered())
    with pytest.raises(BadRequest, match=words):
        house.enter(*codes, **more)
    assert len(house.entered()) == before


def test_a_tick_that_was_a_mistake_is_taken_back_and_the_log_has_both(house: House) -> None:
    house.enter("lobby.all")
    done = house.enter("lobby.walk-test", take_back=True)
    assert done.sentences == ["Front entrance: taken back; not checked off yet: lobby.walk-test."]
    assert [entry["facts"].get("taken_back") for entry in house.entered()[-2:]] == [None, "yes"]
    house.enter("lobby.walk-test", on=day(-3))


def test_the_boards_days_are_settings_and_a_restart_keeps_every_tick(house: House) -> None:
    board = BoardSet("camera_check_days", "30", "more often")
    house.director.act(board)
    facts = house.printed()
    assert {camera.points["area"].next_on for camera in facts.cameras} == {day(30)}
    # Of a day that was typed, from its beginning on.
    lobby = next(camera for camera in facts.cameras if camera.id == "lobby")
    assert lobby.points["walk-test"].next_on == day(30 - 3 - 1)
    house.service.stop()
    offline = read_offline(house.service.data)
    assert [(c.id, c.points) for c in offline.cameras] == [(c.id, c.points) for c in facts.cameras]
    assert [e.points for e in offline.entrances] == [e.points for e in facts.entrances]
    assert offline.house == facts.house and offline.library == facts.library
