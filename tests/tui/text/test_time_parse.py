"""A time in plain words: what a person at the desk means, and what is refused rather than guessed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.text.time_format import NS
from holdshelf_tui.text.time_off_loop import async_parse
from holdshelf_tui.text.time_parse import Moments, examples, parse

EASTERN = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 25, 14, 0, tzinfo=EASTERN)  # a Wednesday


def ns(at: datetime) -> int:
    return int(at.timestamp()) * NS


def read(text: str, now: datetime = NOW, **more: bool) -> Moments:
    return parse(text, ns(now), zone=EASTERN, **more)


def at(text: str, now: datetime = NOW) -> str:
    (found,) = read(text, now).utc_ns
    return datetime.fromtimestamp(found / NS, EASTERN).strftime("%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("yesterday 3:15 pm", "11-24 15:15:00"),
        ("3:15 pm yesterday", "11-24 15:15:00"),
        ("1:05 pm", "11-25 13:05:00"),
        ("today 1:00 p.m.", "11-25 13:00:00"),
        ("yesterday 2:08:09 pm", "11-24 14:08:09"),
        ("2:00 pm on Tuesday", "11-24 14:00:00"),
        ("Yesterday at 15:15", "11-24 15:15:00"),
        ("today 13:00", "11-25 13:00:00"),
        ("last Tuesday at noon", "11-24 12:00:00"),
        ("last Wednesday at noon", "11-18 12:00:00"),
        ("Wed 8am", "11-25 08:00:00"),
        ("11/24 3pm", "11-24 15:00:00"),
        ("11/24/2026 3:15 p.m.", "11-24 15:15:00"),
        ("11/24/26 15:15", "11-24 15:15:00"),
        ("Nov 24, 2026, 2:05 pm", "11-24 14:05:00"),
        ("Tue, Nov 24, 2026, 2:05:07 pm", "11-24 14:05:07"),
        ("24 november 3:15pm", "11-24 15:15:00"),
        ("2 hours ago", "11-25 12:00:00"),
        ("half an hour ago", "11-25 13:30:00"),
        ("1 hour 20 min ago", "11-25 12:40:00"),
        ("3:15", "11-25 03:15:00"),
        ("1:15", "11-25 13:15:00"),
        ("noon", "11-25 12:00:00"),
        ("5 o'clock", "11-25 05:00:00"),
        ("1 o'clock", "11-25 13:00:00"),
        ("five o\u2019clock", "11-25 05:00:00"),
        ("two pm", "11-25 14:00:00"),
        ("quarter past one", "11-25 13:15:00"),
        ("a quarter to 2", "11-25 13:45:00"),
        ("half past 3", "11-25 03:30:00"),
        ("half past 3 pm yesterday", "11-24 15:30:00"),
        ("yesterday at half past three pm", "11-24 15:30:00"),
        ("yesterday afternoon 3 o'clock", "11-24 15:00:00"),
        ("ten to one", "11-25 12:50:00"),
        ("2 days ago 3:15 pm", "11-23 15:15:00"),
        ("3:15 pm 2 days ago", "11-23 15:15:00"),
        ("two days ago at noon", "11-23 12:00:00"),
        ("a week ago 15:00", "11-18 15:00:00"),
        ("2 days ago", "11-23 14:00:00"),
        ("last night 11", "11-24 23:00:00"),
        ("last night at 1:30 am", "11-25 01:30:00"),
        ("monday morning", "11-23 09:00:00"),
        ("yesterday afternoon 3", "11-24 15:00:00"),
        ("2026-11-24 14:00", "11-24 14:00:00"),
        ("2026-11-24T19:00:05Z", "11-24 14:00:05"),
        ("2026-11-24 14:00:05-05:00", "11-24 14:00:05"),
        ("tuesday", "11-24 12:00:00"),
        ("2 hours", "11-25 12:00:00"),
        ("90 min", "11-25 12:30:00"),
        ("03:15", "11-25 03:15:00"),
        ("24 November, 3:15 pm", "11-24 15:15:00"),
        ("24 of november 3:15pm", "11-24 15:15:00"),
        ("Nov 24, 2026, 2:05 pm EST", "11-24 14:05:00"),
        ("11/1 1:30 am edt", "11-01 01:30:00"),
    ],
)
def test_what_a_person_means(typed: str, meant: str) -> None:
    assert at(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"), [("5 o'clock", "17:00"), ("5:20", "17:20"), ("3:15", "15:15"), ("quarter past five", "17:15")]
)
def test_a_time_alone_is_the_last_one_that_has_passed_however_it_is_said(typed: str, meant: str) -> None:
    evening = datetime(2026, 11, 25, 17, 48, tzinfo=EASTERN)
    assert at(typed, evening) == f"11-25 {meant}:00"


def test_a_date_without_a_year_is_the_last_one() -> None:
    assert read("12/24 3pm").words == ("Wed, Dec 24, 2025, 3:00 pm EST",)


@pytest.mark.parametrize(
    "typed",
    ["", "banana", "7", "25:00", "3:75 pm", "13/45 3pm", "2/30 3pm", "the other day", "last week", "24th", "1e9",
     "smarch 3", "marching 3 3pm",
     "half past 25", "61 to 3", "quarter past", "five",
     "13 pm", "'; drop table", "\u202e3:15", "in the middle of november 31", "3" * 200],
)  # fmt: skip
def test_nonsense_is_a_sentence_with_examples(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(typed)
    assert refused.value.next_step == examples()
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize("typed", ["tomorrow 3pm", "today 3pm", "2027-01-01 10:00", "12/24/2026 3pm"])
def test_recordings_are_never_of_the_future(typed: str) -> None:
    with pytest.raises(BadRequest):
        read(typed)


def test_a_time_to_come_where_it_is_asked_for() -> None:
    assert read("today 15:30", future=True).words == ("Wed, Nov 25, 2026, 3:30 pm EST",)


@pytest.mark.parametrize("typed", ["11/1 1:30am", "Nov 1 1:30 am", "2026-11-01 01:30"])
def test_scene_10_both_half_past_ones_of_the_autumn_night_are_told_apart(typed: str) -> None:
    found = read(typed)
    assert found.one is None
    assert [one[-3:] for one in found.words] == ["EDT", "EST"]
    assert found.utc_ns[1] - found.utc_ns[0] == 3600 * NS


def test_scene_10_only_the_first_one_has_passed_yet() -> None:
    between = datetime(2026, 11, 1, 5, 45, tzinfo=UTC)  # 1:45 am, the first time
    assert read("1:30 am", between).words == ("Sun, Nov 1, 2026, 1:30 am EDT",)


@pytest.mark.parametrize("typed", ["3/8 2:30 am", "2026-03-08 02:30"])
def test_a_time_that_the_clocks_skipped_is_refused_with_what_to_type(typed: str) -> None:
    with pytest.raises(BadRequest, match="no 02:30") as refused:
        read(typed)
    before, after = (part for part in refused.value.next_step.split("'") if part.startswith("2026-03-08"))
    (first,), (second,) = read(before).utc_ns, read(after).utc_ns
    assert first < ns(datetime(2026, 3, 8, 3, 0, tzinfo=EASTERN)) < second


def test_a_time_of_day_that_has_not_come_yet_today_is_not_yesterdays() -> None:
    with pytest.raises(BadRequest, match="2:30 pm has not come yet today") as refused:
        read("14:30")
    assert refused.value.next_step == "Type 'yesterday 2:30 pm'."
    with pytest.raises(BadRequest, match="has not come yet today") as refused:
        read("2:30 pm", future=True)
    assert refused.value.next_step == "Type 'yesterday 2:30 pm' or 'today 2:30 pm'."


@pytest.mark.parametrize("typed", ["11/24", "tuesday", "yesterday", "2026-11-24", "Nov 24", "24 november 2026"])
def test_a_day_alone_is_the_whole_day(typed: str) -> None:
    start, end = read(typed).day_ns or (0, 0)
    assert (start, end) == (ns(datetime(2026, 11, 24, tzinfo=EASTERN)), ns(datetime(2026, 11, 25, tzinfo=EASTERN)))


def test_today_is_a_day_before_its_noon_too() -> None:
    early = datetime(2026, 11, 25, 9, 0, tzinfo=EASTERN)
    assert read("today", early).day_ns == (
        ns(datetime(2026, 11, 25, tzinfo=EASTERN)),
        ns(datetime(2026, 11, 26, tzinfo=EASTERN)),
    )
    with pytest.raises(BadRequest, match="has not come yet"):
        read("11/26/2026", early)


@pytest.mark.parametrize(("day", "hours"), [("3/8/2026", 23), ("11/1/2026", 25), ("11/2/2026", 24)])
def test_a_day_is_as_long_as_the_clocks_made_it(day: str, hours: int) -> None:
    start, end = read(day).day_ns or (0, 0)
    assert end - start == hours * 3600 * NS


def test_two_hours_ago_counts_hours_that_passed() -> None:
    after = datetime(2026, 11, 1, 7, 30, tzinfo=UTC)  # 2:30 am EST; 12:30 would be wrong by an hour
    assert read("2 hours ago", after).words == ("Sun, Nov 1, 2026, 1:30 am EDT",)


async def test_it_is_read_off_the_loop() -> None:
    found = await async_parse("11/24 3pm", ns(NOW), zone=EASTERN)
    assert found.one == ns(datetime(2026, 11, 24, 15, 0, tzinfo=EASTERN))


def test_dateparser_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, time; from holdshelf_tui.text.time_parse import parse; parse('yesterday 3:15 pm', time.time_ns());"
        "assert 'dateparser' not in sys.modules; parse('2025 november 24 3:15pm', time.time_ns());"
        "assert 'dateparser' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
