"""What may leave the building (P13): the policy's gate, the statute's gate, and never more than the paper names."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.policy import gates as gate_rules
from holdshelf_core.policy import releases
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.example import AT, FRONT, PAPER, READING, house
from holdshelf_core.policy.gates import Request, gate_1, gate_2, gates
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Adopted, Determination, Hold, HoldSpan, Paper, Release, Span
from holdshelf_core.policy.releases import beyond, trimmed
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.times import DAY_NS, HOUR_NS, MINUTE_NS

FIRST, NOW = first_policy(), Now(AT, AT)
ENFORCE, ADVISE = Adopted("1", "2026-01-01", PAPER), Adopted("1", "2026-01-01", PAPER, "advise")
HOUR = (Span("c2", AT - 2 * HOUR_NS, AT - HOUR_NS),)
WARRANT = Paper(PAPER, "search-warrant", "Superior Court", "CR-26-77", signed_by_judge=True, scope=HOUR)
LETTER = Paper(PAPER, "active-investigation", "Chief Roe", "26-0417", "Prospect Police", "badge 12", scope=HOUR)
BY_WARRANT = Request("search-warrant", HOUR, "p1", AT, WARRANT)
BY_LETTER = Request("active-investigation", HOUR, "p1", AT, LETTER)
COUNSEL = Determination("D-1", PAPER, ("active-investigation",), AT + DAY_NS)


def test_scene_6_p13_a_request_by_telephone_is_refused_with_what_is_needed_and_that_a_hold_needs_no_paper() -> None:
    said = gate_1(FIRST, Request("active-investigation", HOUR, "p1", AT), NOW)
    assert not said.passed
    assert "a verbal request" in said.sentence
    assert any("active case" in need for need in said.needs)
    assert "(P13: " in said.quoted(FIRST)
    assert any("a hold needs no paper" in need for need in gate_rules.what_would_pass(FIRST, None, (), NOW))


def test_scene_7_p13_a_police_letter_passes_the_policys_gate_and_the_statutes_stops_it_under_enforce() -> None:
    assert gate_1(FIRST, BY_LETTER, NOW).passed
    said = gate_2(FIRST, BY_LETTER, ENFORCE, (), NOW)
    assert not said.passed
    assert any("counsel" in need for need in said.needs)
    assert not gates(FIRST, BY_LETTER, ENFORCE, (), NOW).passed
    assert not gates(FIRST, BY_LETTER, None, (), NOW).passed, "strict before any policy was adopted"


def test_p13_the_sheet_for_anybody_names_what_passes_both_gates_and_nothing_that_does_not() -> None:
    letter, permission = "a request by law enforcement", "written permission"

    def offers(words: str, adopted: Adopted | None, *determinations: Determination) -> bool:
        return any(words in need for need in gate_rules.what_would_pass(FIRST, adopted, determinations, NOW))

    assert [offers(letter, adopted) for adopted in (None, ENFORCE, ADVISE)] == [False, False, True]
    assert [offers(permission, adopted) for adopted in (None, ENFORCE, ADVISE)] == [True, True, True]
    assert offers(letter, ENFORCE, COUNSEL)
    for change in ({"agencies": ("Prospect Police",)}, {"cameras": ("c2",)}, {"end_utc_ns": AT}, {"ended_utc_ns": AT}):
        assert not offers(letter, ENFORCE, msgspec.structs.replace(COUNSEL, **change)), change


def test_p13_counsels_paper_is_counsels_word_and_is_not_asked_for_twice() -> None:
    asked = Request("counsel", HOUR, "p1", AT, msgspec.structs.replace(LETTER, kind="counsel", issuer="Ames & Roe"))
    said = gates(FIRST, asked, ENFORCE, (), NOW)
    assert said.passed
    assert "counsel's paper, without a court order" in said.caution
    assert not gates(FIRST, msgspec.structs.replace(asked, paper=None), ENFORCE, (), NOW).passed


def test_scene_7_p13_under_advise_or_with_counsels_determination_it_goes_on_with_the_caution_on_record() -> None:
    advised = gates(FIRST, BY_LETTER, ADVISE, (), NOW)
    assert advised.passed
    assert "neither is on record" in advised.caution
    determined = gates(FIRST, BY_LETTER, ENFORCE, (COUNSEL,), NOW)
    assert determined.passed
    assert "D-1" in determined.caution


@pytest.mark.parametrize(
    "change",
    [
        {"end_utc_ns": AT},
        {"ended_utc_ns": AT},
        {"bases": ("subpoena",)},
        {"paper_sha256": ""},
        {"cameras": ("c1",)},
        {"agencies": ("State Police",)},
    ],
    ids=["over", "withdrawn", "another class", "no paper", "another camera", "another agency"],
)
def test_p13_a_determination_opens_its_own_class_until_its_last_day_and_nothing_else(change: dict[str, object]) -> None:
    assert gate_2(FIRST, BY_LETTER, ENFORCE, (COUNSEL,), NOW).passed
    assert not gate_2(FIRST, BY_LETTER, ENFORCE, (msgspec.structs.replace(COUNSEL, **change),), NOW).passed


def test_scene_8_p13_a_warrant_for_an_hour_is_refused_for_two_until_the_request_is_trimmed() -> None:
    wide = (Span("c2", AT - 2 * HOUR_NS - 30 * MINUTE_NS, AT - HOUR_NS + 30 * MINUTE_NS),)
    said = gates(FIRST, msgspec.structs.replace(BY_WARRANT, spans=wide), ENFORCE, (), NOW)
    assert not said.passed
    assert "does not cover this" in said.sentence
    assert trimmed(wide, WARRANT.scope) == HOUR
    assert gates(
        FIRST, msgspec.structs.replace(BY_WARRANT, spans=trimmed(wide, WARRANT.scope)), ENFORCE, (), NOW
    ).passed
    assert not gates(
        FIRST, msgspec.structs.replace(BY_WARRANT, spans=(Span("c1", *span_of(HOUR)),)), ENFORCE, (), NOW
    ).passed


def span_of(spans: tuple[Span, ...]) -> tuple[int, int]:
    return spans[0].start_utc_ns, spans[0].end_utc_ns


@pytest.mark.parametrize(
    ("basis", "paper"),
    [
        ("search-warrant", msgspec.structs.replace(WARRANT, signed_by_judge=False)),
        ("search-warrant", msgspec.structs.replace(WARRANT, valid_until_utc_ns=AT)),
        ("search-warrant", msgspec.structs.replace(WARRANT, docket=" ")),
        ("search-warrant", msgspec.structs.replace(WARRANT, issuer="")),
        ("search-warrant", msgspec.structs.replace(WARRANT, scope=())),
        ("search-warrant", msgspec.structs.replace(WARRANT, sha256="on its way")),
        ("court-order", WARRANT),
        ("active-investigation", msgspec.structs.replace(LETTER, officer="")),
        ("active-investigation", msgspec.structs.replace(LETTER, docket="")),
        ("curiosity", LETTER),
        ("counsel", None),
    ],
    ids=[
        "no judge",
        "lapsed",
        "no docket",
        "no issuer",
        "no scope",
        "no paper",
        "wrong kind",
        "no officer",
        "no case",
        "no basis",
        "no word",
    ],
)
def test_p13_a_paper_that_is_none_opens_nothing(basis: str, paper: Paper | None) -> None:
    said = gate_1(FIRST, Request(basis, HOUR, "p1", AT, paper), NOW)
    assert not said.passed
    assert said.sentence
    assert said.needs


def test_p13_a_judges_paper_and_written_permission_pass_the_statutes_gate() -> None:
    assert gates(FIRST, BY_WARRANT, ENFORCE, (), NOW).passed
    ordered = Request("subpoena", HOUR, "p1", AT, msgspec.structs.replace(WARRANT, kind="subpoena"))
    assert gates(FIRST, ordered, ENFORCE, (), NOW).passed
    clerks = msgspec.structs.replace(ordered, paper=msgspec.structs.replace(ordered.paper, signed_by_judge=False))
    assert gate_1(FIRST, clerks, NOW).passed
    assert not gates(FIRST, clerks, ENFORCE, (), NOW).passed
    permission = Paper(PAPER, "written-permission", "the person seen", scope=HOUR)
    assert gates(FIRST, Request("written-permission", HOUR, "p1", AT, permission), ENFORCE, (), NOW).passed


def test_p13_a_judges_name_under_a_police_letter_makes_no_court_order_of_it() -> None:
    signed = msgspec.structs.replace(BY_LETTER, paper=msgspec.structs.replace(LETTER, signed_by_judge=True))
    assert gate_1(FIRST, signed, NOW).passed
    assert not gate_2(FIRST, signed, ENFORCE, (), NOW).passed


def test_p13_an_emergency_is_boxed_in_time_flagged_and_its_paper_is_due() -> None:
    request = Request("emergency", HOUR, "p1", AT, why="a child is missing")
    said = gates(FIRST, request, ENFORCE, (), NOW)
    assert said.passed
    due = said.paper_due_utc_ns
    assert due == AT + gate_rules.EMERGENCY_PAPER_NS
    assert not gate_1(FIRST, request, Now(due, AT)).passed, "nothing more leaves once the paper is overdue"
    assert not gate_1(FIRST, msgspec.structs.replace(request, why=" "), NOW).passed
    long = (Span("c2", AT - 3 * HOUR_NS, AT),)
    assert not gate_1(FIRST, msgspec.structs.replace(request, spans=long), NOW).passed


@pytest.mark.parametrize("spans", [(), (Span("c2", AT, AT),), (Span("", AT - 1, AT),)])
def test_p13_a_request_for_nothing_in_particular_is_none(spans: tuple[Span, ...]) -> None:
    assert not gate_1(FIRST, msgspec.structs.replace(BY_WARRANT, spans=spans), NOW).passed


spans = st.lists(
    st.builds(
        lambda camera, start, length: Span(camera, start, start + length),
        st.sampled_from(["c1", "c2"]),
        st.integers(0, 40),
        st.integers(1, 20),
    ),
    min_size=1,
    max_size=4,
)
scopes = st.lists(
    st.builds(
        lambda camera, start, length: Span(camera, start, start + length),
        st.sampled_from(["", "c1", "c2"]),
        st.integers(0, 40),
        st.integers(1, 20),
    ),
    max_size=4,
)


def seconds(parts: tuple[Span, ...] | list[Span], cameras: tuple[str, ...] = ("c1", "c2")) -> set[tuple[str, int]]:
    return {
        (camera, at)
        for part in parts
        for camera in cameras
        if part.camera in ("", camera)
        for at in range(part.start_utc_ns, part.end_utc_ns)
    }


@given(spans, scopes)
def test_p13_what_is_trimmed_and_what_is_beyond_are_exactly_what_was_asked(
    asked: list[Span], scope: list[Span]
) -> None:
    inside, outside = trimmed(asked, scope), beyond(asked, scope)
    assert seconds(inside) == seconds(asked) & seconds(scope)
    assert seconds(outside) == seconds(asked) - seconds(scope)
    assert beyond(inside, scope) == ()


# --- what is held of it -------------------------------------------------------------------------------------------


def hold(*spans: HoldSpan, state: str = "active") -> Hold:
    return Hold("H-1", "investigation", "26-1", spans, "p1", AT, AT + DAY_NS, state)


def release(state: str = "requested", *given: Span) -> Release:
    return Release("R-1", "search-warrant", "26-1", HOUR, given or HOUR, "p1", AT, state)


@pytest.mark.parametrize(
    ("state", "linked"),
    [("requested", True), ("approved", True), ("stopped", False), ("refused", False), ("withdrawn", False)],
)
def test_p16_an_open_release_keeps_the_holds_that_it_is_made_from(state: str, linked: bool) -> None:
    kept = hold(HoldSpan("c2", AT - 90 * MINUTE_NS, None))
    assert releases.holds_in_release({"R-1": release(state)}, {"H-1": kept}) == (
        frozenset({"H-1"}) if linked else frozenset()
    )


def test_p16_a_hold_beside_the_release_is_no_part_of_it() -> None:
    for beside in (
        HoldSpan("c1", AT - DAY_NS, None),
        HoldSpan("c2", AT - HOUR_NS, None),
        HoldSpan("c2", 0, AT - 2 * HOUR_NS),
    ):
        assert not releases.holds_in_release({"R-1": release()}, {"H-1": hold(beside)})
    assert not releases.holds_in_release({"R-1": release()}, {"H-1": hold(HoldSpan("c2", 0, None), state="lifted")})


def test_what_no_hold_keeps_is_offered_in_pieces_and_a_lift_under_grace_keeps_nothing_for_long() -> None:
    start, end = span_of(HOUR)
    kept = hold(HoldSpan("c2", start + 10 * MINUTE_NS, start + 20 * MINUTE_NS))
    assert releases.unheld(HOUR, [kept]) == (
        Span("c2", start, start + 10 * MINUTE_NS),
        Span("c2", start + 20 * MINUTE_NS, end),
    )
    assert releases.unheld(HOUR, [hold(HoldSpan("c2", start, None))]) == ()
    assert releases.unheld(HOUR, [hold(HoldSpan("c2", start, None), state="grace")]) == HOUR


def test_p13_the_paper_that_follows_an_emergency_must_open_both_gates_by_itself() -> None:
    emergency = Request("emergency", HOUR, "p1", AT, why="a child is missing")
    with_warrant = msgspec.structs.replace(emergency, paper=WARRANT)
    assert gate_rules.following_paper(FIRST, with_warrant, ENFORCE, (), NOW).passed
    for paper in (
        LETTER,
        msgspec.structs.replace(WARRANT, scope=()),
        msgspec.structs.replace(WARRANT, valid_until_utc_ns=AT),
        msgspec.structs.replace(WARRANT, kind="emergency"),
        None,
    ):
        asked = msgspec.structs.replace(emergency, paper=paper)
        assert not gate_rules.following_paper(FIRST, asked, ENFORCE, (), NOW).passed, paper


def test_p11_a_letter_for_one_camera_shows_no_release_that_another_was_asked_for_too() -> None:
    """What was trimmed away still says that somebody wants that camera."""
    front, reading = Span(FRONT, AT - HOUR_NS, AT), Span(READING, AT - HOUR_NS, AT)
    alone = Release("R-1", "search-warrant", "26-1", (front,), (front,), "p1", AT, "requested")
    cut = msgspec.structs.replace(alone, id="R-2", asked=(front, reading))
    state = dataclasses.replace(house(first_policy()), releases={"R-1": alone, "R-2": cut})
    seen = [decide(state, Subject("p4"), "release.see", Scope(target=key), NOW).allowed for key in ("R-1", "R-2")]
    assert seen == [True, False]
