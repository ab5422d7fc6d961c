"""The end of a stretch of time as people type it, and days of letters."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
import tzlocal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.text.time_format import date_words, local, local_day, moment, when
from holdshelf_tui.text.time_format import day as told_day
from holdshelf_tui.text.time_off_loop import async_end, async_start
from holdshelf_tui.text.time_parse import parse
from holdshelf_tui.text.time_span import end_utc_ns, start_utc_ns, told_span, typed_day, typed_day_or_time

NS = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone().timestamp()) * NS


NOW = at("2026-11-25 14:00")


@pytest.mark.parametrize(
    ("start", "typed", "end"),
    [
        ("2026-11-24 15:15", "3:45 pm", "2026-11-24 15:45"),
        ("2026-11-24 15:15", "15:45:30", "2026-11-24 15:45:30"),
        ("2026-11-24 23:50", "0:10", "2026-11-25 00:10"),
        ("2026-11-24 23:50", "12:10 am", "2026-11-25 00:10"),
        ("2026-11-24 15:15", "20 min", "2026-11-24 15:35"),
        ("2026-11-24 15:15", "for 1 h 30 min", "2026-11-24 16:45"),
        ("2026-11-24 15:15", "1.5 hours", "2026-11-24 16:45"),
        ("2026-11-24 15:15", "45 s", "2026-11-24 15:15:45"),
        ("2026-11-24 15:15", "11/25 1 pm", "2026-11-25 13:00"),
        ("2026-11-24 15:15", "3:45", "2026-11-24 15:45"),
        ("2026-11-24 15:15", "03:45", "2026-11-25 03:45"),
        ("2026-11-24 15:15", "2 days", "2026-11-26 15:15"),
        ("2026-11-24 00:00", "11/24", "2026-11-25 00:00"),
        ("2026-12-30 00:00", "1/2", "2027-01-03 00:00"),
        ("2026-11-24 15:15", "now", "2026-11-25 14:00"),
    ],
)
async def test_an_end_is_understood_from_its_start(start: str, typed: str, end: str) -> None:
    assert await async_end(typed, at(start), NOW) == at(end)


async def test_what_is_no_time_is_refused_in_words() -> None:
    for typed in ("soon", "25:00", "3", ""):
        with pytest.raises(BadRequest):
            await async_end(typed, at("2026-11-24 15:15"), NOW)
    with pytest.raises(BadRequest, match="3:15 pm has not come yet today"):
        await async_start("3:15 pm", NOW, future=True)
    assert await async_start("today 3:15 pm", NOW, future=True) == at("2026-11-25 15:15")
    assert await async_start("tomorrow 9 am", NOW, future=True) == at("2026-11-26 09:00")
    assert await async_start("yesterday 3:15 pm", NOW) == at("2026-11-24 15:15")


def test_a_day_alone_is_the_whole_day_at_both_ends() -> None:
    start = start_utc_ns("11/24/2026", NOW)
    assert (start, end_utc_ns("11/24/2026", start, NOW)) == (at("2026-11-24"), at("2026-11-25"))
    assert end_utc_ns("11/24", None, NOW) == at("2026-11-25")
    assert end_utc_ns("2 hours ago", None, NOW) == at("2026-11-25 12:00")


def test_it_is_said_back() -> None:
    start = at("2026-11-24 15:15")
    assert told_span(start, start + 600 * NS) == "Tue, Nov 24, 2026, 3:15:00 pm to 3:25:00 pm (10 min 00 s)"
    assert told_span(start, start + 86_400 * NS).count("Nov") == 2
    assert told_span(start, None).endswith("until it is lifted")


async def test_in_the_hour_that_comes_twice_it_is_asked_which_and_told_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    tzlocal.reload_localzone()
    try:
        with pytest.raises(BadRequest, match="twice") as refused:
            await async_start("Nov 1 1:30 am", at("2026-11-25 14:00"))
        with pytest.raises(BadRequest, match="twice"):
            typed_day_or_time("11/1/2026 1:30 am", NOW)
        with pytest.raises(BadRequest, match="no 02:30"):
            typed_day_or_time("2026-03-08 02:30", NOW)
        first, second = (part for part in refused.value.next_step.split("'") if part.startswith("2026-11-01"))
        start = start_utc_ns(first, NOW)
        assert start_utc_ns(second, NOW) - start == 3600 * NS
        assert start == at("2026-11-01 01:30-04:00")
        assert told_span(start, start + 600 * NS) == "Sun, Nov 1, 2026, 1:30:00 am EDT to 1:40:00 am EDT (10 min 00 s)"
        assert "1:30:00 am EST" in told_span(start + 3600 * NS, None)
        assert "EST" not in told_span(start + 7200 * NS, None)
    finally:
        monkeypatch.undo()
        time.tzset()
        tzlocal.reload_localzone()


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-12-31", "2026-12-31"),
        ("12/31/2026", "2026-12-31"),
        ("Dec 31, 2026", "2026-12-31"),
        ("31 December 2026", "2026-12-31"),
        ("in 90 days", "2027-02-23"),
        ("today", "2026-11-25"),
        ("tomorrow", "2026-11-26"),
    ],
)
def test_days_of_letters(typed: str, day: str) -> None:
    assert typed_day(typed, NOW) == day


def test_a_day_that_is_none() -> None:
    for typed in ("some day", "13/45/2026", "2026-02-30"):
        with pytest.raises(BadRequest):
            typed_day(typed, NOW)


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("12/31/2026", "2026-12-31"),
        ("in 90 days", "2027-02-23"),
        ("2026-12-31 18:30", at("2026-12-31 18:30")),
        ("2026-12-31T18:30", at("2026-12-31 18:30")),
        ("12/31/2026 6:30 pm", at("2026-12-31 18:30")),
        ("Dec 31, 2026, 6:30 pm", at("2026-12-31 18:30")),
        ("2026-12-31T18:30:00+00:00", int(datetime(2026, 12, 31, 18, 30, tzinfo=UTC).timestamp()) * NS),
    ],
)
def test_a_last_day_may_have_a_time(typed: str, understood: str | int) -> None:
    found = typed_day_or_time(typed, NOW)
    assert found == understood if isinstance(understood, str) else at(found) == understood


def test_what_is_neither_a_day_nor_a_time_names_its_option() -> None:
    for typed in ("some day", "6:30 pm", "12/31", "13/45/2026 6 pm"):
        with pytest.raises(BadRequest, match=r"^--until .* is not a day"):
            typed_day_or_time(typed, NOW, "--until")


ZONES = ("America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Dublin", "UTC", "Asia/Kolkata")


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The library's zone, with daylight saving of an hour, of half an hour, of none, and upside down."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    tzlocal.reload_localzone()
    yield request.param
    monkeypatch.undo()
    time.tzset()
    tzlocal.reload_localzone()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_told_back_can_be_typed_and_is_the_same_instant(zone: str, data: st.DataObject) -> None:
    """On screen and by command: both read with `time_span` and tell back with `told_span`, `when` and `Moments.words`."""
    now = int(datetime(2027, 1, 10, tzinfo=UTC).timestamp())
    # A year that holds both ends of daylight saving, and the hours around each of them more often than others.
    changes = _changes(zone, now)
    seconds = st.integers(now - 366 * 86_400, now)
    near = st.sampled_from(changes or [now]).flatmap(lambda at: st.integers(at - 7200, min(now, at + 7200)))
    start, end = sorted(data.draw(st.one_of(near, seconds)) * NS for _ in range(2))
    now_utc_ns = now * NS
    begins, _, ends = told_span(start, end).rpartition(" (")[0].partition(" to ")
    assert start_utc_ns(begins, now_utc_ns) == start
    if end > start:
        assert end_utc_ns(ends, start, now_utc_ns) == end
    assert start_utc_ns(when(start, seconds=True), now_utc_ns) == start
    assert start_utc_ns(local(start), now_utc_ns) == start
    days = {typed_day(text, now_utc_ns) for text in (local_day(start), told_day(start), date_words(start))}
    assert days == {typed_day_or_time(told_day(start), now_utc_ns)} == {local_day(start)}
    assert at(typed_day_or_time(local(start), now_utc_ns)) == start
    found = parse(begins, now_utc_ns)
    assert [parse(words, now_utc_ns).utc_ns for words in found.words] == [(start,)]
    shown = moment(start).strftime("%m/%d/%Y %I:%M:%S %p")
    try:
        read = start_utc_ns(shown, now_utc_ns)
    except BadRequest as refused:
        choices = [part for part in refused.next_step.split("'") if part[:2] == "20"]
        read_again = [start_utc_ns(part, now_utc_ns) for part in choices]
        assert start in read_again
    else:
        assert read == start


@functools.cache
def _changes(_zone: str, now: int) -> list[int]:
    """The half hours of the year before ``now`` in which the clocks were changed."""
    offsets = [(s, moment(s * NS).utcoffset()) for s in range(now - 366 * 86_400, now, 1800)]
    return [s for (s, one), (_, other) in pairwise(offsets) if one != other]
