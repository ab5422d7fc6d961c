"""The table of the rules: computed, complete, and readable on a narrow terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy import example, explain
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Appointment, Person, Share
from holdshelf_core.policy.particulars import particulars
from holdshelf_core.policy.rights import NEVER, PERMISSIONS
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import read_file

SAYS = {clause.id: first_policy().said(clause.says) for clause in first_policy().file.clause}
ROWS, WHO = explain.table(first_policy()), example.subjects(first_policy())
NOW = Now(example.AT, example.AT)


def test_every_permission_is_allowed_to_somebody_and_refused_to_somebody() -> None:
    for permission in PERMISSIONS:
        answers = {row.allowed for row in ROWS if row.permission == permission}
        assert answers == {True, False}, permission


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("a", "  Assistant Director: acts for the Library Director after 72 hours of absence."),
        ("a", "  Person in Charge: takes requests from outside and passes them on."),
        ("b", "  a suspected breach of the Personnel Policy by staff (staff): to look; for the Library administration."),
        ("b", "  a written request by the police (exterior): on paper, the agency, the officer and a number to call back; "
            "of these cameras alone: exterior."),
        ("b", "  for all cameras: at least 7 days, an error where there is less room; at most 7 days; what is on hold stays."),
        ("c", "  each: the Library Director consents; the Board of Trustees consents."),
        ("a", "  Approve a release: none needed."),
        ("d", "  a question about staff (staff): to look; the Human Resources is consulted."),
        ("i", "  a person's request for recordings of themselves (5): proof of who asks; answered in 1 month, 2 months more "
            "with a reason; others are hidden."),
        ("c", "  lobby-screen: lobby, for anyone, until 8:00 pm."),
    ],
)  # fmt: skip
def test_below_the_table_stands_what_it_cannot_show(file: str, said: str) -> None:
    policy = Policy(read_file(Path(__file__).parents[2] / "policies" / f"{file}.toml")[0])
    assert said in particulars(policy)
    assert " ".join(said.split()) in " ".join(explain.text(policy, explain.table(policy)).split())


def test_a_clause_that_a_screen_or_a_basis_cites_says_so_beside_its_duty() -> None:
    file = read_file(Path(__file__).parents[2] / "policies" / "a.toml")[0]
    clauses = {clause.id: clause for clause in file.clause}
    words_only = Policy(file).words_only[0]
    purpose = next(clause.id for clause in file.clause if "P1" in clause.duties)
    screens = tuple(msgspec.structs.replace(row, clause=words_only) for row in file.screen)
    bases = tuple(msgspec.structs.replace(row, clause=purpose) for row in file.basis)
    policy = Policy(msgspec.structs.replace(file, screen=screens, basis=bases))
    assert words_only not in policy.words_only
    said = explain.clause_detail(policy, clauses[words_only], ())
    assert "The screen monitors shows common." in " ".join(said.split())
    said = " ".join(explain.clause_detail(policy, clauses[purpose], ()).split())
    assert CLAUSES[clauses[purpose].duties[0]].kept in said and f"“{policy.said(bases[0].words)}”" in said


def test_what_nobody_may_stands_in_the_table_and_is_refused_in_all_of_it() -> None:
    for permission in NEVER:
        assert {row.allowed for row in ROWS if row.permission == permission} == {False}
    assert not set(NEVER) & set(PERMISSIONS)


def test_the_table_asks_every_act_of_everybody_at_every_time() -> None:
    asked = {(row.permission, row.who, row.when) for row in ROWS}
    wanted = {(p, who, when) for p in (*PERMISSIONS, *NEVER) for who in WHO for when in example.TIMES}
    assert asked == wanted


def test_outside_their_time_seats_and_designees_may_print_the_policy_and_nothing_else() -> None:
    for row in ROWS:
        if row.when != example.WITHIN and row.who in ("Director", "Chair", "Mayor", "designee", "to look"):
            assert row.allowed == (row.permission == "print"), (row.permission, row.who, row.when)


def test_the_admin_sees_no_picture_in_the_whole_table() -> None:
    for row in ROWS:
        rule = PERMISSIONS.get(row.permission)
        if row.who == "admin" and rule is not None and rule.pictures:
            assert not row.allowed


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_fits_the_terminal_and_names_every_act_and_clause(width: int) -> None:
    text = explain.text(first_policy(), ROWS, width)
    assert max(len(line) for line in text.splitlines()) <= width
    lines = text.splitlines()
    for permission in (*PERMISSIONS, *NEVER):
        assert any(line.split()[:1] == [permission] for line in lines), permission
    for clause in {row.clause for row in ROWS if not row.allowed}:
        assert f"  {clause}: {SAYS[clause][:30]}" in text
    assert text.isascii() or "–" in text
    kept = text.partition("What keeps each clause:")[2]
    for clause in CLAUSES.values():
        assert f"  {clause.id}: " in kept and clause.kept in " ".join(kept.split())


@pytest.mark.parametrize("permission", [*PERMISSIONS, *NEVER])
def test_the_table_says_what_the_rows_say(permission: str) -> None:
    rows = [row for row in ROWS if row.permission == permission]
    answers: dict[str, list[str]] = {}
    for row in (row for row in rows if row.when == example.WITHIN):
        answers.setdefault(row.about, []).append(("yes" + "*" * bool(row.flag)) if row.allowed else row.clause)
    lines = explain.text(first_policy(), rows, 120).partition("\n\n")[0].splitlines()[1:]
    cells = [line.split()[-len(example.subjects(first_policy())) :] for line in lines]
    shown = [words for words in cells if all(word in ("yes", "yes*", *CLAUSES) for word in words)]
    first, *others = answers.values()
    assert shown == [first, *(one for one in others if one != first)]


@pytest.mark.parametrize("clause", ["P8", "P10", "P16", "P19"])
def test_a_clause_is_explained_by_what_keeps_it_and_by_what_it_refuses(clause: str) -> None:
    (found,) = (one for one in first_policy().file.clause if one.id == clause)
    text = explain.clause_detail(first_policy(), found, ROWS, 80)
    assert max(len(line) for line in text.splitlines()) <= 80
    words = " ".join(text.split())
    assert SAYS[clause] in words and CLAUSES[clause].kept in words
    assert ("It refuses" in words) == any(row.clause == clause and not row.allowed for row in ROWS)


@pytest.mark.parametrize("width", [80, 120])
def test_one_act_is_explained_in_sentences_that_fit_too(width: int) -> None:
    text = explain.detail([row for row in ROWS if row.permission == "hold.lift.approve"], width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "Director: no. You cannot approve this lift: you asked for it (P16:" in " ".join(text.split())
    assert "after the last day: no (P11)" in " ".join(text.split())


def test_rows_are_ready_for_json() -> None:
    rows = msgspec.json.decode(msgspec.json.encode(ROWS), type=list[explain.Row])
    assert rows == ROWS


def test_an_act_that_the_policy_does_not_know_is_an_error_and_never_an_answer() -> None:
    with pytest.raises(BadRequest, match="has no action named"):
        decide(example.house(first_policy()), Subject("p1"), "look", Scope(), NOW)


def steps_of(house: State, subject: Subject, scope: Scope) -> int:
    """How many steps of the interpreter a decision takes."""
    count = 0

    def trace(frame: FrameType, event: str, _what: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        decide(house, subject, "look.archive", scope, NOW)
    finally:
        sys.settrace(before)
    return count


def test_a_decision_takes_no_more_steps_in_a_house_with_thousands_of_rows() -> None:
    small = house = example.house(first_policy())
    people = {**house.people, **{f"q{n}": Person(f"q{n}", f"q{n}", f"Q {n}") for n in range(500)}}
    letters = {
        **house.appointments,
        **{f"b{n}": Appointment(f"b{n}", f"q{n % 500}", "s1", ("live",), None, 0, 1, "") for n in range(1000)},
    }
    shares = {
        **house.shares,
        **{f"W-{n}": Share(f"W-{n}", "view", f"q{n % 500}", "front", 0, 1, 1, "crime", "p1") for n in range(3500)},
    }
    house = type(house)(
        **{
            **{k: getattr(house, k) for k in house.__dataclass_fields__},
            "people": people,
            "appointments": letters,
            "shares": shares,
        }
    )
    scope, subject = example.look(example.FRONT), Subject("p4")
    for each in (small, house):  # its rows are sorted once, when they are first asked for
        assert decide(each, subject, "look.archive", scope, NOW).allowed
    steps_of(small, subject, scope)  # the interpreter counts steps only in what it was once asked to count them in
    steps = [steps_of(each, subject, scope) for each in (small, house)]
    assert steps[0] == steps[1] > 500


def test_another_policy_is_explained_in_its_own_clauses() -> None:
    policy = Policy(read_file(Path(__file__).parents[2] / "policies" / "f.toml")[0])
    rows = explain.table(policy)
    assert {row.clause for row in rows} == {"", *(clause.id for clause in policy.file.clause if clause.duty)}
    said = " ".join(explain.text(policy, rows, 100).split())
    assert "5: Staff of the library and the library system see recordings within their duties." in said
    assert "4: The basis “an ordinary public record of the street” cites it." in said
    assert not re.search(r"\bP\d", said) and "Mayor" not in said
    (clause,) = (one for one in policy.file.clause if one.id == "3")
    assert explain.clause_detail(policy, clause, rows).startswith("3: What may identify a user goes out by subpoena")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("a", "One gate, the policy's own: no basis of it has the confidentiality statute's step."),
        (
            "first",
            "Two gates, the policy's own and the confidentiality statute's; the second is asked on a search warrant, ",
        ),
    ],
)
def test_p13_as_many_gates_are_told_as_the_policy_has(file: str, said: str) -> None:
    path = Path(__file__).parents[2] / "policies" / f"{file}.toml"
    policy = first_policy() if file == "first" else Policy(read_file(path)[0])
    (clause,) = (one for one in policy.file.clause if "P13" in one.duties)
    assert said in " ".join(explain.clause_detail(policy, clause, explain.table(policy)).split())


def test_p13_a_policy_without_a_basis_and_one_with_the_statute_before_each_have_their_own_words() -> None:
    file = first_policy().file
    (clause,) = (one for one in file.clause if one.id == "P13")
    nothing = Policy(msgspec.structs.replace(file, basis=()))
    assert "Nothing is released, as the policy names no basis." in explain.clause_detail(nothing, clause, (), 400)
    stopped = Policy(msgspec.structs.replace(file, basis=file.basis[:4]))
    assert "the confidentiality statute's. A hashed" in explain.clause_detail(stopped, clause, (), 400)


def test_whoever_may_look_for_one_of_the_purposes_may_look() -> None:
    """The first purpose of a file may be one role's own: the others seemed to see nothing."""
    first = first_policy().file
    duty = msgspec.structs.replace(first.purpose[0], key="duty", roles=("chair",))
    policy = Policy(msgspec.structs.replace(first, purpose=(duty, *first.purpose)))
    usual = {(row.permission, row.who, row.about, row.when): row.allowed for row in explain.table(Policy(first))}
    for row in explain.table(policy):
        assert row.allowed == usual[row.permission, row.who, row.about, row.when], row


def test_long_clause_numbers_that_look_alike_are_told_apart_in_the_table() -> None:
    file = first_policy().file
    long = {"P11": "Confidentiality of staff", "P12": "Confidentiality, all", "P13": "Third parties"}
    clauses = tuple(msgspec.structs.replace(one, id=long.get(one.id, one.id)[:20]) for one in file.clause)
    policy = Policy(msgspec.structs.replace(file, clause=clauses, purpose=(), basis=(), ground=(), check=()))
    said = explain.text(policy, explain.table(policy), 120)
    assert "Confi…11 (Confidentiality of s): " in said
    assert "Confi…12 (Confidentiality, all): " in said
    assert "Third p… (Third parties): " in said


def test_an_act_is_explained_once_to_those_who_hear_the_same() -> None:
    rows = [row for row in ROWS if row.permission == "look.archive"]
    lines = explain.detail(rows).splitlines()
    assert len(lines) < 60
    assert sum(line.startswith("    admin: no.") for line in lines) == 1
    words = " ".join(" ".join(lines).split())
    for row in rows:
        if row.when == example.WITHIN:
            assert " ".join(row.sentence.split()) in words, row
