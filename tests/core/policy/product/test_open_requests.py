"""Requests that wait while people go, policies change, and consents come on paper."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from holdshelf_core.people import types as people
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.releases import types
from holdshelf_core.releases.upkeep import async_cancel
from holdshelf_core.times import local_day
from tests.core.policy.product.test_people import letter
from tests.core.policy.product.test_releases import paper, request
from tests.rules_furnished import House
from tests.rules_machine import PAPER
from tests.rules_model import MINUTE_NS

TOLD = '\n[[basis]]\nkey = "told"\nwords.en = "a request by a resident"\n'
LOOSE = TOLD + 'needs = ["name"]\n'
CLOCK = 'clock = { answer = "5 business days" }\n'
COUNSEL = '\n[[role]]\nkey = "counsel"\nwords.en = "Library Counsel"\non_paper = true\n'
NO_SECOND = FIRST.read_text().replace('"release.approve" = ["director", "chair", "mayor"]', '"release.approve" = []')


def adopt(house: House, more: str, file: str = "") -> None:
    house.ask("carl", PolicyAdopt("As adopted.", "2", "2026-01-01", "enforce", "", (file or FIRST.read_text()) + more))


def asked(house: House, by: str = "dora", **more: Any) -> types.ReleaseRow:
    row = house.ask(by, request(house, "told", **({"stated": ["name", "identity"]} | more)))
    house.ask(by, types.ReleaseOthers(row.id, seen=False))
    return house.ask(by, types.ReleaseShow(row.id))


def test_a_request_with_a_clock_is_answered_after_who_entered_it_has_no_right_any_more(house: House) -> None:
    adopt(house, LOOSE + CLOCK)
    house.ask("dora", letter("bob", "2026-12-31", rights=["release"]))
    with_clock = asked(house, "bob")
    waits = house.act("bob", "release.request", request(house, "told")).error
    assert waits is not None
    stopped = [*house.state.releases][-1]
    house.refused("dora", types.ReleaseAmend(with_clock.id), "P13", "Only the person who requested")
    assert with_clock.goes_on and not house.ask("dora", types.ReleaseShow(with_clock.id)).goes_on
    without = house.ask("bob", request(house, paper=paper(house)))
    bobs = next(row.id for row in house.state.appointments.values() if row.rights == ("release",))
    house.ask("dora", people.AppointmentEnd(bobs, "another task"))
    house.rig.run(async_cancel(house.rig.house.authorizer))
    states = {key: row.state for key, row in house.state.releases.items()}
    assert states == {with_clock.id: "requested", stopped: "stopped", without.id: "cancelled"}
    assert house.ask("dora", types.ReleaseShow(stopped)).goes_on
    assert house.ask("dora", types.ReleaseAmend(stopped, stated=["name"])).state == "requested"
    assert house.ask("dora", types.ReleaseWithdraw(stopped, "settled by telephone")).state == "withdrawn"
    assert house.ask("dora", types.ReleaseApprove(with_clock.id)).state == "approved"


@pytest.mark.parametrize(
    ("before", "step"),
    [
        (TOLD + 'needs = ["name", "identity"]\n', "identity"),
        (LOOSE + 'steps = ["consent:mayor"]\n', "It takes the Mayor to consent"),
        (LOOSE + 'steps = ["consult:mayor"]\n', "the Mayor is consulted"),
        (LOOSE + 'hide = "others"\n', "nobody else is shown"),
    ],
    ids=["needs", "consent", "consult", "hidden"],
)
def test_a_request_keeps_the_stricter_rule_under_a_policy_that_is_adopted_later(
    house: House, before: str, step: str
) -> None:
    adopt(house, before)
    if step == "identity":
        # It could not have passed then; the rows that decide are the same.
        house.refused("dora", request(house, "told", stated=["name"]), "P13", "not on record")
        (key,) = house.state.releases
        adopt(house, LOOSE)
        house.refused("dora", types.ReleaseAmend(key), "P13", "This is not on record: proof of who asks")
        assert house.ask("dora", request(house, "told", stated=["name"])).state == "requested", (
            "a new one needs no more"
        )
        return
    row = asked(house)
    adopt(house, LOOSE)
    if step == "nobody else is shown":
        house.refused("dora", types.ReleaseOthers(row.id, seen=True, why="a crowd"), "P13", step)
    else:
        house.refused("carl", types.ReleaseApprove(row.id), "P13", step)
        row = asked(house)
    assert house.ask("carl", types.ReleaseApprove(row.id)).state == "approved"


@pytest.mark.parametrize(
    "later",
    [
        "",
        'clock = { answer = "1 business days", once_more = "1 business days" }\n',
        'clock = { answer = "9 months" }\n',
    ],
    ids=["none", "shorter", "longer"],
)
def test_a_request_keeps_its_clock_and_its_one_extension_under_a_policy_that_is_adopted_later(
    house: House, later: str
) -> None:
    adopt(house, LOOSE + 'clock = { answer = "5 days", once_more = "7 days" }\n')
    row = asked(house)
    adopt(house, LOOSE + later)
    kept = house.ask("dora", types.ReleaseShow(row.id))
    assert kept.due_utc_ns == row.due_utc_ns and kept.may_extend
    longer = house.ask("carl", types.ReleaseExtend(row.id, "three hours have to be looked through"))
    first, last = (date.fromisoformat(local_day(due - 1)) for due in (row.due_utc_ns, longer.due_utc_ns))
    assert (last - first).days == 7


def test_a_request_that_can_be_given_no_more_time_is_given_none_by_a_later_policy(house: House) -> None:
    adopt(house, LOOSE + CLOCK)
    row = asked(house)
    adopt(house, LOOSE + 'clock = { answer = "9 months", once_more = "9 months" }\n')
    assert not house.ask("dora", types.ReleaseShow(row.id)).may_extend
    house.wrong("carl", types.ReleaseExtend(row.id, "long"), "gives no more time")


def test_a_request_for_cameras_that_its_basis_did_not_give_is_refused_under_a_later_policy_too(house: House) -> None:
    street = '\n[[class]]\nkey = "street"\nplaces = ["parking"]\n'
    adopt(house, street + LOOSE + 'classes = ["street"]\n')
    house.refused("dora", request(house, "told", stated=["name"]), "P13", "only cameras of this class are released")
    (key,) = house.state.releases
    adopt(house, street + LOOSE)
    house.refused("dora", types.ReleaseAmend(key), "P13", "only cameras of this class are released: street")
    assert house.ask("dora", request(house, "told", stated=["name"])).state == "requested", "a new one may"
    adopt(house, LOOSE)
    assert house.ask("dora", types.ReleaseAmend(key)).state == "requested", "there is no such class any more"


def test_a_request_has_what_a_later_policy_asks_for_besides(house: House) -> None:
    adopt(house, LOOSE)
    row = house.ask("dora", request(house, "told", stated=["name"]))
    house.ask("dora", types.ReleaseOthers(row.id, seen=False))
    adopt(house, TOLD + 'needs = ["name", "identity"]\n')
    house.refused("carl", types.ReleaseApprove(row.id), "P13", "This is not on record: proof of who asks")


def test_a_request_that_took_a_second_person_takes_one_under_a_later_policy_too(house: House) -> None:
    adopt(house, LOOSE)
    row = asked(house)
    adopt(house, LOOSE, NO_SECOND)
    house.refused("dora", types.ReleaseApprove(row.id), "P13", "You cannot approve this release: you asked for it")
    assert house.ask("carl", types.ReleaseApprove(row.id)).state == "approved"
    alone = asked(house)
    assert house.ask("dora", types.ReleaseApprove(alone.id)).state == "approved"


def test_a_step_of_a_role_that_is_gone_holds_up_nothing(house: House) -> None:
    adopt(house, COUNSEL + LOOSE + 'steps = ["consent:counsel"]\n')
    row = asked(house)
    house.refused("carl", types.ReleaseApprove(row.id), "P13", "It takes the Library Counsel to consent")
    adopt(house, LOOSE)
    assert house.ask("carl", types.ReleaseApprove(row.id)).state == "approved"


def test_a_consent_on_paper_is_kept_with_its_role(house: House) -> None:
    adopt(house, COUNSEL + LOOSE + 'steps = ["consent:counsel"]\n')
    row = asked(house)
    assert "The Library Counsel must approve it" in row.next_step or "Counsel" in row.next_step
    approved = house.ask("carl", types.ReleaseApprove(row.id, PAPER, "counsel"))
    assert [(one.role, one.paper_sha256) for one in approved.consents] == [("counsel", PAPER)]
    assert approved.approved_by_name == "Carl, with the signed consent of the Library Counsel"
    assert approved.approval_paper_sha256 == "", "Carl approved on screen, as himself"
    plain = asked(house)
    assert plain.consents == []


def test_danger_then_a_paper_asks_for_the_paper(house: House) -> None:
    """A policy that takes the danger out of a basis has its open requests wait for their paper, and the other way round."""
    house.ask("dora", letter("bob", "2026-12-31", rights=["release"]))
    adopt(house, TOLD + 'needs = ["danger"]\n')
    row = house.ask("bob", request(house, "told", why="a fall"))
    assert row.state == "requested"
    adopt(house, TOLD + 'needs = ["written"]\n')
    house.refused("carl", types.ReleaseApprove(row.id), "P13", "There is no paper for a request by a resident")
    house.rig.time.run(MINUTE_NS)
    house.refused("bob", request(house, "told", why="a fall"), "P13", "There is no paper")
    written = [*house.state.releases][-1]
    adopt(house, TOLD + 'needs = ["danger"]\n')
    house.refused("bob", types.ReleaseAmend(written), "P13", "There is no paper")
