"""What may leave the building: both gates, papers, counsel's word and the second person, asked by acts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec

from holdshelf_core.holds import types as holds
from holdshelf_core.outbox.types import OpenPaper
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt
from holdshelf_core.policy import model
from holdshelf_core.policy.gates import NEEDS
from holdshelf_core.policy.lengths import Length, last_day
from holdshelf_core.policy.redaction import MAX_BOXES
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.releases import types
from holdshelf_core.releases.upkeep import async_raise_repairs
from holdshelf_core.reports.types import PrintRequest
from holdshelf_core.times import local_day
from tests.core.policy.product.test_looks_and_holds import look
from tests.core.policy.product.test_people import letter
from tests.rules_furnished import House
from tests.rules_machine import PAPER
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS

FIVE, WEEKEND = Length(5, "business days"), ("saturday", "sunday")


def span(house: House, minutes: int = 1, camera: str = "front") -> types.SpanRow:
    return types.SpanRow(camera, house.now - 2 * MINUTE_NS, house.now - 2 * MINUTE_NS + minutes * MINUTE_NS)


def paper(house: House, kind: str = "search-warrant", **more: Any) -> types.PaperAsk:
    asked: dict[str, Any] = {
        "issuer": "Superior Court",
        "docket": "CR-1",
        "signed_by_judge": True,
        "scope": [span(house)],
    }
    asked |= more
    return types.PaperAsk(asked.pop("sha", PAPER), kind, asked.pop("issuer"), **asked)


def request(house: House, basis: str = "search-warrant", **more: Any) -> types.ReleaseRequest:
    asked: dict[str, Any] = {"spans": [span(house)], "reference": "26-7"} | more
    return types.ReleaseRequest(basis, asked.pop("spans"), asked.pop("reference"), **asked)


def test_p13_a_basis_without_a_paper_says_what_it_takes(house: House) -> None:
    """Also to whoever brings the paper of another basis."""
    told = """
[[basis]]
key = "told"
words.en = "a request by whoever is seen"
clause = "P13"
from = "person-seen"
needs = ["identity", "scope"]
"""
    house.ask("carl", PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", FIRST.read_text() + told))
    asked = request(house, "told", stated=["identity"])
    house.ask("dora", asked)
    other = msgspec.structs.replace(asked, paper=paper(house, "subpoena"))
    house.refused("dora", other, "P13", "The paper is a lawful subpoena, not a request by whoever is seen")
    last = [*house.state.releases][-1]
    sheet = house.ask("dora", PrintRequest("refusal", release=last)).refusal
    assert {NEEDS["identity"], NEEDS["scope"]} <= set(sheet.needs)


def test_p13_the_policys_gate(house: House) -> None:
    police = {"agency": "Police", "officer": "12", "signed_by_judge": False}
    for asked, words in (
        (request(house, spans=[]), "must name cameras, each with a start and an end"),
        (request(house, "gossip"), "not released on this basis"),
        (request(house), "a verbal request does not count"),
        (request(house, "written-permission"), "a verbal request does not count"),
        (request(house, "active-investigation"), "a verbal request does not count"),
        (request(house, paper=paper(house, "subpoena")), "The paper is a lawful subpoena, not a search warrant"),
        (request(house, paper=paper(house, "gossip")), "The paper is another one"),
        (request(house, paper=paper(house, lapses="2026-11-01")), "The paper lapsed on November 1, 2026"),
        (request(house, paper=paper(house, lapses="0001-01-01T00:00+05:00")), "lapsed on a date out of range"),
        (request(house, paper=paper(house, signed_by_judge=False)), "no judge signed"),
        (request(house, paper=paper(house, issuer=" ")), "paper's issuer is missing"),
        (request(house, paper=paper(house, docket="")), "no docket number"),
        (request(house, paper=paper(house, scope=[])), "cameras and times that the paper names"),
        (request(house, "active-investigation", paper=paper(house, "active-investigation")), "must name its agency"),
        (request(house, paper=paper(house, scope=[span(house, camera="hall")])), "does not cover this"),
        (request(house, paper=paper(house, sha="3" * 64)), "a verbal request does not count"),
    ):
        house.refused("dora", asked, "P13", words)
    officer = paper(house, "active-investigation", **police)
    house.refused("dora", request(house, "active-investigation", paper=officer), "P13", "but the statute does not")
    house.ask("dora", request(house, "written-permission", paper=paper(house, "written-permission")))
    anywhere = types.SpanRow("", house.now - HOUR_NS, house.now)
    house.ask("dora", request(house, paper=paper(house, scope=[anywhere])))
    house.refused("ann", request(house), "P13", "does not allow you to request a release")
    for release in ("R-2026-0999", "R-2026-0001"):
        outcome = house.act("dora", "release.show", types.ReleaseShow(release))
        assert (outcome.kind == "done") == (release == "R-2026-0001")


def test_p13_a_request_is_trimmed_to_its_paper(house: House) -> None:
    at = house.now - 2 * MINUTE_NS
    second = MINUTE_NS // 60
    pieces = [
        types.SpanRow("front", at, at + 10 * second),
        types.SpanRow("front", at + 5 * second, at + 20 * second),
        types.SpanRow("front", at + 30 * second, at + 40 * second),
        types.SpanRow("hall", at, at + second),
    ]
    house.refused("dora", request(house, paper=paper(house, scope=pieces)), "P13", "does not cover this")
    trimmed = house.ask("dora", types.ReleaseAmend("R-2026-0001", trim=True))
    assert [(row.start_utc_ns - at, row.end_utc_ns - at) for row in trimmed.given] == [
        (0, 20 * second),
        (30 * second, 40 * second),
    ]
    nothing = paper(house, scope=[types.SpanRow("front", at - HOUR_NS, at - HOUR_NS + second)])
    house.refused("dora", request(house, paper=nothing), "P13", "does not cover this")
    house.refused("dora", types.ReleaseAmend("R-2026-0002", trim=True), "P13", "covers none")


def test_p13_counsel_determines_a_class_of_requests(house: House) -> None:
    def asked(**more: Any) -> types.ReleaseRequest:
        police = {"agency": "Police", "officer": "12", "signed_by_judge": False} | more
        return request(house, "active-investigation", paper=paper(house, "active-investigation", **police))

    def counsel(bases: tuple[str, ...] = ("active-investigation",), **more: Any) -> types.CounselRecord:
        return types.CounselRecord(more.pop("paper", PAPER), list(bases), "2026-12-31", **more)

    def offers(words: str) -> bool:
        return any(words in need for need in house.ask("dora", PrintRequest("refusal")).refusal.needs)

    house.refused("ann", counsel(agencies=[]), "P13", "not a designee")
    house.refused("dora", counsel(agencies=[], paper=""), "P13", "needs a signed paper")
    house.refused("dora", types.CounselEnd("c99", "x"), "P13", "There is no determination")
    ended = house.ask("dora", counsel(agencies=[])).id
    assert offers("law enforcement")
    house.ask("dora", types.CounselEnd(ended, "taken back"))
    assert not offers("law enforcement")
    house.ask("dora", counsel(("subpoena",), agencies=[]))
    house.ask("dora", counsel(agencies=["Sheriff"]))
    house.ask("dora", counsel(agencies=["Police"], cameras=["hall"]))
    house.refused("dora", asked(), "P13", "but the statute does not")
    house.ask("dora", counsel(agencies=["Police"], cameras=["front"]))
    given = house.ask("dora", asked())
    assert "counsel's determination" in given.caution
    assert "Counsel's determination" in str(house.ask("dora", types.ReleaseShow(given.id)))
    house.ask("carl", PolicyAdopt("Cameras keep us safe.", "1", "2026-01-01", "advise"))
    assert offers("law enforcement") and offers("written permission")
    court = paper(house, "court-order", signed_by_judge=False)
    advised = house.ask("dora", request(house, "court-order", paper=court))
    assert advised.caution
    house.ask("dora", request(house, "counsel", paper=paper(house, "counsel", docket="", signed_by_judge=False)))
    house.pass_days(60)
    late = request(house, "active-investigation", paper=paper(house, "active-investigation"))
    assert house.act("dora", "release.request", late).kind != "done"


def test_p13_in_imminent_danger_the_paper_follows(house: House) -> None:
    house.refused("dora", request(house, "emergency"), "P13", "what the danger is")
    long = types.SpanRow("front", house.now - 3 * HOUR_NS, house.now - MINUTE_NS)
    house.refused("dora", request(house, "emergency", spans=[long], why="a fall"), "P13", "at most 2 hours")
    now = house.ask("dora", request(house, "emergency", why="a fall"))
    assert now.state == "approved"
    house.refused("dora", types.ReleaseAmend(now.id, paper(house, "emergency")), "P13", "An emergency is not a paper")
    house.refused("dora", types.ReleaseAmend(now.id, paper(house, issuer="")), "P13", "paper's issuer is missing")
    police = paper(house, "active-investigation", agency="Police", officer="12", signed_by_judge=False)
    house.refused("dora", types.ReleaseAmend(now.id, police), "P13", "but the statute does not")
    followed = house.ask("dora", types.ReleaseAmend(now.id, paper(house)))
    assert "The paper has followed" in followed.caution
    house.ask("dora", letter("bob", "2026-12-31", rights=["release"]))
    asked = house.ask("bob", request(house, "emergency", why="a fall"))
    assert asked.state == "requested"
    sheet = house.ask("carl", PrintRequest("refusal", release=asked.id)).refusal
    assert any("that a judge signed" in need for need in sheet.needs), "no paper begins it: what passes by itself"
    house.pass_days(3)
    house.refused("carl", types.ReleaseApprove(asked.id), "P13", "was due on")
    house.ask("bob", types.ReleaseAmend(asked.id, paper(house, scope=list(asked.asked))))
    house.ask("carl", types.ReleaseApprove(asked.id))


def test_p21_a_sealed_paper_is_opened_by_the_holder_of_a_seat_and_by_no_designee(house: House) -> None:
    house.ask("dora", letter("bob", "2026-12-31", rights=["release"]))
    house.refused("bob", OpenPaper(PAPER, "curious"), "P21", "opened by the Director, Chair or Mayor")


def test_p13_a_release_takes_a_second_person(house: House) -> None:
    asked = house.ask("dora", request(house, paper=paper(house)))
    house.refused("dora", types.ReleaseApprove(asked.id), "P13", "You cannot approve this release: you asked for it")
    house.refused("dora", types.ReleaseApprove("R-2026-0999"), "P13", "There is no release")
    house.refused("ann", types.ReleaseApprove(asked.id), "P13", "not a designee")
    house.refused("dora", types.ReleaseExport("R-2026-0999"), "P13", "There is no release")
    assert "not known who requested" in house.may("dora", "release.approve").sentence
    house.ask("carl", types.ReleaseRefuse(asked.id, "another time"))
    again = house.ask("dora", request(house, paper=paper(house)))
    house.refused("carl", types.ReleaseApprove(again.id), "P13", "Nobody has said yet whether other people are seen")
    house.ask("dora", types.ReleaseOthers(again.id, seen=False))
    house.refused("dora", request(house, "gossip"), "P13", "with the approval of two people")
    house.ask("carl", BoardSet("second_person_release", "no", "decided"))
    house.ask("dora", types.ReleaseApprove(again.id))
    house.refused("dora", request(house, "gossip"), "P13", "within what that paper covers, once it is approved.")
    no_ground = holds.HoldPlace("gossip", "26-1", [holds.SpanAsk("front", house.now - MINUTE_NS, None)])
    house.refused("dora", no_ground, "P16", "is held until two people lift it")
    house.ask("carl", BoardSet("second_person_lift", "no", "decided"))
    house.refused("dora", no_ground, "P16", "is held until it is lifted")
    assert house.act("dora", "release.export", types.ReleaseExport(again.id)).kind in ("done", "unavailable")
    alarm = house.ask("dora", request(house, "emergency", why="a fall"))
    assert alarm.others is None and alarm.state == "approved", "the video leaves first"
    assert house.act("dora", "release.export", types.ReleaseExport(alarm.id)).kind in ("done", "unavailable")


def test_p13_boxes_are_drawn_over_what_leaves_and_nowhere_else(house: House) -> None:
    given = span(house)
    asked = house.ask("dora", request(house, paper=paper(house)))

    def box(*points: tuple[float, int, int, int, int], camera: str = "front") -> model.MovingBox:
        at = given.start_utc_ns
        return model.MovingBox(
            camera, tuple(model.KeyPoint(at + int(s * MINUTE_NS) // 60, *sides) for s, *sides in points)
        )

    good = box((1, 0, 0, 900, 900), (9, 500, 0, 1400, 900))
    for boxes, words in (
        ([good] * (MAX_BOXES + 1), f"At most {MAX_BOXES} boxes"),
        ([good, box((1, 0, 0, 9, 9))], "Box 2 has no end"),
        ([box((1, 0, 0, 9, 9), (2, 9, 0, 5, 9))], "no area within the picture at its key point 2"),
        ([box((2, 0, 0, 9, 9), (1, 0, 0, 9, 9))], "key points 1 and 2 in the wrong order"),
        ([box((-2e9, 0, 0, 9, 9), (1, 0, 0, 9, 9))], "lies in no time that is ever recorded"),
        ([box((1, 0, 0, 9, 9), (2, 0, 0, 9, 9), camera="hall")], "outside the cameras and times of this release"),
    ):
        outcome = house.act("dora", "release.others", types.ReleaseOthers(asked.id, seen=True, boxes=boxes))
        assert outcome.kind == "wrong" and words in str(outcome.error), outcome
    assert house.ask("dora", types.ReleaseOthers(asked.id, seen=False)).others.looked == 0
    for boxes, words in (([good], "1 box is drawn"), ([good, good], "2 boxes are drawn"), ([], "they are not masked")):
        house.ask("dora", types.ReleaseOthers(asked.id, seen=True, boxes=boxes, why="" if boxes else "a crowd"))
        assert words in house.ask("dora", types.ReleaseShow(asked.id)).others.words


def test_p6_what_nobody_approved_is_answered_again_until_it_leaves(house: House) -> None:
    """In imminent danger: whoever sees somebody at the second look can still say so."""
    alarm = house.ask("dora", request(house, "emergency", why="a fall"))
    assert (alarm.state, alarm.approved_by) == ("approved", "")
    house.ask("dora", types.ReleaseOthers(alarm.id, seen=False))
    again = house.ask("dora", types.ReleaseOthers(alarm.id, seen=True, why="a crowd"))
    assert again.others.seen


def test_p16_what_a_release_is_made_from_is_not_lifted(house: House) -> None:
    at = span(house)
    kept = house.ask(
        "dora", holds.HoldPlace("violation", "26-7", [holds.SpanAsk("front", at.start_utc_ns, at.end_utc_ns)])
    ).id
    whole = house.ask("dora", holds.HoldPlace("violation", "26-8", [holds.SpanAsk("front", at.start_utc_ns, None)])).id
    lifting = house.ask(
        "dora", holds.HoldPlace("violation", "26-9", [holds.SpanAsk("front", at.start_utc_ns, at.end_utc_ns)])
    ).id
    house.ask("dora", holds.HoldLift(lifting, "over"))
    before = types.SpanRow("front", at.start_utc_ns - MINUTE_NS, at.start_utc_ns)
    house.ask("dora", holds.HoldPlace("violation", "26-6", [holds.SpanAsk(*msgspec.structs.astuple(before))]))
    asked = house.ask("dora", request(house, paper=paper(house)))
    assert {kept, whole} <= set(asked.holds)
    house.refused("dora", holds.HoldLift(kept, "over"), "P16", f"{kept} keeps footage that {asked.id} still needs")
    house.refused("carl", holds.HoldApprove(lifting), "P16", f"{lifting} keeps footage that {asked.id} still needs")
    house.ask("dora", types.ReleaseWithdraw(asked.id, "no longer asked for"))
    house.ask("dora", holds.HoldLift(kept, "over"))
    house.ask("carl", holds.HoldApprove(kept))
    house.pass_days(8)
    house.rig.housekeeping()
    loose = house.ask("dora", request(house, spans=[types.SpanRow("hall", at.start_utc_ns, at.end_utc_ns)],
        paper=paper(house, scope=[types.SpanRow("", at.start_utc_ns, at.end_utc_ns)])))  # fmt: skip
    assert kept not in loose.holds
    house.ask("dora", types.ReleaseOthers(loose.id, seen=False))
    house.ask("carl", types.ReleaseApprove(loose.id))


def test_a_bundle_says_until_when_it_lies_there(house: House) -> None:
    asked = house.ask("dora", request(house, paper=paper(house)))
    made = model.Bundle(9, 1_000, "4" * 64, "SHA256:x", 1, "masked", 0, "p1", house.now)
    row = house.state.releases[asked.id]
    for removed_utc_ns, until in ((None, house.now + house.state.board.outbox_days * DAY_NS), (house.now, None)):
        bundle = msgspec.structs.replace(made, removed_utc_ns=removed_utc_ns)
        house.state.releases[asked.id] = msgspec.structs.replace(row, state="exported", bundle=bundle)
        shown = house.ask("dora", types.ReleaseShow(asked.id)).bundle
        assert (shown.files, shown.until_utc_ns) == (9, until)
    house.state.releases[asked.id] = row


def test_a_request_with_a_clock_is_due_is_given_more_time_once_and_told_when_it_is_late(house: House) -> None:
    basis = (
        '\n[[basis]]\nkey = "public-record"\nwords.en = "a request for public records"\nneeds = ["name"]\n'
        'clock = { answer = "5 business days", once_more = "5 business days" }\n'
    )
    file = FIRST.read_text() + basis
    house.ask("carl", PolicyAdopt("Five days.", "2", "2026-01-01", "enforce", "", file))
    today = date.fromisoformat(local_day(house.now))
    for received in (today + timedelta(days=1), today - timedelta(days=400)):
        house.wrong("dora", request(house, "public-record", received=received.isoformat()), "was received today or")
    house.refused("dora", request(house, "public-record"), "P13", "This is not on record: the asker's name")
    assert "The answer is due by" in house.ask("dora", types.ReleaseShow("R-2026-0001")).next_step, "its clock runs"
    row = house.ask("dora", types.ReleaseAmend("R-2026-0001", stated=["name"]))
    assert row.received_on == today.isoformat() and not row.overdue and row.may_extend
    assert local_day(row.due_utc_ns - 1) == last_day(today, FIVE, ["saturday", "sunday"]).isoformat()
    assert row.stated == [NEEDS["name"]]
    house.refused("ann", types.ReleaseExtend(row.id, "long"), "P13", "Only the Director, Chair or Mayor may approve")
    house.wrong("carl", types.ReleaseExtend(row.id, " "), "Why it takes longer is missing")
    longer = house.ask("carl", types.ReleaseExtend(row.id, "three hours have to be looked through"))
    assert local_day(longer.due_utc_ns - 1) == last_day(last_day(today, FIVE, WEEKEND), FIVE, WEEKEND).isoformat()
    house.wrong("carl", types.ReleaseExtend(row.id, "still"), "was given more time already")
    unclocked = house.ask("dora", request(house, paper=paper(house)))
    house.wrong("carl", types.ReleaseExtend(unclocked.id, "long"), "gives no more time")

    def late() -> list[str]:
        async_raise_repairs(house.rig.house.authorizer)
        return [one.issue_id for one in house.rig.house.repairs.async_all() if one.issue_id.startswith("answer:")]

    assert late() == []
    house.pass_days(20)
    assert late() == [f"answer:{row.id}"]
    assert house.ask("carl", types.ReleaseShow(row.id)).overdue
    house.ask("carl", types.ReleaseRefuse(row.id, "nothing of it shows what was asked"))
    assert late() == []


def test_where_others_must_be_hidden_nothing_leaves_with_them_in_it(house: House) -> None:
    basis = '\n[[basis]]\nkey = "own-image"\nwords.en = "a request by the person seen"\nneeds = ["identity"]\nhide = "others"\n'
    house.ask("carl", PolicyAdopt("Hidden.", "2", "2026-01-01", "enforce", "", FIRST.read_text() + basis))
    row = house.ask("dora", request(house, "own-image", stated=["identity"]))
    unmasked = types.ReleaseOthers(row.id, seen=True, why="too many")
    house.refused("dora", unmasked, "P13", "On a request by the person seen nobody else is shown")
    house.ask("dora", types.ReleaseOthers(row.id, seen=False))
    house.refused("carl", types.ReleaseApprove(row.id, original=True), "P13", "does not ask for the original")
    assert house.ask("carl", types.ReleaseApprove(row.id)).state == "approved"


def test_p13_whoever_approves_or_looks_is_reminded_whom_to_tell(house: House) -> None:
    basis = (
        '\n[[basis]]\nkey = "told"\nwords.en = "a request that is told"\nneeds = ["name"]\nsteps = ["tell:director"]\n'
        '[[purpose]]\nkey = "told"\nwords.en = "a look that is told"\nsteps = ["tell:mayor"]\n'
    )
    house.ask("carl", PolicyAdopt("Told.", "2", "2026-01-01", "enforce", "", FIRST.read_text() + basis))
    row = house.ask("dora", request(house, "told", stated=["name"]))
    house.ask("dora", types.ReleaseOthers(row.id, seen=False))
    assert "Tell" not in row.next_step
    approved = house.ask("carl", types.ReleaseApprove(row.id))
    assert "Tell the Library Director (Dora Reed) of it." in approved.next_step
    assert "Tell the Mayor" in house.ask("dora", look(house, purpose="told")).warning
