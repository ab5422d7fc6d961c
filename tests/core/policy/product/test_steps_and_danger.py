"""Steps of a basis that are taken after the request, what imminent danger does not skip, and who reviews it afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdshelf_core.people.types import FlagReview, SeatAway
from holdshelf_core.policy import date_forms, numbering
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.releases import types
from holdshelf_core.reports.case_types import ReleasePaper
from holdshelf_core.reports.types import PrintRequest
from tests.core.policy.product.test_open_requests import LOOSE, TOLD, adopt, asked
from tests.core.policy.product.test_own_policy import named
from tests.core.policy.product.test_releases import paper, request
from tests.rules_furnished import House
from tests.rules_machine import PAPER

DANGER = TOLD + 'needs = ["danger"]\n'
DEPUTY = (
    '\n[[role]]\nkey = "assistant"\nwords.en = "Assistant Director"\nstands_in = { for = "director" }\n'
    '\n[[role]]\nkey = "clerk"\nwords.en = "Clerk"\nreceives = ["release.request"]\n'
)
TWO_REVIEW = FIRST.read_text().replace(
    '"flag.review" = ["director", "chair", "mayor"]', '"flag.review" = ["director", "chair"]'
)


@pytest.fixture(autouse=True)
def _own_forms_end() -> Iterator[None]:
    yield
    numbering.use()
    date_forms.use()


def in_danger(house: House, by: str = "dora") -> types.ReleaseRow:
    row: types.ReleaseRow = house.ask(by, request(house, "told", why="a fall"))
    return row


def printed(house: House, row: types.ReleaseRow) -> ReleasePaper:
    paper: ReleasePaper = house.ask("dora", PrintRequest("release", release=row.id)).released
    return paper


def test_who_was_consulted_since_the_request_is_said_with_the_approval(house: House) -> None:
    """The advice was `--stated` with a command that did not take it: the request could only be withdrawn."""
    adopt(house, LOOSE + 'steps = ["consult:mayor"]\n')
    row = asked(house)
    house.refused("carl", types.ReleaseApprove(row.id), "P13", "By command: `--consulted mayor`.")
    both = types.ReleaseApprove(row.id, consulted=["mayor", "director"])
    house.wrong("carl", both, "'director' is not consulted before a release on this basis. One of: mayor.")
    approved = house.ask("carl", types.ReleaseApprove(row.id, consulted=["mayor"]))
    assert approved.state == "approved"
    assert house.rig.read_log()[-1]["facts"]["stated"] == ["name", "identity", "consult:mayor"]


def test_somebody_whom_an_earlier_policy_has_consulted_can_be_named(house: House) -> None:
    adopt(house, LOOSE + 'steps = ["consult:mayor"]\n')
    row = asked(house)
    adopt(house, LOOSE)
    house.refused("carl", types.ReleaseApprove(row.id), "P13", "the Mayor is consulted")
    assert house.ask("carl", types.ReleaseApprove(row.id, consulted=["mayor"])).state == "approved"


def test_in_danger_a_consent_and_a_consultation_are_waited_for(house: House) -> None:
    """The footage left at once, whatever the steps of its basis: `lint` answered otherwise."""
    adopt(house, DANGER + 'steps = ["consent:mayor"]\n')
    row = in_danger(house)
    assert row.state == "requested"
    house.refused("carl", types.ReleaseApprove(row.id), "P13", "It takes the Mayor to consent to this release")
    assert house.ask("carl", types.ReleaseApprove(row.id, PAPER, "mayor")).state == "approved"
    adopt(house, DANGER + 'steps = ["consult:mayor"]\n')
    assert in_danger(house).state == "requested"
    assert house.ask("dora", request(house, "told", why="a fall", stated=["consult:mayor"])).state == "approved"
    adopt(house, DANGER + 'steps = ["consent:director"]\n')
    assert in_danger(house).state == "approved"


def test_the_form_lists_the_consents_that_are_awaited_and_a_judge_where_the_basis_asks_for_one(house: House) -> None:
    adopt(house, DANGER + 'steps = ["consent:mayor"]\n')
    row = in_danger(house)
    assert printed(house, row).awaited == ("Mayor",)
    assert house.ask("carl", types.ReleaseApprove(row.id, PAPER, "mayor")).state == "approved"
    assert printed(house, row).awaited == ()
    for basis, asks in (("written-permission", False), ("search-warrant", True)):
        row = house.ask("dora", request(house, basis, paper=paper(house, basis)))
        shown = printed(house, row).paper
        assert shown is not None and shown.judge_asked is asks


def test_in_danger_who_acts_for_the_director_is_enough_and_who_only_receives_is_not(house: House) -> None:
    adopt(house, DANGER + DEPUTY)
    named(house, "assistant", "ida", 31)
    named(house, "clerk", "cleo", 32)
    house.refused("ida", request(house, "told", why="a fall"), "P13", "Only the")
    house.ask("ida", SeatAway("director"))
    assert in_danger(house, "ida").state == "approved"
    assert in_danger(house, "cleo").state == "requested"


def test_a_release_in_danger_is_reviewed_by_as_many_as_there_are(house: House) -> None:
    """Two reviews were asked for where one other person may review: the flag stayed open for good."""
    adopt(house, DANGER)
    assert in_danger(house).caution.endswith("two people review this afterwards.")
    assert [flag.needs for flag in house.state.flags.values() if flag.kind == "emergency_release"] == [2]
    adopt(house, DANGER, TWO_REVIEW)
    row = in_danger(house)
    assert row.caution.endswith("; it is reviewed afterwards.")
    (flag,) = [one for one in house.state.flags.values() if one.kind == "emergency_release" and one.note == row.id]
    house.refused("dora", FlagReview(flag.id, "a fall"), "P12", "You cannot review your own act")
    house.ask("carl", FlagReview(flag.id, "a fall"))
    house.refused("carl", FlagReview(flag.id, "a fall"), "P12", "have already reviewed this")
    assert len(house.state.flags[flag.id].reviewed_by) == house.state.flags[flag.id].needs == 1


def test_the_caution_says_as_many_reviewers_as_the_flag_asks_for(house: House) -> None:
    """With two roles that review, neither of them the requester's, both review; the caution told of one."""
    adopt(
        house, DANGER, TWO_REVIEW.replace('"flag.review" = ["director", "chair"]', '"flag.review" = ["chair", "mayor"]')
    )
    row = in_danger(house)
    (flag,) = [one for one in house.state.flags.values() if one.kind == "emergency_release"]
    assert flag.needs == 2
    assert row.caution.endswith("two people review this afterwards.")


def test_a_basis_of_that_name_without_danger_is_an_ordinary_one(house: House) -> None:
    """It was flagged for review and counted as a release in imminent danger, for its key alone."""
    ordinary = FIRST.read_text().replace('needs = ["danger", "scope"]\nsteps = ["within:48 hours"]', 'needs = ["name"]')
    adopt(house, "", ordinary)
    row = house.ask("dora", request(house, "emergency", stated=["name"]))
    house.ask("dora", types.ReleaseOthers(row.id, seen=False))
    assert house.ask("carl", types.ReleaseApprove(row.id)).state == "approved"
    assert [flag for flag in house.state.flags.values() if flag.kind == "emergency_release"] == []
