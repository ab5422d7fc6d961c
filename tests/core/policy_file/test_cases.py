"""The cases of a policy file are asked of the file: by the gates and the rules that decide in the service."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from holdshelf_core.policy import explain
from holdshelf_core.policy.particulars import particulars
from holdshelf_core.policy.schema import Case, Clause, PolicyFile, StandsIn, Steps
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.cases import answer, failures, unshown
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import read_bytes, read_file
from tests.core.policy_file.mistakes import SOUND

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
    (case,) = [case for case in file.case if case.away.get("director") == "73 hours" and case.basis]
    for away, allowed in (("71 hours", False), ("72 hours", True), ("10 days", True)):
        said = answer(policy, msgspec.structs.replace(case, away={"director": away}))
        assert said.allowed is allowed, said.sentence
    here = answer(policy, msgspec.structs.replace(case, away={}))
    assert not here.allowed
    assert "Only the Library Director may approve a release" in here.sentence
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
    (case,) = [case for case in file.case if case.away.get("director") == "73 hours" and case.basis]
    for away, allowed in (("1 hour", False), ("48 hours", False), ("72 hours", True), ("2 business days", True)):
        said = answer(policy, msgspec.structs.replace(case, away={"director": away}))
        assert said.allowed is allowed, (away, said.sentence)


def test_a_case_that_an_absence_decides_says_from_when_on() -> None:
    file = file_of("a")
    (case,) = [case for case in file.case if case.away.get("director") == "73 hours" and case.basis]
    short = msgspec.structs.replace(case, away={"director": "71 hours"})
    (told,) = failures(msgspec.structs.replace(file, case=(short,)))
    assert "The Assistant Director acts for the Library Director after 72 hours of absence." in told.sentence


def test_whoever_stands_in_has_the_purposes_of_whom_they_act_for() -> None:
    file = file_of("a")
    roles = tuple(msgspec.structs.replace(role, rights=("archive",)) if role.stands_in else role for role in file.role)
    purposes = tuple(msgspec.structs.replace(one, roles=("director",)) for one in file.purpose)
    policy = Policy(msgspec.structs.replace(file, purpose=purposes, role=roles))
    case = Case("assistant", "purpose.open", "yes", purpose=purposes[0].key)
    assert not answer(policy, case).allowed
    assert answer(policy, msgspec.structs.replace(case, away={"director": "4 days"})).allowed


def test_a_clause_may_state_several_duties_and_what_a_row_cites_is_not_words_only() -> None:
    file = file_of("f")
    both = tuple(msgspec.structs.replace(one, duty=("P13", "P14")) if one.id == "3" else one for one in file.clause)
    policy = Policy(msgspec.structs.replace(file, clause=both))
    assert (policy.clause_id("P13"), policy.clause_id("P14")) == ("3", "3")
    assert "4" not in policy.words_only, "the street's record cites it"


def test_the_clause_of_steps_is_what_a_refusal_quotes_and_no_clause_of_words_only() -> None:
    """A duty that stood in [steps] was cited by nothing: its clause was told to be words only, and P4's was quoted."""
    file, act = file_of("c"), "commission.approve"
    clause = Clause(id="7.2", says={"en": "The Trustees approve each camera."})
    file = msgspec.structs.replace(file, clause=(*file.clause, clause))
    steps, asked = file.before(act).steps, next(one for one in file.case if one.act == act and one.expect == "no")
    plain, own = (
        Policy(msgspec.structs.replace(file, steps={act: before}))
        for before in (steps, Steps(steps=steps, clause="7.2"))
    )
    assert plain.steps(act) == Steps(steps=steps) and own.steps(act).steps == steps
    assert "7.2" in plain.words_only and "7.2" not in own.words_only
    assert answer(plain, asked).clause == "placement" and answer(own, asked).clause == "7.2"
    assert answer(own, asked).sentence.endswith("(7.2: The Trustees approve each camera.)")
    # Whatever else is asked of it is not of that clause.
    other = answer(own, msgspec.structs.replace(asked, who="nobody"))
    assert not other.allowed and other.clause != "7.2"
    said = " ".join(explain.clause_detail(own, clause, ()).split())
    assert "Before a camera is approved, the Library Director consents and the Board of Trustees consents." in said
    assert "  each (7.2): the Library Director consents; the Board of Trustees consents." in particulars(own)
    assert "words only" in explain.clause_detail(plain, clause, ())


def test_a_file_says_steps_as_a_list_or_as_a_table() -> None:
    """Files that were adopted before there was a table are read as ever."""
    text = SOUND.replace("[second]", '[steps]\n"commission.approve" = ["consult:board"]\n[second]')
    table = text.replace('["consult:board"]', '{ steps = ["consult:board"], clause = "7.4" }')
    heading = SOUND.replace(
        "[second]", '[steps."commission.approve"]\nclause = "7.4"\nsteps = ["consult:board"]\n[second]'
    )
    found = [
        Policy(read_bytes(one.encode(), "policy.toml")).steps("commission.approve") for one in (text, table, heading)
    ]
    assert found == [Steps(steps=("consult:board",), clause=cited) for cited in ("", "7.4", "7.4")]
    assert Policy(read_bytes(text.encode(), "policy.toml")).steps("hold.place") == Steps(steps=())


def test_a_case_without_a_camera_is_about_one_that_the_role_is_bound_to() -> None:
    """It was asked about the first kind of place, and a branch's librarian could do nothing anywhere."""
    file = file_of("b")
    rows = (msgspec.structs.replace(one, classes=("interior",) * (one.key == "security")) for one in file.role)
    policy = Policy(msgspec.structs.replace(file, role=tuple(rows)))
    case = Case("security", "purpose.open", "yes", purpose="conduct")
    assert answer(policy, case).allowed
    assert not answer(policy, msgspec.structs.replace(case, camera="exterior")).allowed
    only = tuple(msgspec.structs.replace(one, classes=("exterior",)) for one in file.purpose)
    policy = Policy(msgspec.structs.replace(policy.file, purpose=only))
    assert not answer(policy, case).allowed, "nothing that it is bound to is of this purpose"


@pytest.mark.parametrize("act", ["look.archive", "seat.name", "release.approve", "policy.adopt"])
def test_a_role_on_paper_does_nothing_that_takes_no_paper_of_theirs(act: str) -> None:
    """It was asked as the first role, so that counsel seemed to look at recordings."""
    file = file_of("a")
    (paper,) = [role.key for role in file.role if role.on_paper]
    said = answer(Policy(file), Case(paper, act, "yes"))
    assert not said.allowed
    assert "acts by signed paper alone" in said.sentence
    policy = Policy(msgspec.structs.replace(file, second={"release.approve": (paper,)}))
    assert answer(policy, Case(paper, "release.approve", "yes")).allowed


@pytest.mark.parametrize("act", ["break_glass", "appointment.make", "flag.review", "person.key", "hold.lift.approve"])
def test_an_act_that_the_director_may_do_is_answered_yes(act: str) -> None:
    """A no to an act that no case could ever do would prove nothing."""
    said = answer(first_policy(), Case("director", act, "yes"))
    assert said.allowed, said.sentence


@pytest.mark.parametrize("act", ["camera.manage", "commission.approve", "look.live", "hold.place"])
def test_nothing_is_done_about_a_camera_in_a_private_place(act: str) -> None:
    who = "admin" if act == "camera.manage" else "director"
    policy = Policy(file_of("g"))
    said = answer(policy, Case(policy.first_seat if who == "director" else who, act, "yes", camera="private-office"))
    assert not said.allowed
    assert "No camera is in a private place: private office" in said.sentence


def test_a_deputy_has_what_they_act_for_on_the_cameras_of_that_role_and_their_own_on_their_own() -> None:
    """It was all that both may do, on the deputy's cameras: what neither could see alone."""
    two = """
[[class]]
key = "in"
places = ["seating"]
words.en = "inside"
[[class]]
key = "out"
places = ["parking"]
words.en = "outside"
"""
    text = SOUND.replace('key = "director"', 'key = "director"\nclasses = ["in"]') + two
    text += '[[role]]\nkey = "deputy"\nwords.en = "Deputy"\nrights = ["live"]\nclasses = ["out"]\n'
    policy = Policy(read_bytes((text + 'stands_in = { for = "director" }\n').encode(), "x"))
    away = {"director": "1 day"}
    for who, act, camera, since, allowed in (
        ("director", "look.archive", "in", {}, True),
        ("director", "look.archive", "out", {}, False),
        ("deputy", "look.live", "out", {}, True),
        ("deputy", "look.archive", "in", {}, False),
        ("deputy", "look.archive", "in", away, True),
        ("deputy", "look.archive", "out", away, False),
        ("deputy", "look.live", "in", away, True),
    ):
        said = answer(policy, Case(who, act, "yes", camera=camera, away=since))
        assert said.allowed is allowed, (who, act, camera, since, said.sentence)


def test_a_clause_is_shown_by_a_case_of_each_answer_that_names_it() -> None:
    file = file_of("a")
    duties = [clause.id for clause in file.clause if clause.duties]
    assert unshown(msgspec.structs.replace(file, case=())) == duties
    yes, no = (Case("director", "look.archive", expect, clause=duties[0]) for expect in ("yes", "no"))
    for cases, left in (((yes,), duties), ((no,), duties), ((yes, no), duties[1:])):
        assert unshown(msgspec.structs.replace(file, case=cases)) == left


def test_a_case_that_fails_is_named_in_whole() -> None:
    """Two long names with one beginning could not be told apart."""
    file = file_of("a")
    (case, *_) = file.case
    says = "the Director, who is away for a long time, asks for what nobody may have"
    wrong = msgspec.structs.replace(case, says=says, expect="no" if case.expect == "yes" else "yes", clause="")
    (told,) = failures(msgspec.structs.replace(file, case=(wrong,)))
    assert says in told.where
