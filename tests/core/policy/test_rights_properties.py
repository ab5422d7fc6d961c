"""Whatever people, terms, letters and clocks come together: no right outside its time, and none beyond its letter."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from holdshelf_core.policy import example
from holdshelf_core.policy.case import Decision, Scope, Subject
from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import RIGHTS, Appointment, Flag, Hold, HoldSpan, Key, Person, Seat, Share
from holdshelf_core.policy.rights import NEVER, PERMISSIONS
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.standing import ends_to_write
from holdshelf_core.policy.state import State
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.times import DAY_NS, HOUR_NS

SEATS = first_policy().seats
T0 = example.START
CAMERAS = (example.FRONT, example.READING, example.ATTIC, example.STILLED)
PEOPLE = tuple(f"p{n}" for n in range(1, 6))
times = st.integers(min_value=0, max_value=20).map(lambda day: T0 + day * DAY_NS)
beginnings = st.sampled_from((0, 0, 0, 0, 3, 10)).map(lambda day: T0 + day * DAY_NS)
endings = st.sampled_from((20, 20, 15, 11, 4)).map(lambda day: T0 + day * DAY_NS)
maybe_endings = st.none() | endings
seldom = st.sampled_from((*(None,) * 14, T0 + 5 * DAY_NS, T0 + 12 * DAY_NS))
"""An end or a removal that most rows do not have, or nobody would be left to ask."""
agreeing = st.sampled_from((4, 5, 10, 12, 19)).map(lambda day: Now(T0 + day * DAY_NS, T0 + day * DAY_NS))
clocks = agreeing | st.builds(Now, times, times)
subjects = st.builds(Subject, st.none() | st.sampled_from((*PEOPLE, "p99")), st.booleans())
permissions = st.sampled_from((*PERMISSIONS, *NEVER))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any register that the acts could lead to, and some that they could not."""
    keys = st.sampled_from(((), (Key("SHA256:a", "ssh-ed25519", ""),)))
    people = {p: Person(p, f"login{p}", f"Person {p}", draw(keys), left_utc_ns=draw(seldom)) for p in PEOPLE}
    seats = {
        f"s{n}": Seat(
            f"s{n}",
            draw(st.sampled_from(SEATS)),
            draw(st.sampled_from(PEOPLE)),
            draw(beginnings),
            draw(maybe_endings),
            ended_utc_ns=draw(seldom),
        )
        for n in range(draw(st.integers(1, 4)))
    }
    letters = {
        f"a{n}": Appointment(
            f"a{n}",
            draw(st.sampled_from(PEOPLE)),
            draw(st.sampled_from(("s0", "s0", "s0", "s1", "s9"))),
            tuple(draw(st.sets(st.sampled_from(RIGHTS), min_size=1))),
            draw(st.none() | st.sets(st.sampled_from(CAMERAS)).map(tuple)),
            draw(beginnings),
            draw(endings),
            example.PAPER,
            ended_utc_ns=draw(seldom),
        )
        for n in range(draw(st.integers(1, 4)))
    }
    shares = {
        f"V-{n}": Share(
            f"V-{n}",
            draw(st.sampled_from(("view", "sheet"))),
            draw(st.sampled_from((*PEOPLE, ""))),
            draw(st.sampled_from(CAMERAS)),
            T0,
            T0 + DAY_NS,
            draw(endings),
            "crime",
            draw(st.sampled_from(PEOPLE)),
            ended_utc_ns=draw(seldom),
        )
        for n in range(draw(st.integers(0, 2)))
    }
    holds = {
        f"H-{n}": Hold(
            f"H-{n}",
            "violation",
            "26-1",
            (HoldSpan(draw(st.sampled_from(CAMERAS)), T0, None),),
            draw(st.sampled_from(PEOPLE)),
            draw(times),
            draw(times),
            draw(st.sampled_from(("active", "lifting", "grace", "lifted"))),
            lift_by=draw(st.sampled_from(PEOPLE)),
        )
        for n in range(2)
    }
    flag = Flag(
        "f1",
        "break_glass",
        1,
        draw(st.sampled_from((*PEOPLE, "admin"))),
        draw(times),
        2,
        draw(st.lists(st.sampled_from(PEOPLE)).map(tuple)),
    )
    return replace(
        example.house(first_policy()),
        people=people,
        seats=seats,
        appointments=letters,
        shares=shares,
        holds=holds,
        flags={"f1": flag},
    )


scopes = st.builds(
    Scope,
    cameras=st.lists(st.sampled_from((*CAMERAS, "unknown")), max_size=2).map(tuple),
    start_utc_ns=st.sampled_from((None, T0, T0 + HOUR_NS)),
    end_utc_ns=st.sampled_from((None, T0 + 2 * HOUR_NS, T0 + 30 * DAY_NS)),
    purpose=st.sampled_from(("crime", "", "violation", "general monitoring")),
    break_glass=st.booleans(),
    target=st.sampled_from(("", *PEOPLE, "H-0", "H-1", "V-0", "f1", "a0", "e1", "director", "nobody")),
    seat=st.sampled_from(("", "director")),
    paper_sha256=st.sampled_from((None, "", example.PAPER)),
    paper_seat=st.sampled_from(("", *SEATS)),
    ground=st.sampled_from((None, "violation", "")),
    reference=st.sampled_from((None, "26-1", "")),
    requested_by=st.sampled_from(("", *PEOPLE)),
    settings=st.sampled_from((None, {"second_person_lift": False}, {"statute": "advise"})),
    keeps=st.booleans(),
    private=st.booleans(),
)


def live(row: Seat | Appointment, end_utc_ns: int | None, now: Now) -> bool:
    """The rule of both clocks, said once more in the plainest way."""
    clocks_read = (now.utc_ns, now.trusted_utc_ns)
    return (
        row.ended_utc_ns is None
        and all(clock >= row.start_utc_ns for clock in clocks_read)
        and (end_utc_ns is None or all(clock < end_utc_ns for clock in clocks_read))
    )


def live_seats(state: State, person: str | None, now: Now) -> list[Seat]:
    if person not in state.people or state.people[person].left_utc_ns is not None:
        return []
    return [seat for seat in state.seats.values() if seat.person == person and live(seat, seat.end_utc_ns, now)]


def live_letters(state: State, person: str | None, now: Now) -> list[Appointment]:
    if person not in state.people or state.people[person].left_utc_ns is not None:
        return []
    return [
        letter
        for letter in state.appointments.values()
        if letter.person == person
        and live(letter, letter.end_utc_ns, now)
        and letter.seat in state.seats
        and state.seats[letter.seat].person != person
        and state.seats[letter.seat] in live_seats(state, state.seats[letter.seat].person, now)
    ]


@given(states(), st.lists(st.tuples(subjects, permissions, scopes), min_size=4, max_size=4), clocks)
@settings(max_examples=100, deadline=None)
def test_every_answer_says_as_what_or_quotes_a_clause_in_a_sentence_and_names_who_can_help(
    state: State, asked: list[tuple[Subject, str, Scope]], now: Now
) -> None:
    for subject, permission, scope in asked:
        said = decide(state, subject, permission, scope, now)
        assert said.clause in CLAUSES
        assert said.sentence[-1] in ".)"
        if said.allowed:
            assert permission in PERMISSIONS
            assert said.acting_as or permission == "print"
        else:
            assert said.sentence.endswith(f"({first_policy().quoted(said.clause)})")
            assert len(said.reason) > 10
            assert said.who_can_help.strip()
            assert not said.flag


some_scopes = st.lists(scopes, min_size=3, max_size=5)


ANYBODY = (*(Subject(person) for person in PEOPLE), Subject(None, admin=True), Subject("p1", admin=True))
PICTURES = tuple(name for name, rule in PERMISSIONS.items() if rule.pictures)


def allowed(
    state: State,
    some: list[Scope],
    now: Now,
    permissions: Collection[str] = PERMISSIONS,
    subjects: Collection[Subject] = ANYBODY,
) -> Iterator[tuple[Subject, str, Scope, Decision]]:
    """Everything that is allowed to anybody about any of these."""
    for subject in subjects:
        for permission in permissions:
            for scope in some:
                said = decide(state, subject, permission, scope, now)
                if said.allowed:
                    yield subject, permission, scope, said


@given(states(), some_scopes, clocks)
@settings(max_examples=90, deadline=None)
def test_acting_as_is_never_more_than_what_counts_by_both_clocks(state: State, some: list[Scope], now: Now) -> None:
    for subject, permission, scope, said in allowed(state, some, now):
        event(said.acting_as)
        if subject.person is None:
            assert said.acting_as == "admin"
            continue
        assert state.people[subject.person].left_utc_ns is None, "somebody who left has no right to anything"
        seats, letters = live_seats(state, subject.person, now), live_letters(state, subject.person, now)
        if said.acting_as in SEATS:
            assert said.acting_as in {seat.key for seat in seats}
        elif said.acting_as.startswith("designee of "):
            assert letters
            within_a_letter(state, letters, permission, scope)
        else:
            assert said.acting_as == "share" or permission == "print"


def within_a_letter(state: State, letters: list[Appointment], permission: str, scope: Scope) -> None:
    rule = PERMISSIONS[permission]
    if not rule.rights:
        return
    cameras = {state.camera_id(camera) for camera in scope.cameras}
    hold = state.holds.get(scope.target) if permission.startswith("hold.") else None
    cameras |= {span.camera for span in hold.spans} if hold is not None else set()
    giving = [letter for letter in letters if set(letter.rights) & set(rule.rights)]
    assert giving, "no letter gives that right"
    for camera in cameras:
        assert any(letter.cameras is None or camera in letter.cameras for letter in giving)


@given(states(), some_scopes, clocks)
@settings(max_examples=60, deadline=None)
def test_the_admin_is_never_shown_a_picture(state: State, some: list[Scope], now: Now) -> None:
    assert PICTURES
    for _subject, permission, scope, said in allowed(state, some, now, PICTURES, [Subject(None, admin=True)]):
        raise AssertionError((permission, scope, said))


approvals = st.builds(
    Scope,
    target=st.sampled_from(("H-0", "H-1")),
    requested_by=st.sampled_from(PEOPLE),
    requested_utc_ns=times,
    paper_sha256=st.sampled_from((None, "", example.PAPER)),
    paper_seat=st.sampled_from(("", *SEATS)),
)


@given(states(), st.lists(approvals, min_size=4, max_size=8), clocks)
@settings(max_examples=120, deadline=None)
def test_nobody_approves_what_they_asked_for_but_by_another_seats_paper(
    state: State, some: list[Scope], now: Now
) -> None:
    for subject, permission, scope, said in allowed(state, some, now, ("hold.lift.approve", "release.approve")):
        asked_by = state.holds[scope.target].lift_by if permission == "hold.lift.approve" else scope.requested_by
        event(f"{permission} {said.flag}")
        assert said.acting_as in SEATS
        if said.flag == "paper_approval":
            signers = [
                seat
                for seat in state.seats.values()
                if seat.key == scope.paper_seat and live(seat, seat.end_utc_ns, now)
            ]
            assert scope.paper_sha256 == example.PAPER
            assert asked_by not in {seat.person for seat in signers}
        else:
            assert subject.person != asked_by
            assert said.acting_as not in {seat.key for seat in live_seats(state, asked_by, now)}


@given(states(), st.sampled_from(PEOPLE), clocks)
@settings(max_examples=90, deadline=None)
def test_a_designee_never_appoints_and_nobody_appoints_themselves(state: State, target: str, now: Now) -> None:
    letter = Scope(target=target, rights=("live",), paper_sha256=example.PAPER)
    for subject, permission, _scope, said in allowed(state, [letter], now, ("appointment.make", "seat.name")):
        event(f"{permission} {said.acting_as}")
        assert not said.acting_as.startswith("designee")
        assert subject.person != target
        if permission == "appointment.make":
            assert said.acting_as in {seat.key for seat in live_seats(state, subject.person, now)}


@given(states(), some_scopes, st.lists(clocks, min_size=1, max_size=6), clocks)
@settings(max_examples=60, deadline=None)
def test_an_end_once_written_is_never_undone_by_any_clock(
    state: State, some: list[Scope], seen: list[Now], now: Now
) -> None:
    trusted = 0
    ended: dict[str, set[str]] = {"seats": set(), "appointments": set(), "shares": set()}
    for moment in seen:
        trusted = max(trusted, moment.trusted_utc_ns)  # trusted time never goes back
        tables = {name: dict(getattr(state, name)) for name in ended}
        for end in ends_to_write(state, Now(moment.utc_ns, trusted)):
            assert end.row.ended_utc_ns is not None
            tables[end.table][end.key] = end.row
            ended[end.table].add(end.key)
        state = replace(state, **tables)
    assert list(ends_to_write(state, Now(trusted, trusted))) == [], "each end is written once"
    for table in ended:
        for key, row in getattr(state, table).items():
            if isinstance(row, Share) and row.kind == "sheet":
                continue  # a paper gives no right, and no day brings it back (P14)
            last = row.expires_utc_ns if isinstance(row, Share) else row.end_utc_ns
            assert row.ended_utc_ns is not None or last is None or last > trusted, (table, key)
    for subject, _permission, _scope, said in allowed(state, some, now):
        if said.acting_as in SEATS:
            holding = [s for s in live_seats(state, subject.person, now) if s.key == said.acting_as]
            assert any(seat.id not in ended["seats"] for seat in holding)


@given(states(), some_scopes, clocks, st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_taking_a_letter_a_seat_or_a_share_away_never_gives_a_picture(
    state: State, some: list[Scope], now: Now, which: int
) -> None:
    fewer = replace(
        state,
        seats={key: row for key, row in state.seats.items() if key != f"s{which}"},
        appointments={key: row for key, row in state.appointments.items() if key != f"a{which}"},
        shares={key: row for key, row in state.shares.items() if key != f"V-{which}"},
    )
    for subject, permission, scope, _said in allowed(fewer, some, now, PICTURES):
        assert decide(state, subject, permission, scope, now).allowed


def test_a_state_that_changed_beneath_its_index_serves_no_row_that_has_ended() -> None:
    seats = dict(example.house(first_policy()).seats)
    house = replace(example.house(first_policy()), seats=seats)
    assert decide(house, Subject("p1"), "log.see", Scope(), Now(example.AT, example.AT)).allowed
    seats["s1"] = msgspec.structs.replace(seats["s1"], ended_utc_ns=example.AT)
    assert not decide(house, Subject("p1"), "log.see", Scope(), Now(example.AT, example.AT)).allowed
