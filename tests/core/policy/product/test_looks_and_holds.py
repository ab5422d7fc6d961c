"""Looks and holds: purposes, spans, second persons and grace, asked by acts."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest

from holdshelf_core.api.types import ReadStatus
from holdshelf_core.holds import types
from holdshelf_core.looks import types as looks
from holdshelf_core.people import types as people
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_storage.access_log import lines
from tests.rules_furnished import House
from tests.rules_machine import PAPER
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS


def look(house: House, **more: Any) -> looks.PurposeOpen:
    asked: dict[str, Any] = {"cameras": ["front"], "purpose": "crime", "incident": "26-1"} | more
    if asked.get("mode") != "live":
        asked = {"start_utc_ns": house.now - 3 * MINUTE_NS, "end_utc_ns": house.now - MINUTE_NS} | asked
    return looks.PurposeOpen(asked.pop("cameras"), **asked)


def test_p12_a_look_needs_a_purpose_from_the_list(house: House) -> None:
    for purpose, clause, words in (
        ("", "P12", "A look needs a purpose"),
        ("fun", "P12", "not on the list"),
        ("what was she reading", "P6", "reads, views or listens"),
        ("general monitoring", "P1", "Watching people in general"),
    ):
        house.refused("dora", look(house, purpose=purpose), clause, words)
    house.refused("dora", look(house, incident="Jane Roe"), "P21", "with at least one digit")
    house.refused("dora", look(house, incident="2" * 61), "P21", "at most 60 characters")
    house.ask("dora", look(house, incident=""))


def test_p2_a_look_names_few_cameras_and_hours(house: House) -> None:
    house.refused("dora", look(house, cameras=[]), "P2", "without naming a camera")
    house.refused("dora", look(house, end_utc_ns=1), "P2", "ends before it starts")
    house.refused("dora", look(house, start_utc_ns=house.now - 30 * HOUR_NS), "P2", "at most 24 hours")
    house.refused("dora", look(house, cameras=["roof"]), "P4", "There is no camera")
    house.ask("carl", BoardSet("cameras_per_purpose", "1", "asked"))
    house.refused("dora", look(house, cameras=["front", "hall"]), "P2", "at most 1 cameras")
    grant = house.ask("dora", look(house))
    house.refused("dora", looks.PurposeWiden(grant.id, ["hall"]), "P2", "Open a new purpose")
    needed = house.may("dora", "look.archive", cameras="front", purpose="crime")
    assert "name a start and an end" in needed.sentence
    half = house.may("dora", "look.archive", cameras="front", purpose="crime", start_utc_ns=0)
    assert not half.allowed
    house.ask("dora", looks.PurposeOpen(["front"], "crime", "26-1", at_utc_ns=house.now - 2 * MINUTE_NS))
    house.refused(None, look(house), "P11", "may not see pictures")


def test_p12_widening_again_and_again_is_flagged(house: House) -> None:
    house.ask("carl", BoardSet("widenings_before_flag", "1", "asked"))
    live = house.ask("dora", look(house, mode="live"))
    wider = house.ask("dora", looks.PurposeWiden(live.id, ["hall"]))
    assert wider.cameras == ["front", "hall"]
    house.ask("dora", looks.LiveRenew(live.id))
    house.ask("dora", look(house, cameras=["hall"]))
    past = house.ask("dora", look(house))
    house.ask("dora", looks.PurposeWiden(past.id, [], house.now - 4 * MINUTE_NS, house.now))
    kinds = [flag.kind for flag in house.state.flags.values()]
    assert kinds.count("wandering") >= 2


def test_p12_imminent_danger_opens_the_last_minutes(house: House) -> None:
    house.refused("dora", looks.BreakGlass(["front"], " "), "P12", "what the danger is")
    house.refused("dora", looks.BreakGlass(["roof"], "smoke"), "P4", "There is no camera")
    old = house.may("dora", "break_glass", cameras="front", start_utc_ns=house.now - HOUR_NS)
    assert "not older recordings" in old.sentence
    glass = house.ask("dora", looks.BreakGlass(["front"], "smoke"))
    house.ask("dora", looks.LookLive(glass.id, "front"))
    house.ask("dora", looks.LookStill(glass.id, "front", house.now - 2 * MINUTE_NS))
    house.ask("ann", looks.BreakGlass(["front"], "smoke"))


def test_a_note_that_holds_a_name_is_warned_about(house: House) -> None:
    named = house.ask("dora", look(house, note="a bag of Jane Roe, by the Front Door"))
    assert "Jane Roe" in named.warning
    assert not house.ask("dora", look(house, note="by the Main Street entrance")).warning
    assert not house.ask("dora", look(house, note="a bag")).warning


# --- holds ------------------------------------------------------------------------------------------------------


def place(house: House, **more: Any) -> types.HoldPlace:
    span = types.SpanAsk("front", house.now - 2 * MINUTE_NS, more.pop("end", house.now - MINUTE_NS))
    asked = {"ground": "violation", "reference": "26-7"} | more
    return types.HoldPlace(asked.pop("ground"), asked.pop("reference"), asked.pop("spans", [span]), **asked)


def test_p16_what_a_hold_needs(house: House) -> None:
    house.refused("dora", place(house, ground="curiosity"), "P16", "A hold needs a ground")
    house.refused("dora", place(house, reference=" "), "P16", "needs a case or incident number")
    house.refused("dora", place(house, reference="Jane"), "P21", "digit")
    house.refused("dora", place(house, end=1), "P16", "ends before it starts")
    assert house.may("dora", "hold.place", cameras="front", purpose="violation", incident="26-1").allowed
    house.ask("dora", place(house, end=None))
    house.refused("dora", types.HoldAsk("H-2026-0999"), "P16", "There is no hold")
    house.refused("dora", types.HoldReview("H-2026-0999", "needed"), "P16", "There is no hold")
    house.refused("dora", types.HoldLift("H-2026-0999", "over"), "P16", "There is no hold")
    house.refused("dora", types.HoldApprove("H-2026-0999"), "P16", "There is no hold")
    house.refused("bob", types.HoldListAsk(), "P14", "for viewing only")


def test_p16_a_lift_takes_a_second_person_and_days_of_grace(house: House) -> None:
    hold = house.ask("dora", place(house)).id
    house.refused("ann", types.HoldLift(hold, "over"), "P16", "not a designee")
    house.refused("dora", types.HoldLift(hold, " "), "P16", "needs a reason")
    house.refused("dora", types.HoldApprove(hold), "P16", "Nobody asked to lift")
    house.refused("dora", types.HoldApprove(hold, refuse=True), "P16", "stays as it is")
    house.ask("dora", types.HoldLift(hold, "over"))
    house.refused("dora", types.HoldLift(hold, "over"), "P16", "is already being lifted")
    house.refused("dora", types.HoldApprove(hold), "P16", "You cannot approve this lift: you asked for it")
    house.ask("dora", types.HoldApprove(hold, refuse=True))
    house.ask("dora", types.HoldLift(hold, "over"))
    house.ask("carl", types.HoldApprove(hold))
    house.ask("dora", types.HoldApprove(hold, refuse=True))
    house.ask("dora", types.HoldLift(hold, "over"))
    house.ask("carl", types.HoldApprove(hold))
    house.pass_days(8)
    house.rig.housekeeping()
    assert house.state.holds[hold].state == "lifted"
    house.refused("dora", types.HoldReview(hold, "needed"), "P16", "is lifted")
    house.ask("dora", types.HoldAsk(hold))


def test_p16_a_lift_is_approved_on_the_paper_of_a_seat_that_cannot_log_in(house: House) -> None:
    hold = house.ask("dora", place(house)).id
    house.ask("dora", types.HoldLift(hold, "over"))
    for paper, seat, words in (
        ("2" * 64, "mayor", "by its SHA-256"),
        (PAPER, "clerk", "needs the name of the seat that signed it"),
        (PAPER, "director", "asked for this lift; someone with another"),
        (PAPER, "chair", "can log in and must approve on screen"),
    ):
        house.refused("dora", types.HoldApprove(hold, paper, seat), "P16", words)
    house.ask("dora", types.HoldApprove(hold, paper_sha256=PAPER, seat="mayor"))
    assert house.state.holds[hold].state == "grace"
    house.ask("dora", types.HoldExtend(hold, [types.SpanAsk("hall", house.now - MINUTE_NS, None)], "more"))
    assert house.state.holds[hold].state == "active"


def test_p16_nobody_changes_chairs_to_agree_with_themselves(house: House) -> None:
    hold = house.ask("carl", place(house)).id
    house.ask("carl", types.HoldLift(hold, "over"))
    house.rig.time.run(MINUTE_NS)
    house.ask("dora", people.SeatName("mayor", "carl", paper_sha256=PAPER))
    house.ask("dora", people.SeatName("chair", "bob", paper_sha256=PAPER))
    house.sessions.clear()
    house.refused(
        "carl",
        types.HoldApprove(hold, PAPER, "mayor"),
        "P16",
        "asked for this lift; someone with another seat must sign",
    )
    house.refused("bob", types.HoldApprove(hold), "P16", "The seat that asked for this lift")
    house.ask("dora", types.HoldApprove(hold))


def test_p16_without_a_second_person_a_lift_needs_none(house: House) -> None:
    hold = house.ask("dora", place(house)).id
    house.ask("dora", types.HoldLift(hold, "over"))
    house.ask("carl", BoardSet("second_person_lift", "no", "decided"))
    house.ask("dora", types.HoldApprove(hold))
    other = house.ask("dora", place(house, spans=[types.SpanAsk("front", house.now - MINUTE_NS, None)])).id
    house.ask("dora", types.HoldLift(other, "over"))
    assert house.state.holds[other].state == "grace"
    house.ask("dora", types.HoldExtend(other, [types.SpanAsk("front", house.now - 3 * MINUTE_NS, None)], "more"))


def test_p16_a_review_that_is_overdue_is_said(house: House) -> None:
    hold = house.ask("dora", place(house, review_days=1)).id
    house.pass_days(3)
    assert house.ask("dora", types.HoldAsk(hold)).overdue
    house.rig.housekeeping()
    issue = f"hold_review:{hold}"
    assert any(repair.issue_id == issue for repair in house.rig.house.repairs.async_all())
    told = {person: house.read(person, ReadStatus()).repairs for person in ("p1", "p2", "p3", "p4")}
    assert [issue in {row.issue_id for row in rows} for rows in told.values()] == [True, True, False, False]
    assert all(row.camera for row in told["p4"]), "the machine is no guest's business"
    house.ask("dora", types.HoldReview(hold, "needed", 30))
    assert not house.ask("dora", types.HoldAsk(hold)).overdue


def test_p16_a_crash_brings_back_what_the_shelf_holds(house: House) -> None:
    """A hold that was made longer while the log could not be written is united from shelf and log."""
    hold = house.ask("dora", place(house)).id
    longer = types.SpanAsk("front", house.now - 3 * MINUTE_NS, house.now - 2 * MINUTE_NS)
    house.rig.log_fault = "sync"
    assert house.ask("dora", types.HoldExtend(hold, [longer], "more")).queued
    house.rig.log_fault = ""
    house.rig.crash()
    house.sessions.clear()
    house.rig.housekeeping()
    assert len(house.state.holds[hold].spans) >= 2


def test_p16_what_the_log_takes_in_no_entry_is_not_done_and_holds_up_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No act is that long today: the bound is made smaller. With the log on a bad disk, too, where a hold's entry waits."""
    spans = [types.SpanAsk("front", house.now - (n + 2) * MINUTE_NS, house.now - n * MINUTE_NS) for n in range(1, 33)]
    monkeypatch.setattr(lines, "MAX_ENTRY_BYTES", 3_000)

    def refused() -> bool:
        before = set(house.state.holds)
        house.wrong("dora", place(house, spans=spans), "cannot take this, so it was not done. Its entry would have ")
        return set(house.state.holds) == before

    assert refused()
    assert not any(repair.issue_id == "access_log" for repair in house.rig.house.repairs.async_all()), "the log is fine"
    house.rig.log_fault = "sync"
    assert refused() and house.ask("dora", place(house, spans=spans[:2])).queued
    assert refused(), "behind one that waits, too"
    house.rig.log_fault = ""
    assert not house.ask("dora", place(house, spans=spans[:3])).queued
    assert not house.rig.house.authorizer.has_waiting


def test_p16_an_earlier_seat_does_not_keep_a_later_holder_from_signing(house: House) -> None:
    house.ask("dora", people.SeatName("mayor", "carl", paper_sha256=PAPER))
    house.rig.time.run(MINUTE_NS)
    house.ask("dora", people.SeatName("mayor", "mia", paper_sha256=PAPER))
    house.rig.time.run(MINUTE_NS)
    hold = house.ask("carl", place(house)).id
    house.ask("carl", types.HoldLift(hold, "over"))
    house.ask("carl", types.HoldApprove(hold, PAPER, "mayor"))


def test_p16_a_hold_that_was_copied_to_another_disk_says_so(house: House) -> None:
    hold = house.ask("dora", place(house)).id
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        assert house.ask("dora", types.HoldArchive(hold, folder)).archived_to == folder
        house.ask("dora", types.HoldArchive(hold, folder))
    assert house.state.holds[hold].copies


def test_p16_a_ground_that_gives_a_last_day_ends_its_hold(house: House) -> None:
    ground = 'key = "violation"\nwords.en = "a violation of law or of a policy"\n'
    file = FIRST.read_text()
    assert file.count(ground) == 1
    house.ask(
        "carl",
        PolicyAdopt(
            "Ten days.", "2", "2026-01-01", "enforce", "", file.replace(ground, ground + 'at_most = "10 days"\n')
        ),
    )
    short = house.ask("dora", place(house))
    long = house.ask("dora", place(house, ground="litigation"))
    assert long.last_utc_ns is None
    assert 10 * DAY_NS <= short.last_utc_ns - house.now <= 11 * DAY_NS
    house.pass_days(9)
    house.rig.housekeeping()
    assert {house.state.holds[row.id].state for row in (short, long)} == {"active"}
    house.pass_days(2)
    house.rig.housekeeping()
    assert (house.state.holds[short.id].state, house.state.holds[long.id].state) == ("lifted", "active")
    assert [entry["subject"] for entry in house.rig.entries.values() if entry["action"] == "hold.expired"] == [short.id]


def test_no_purpose_is_known_by_heart(house: House) -> None:
    """Where only the right is asked about, under a policy whose purposes have other keys."""
    file = FIRST.read_text().replace('key = "camera-check"', 'key = "view-check"')
    house.ask("carl", PolicyAdopt("Other keys.", "2", "2026-01-01", "enforce", "", file))
    asked = looks.ActivityAsk("front", house.now - 3 * MINUTE_NS, house.now - MINUTE_NS)
    assert house.ask("dora", asked) is not None
    house.refused("dora", look(house, purpose="camera-check"), "P12", "not on the list")
