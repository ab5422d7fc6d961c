"""What the register says of a quarter: its edges, and what is told as of the day of the report."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.reports import register_counts as counts
from holdshelf_core.reports.report_types import RequestCounts
from holdshelf_core.times import DAY_NS
from tests.core.reports.test_uptime import QUARTER

START, END = QUARTER.start_utc_ns, QUARTER.end_utc_ns
HOLD = model.Hold("H-1", "violation", "26-1", (model.HoldSpan("front", 0, 1),), "p1", START, END + DAY_NS)
SHARE = model.Share("V-1", "view", "p1", "front", 0, 1, END + DAY_NS, "crime", "p2")
RELEASE = model.Release("R-1", "search-warrant", "", (), (), "p1", START, "stopped")


def hold(**changes: object) -> model.Hold:
    return msgspec.structs.replace(HOLD, **changes)


@pytest.mark.parametrize(
    ("placed", "lifted", "wanted"),
    [
        (START - 1, None, (0, 0, 1)),
        (START, None, (1, 0, 1)),
        (END - 1, None, (1, 0, 1)),
        (END, None, (0, 0, 0)),
        (START - DAY_NS, START - 1, (0, 0, 0)),
        (START - DAY_NS, START, (0, 1, 0)),
        (START, END - 1, (1, 1, 0)),
        (START, END, (1, 0, 1)),
    ],
)
def test_p16_a_hold_counts_where_it_was_placed_let_go_and_kept(
    placed: int, lifted: int | None, wanted: tuple[int, int, int]
) -> None:
    rows = counts.hold_rows(
        first_policy(), [hold(placed_utc_ns=placed, lifted_utc_ns=lifted)], QUARTER, END, Now(END, END)
    )
    (row,) = [row for row in rows if row.ground == "violation"]
    assert (row.placed, row.lifted, row.kept) == wanted
    assert (
        sum(row.count for row in counts.age_rows([hold(placed_utc_ns=placed, lifted_utc_ns=lifted)], END)) == wanted[2]
    )


def test_p16_ages_and_reviews_that_are_overdue() -> None:
    days = (0, 29.9, 30, 89.9, 90, 179, 180, 364, 365, 4_000)
    rows = [hold(placed_utc_ns=END - int(age * DAY_NS) - 1) for age in days]
    assert [row.count for row in counts.age_rows(rows, END)] == [2, 2, 2, 2, 2]
    late = hold(review_utc_ns=END)
    for row, wanted in ((late, 1), (hold(review_utc_ns=END + 1), 0), (msgspec.structs.replace(late, state="grace"), 0)):
        assert (
            sum(one.overdue for one in counts.hold_rows(first_policy(), [row], QUARTER, END, Now(END, END))) == wanted
        )
    strange = counts.hold_rows(first_policy(), [hold(ground="whim")], QUARTER, END, Now(END, END))
    assert [row.ground for row in strange] == [*first_policy().grounds, "whim"]


def test_p13_only_the_refusals_of_the_quarter_count_by_the_basis_they_were_said_on() -> None:
    def no(at: int, gate: int, basis: str = "search-warrant") -> model.Refusal:
        return model.Refusal(at, gate, basis, "no")

    said = (
        no(START - 1, 1),
        no(START, 1),
        no(START, 2),
        no(START, 2, "subpoena"),
        no(END - 1, 0),
        no(END, 0),
        no(START, 1, "x"),
    )
    row = msgspec.structs.replace(RELEASE, requested_utc_ns=START - 1, refusals=said)
    found = {one.basis: one for one in counts.release_rows(first_policy(), [row], QUARTER)}
    warrant = found["search-warrant"]
    assert (warrant.requested, warrant.refused_policy, warrant.refused_statute, warrant.refused_person) == (0, 1, 1, 1)
    assert (found["subpoena"].refused_statute, found[""].refused_policy) == (1, 1)
    for state, ended, wanted in (
        ("withdrawn", START, 1),
        ("cancelled", START, 1),
        ("refused", START, 0),
        ("withdrawn", END, 0),
    ):
        over = msgspec.structs.replace(RELEASE, state=state, ended_utc_ns=ended)
        assert sum(one.withdrawn for one in counts.release_rows(first_policy(), [over], QUARTER)) == wanted


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"received_on": "BEFORE", "state": "requested"}, {"open": 1}),
        ({"received_on": "FIRST", "state": "requested"}, {"received": 1, "open": 1}),
        ({"received_on": "AFTER", "state": "requested"}, {}),
        ({"received_on": "FIRST", "state": "stopped", "due_utc_ns": END}, {"received": 1, "open": 1, "overdue": 1}),
        ({"received_on": "FIRST", "state": "stopped", "due_utc_ns": END + 1}, {"received": 1, "open": 1}),
        ({"received_on": "FIRST", "state": "exported", "given_utc_ns": START}, {"received": 1, "in_time": 1}),
        (
            {"received_on": "BEFORE", "state": "exported", "given_utc_ns": START + 1, "due_utc_ns": START + 2},
            {"in_time": 1},
        ),
        ({"received_on": "BEFORE", "state": "exported", "given_utc_ns": START, "due_utc_ns": START}, {"late": 1}),
        (
            {"received_on": "BEFORE", "state": "refused", "ended_utc_ns": START, "due_utc_ns": START},
            {"late": 1, "refused": 1},
        ),
        ({"received_on": "BEFORE", "state": "refused", "ended_utc_ns": END - 1}, {"in_time": 1, "refused": 1}),
        ({"received_on": "BEFORE", "state": "withdrawn", "ended_utc_ns": START, "due_utc_ns": 1}, {"withdrawn": 1}),
        ({"received_on": "BEFORE", "state": "cancelled", "ended_utc_ns": START}, {"withdrawn": 1}),
        ({"received_on": "BEFORE", "state": "refused", "ended_utc_ns": START - 1}, {}),
        (
            {"received_on": "BEFORE", "state": "refused", "ended_utc_ns": END, "due_utc_ns": END},
            {"open": 1, "overdue": 1},
        ),
        ({"requested_utc_ns": START, "state": "requested"}, {"received": 1, "open": 1}),
    ],
)
def test_p13_a_request_counts_where_it_was_received_answered_and_left_open(
    row: dict[str, Any], wanted: dict[str, int]
) -> None:
    first = QUARTER.first_day
    days = {"BEFORE": first - timedelta(days=1), "FIRST": first, "AFTER": QUARTER.last_day + timedelta(days=1)}
    if "received_on" in row:
        row = row | {"received_on": days[row["received_on"]].isoformat()}
    found = counts.request_counts([msgspec.structs.replace(RELEASE, **row)], QUARTER, END)
    assert found == RequestCounts(**wanted)


def test_p13_a_paper_that_did_not_follow_is_late_from_its_hour_on() -> None:
    due = START + 2 * DAY_NS
    row = msgspec.structs.replace(RELEASE, basis="emergency", state="exported", paper_due_utc_ns=due)
    assert counts.late_papers([row], QUARTER, Now(due - 1, due - 1)) == (1, 0)
    assert counts.late_papers([row], QUARTER, Now(due, due)) == (1, 1)
    assert counts.late_papers([msgspec.structs.replace(row, paper_due_utc_ns=None)], QUARTER, Now(due, due)) == (1, 0)
    assert counts.late_papers([msgspec.structs.replace(row, state="withdrawn")], QUARTER, Now(due, due)) == (1, 0)


def test_p14_a_sheet_is_out_until_somebody_says_that_it_is_back() -> None:
    def shares(now: int, *rows: model.Share) -> dict[str, tuple[int, int, int, int]]:
        found = counts.share_rows(rows, Counter({"view": 1}), QUARTER, Now(now, now))
        return {row.kind: (row.made, row.ended, row.open, row.overdue) for row in found}

    view = msgspec.structs.replace(SHARE, expires_utc_ns=START + DAY_NS)
    sheet = msgspec.structs.replace(view, kind="sheet", person="")
    assert shares(START, view, sheet) == {"view": (1, 0, 1, 0), "sheet": (0, 0, 1, 0)}
    assert shares(START + DAY_NS, view, sheet) == {"view": (1, 1, 0, 0), "sheet": (0, 0, 1, 1)}
    back = [msgspec.structs.replace(row, ended_utc_ns=START + 9 * DAY_NS) for row in (view, sheet)]
    assert shares(END, *back) == {"view": (1, 1, 0, 0), "sheet": (0, 1, 0, 0)}


def test_flags_are_those_raised_in_the_quarter_and_all_that_wait() -> None:
    def flag(at: int, *reviewed: str, needs: int = 1, kind: str = "wandering") -> model.Flag:
        return model.Flag(f"f{at}", kind, 1, "p1", at, needs, reviewed)

    rows = [flag(START - 9), flag(START, "p2"), flag(START + 1, "p2", needs=2, kind="break_glass"), flag(END)]
    raised, waiting = counts.flag_counts(rows, QUARTER)
    assert [(row.kind, row.raised, row.open) for row in raised] == [("break_glass", 1, 1), ("wandering", 1, 0)]
    assert [row.at_utc_ns for row in waiting] == [START - 9, START + 1, END]
