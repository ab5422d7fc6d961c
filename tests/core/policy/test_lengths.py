"""Lengths of time as a policy says them, and the last day of one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.policy.lengths import Length, is_closed, last_day, parse_length

WEEKEND = ("saturday", "sunday")
DAYS = st.dates(date(2000, 1, 1), date(2090, 1, 1))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("72 hours", Length(72, "hours")),
        ("5 business days", Length(5, "business days")),
        ("1 month", Length(1, "months")),
        ("2 weeks", Length(14, "days")),
        ("soon", None),
        ("0 days", None),
        ("-3 days", None),
        ("", None),
    ],
)
def test_a_length_is_read(text: str, length: Length | None) -> None:
    assert parse_length(text) == length


@pytest.mark.parametrize(
    ("start", "length", "last"),
    [
        ("2026-11-24", "5 business days", "2026-12-01"),
        ("2026-11-27", "1 business day", "2026-11-30"),
        ("2026-01-31", "1 month", "2026-02-28"),
        ("2028-01-31", "1 month", "2028-02-29"),
        ("2026-11-30", "2 months", "2027-01-30"),
        ("2028-02-29", "1 year", "2029-02-28"),
        ("2026-12-31", "30 days", "2027-01-30"),
        ("2026-11-24", "72 hours", "2026-11-27"),
        ("2026-11-24", "2 hours", "2026-11-25"),
    ],
)
def test_its_last_day(start: str, length: str, last: str) -> None:
    found = parse_length(length)
    assert found is not None
    assert last_day(date.fromisoformat(start), found, WEEKEND).isoformat() == last


def test_closed_days_are_named_by_weekday_date_and_day_of_each_year() -> None:
    closed = ("Sunday", "2026-11-26", "12-25")
    assert [is_closed(date.fromisoformat(day), closed) for day in ("2026-11-29", "2026-11-26", "2030-12-25")] == [
        True
    ] * 3
    assert not is_closed(date(2027, 11, 26), closed)
    assert last_day(date(2026, 11, 25), Length(1, "business days"), closed).isoformat() == "2026-11-27"


@given(DAYS, st.integers(1, 60))
def test_so_many_business_days_lie_in_between(start: date, count: int) -> None:
    last = last_day(start, Length(count, "business days"), WEEKEND)
    between = [start + timedelta(days=one) for one in range(1, (last - start).days + 1)]
    assert sum(not is_closed(day, WEEKEND) for day in between) == count
    assert not is_closed(last, WEEKEND)


@given(DAYS, st.integers(1, 40), st.sampled_from(["days", "months", "years", "hours"]))
def test_a_last_day_lies_within_what_the_length_may_be(start: date, count: int, unit: str) -> None:
    length = Length(count, unit)
    days = (last_day(start, length, WEEKEND) - start).days
    ns = 86_400_000_000_000
    assert length.shortest_ns // ns <= days <= -(-length.longest_ns // ns)
