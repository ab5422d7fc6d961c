"""Who somebody is now: by both clocks, until an end that no clock takes back; and what is said once it has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec
import pytest

from holdshelf_core.policy import example
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.example import AT, END, FRONT, START, look
from holdshelf_core.policy.holds import grace_over
from holdshelf_core.policy.instants import Now, moment_words
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.standing import ends_to_write, standing
from holdshelf_core.policy.state import State
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.times import DAY_NS, HOUR_NS, MINUTE_NS

EASTERN = timezone(timedelta(hours=-5))
HOUSE = example.house(first_policy())
NOW = Now(AT, AT)


def local_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=EASTERN).timestamp()) * 1_000_000_000


def with_seat(house: State, key: str, **change: object) -> State:
    return replace(house, seats={**house.seats, key: msgspec.structs.replace(house.seats[key], **change)})


def with_letter(house: State, key: str, **change: object) -> State:
    return replace(
        house, appointments={**house.appointments, key: msgspec.structs.replace(house.appointments[key], **change)}
    )


def written(house: State, now: Now) -> State:
    """The house after the ends that are seen now were written down."""
    tables = {"seats": dict(house.seats), "appointments": dict(house.appointments), "shares": dict(house.shares)}
    for end in ends_to_write(house, now):
        tables[end.table][end.key] = end.row  # type: ignore[assignment]
    return replace(house, **tables)


def test_scene_1_an_appointment_that_ended_yesterday_is_refused_with_its_last_day_and_whom_to_ask() -> None:
    end = local_ns("2027-03-10T00:00:00")
    house = with_letter(with_seat(HOUSE, "s1", end_utc_ns=end + 100 * DAY_NS), "a1", end_utc_ns=end)
    now = end + 9 * HOUR_NS
    said = decide(house, Subject("p4"), "door", Scope(), Now(now, now, EASTERN))
    assert not said.allowed
    assert said.clause == "P11"
    assert said.sentence.startswith(
        "Your appointment as designee of the Library Director ended on March 9, 2027 (P11: "
    )
    assert said.who_can_help == "Ask the Library Director (Dana Reed)."


def test_scene_3_when_the_mayors_term_ends_at_noon_the_mayors_designees_lapse_at_noon_too() -> None:
    noon = local_ns("2026-11-25T12:00:00")
    house = with_letter(with_seat(HOUSE, "s3", end_utc_ns=noon), "a2", seat="s3")
    before, after = Now(noon - 1, noon - 1, EASTERN), Now(noon, noon, EASTERN)
    for person in ("p3", "p5"):
        assert decide(house, Subject(person), "look.archive", look(FRONT), before).allowed
        assert not decide(house, Subject(person), "look.archive", look(FRONT), after).allowed
    why = standing(house, "p5", after).why_not
    assert why == (
        "Your appointment as designee of the Mayor lapsed with the Mayor's term, "
        "which ended on November 25, 2026 at 12:00 (-05:00)."
    )
    rows = {(end.table, end.key): end for end in ends_to_write(house, after)}
    assert set(rows) == {("seats", "s3"), ("appointments", "a2")}
    assert rows["appointments", "a2"].row.ended_utc_ns == noon


def test_a_term_that_was_vacated_or_whose_holder_left_takes_its_designees_along_at_once() -> None:
    vacated = with_seat(HOUSE, "s1", ended_utc_ns=AT)
    left = replace(HOUSE, people={**HOUSE.people, "p1": msgspec.structs.replace(HOUSE.people["p1"], left_utc_ns=AT)})
    for house in (vacated, left):
        assert standing(house, "p1", NOW).why_not
        assert standing(house, "p4", NOW).why_not
        assert standing(house, "p5", NOW).any, "the Chair's designee stays"


def test_a_letter_to_oneself_counts_for_nothing_however_it_came_into_the_register() -> None:
    house = with_letter(with_seat(HOUSE, "s1", end_utc_ns=None), "a1", person="p1")
    assert standing(house, "p1", NOW).appointments == ()
    dangling = with_letter(HOUSE, "a1", seat="s9")
    assert not standing(dangling, "p4", NOW).any


def test_whom_the_register_does_not_know_is_named_as_nobody_else() -> None:
    """Least of all as the admin."""
    told = [HOUSE.name_of(person) for person in ("p1", "admin", "p999", "_", "")]
    assert told == [HOUSE.people["p1"].name, "the admin", "p999", "_", "nobody"]


def test_a_person_with_two_letters_looks_where_either_lets_them_and_over_both_at_once() -> None:
    second = msgspec.structs.replace(HOUSE.appointments["a2"], id="a3", person="p4", cameras=("reading",))
    house = replace(HOUSE, appointments={**HOUSE.appointments, "a3": second})
    scope = msgspec.structs.replace(look(FRONT), cameras=(FRONT, "reading"))
    said = decide(house, Subject("p4"), "look.archive", scope, NOW)
    assert (said.allowed, said.acting_as) == (True, "designee of director and chair")
    hold = msgspec.structs.replace(example.hold("reading"), cameras=(FRONT, "reading"))
    refused = decide(house, Subject("p4"), "hold.place", hold, NOW)
    assert not refused.allowed
    assert "your letter of appointment does not cover its camera" in refused.sentence


def test_what_has_not_begun_says_when_it_does() -> None:
    start = local_ns("2027-01-01T00:00:00")
    house = with_seat(HOUSE, "s3", start_utc_ns=start)
    why = standing(house, "p3", Now(start - 1, start - 1, EASTERN)).why_not
    assert why == "Your term as Mayor begins on January 1, 2027 and has not begun yet."
    assert standing(house, "p3", Now(start, start, EASTERN)).seats


@pytest.mark.parametrize("person", [None, "p99", "p7"])
def test_nobody_in_particular_is_told_that_they_are_nobody(person: str | None) -> None:
    here = standing(HOUSE, person, NOW)
    assert not here.any
    assert here.why_not
    assert here.who_can_help.startswith("Ask the Library Director")


def test_with_no_seat_left_the_way_is_paper_and_the_admin() -> None:
    here = standing(HOUSE, "p4", Now(END, END))
    assert "the admin can enroll people on a signed paper" in here.who_can_help


def test_a_clock_a_year_ahead_refuses_rights_while_it_lasts_and_ends_none_for_good() -> None:
    wild = Now(END + DAY_NS, AT)
    assert not standing(HOUSE, "p1", wild).any
    assert list(ends_to_write(HOUSE, wild)) == []
    assert standing(written(HOUSE, wild), "p1", NOW).any


def test_an_end_that_trusted_time_has_reached_is_written_and_no_clock_revives_it() -> None:
    seen = written(HOUSE, Now(START, END))
    assert all(seat.ended_utc_ns == END for seat in seen.seats.values())
    assert all(letter.ended_utc_ns == END for letter in seen.appointments.values())
    for now in (NOW, Now(START, START), Now(END - 1, END - 1)):
        assert not standing(seen, "p1", now).any
        assert not standing(seen, "p4", now).any
        assert not standing(seen, "p6", now).any
    assert list(ends_to_write(seen, Now(END, END))) == [], "each end is written once"


def test_a_clock_set_back_before_the_first_day_gives_nothing() -> None:
    assert not standing(HOUSE, "p1", Now(START - 1, AT)).any
    assert not standing(HOUSE, "p1", Now(AT, START - 1)).any


def test_a_grace_is_over_only_by_both_clocks_and_while_they_agree() -> None:
    end = AT
    hold = Hold("H", "violation", "1", (HoldSpan(FRONT, 0, 1),), "p1", 0, END, "grace", grace_end_utc_ns=end)
    assert grace_over(hold, Now(end, end))
    assert not grace_over(hold, Now(end, end - 1))
    assert not grace_over(hold, Now(end - 1, end))
    assert grace_over(hold, Now(end + 5 * MINUTE_NS, end))
    assert not grace_over(hold, Now(end + 5 * MINUTE_NS + 1, end))
    assert not grace_over(msgspec.structs.replace(hold, state="lifting"), Now(end, end))


def test_both_half_past_ones_of_an_autumn_night_read_differently() -> None:
    zone = ZoneInfo("America/New_York")
    first = int(datetime.fromisoformat("2026-11-01T05:30:00+00:00").timestamp()) * 1_000_000_000
    assert moment_words(first, zone) == "2026-11-01 01:30:00 -04:00"
    assert moment_words(first + HOUR_NS, zone) == "2026-11-01 01:30:00 -05:00"
