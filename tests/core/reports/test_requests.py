"""The register of requests of a quarter (P13): which ones are in it, and what is said of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec

from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.state import State
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.reports.requests import requests
from holdshelf_core.times import DAY_NS
from tests.core.reports.test_register_counts import END, RELEASE, START
from tests.core.reports.test_uptime import QUARTER

FIRST, LAST = QUARTER.first_day, QUARTER.last_day


def row(number: int, **changes: Any) -> model.Release:
    return msgspec.structs.replace(RELEASE, id=f"R-{number}", **changes)


def state_of(*rows: model.Release) -> State:
    return replace(State(policy=first_policy()), releases={one.id: one for one in rows})


def test_p13_it_has_the_requests_of_the_quarter_and_those_still_open_from_before() -> None:
    before, after = (FIRST - timedelta(days=1)).isoformat(), (LAST + timedelta(days=1)).isoformat()
    rows = (
        row(1, received_on=LAST.isoformat(), state="requested"),
        row(2, received_on=FIRST.isoformat(), state="refused", ended_utc_ns=START + DAY_NS),
        row(3, received_on=before, state="stopped"),
        row(4, received_on=before, state="refused", ended_utc_ns=START),
        row(5, received_on=before, state="refused", ended_utc_ns=START - 1),
        row(6, received_on=after, state="requested"),
    )
    register = requests(state_of(*rows), QUARTER, Now(END, END))
    assert [one.id for one in register.rows] == ["R-3", "R-4", "R-2", "R-1"]
    assert (register.first_day, register.last_day, register.so_far) == (FIRST.isoformat(), LAST.isoformat(), False)
    assert requests(state_of(), QUARTER, Now(END - 1, END - 1)).so_far


def test_p13_each_row_says_who_asked_by_kind_alone_when_it_was_due_and_whether_it_was_late() -> None:
    paper = model.Paper("0f" * 32, "court-order", "Superior Court", officer="John Roe")
    due = START + 6 * DAY_NS
    given = {"received_on": FIRST.isoformat(), "due_utc_ns": due, "paper": paper, "state": "exported"}
    rows = (
        row(1, **given, given_utc_ns=due - 1, stated=("identity",)),
        row(2, **given, given_utc_ns=due, extended_why="long"),
        row(3, **{**given, "state": "requested"}),
        row(4, **{**given, "state": "requested", "due_utc_ns": None}, basis="gone"),
    )
    in_time, late, overdue, unknown = requests(state_of(*rows), QUARTER, Now(END, END)).rows
    assert (in_time.asker, in_time.identity, in_time.basis, in_time.clause) == (
        "court",
        True,
        "a search warrant",
        "P13",
    )
    assert (in_time.due_on, in_time.ended_on, in_time.days, in_time.late) == (
        (FIRST + timedelta(days=5)).isoformat(), (FIRST + timedelta(days=5)).isoformat(), 5, False,
    )  # fmt: skip
    assert (late.days, late.late, late.extended_why, late.identity) == (6, True, "long", False)
    assert (overdue.ended_on, overdue.late, overdue.days) == ("", True, (LAST - FIRST).days + 1)
    assert (unknown.asker, unknown.basis, unknown.due_on, unknown.late) == ("", "", "", False)
    assert b"Roe" not in msgspec.json.encode([in_time, late, overdue, unknown])
