"""Words and numbers of the quarterly report: days, spans of time, shares, counts. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime

from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.reports.report_types import AttestedRow, ReleaseRow
from holdshelf_tui.papers.text import clean


def attested_words(row: AttestedRow) -> str:
    """'policy posted on the website (P18)'. Reports kept before they held the words have only its id."""
    return clean(row.words) or row.id.replace("-", " ")


def day_words(iso: str) -> str:
    """'2026-11-24' → 'Nov 24, 2026'."""
    return _day(iso)


def _day(iso: str, *, year: bool = True) -> str:
    try:
        return date_form().day(date.fromisoformat(iso), year=year)
    except ValueError:
        return clean(iso, 20)


def span_of_days(first: str, last: str) -> str:
    """'July 1 to September 30, 2026'."""
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return f"{clean(first, 20)} to {clean(last, 20)}"
    return f"{date_form().day(begin, long=True, year=False)} to {date_form().day(end, long=True)}"


def short_day(iso: str) -> str:
    """'2026-11-24' → 'Nov 24': of a day in the quarter."""
    return _day(iso, year=False)


def time_words(seconds: int) -> str:
    """'2 d 4 h', '3 h 20 min', '12 min', '40 s'; 'none' for nothing."""
    if seconds <= 0:
        return "none"
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def percent(share: float) -> str:
    """'99.62%'; never '100%' while anything is missing, never '0%' while there is something."""
    if share >= 1:
        return "100%"
    return f"{min(99.99, max(0.01 if share > 0 else 0.0, share * 100)):.2f}%"


def many(number: int, one: str, more: str = "") -> str:
    """'1 look', '3 looks', 'no look'."""
    if number == 1:
        return f"1 {one}"
    words = more or f"{one}s"
    return f"{number:,} {words}" if number else f"no {words}"


def refused_words(row: ReleaseRow) -> str:
    """'3 (1 policy, 2 statute)'; '0' for none."""
    if not row.refused:
        return "0"
    by = ((row.refused_policy, "policy"), (row.refused_statute, "statute"), (row.refused_person, "person"))
    said = [(number, word) for number, word in by if number]
    if len(said) == 1:
        return f"{row.refused:,} ({said[0][1]})"
    return f"{row.refused:,} ({', '.join(f'{number} {word}' for number, word in said)})"


def moment_words(at: str) -> str:
    """'2026-11-24 14:00:05 -05:00' → 'Nov 24, 2:00 pm'; what is no time stays."""
    moment = _moment(at)
    if moment is None:
        return at
    return f"{date_form().day(moment, year=False)}, {date_form().time(moment, seconds=False)}"


def span_words(start: str, end: str) -> str:
    """'Nov 24, 2:00 pm to 2:30 pm'; with offsets where the clock was changed between the two."""
    begin, until = _moment(start), _moment(end)
    if begin is None or until is None or begin.utcoffset() != until.utcoffset():
        return f"{start} to {end}"
    last = date_form().time(until, seconds=False) if begin.date() == until.date() else moment_words(end)
    return f"{moment_words(start)} to {last}"


def _moment(at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:\d\d$)", "", at))
    except ValueError:
        return None
