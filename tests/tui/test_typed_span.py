"""The end of a stretch of time as people type it, and days of letters."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
import tzlocal

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.typed_span import async_typed_end, async_typed_start, told_span, typed_day

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
    ],
)
async def test_an_end_is_understood_from_its_start(start: str, typed: str, end: str) -> None:
    assert await async_typed_end(typed, at(start), NOW) == at(end)


async def test_what_is_no_time_is_refused_in_words() -> None:
    for typed in ("soon", "25:00", "3", ""):
        with pytest.raises(BadRequest):
            await async_typed_end(typed, at("2026-11-24 15:15"), NOW)
    with pytest.raises(BadRequest, match="3:15 pm has not come yet today"):
        await async_typed_start("3:15 pm", NOW)
    assert await async_typed_start("today 3:15 pm", NOW) == at("2026-11-25 15:15")
    assert await async_typed_start("tomorrow 9 am", NOW) == at("2026-11-26 09:00")
    assert await async_typed_start("yesterday 3:15 pm", NOW) == at("2026-11-24 15:15")


def test_it_is_said_back() -> None:
    start = at("2026-11-24 15:15")
    assert told_span(start, start + 600 * NS) == "Tue, Nov 24, 2026, 3:15:00 pm to 3:25:00 pm (10 min 00 s)"
    assert told_span(start, start + 86_400 * NS).count("Nov") == 2
    assert told_span(start, None).endswith("until it is lifted")


async def test_in_the_hour_that_comes_twice_it_is_said_which_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    tzlocal.reload_localzone()
    try:
        start = await async_typed_start("Nov 1 1:30 am", at("2026-11-25 14:00"))
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
