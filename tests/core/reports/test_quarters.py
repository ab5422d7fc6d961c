"""Quarters lie between midnights of the library's own zone, in autumn nights as well."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from holdshelf_core.errors import BadRequest
from holdshelf_core.reports import quarters
from holdshelf_core.reports.quarters import Quarter

NS = 10**9
HOUR_NS = 3600 * NS


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


@pytest.mark.parametrize(
    ("zone", "key", "start", "end"),
    [
        ("America/New_York", "2026-Q4", "2026-10-01T04:00:00", "2027-01-01T05:00:00"),  # the night of November 1
        ("America/New_York", "2026-Q1", "2026-01-01T05:00:00", "2026-04-01T04:00:00"),
        ("Australia/Sydney", "2018-Q1", "2017-12-31T13:00:00", "2018-03-31T13:00:00"),  # autumn begins 3 hours after it
        ("Africa/Cairo", "2010-Q3", "2010-06-30T21:00:00", "2010-09-30T22:00:00"),  # its last hour comes twice
        ("Asia/Kathmandu", "2026-Q2", "2026-03-31T18:15:00", "2026-06-30T18:15:00"),
    ],
)
def test_a_quarter_begins_and_ends_at_local_midnight(zone: str, key: str, start: str, end: str) -> None:
    quarter = Quarter(int(key[:4]), int(key[-1]), ZoneInfo(zone))
    assert (quarter.key, quarter.start_utc_ns, quarter.end_utc_ns) == (key, ns(start), ns(end))
    assert quarter.next.start_utc_ns == quarter.end_utc_ns
    assert quarter.next.before == quarter
    for at in (quarter.start_utc_ns, quarter.end_utc_ns - 1):
        assert quarters.at(at, quarter.zone) == quarter
        assert quarter.holds(at)
    assert quarters.at(quarter.end_utc_ns, quarter.zone) == quarter.next


def test_the_hour_that_comes_twice_at_a_quarters_end_belongs_to_that_quarter_both_times() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    once, again = ns("2010-09-30T20:30:00"), ns("2010-09-30T21:30:00")
    assert quarters.local(once, cairo).time() == quarters.local(again, cairo).time()
    assert {quarters.at(once, cairo).key, quarters.at(again, cairo).key} == {"2010-Q3"}


def test_days_have_the_hours_that_they_had() -> None:
    midnights = Quarter(2026, 4, ZoneInfo("America/New_York")).midnights()
    hours = [(b - a) // HOUR_NS for a, b in pairwise(midnights)]
    assert len(hours) == 92
    assert [(day, length) for day, length in enumerate(hours) if length != 24] == [(31, 25)]
    autumn = midnights[31]
    assert [quarters.day_at(midnights, autumn + h * HOUR_NS) for h in (-1, 0, 24, 25)] == [30, 31, 31, 32]


def test_what_is_typed() -> None:
    zone, now = ZoneInfo("America/New_York"), ns("2026-11-25T12:00:00")

    def parsed(typed: str) -> str:
        return quarters.parse(typed, zone, now).key

    assert [parsed(typed) for typed in ("", "last", "now", "2026-q4", "2026Q2")] == [
        *("2026-Q3", "2026-Q3", "2026-Q4", "2026-Q4", "2026-Q2")
    ]
    for typed in ("2026-Q5", "2027-Q1", "0000-Q1", "Q4", "2026", "2026-Q4; rm", "٢٠٢٦-Q1"):
        with pytest.raises(BadRequest):
            parsed(typed)
    # In New Year's first hour by UTC, the library's year is still the old one.
    assert quarters.parse("now", zone, ns("2027-01-01T03:00:00")).key == "2026-Q4"
