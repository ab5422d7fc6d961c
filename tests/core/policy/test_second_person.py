"""The second person (P13, P16): on screen from another seat, on paper from one that has no key, and afterwards for flags."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from holdshelf_core.policy import example
from holdshelf_core.policy.case import Decision, Scope, Subject
from holdshelf_core.policy.example import AT, FRONT, PAPER
from holdshelf_core.policy.holds import (
    grace_over,
    kept,
    lift_approved,
    lift_asked,
    lifted,
    review_overdue,
    spans_beyond,
)
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Board, Flag, HoldSpan, Seat
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.second import flag_open
from holdshelf_core.policy.state import State
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.times import DAY_NS, HOUR_NS

HOUSE, SUBJECTS = example.house(first_policy()), example.subjects(first_policy())
NOW = Now(AT, AT)
DIRECTOR, CHAIR, MAYOR = SUBJECTS["Director"], SUBJECTS["Chair"], SUBJECTS["Mayor"]
APPROVE = Scope(target="H-2")
RELEASE = Scope(requested_by="p1", requested_utc_ns=AT - HOUR_NS)


def ask(permission: str, scope: Scope, who: Subject = DIRECTOR, house: State = HOUSE) -> Decision:
    return decide(house, who, permission, scope, NOW)


def both(house: State = HOUSE, who: Subject = DIRECTOR, **paper: str) -> list[Decision]:
    """A lift and a release that the Director asked for: the same rule for both."""
    return [
        ask("hold.lift.approve", msgspec.structs.replace(APPROVE, **paper), who, house),
        ask("release.approve", msgspec.structs.replace(RELEASE, **paper), who, house),
    ]


def test_scene_9_an_own_request_is_refused_and_the_chair_without_a_key_approves_on_paper_which_is_flagged() -> None:
    for said in both():
        assert not said.allowed
        assert "You cannot approve" in said.sentence
        assert "the Chair of the Library Board (Casey Hill)" in said.who_can_help
    keyless = {**HOUSE.people, "p2": msgspec.structs.replace(HOUSE.people["p2"], keys=())}
    for said in both(replace(HOUSE, people=keyless), paper_sha256=PAPER, paper_seat="chair"):
        assert said.allowed
        assert (said.acting_as, said.flag, said.flag_needs) == ("director", "paper_approval", 1)


def test_a_library_in_which_only_the_director_is_enrolled_is_never_stuck() -> None:
    alone = replace(HOUSE, seats={"s1": HOUSE.seats["s1"]}, people={"p1": HOUSE.people["p1"]})
    for said in both(alone, paper_sha256=PAPER, paper_seat="mayor"):
        assert said.allowed
        assert said.flag == "paper_approval"


@pytest.mark.parametrize(
    "paper",
    [
        {"paper_sha256": PAPER, "paper_seat": "chair"},
        {"paper_sha256": PAPER, "paper_seat": "director"},
        {"paper_sha256": PAPER, "paper_seat": ""},
        {"paper_sha256": PAPER, "paper_seat": "treasurer"},
        {"paper_sha256": "signed", "paper_seat": "mayor"},
        {"paper_sha256": "0" * 64, "paper_seat": "mayor"},
        {"paper_sha256": "", "paper_seat": "mayor"},
    ],
    ids=[
        "the Chair can log in",
        "the own seat",
        "no seat named",
        "no such seat",
        "no hash",
        "a hash of nothing",
        "no paper",
    ],
)
def test_p16_a_paper_that_is_none_approves_nothing(paper: dict[str, str]) -> None:
    for said in both(**paper):
        assert not said.allowed, said.sentence


def test_p16_another_seat_approves_on_screen_and_the_own_seats_next_holder_does_not() -> None:
    for who in (CHAIR, MAYOR):
        assert all(said.allowed and not said.flag for said in both(who=who))
    seats = {
        **HOUSE.seats,
        "s1": msgspec.structs.replace(HOUSE.seats["s1"], end_utc_ns=AT - 1),
        "s4": Seat("s4", "director", "p7", AT - 1),
    }
    for said in both(replace(HOUSE, seats=seats), Subject("p7")):
        assert not said.allowed
        assert "seat that asked" in said.sentence


def test_p16_nobody_steps_from_one_chair_to_the_next_to_agree_with_themselves() -> None:
    seats = {**HOUSE.seats, "s2": msgspec.structs.replace(HOUSE.seats["s2"], person="p1")}
    two_seats = replace(HOUSE, seats=seats)
    assert not any(said.allowed for said in both(two_seats))
    assert not any(said.allowed for said in both(two_seats, paper_sha256=PAPER, paper_seat="chair"))
    assert all(said.allowed for said in both(two_seats, MAYOR))


def test_p16_a_request_dated_after_a_clock_was_set_back_still_counts_the_seat_held_now() -> None:
    later = msgspec.structs.replace(RELEASE, requested_utc_ns=example.END + DAY_NS)
    seats = {**HOUSE.seats, "s4": Seat("s4", "director", "p7", AT - 1)}
    assert not ask("release.approve", later, Subject("p7"), replace(HOUSE, seats=seats)).allowed


def test_p16_no_paper_is_signed_for_a_seat_that_the_first_person_held_since_the_request() -> None:
    vacated = {**HOUSE.seats, "s3": msgspec.structs.replace(HOUSE.seats["s3"], person="p1", ended_utc_ns=AT - 1)}
    house = replace(HOUSE, seats=vacated)
    for said in both(house, paper_sha256=PAPER, paper_seat="mayor"):
        assert not said.allowed
        assert "someone with another seat must sign" in said.sentence
    long_ago = {
        **HOUSE.seats,
        "s3": msgspec.structs.replace(HOUSE.seats["s3"], person="p1", ended_utc_ns=AT - 9 * DAY_NS),
    }
    assert all(said.allowed for said in both(replace(HOUSE, seats=long_ago), paper_sha256=PAPER, paper_seat="mayor"))


def test_p16_keeping_a_hold_takes_no_second_person() -> None:
    assert ask("hold.lift.approve", msgspec.structs.replace(APPROVE, keeps=True)).allowed
    assert not ask("hold.lift.approve", Scope(target="H-1", keeps=True)).allowed
    assert not ask("hold.lift.approve", Scope(target="H-1"), CHAIR).allowed, "nobody asked to lift it"


def test_p16_where_the_board_wants_no_second_person_one_is_enough() -> None:
    single = replace(
        HOUSE, board=msgspec.structs.replace(Board(), second_person_lift=False, second_person_release=False)
    )
    assert all(said.allowed for said in both(single))
    hold = lift_asked(HOUSE.holds["H-1"], "p1", "closed", single.board, NOW)
    assert hold.state == "grace"


def test_p16_a_lift_is_asked_for_approved_and_over_after_seven_days_of_grace_and_can_be_taken_back_until_then() -> None:
    hold = msgspec.structs.replace(HOUSE.holds["H-1"], spans=(HoldSpan(FRONT, 0, AT), HoldSpan(FRONT, AT - 5, None)))
    asked = lift_asked(hold, "p1", "closed", Board(), NOW)
    assert (asked.state, asked.lift_by, asked.version) == ("lifting", "p1", 2)
    wall_back = Now(AT - DAY_NS, AT)
    granted = lift_approved(asked, "p2", "", Board(), wall_back)
    assert (granted.state, granted.approved_by) == ("grace", "p2")
    assert granted.grace_end_utc_ns == AT + 7 * DAY_NS, "counted from the later clock"
    assert granted.spans[1].end_utc_ns == AT, "nothing new is taken in once the lift is approved"
    assert not grace_over(granted, Now(AT + 7 * DAY_NS - 1, AT + 7 * DAY_NS - 1))
    assert grace_over(granted, Now(AT + 7 * DAY_NS, AT + 7 * DAY_NS))
    back = kept(granted)
    assert (back.state, back.lift_by, back.approved_by, back.grace_end_utc_ns) == ("active", "", "", None)
    assert lifted(granted, NOW).state == "lifted"


def test_p16_an_overdue_review_nags_and_lets_nothing_go() -> None:
    hold = msgspec.structs.replace(HOUSE.holds["H-1"], review_utc_ns=AT)
    assert review_overdue(hold, NOW)
    assert not review_overdue(HOUSE.holds["H-1"], NOW)
    assert not review_overdue(hold, Now(AT + DAY_NS, AT)), "suspended while the clocks disagree"
    assert not review_overdue(lift_asked(hold, "p1", "closed", Board(), NOW), NOW), (
        "somebody has reviewed it: a lift is asked"
    )


@pytest.mark.parametrize(
    ("kept_spans", "beyond"),
    [
        (((FRONT, 0, 100),), False),
        (((FRONT, 0, None),), False),
        (((FRONT, 0, 60), (FRONT, 50, 100)), False),
        (((FRONT, 0, 50), (FRONT, 50, 100)), False),
        (((FRONT, 0, 50), (FRONT, 51, 100)), True),
        (((FRONT, 1, None),), True),
        (((FRONT, 0, 99),), True),
        ((("reading", 0, None),), True),
        ((), True),
    ],
)
def test_p16_what_a_shelf_keeps_beyond_the_state_is_found(
    kept_spans: tuple[tuple[str, int, int | None], ...], beyond: bool
) -> None:
    span = HoldSpan(FRONT, 0, 100)
    assert spans_beyond([span], [HoldSpan(*one) for one in kept_spans]) == ([span] if beyond else [])
    endless = HoldSpan(FRONT, 0, None)
    assert spans_beyond([endless], [span]) == [endless]


# --- flags --------------------------------------------------------------------------------------------------------


def review(house: State, person: str, flag: str = "f1") -> bool:
    return decide(house, Subject(person), "flag.review", Scope(target=flag), NOW).allowed


def with_flag(house: State = HOUSE, **change: object) -> State:
    return replace(house, flags={"f1": msgspec.structs.replace(house.flags["f1"], **change)})


def test_scene_17_imminent_danger_is_open_until_two_other_seats_have_reviewed_it() -> None:
    assert not review(HOUSE, "p1"), "the own act"
    assert not review(HOUSE, "p4"), "a designee"
    assert review(HOUSE, "p2")
    once = with_flag(reviewed_by=("p2",))
    assert flag_open(once.flags["f1"])
    assert not review(once, "p2"), "the same seat twice"
    assert review(once, "p3")
    twice = with_flag(reviewed_by=("p2", "p3"))
    assert not flag_open(twice.flags["f1"])


def test_p12_a_designees_act_is_reviewed_by_any_two_seats_even_by_the_one_who_appointed() -> None:
    house = with_flag(person="p4")
    assert review(house, "p1")
    assert review(with_flag(person="p4", reviewed_by=("p1",)), "p2")


def test_p12_the_same_seats_next_holder_is_no_second_seat_and_the_favored_one_no_reviewer() -> None:
    seats = {
        **HOUSE.seats,
        "s2": msgspec.structs.replace(HOUSE.seats["s2"], ended_utc_ns=AT - 1),
        "s4": Seat("s4", "chair", "p7", AT - 1),
    }
    house = replace(with_flag(reviewed_by=("p2",)), seats=seats)
    assert not review(house, "p7")
    assert review(replace(HOUSE, seats=seats), "p7")
    assert not review(with_flag(person="admin", about="p2"), "p2")
    assert review(with_flag(person="admin", about="p2"), "p1")


def test_a_flag_counts_no_review_of_its_own_actor() -> None:
    assert flag_open(Flag("f", "wandering", 1, "p1", AT, 1, ("p1",)))


def on_paper(house: State, seat: str, person: str = "p1", paper: str = PAPER) -> Decision:
    return decide(house, Subject(person), "flag.review", Scope(target="f1", paper_sha256=paper, paper_seat=seat), NOW)


def test_a_flag_is_closed_on_paper_by_a_seat_that_cannot_log_in() -> None:
    """Otherwise a library in which one seat alone has a key could close none."""
    assert on_paper(with_flag(), "mayor").allowed, "the actor may bring it"
    assert flag_open(with_flag(reviewed_by=("paper:mayor",)).flags["f1"])
    nobody_is_mayor = replace(with_flag(), seats={key: row for key, row in HOUSE.seats.items() if row.key != "mayor"})
    for house, seat, words in (
        (with_flag(), "chair", "can log in and must review it on screen"),
        (with_flag(), "director", "did this or has already reviewed it"),
        (with_flag(), "clerk", "needs the name of the seat that signed it"),
        (with_flag(reviewed_by=("paper:mayor",)), "mayor", "has already reviewed it"),
        (with_flag(person="admin", about="p3"), "mayor", "favors its signer"),
        (nobody_is_mayor, "mayor", "Nobody is the Mayor"),
        (with_flag(reviewed_by=("p2", "p4")), "mayor", "has been reviewed already"),
    ):
        said = on_paper(house, seat)
        assert not said.allowed
        assert words in said.reason
    assert "needs its scan" in on_paper(with_flag(), "mayor", paper="0" * 64).reason
    assert not on_paper(with_flag(), "mayor", "p4").allowed, "who may not review brings no paper either"
