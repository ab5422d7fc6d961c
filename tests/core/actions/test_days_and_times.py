"""Days and times that an act takes ('--until 2026-11-01 01:30'), in the nights when the clocks change."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import tzlocal

from holdshelf_core.actions.common import day_end_utc_ns, day_start_utc_ns
from holdshelf_core.errors import BadRequest

NS = 1_000_000_000


@pytest.fixture(autouse=True)
def _new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    tzlocal.reload_localzone()
    yield
    monkeypatch.undo()
    time.tzset()
    tzlocal.reload_localzone()


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * NS


def test_a_time_that_comes_twice_is_refused_and_either_of_them_is_taken_as_it_was_offered() -> None:
    """In the second hour 'in three seconds' would be an hour ago."""
    with pytest.raises(BadRequest, match="It is 01:30 twice on 2026-11-01") as refused:
        day_end_utc_ns("2026-11-01T01:30:05", "--until")
    first, second = refused.value.next_step.split("'")[1::2]
    assert day_end_utc_ns(first, "--until") == ns("2026-11-01 05:30:05+00:00")
    assert day_end_utc_ns(second, "--until") == ns("2026-11-01 06:30:05+00:00")


def test_a_time_that_the_clocks_skip_is_refused_and_what_is_offered_is_taken() -> None:
    with pytest.raises(BadRequest, match="no 02:30 on 2027-03-14") as refused:
        day_start_utc_ns("2027-03-14 02:30", "--from")
    before, after = refused.value.next_step.split("'")[1::2]
    assert day_start_utc_ns(before, "--from") < ns("2027-03-14 07:00+00:00") < day_start_utc_ns(after, "--from")


@pytest.mark.parametrize("text", ["2026-11-01 00:59", "2026-11-01 02:00", "2027-03-14 01:59", "2027-03-14 03:00"])
def test_a_time_beside_a_change_is_taken(text: str) -> None:
    assert day_end_utc_ns(text, "--until") == ns(
        f"{text}:00{'-04:00' if '01 00' in text or '14 03' in text else '-05:00'}"
    )


def test_the_days_of_a_year_and_a_leap_day_end_where_the_next_one_begins() -> None:
    first = date(2027, 12, 1)
    days = [str(first + timedelta(days=n)) for n in range(400)]
    assert "2028-02-29" in days
    for day, following in itertools.pairwise(days):
        assert day_end_utc_ns(day, "--until") == day_start_utc_ns(following, "--from")
    assert datetime.fromtimestamp(day_start_utc_ns(days[0], "--from") / NS, UTC).hour == 5
