"""Whoever is refused again and again is told once, and so is a seat that nobody can log in for; nobody is named."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from holdshelf_core.alerts import engine
from holdshelf_core.alerts.conditions import conditions_of
from holdshelf_core.alerts.engine import Told
from holdshelf_core.alerts.types import Rules
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.people.locked_out import ENDS_AFTER_S, STRANGERS, WINDOW_S, LockedOut
from holdshelf_core.policy import example
from holdshelf_core.policy.example import AT
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.standing import locked_out_seats
from holdshelf_core.policy.state import State
from holdshelf_core.policy_file.first import first_policy
from tests.core.alerts.reports import report
from tests.service import NS

HOUSE, NOW = example.house(first_policy()), Now(AT, AT)
DAY_S = 86_400


class Door:
    """Refuses, with a clock that is turned by hand."""

    def __init__(self) -> None:
        self.s = 1_000_000
        self.repairs = RepairRegistry(EventBus(self.ns), self.ns)
        self.locked_out = LockedOut(self.repairs, self.ns)

    def ns(self) -> int:
        return self.s * NS

    def open(self, state: State | None = None, problem: str = "") -> dict[str, str]:
        self.locked_out.async_tell(state, NOW, problem)
        return {one.issue_id: one.severity for one in self.repairs.async_all()}


def changed(**more: object) -> State:
    """The example's house with its Chair changed so."""
    return replace(HOUSE, people={**HOUSE.people, "p2": msgspec.structs.replace(HOUSE.people["p2"], **more)})


def test_a_person_refused_five_times_within_an_hour_is_locked_out_until_they_come_in() -> None:
    door = Door()
    for _ in range(4):
        door.locked_out.refused("p4")
    assert door.open() == {}
    door.s += WINDOW_S
    door.locked_out.refused("p4")
    assert door.open() == {}, "five, but not within an hour"
    for _ in range(4):
        door.locked_out.refused("p4")
    door.locked_out.refused("p5")
    assert door.open() == {"locked_out:1": "warning"}
    door.locked_out.came_in("p4")
    assert door.open() == {}


def test_it_ends_by_itself_after_a_day_without_a_try_and_is_one_while_tries_go_on() -> None:
    door = Door()
    door.locked_out.refused("p4", 5)
    for _ in range(50):
        door.s += 3 * 3600
        door.locked_out.refused("p4")
        assert list(door.open()) == ["locked_out:1"]
    door.s += ENDS_AFTER_S - 1
    assert list(door.open()) == ["locked_out:1"]
    door.s += 1
    assert door.open() == {} and door.locked_out._tries == {}


def test_a_scanner_that_is_refused_all_day_is_one_message() -> None:
    door, told, messages = Door(), Told(), []
    began_s = door.s
    while door.s < began_s + DAY_S:
        door.s += 10
        if door.s % 60 == 0 and (door.s - began_s) % 7200 < 3600:  # an hour on, an hour off
            door.locked_out.refused(STRANGERS, 40)
        door.open()
        now = msgspec.structs.replace(
            report(conditions=conditions_of(door.repairs.async_all())), started_utc_ns=began_s * NS
        )
        found, _ = engine.step(Rules(least="notice"), told, now, door.ns(), lambda _ns: 720)
        messages += found
    assert [(one.what, [(line.kind, line.count) for line in one.lines]) for one in messages] == [
        ("begins", [("strangers", 1)])
    ]


def test_a_few_strangers_are_none_and_many_people_are_a_count() -> None:
    door = Door()
    door.locked_out.refused(STRANGERS, 19)
    assert door.open() == {}
    for number in range(3):
        door.locked_out.refused(f"p{number}", 5)
    door.locked_out.refused(STRANGERS)
    (people, strangers) = conditions_of(door.repairs.async_all()) if door.open() else ()
    assert (people.kind, people.severity, people.count) == ("locked_out", "warning", 3)
    assert (strangers.kind, strangers.severity, strangers.count) == ("strangers", "notice", 1)


def test_repairs_name_nobody() -> None:
    door = Door()
    door.locked_out.refused("p4", 5)
    door.open(changed(keys=(), account="", keyless_since_utc_ns=AT))
    text = msgspec.json.encode([msgspec.to_builtins(one) for one in door.repairs.async_all()]).decode()
    assert "locked_out:chair" in text
    assert not [
        one for one in HOUSE.people.values() if one.name in text or f'"{one.id}"' in text or f":{one.id}" in text
    ]


def test_a_seat_is_locked_out_when_its_last_key_was_taken_away_and_a_chair_may_never_have_had_one() -> None:
    assert HOUSE.seats["s2"].key == "chair" and HOUSE.seats["s2"].person == "p2"
    assert locked_out_seats(HOUSE, NOW) == []
    assert locked_out_seats(changed(keys=(), account=""), NOW) == []
    gone = changed(keys=(), account="", keyless_since_utc_ns=AT)
    assert locked_out_seats(gone, NOW) == ["chair"]
    assert locked_out_seats(replace(gone, people={**gone.people, "p2": HOUSE.people["p2"]}), NOW) == []


def test_a_library_that_has_had_a_director_is_told_when_it_has_none() -> None:
    terms = [seat for seat in HOUSE.seats.values() if seat.key == "director"]
    assert terms
    without = replace(
        HOUSE, seats={**HOUSE.seats, **{one.id: msgspec.structs.replace(one, ended_utc_ns=AT - 1) for one in terms}}
    )
    assert locked_out_seats(without, NOW) == ["director"]
    assert locked_out_seats(State(policy=first_policy()), NOW) == []
    door = Door()
    assert door.open(without) == {"locked_out:director": "warning"}
    assert door.open(None) == {}, "a state in doubt has a repair of its own"


def test_admin_keys_that_let_nobody_in_are_told() -> None:
    door = Door()
    assert door.open(problem="The admin's keys cannot be used: others may read it.") == {
        "locked_out:admin-keys": "warning"
    }
    assert door.open() == {}
