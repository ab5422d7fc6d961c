"""Days and times as a policy has them written, and typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from holdshelf_core.policy import date_forms
from holdshelf_core.policy.date_forms import DateForm, date_form
from holdshelf_tui.text import time_format
from holdshelf_tui.text.time_parse import examples, parse
from holdshelf_tui.text.time_span import typed_day

AT = datetime(2026, 3, 4, 14, 5, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    date_forms.use()


@pytest.mark.parametrize(
    ("form", "day", "long", "near", "time"),
    [
        (DateForm(), "Mar 4, 2026", "March 4, 2026", "Mar 4", "2:05:07 pm"),
        (DateForm("dmy", 24), "4 Mar 2026", "4 March 2026", "4 Mar", "14:05:07"),
        (DateForm("ymd", 24), "2026-03-04", "4 March 2026", "4 Mar", "14:05:07"),
    ],
)
def test_a_day_and_a_time_are_written_as_the_policy_has_them(
    form: DateForm, day: str, long: str, near: str, time: str
) -> None:
    assert (form.day(AT), form.day(AT, long=True), form.day(AT, year=False), form.time(AT)) == (day, long, near, time)
    assert form.day(AT, weekday=True) == f"Wed, {day}"
    date_forms.use(form)
    assert time_format.date_words(int(AT.replace(hour=12).timestamp()) * 10**9) == day, "and so on screens"
    assert form.time(AT.replace(hour=0), seconds=False) == ("12:05 am" if form.hours == 12 else "00:05")


def test_a_day_in_figures_is_read_in_the_order_in_which_it_is_written() -> None:
    now_ns = 1_790_000_000 * 10**9  # September 2026
    assert typed_day("3/4/2027", now_ns) == "2027-03-04"
    assert "11/24 3pm" in examples()
    date_forms.use(DateForm("dmy", 24))
    assert typed_day("3/4/2027", now_ns) == "2027-04-03"
    assert typed_day("31/12/2027", now_ns) == "2027-12-31"
    assert typed_day("2027-03-04", now_ns) == "2027-03-04"
    assert "24/11 3pm" in examples()
    (told,) = parse("3/4/2026 14:05", now_ns).words
    assert told.startswith("Fri, 3 Apr 2026, 14:05")
    assert parse(told.rpartition(" ")[0], now_ns).words == (told,), "what is told back can be typed again"
    assert time_format.when(parse("3/4/2026 14:05", now_ns).only()) == "3 Apr 2026, 14:05"


def test_a_command_asks_once_and_when_it_first_needs_it() -> None:
    asked: list[int] = []

    def ask() -> DateForm:
        asked.append(1)
        return DateForm("dmy", 24)

    date_forms.use(ask=ask)
    assert not asked
    assert date_form().order == date_form().order == "dmy" and asked == [1]
