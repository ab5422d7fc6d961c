"""The cases of a policy file are asked of the file: by the gates and the rules that decide in the service."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from holdshelf_core.policy.schema import Case, PolicyFile, StandsIn
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.cases import answer, failures
from holdshelf_core.policy_file.read import read_file

FILES = sorted((Path(__file__).parents[2] / "policies").glob("*.toml"))


def file_of(letter: str) -> PolicyFile:
    return read_file(next(path for path in FILES if path.stem == letter))[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_librarys_file_answers_its_cases(path: Path) -> None:
    assert failures(read_file(path)[0]) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_case_turned_around_fails(path: Path) -> None:
    """A case that cannot fail shows nothing."""
    file = read_file(path)[0]
    turned = tuple(
        msgspec.structs.replace(case, expect="no" if case.expect == "yes" else "yes", clause="") for case in file.case
    )
    told = failures(msgspec.structs.replace(file, case=turned))
    assert len(told) == len(turned)
    assert all(one.where.startswith("case ") and "The file answers" in one.sentence for one in told)


def test_the_wrong_clause_is_told_with_the_right_one() -> None:
    file = file_of("b")
    (case,) = [case for case in file.case if case.clause == "staff"]
    (told,) = failures(msgspec.structs.replace(file, case=(msgspec.structs.replace(case, clause="patrons"),)))
    assert told.sentence.startswith("It is refused by staff, not by patrons: ")


def test_a_deputy_decides_from_the_hour_on_and_not_before() -> None:
    """A7: the Assistant Director answers once the Director was away for 72 hours."""
    file = file_of("a")
    policy = Policy(file)
    (case,) = [case for case in file.case if case.away.get("director") == "73 hours"]
    for away, allowed in (("71 hours", False), ("72 hours", True), ("10 days", True)):
        said = answer(policy, msgspec.structs.replace(case, away={"director": away}))
        assert said.allowed is allowed, said.sentence
    here = answer(policy, msgspec.structs.replace(case, away={}))
    assert not here.allowed
    assert "It takes the Library Director to consent to this release" in here.sentence
    assert here.clause == "6"


def test_two_bodies_approve_a_place_and_each_alone_does_not() -> None:
    """C3: the Director authorizes the place, and the Trustees approve it."""
    file = file_of("c")
    policy = Policy(file)
    case = file.case[0]
    assert not answer(policy, msgspec.structs.replace(case, given=())).allowed
    assert answer(policy, msgspec.structs.replace(case, given=("consent:trustees",))).allowed
    said = answer(policy, msgspec.structs.replace(case, given=()))
    assert "It takes the Board of Trustees to consent to this, to approve a camera for use" in said.sentence


def test_an_absence_of_business_days_is_over_with_the_last_of_them() -> None:
    """The house of the cases stands on a Thursday: since Tuesday there was one whole business day."""
    file = file_of("a")
    roles = tuple(
        msgspec.structs.replace(role, stands_in=StandsIn("director", "2 business days")) if role.stands_in else role
        for role in file.role
    )
    policy = Policy(msgspec.structs.replace(file, role=roles))
    (case,) = [case for case in file.case if case.away.get("director") == "73 hours"]
    for away, allowed in (("1 hour", False), ("48 hours", False), ("72 hours", True), ("2 business days", True)):
        said = answer(policy, msgspec.structs.replace(case, away={"director": away}))
        assert said.allowed is allowed, (away, said.sentence)


def test_a_case_that_an_absence_decides_says_from_when_on() -> None:
    file = file_of("a")
    (case,) = [case for case in file.case if case.away.get("director") == "73 hours"]
    short = msgspec.structs.replace(case, away={"director": "71 hours"})
    (told,) = failures(msgspec.structs.replace(file, case=(short,)))
    assert "The Assistant Director acts for the Library Director after 72 hours of absence." in told.sentence


def test_whoever_stands_in_has_the_purposes_of_whom_they_act_for() -> None:
    file = file_of("a")
    purposes = tuple(msgspec.structs.replace(one, roles=("director",)) for one in file.purpose)
    policy = Policy(msgspec.structs.replace(file, purpose=purposes))
    case = Case("assistant", "purpose.open", "yes", purpose=purposes[0].key)
    assert not answer(policy, case).allowed
    assert answer(policy, msgspec.structs.replace(case, away={"director": "4 days"})).allowed


def test_a_clause_may_state_several_duties_and_what_a_row_cites_is_not_words_only() -> None:
    file = file_of("f")
    both = tuple(msgspec.structs.replace(one, duty=("P13", "P14")) if one.id == "3" else one for one in file.clause)
    policy = Policy(msgspec.structs.replace(file, clause=both))
    assert (policy.clause_id("P13"), policy.clause_id("P14")) == ("3", "3")
    assert "4" not in policy.words_only, "the street's record cites it"
