"""Dates and times as people here say them, in the policy's own form (`date_forms`): on screens, in commands and on papers.

No Textual, which a command does without.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from holdshelf_core import times
from holdshelf_core.policy.date_forms import date_form

NS, MINUTE_NS, HOUR_NS, DAY_NS = times.NS, times.MINUTE_NS, times.HOUR_NS, times.DAY_NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(utc_ns: int) -> datetime:
    """Local time, with its offset, to the microsecond."""
    # Whole numbers: a float has not enough digits for today's nanoseconds.
    return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone()


def clock(utc_ns: int, *, seconds: bool = True) -> str:
    """'2:05:07 pm', as the library's wall clock says it."""
    return date_form().time(moment(utc_ns), seconds=seconds)


def day(utc_ns: int) -> str:
    """'Tue, Nov 24, 2026'."""
    return date_form().day(moment(utc_ns), weekday=True)


def date_words(utc_ns: int) -> str:
    """'Nov 24, 2026'."""
    return date_form().day(moment(utc_ns))


def iso_day(text: str) -> str:
    """'2026-11-24' → 'Nov 24, 2026'. What is no day stays, '' too."""
    try:
        return date_form().day(date.fromisoformat(text))
    except ValueError:
        return text


def short_date(utc_ns: int) -> str:
    """'Nov 24', of a day that is near."""
    return date_form().day(moment(utc_ns), year=False)


def when(utc_ns: int | None, *, seconds: bool = False) -> str:
    """'Nov 24, 2026, 2:05 pm', with the offset only where that time comes twice."""
    if utc_ns is None:
        return "-"
    return f"{date_words(utc_ns)}, {told_clock(utc_ns, seconds=seconds)}"


def told_clock(utc_ns: int, *, seconds: bool = True) -> str:
    """'2:05:07 pm'; with the zone's name in the hour that comes twice, so that it is seen which one is meant."""
    at = moment(utc_ns)
    shown = at.replace(tzinfo=None)
    first, second = shown.replace(fold=0).astimezone(), shown.replace(fold=1).astimezone()
    zone = f" {at.strftime('%Z')}" if first.utcoffset() != second.utcoffset() else ""
    return f"{clock(utc_ns, seconds=seconds)}{zone}"


def local(utc_ns: int | None) -> str:
    """Local time with its offset, so that both 01:30s of a clock change stay apart."""
    if utc_ns is None:
        return "-"
    try:
        return moment(utc_ns).isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        return f"{utc_ns} ns"


def local_day(utc_ns: int | None) -> str:
    """The day of `local`, '2026-11-24': as it is typed."""
    return local(utc_ns)[:10]


def quarter_words(key: str) -> str:
    """'2026-Q4' → 'fourth quarter of 2026'."""
    year, _, number = key.partition("-Q")
    order = {"1": "first", "2": "second", "3": "third", "4": "fourth"}.get(number)
    return f"{order} quarter of {year}" if order else key
