"""Lengths of time as a policy says them: "72 hours", "30 days", "1 month", "5 business days"."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

import msgspec

from holdshelf_storage.units import DAY_NS, HOUR_NS, MINUTE_NS

MINUTES, HOURS, DAYS, BUSINESS_DAYS, MONTHS, YEARS = "minutes", "hours", "days", "business days", "months", "years"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS: Final = {
    "min": MINUTES,
    "minute": MINUTES,
    "minutes": MINUTES,
    "h": HOURS,
    "hour": HOURS,
    "hours": HOURS,
    "day": DAYS,
    "days": DAYS,
    "business day": BUSINESS_DAYS,
    "business days": BUSINESS_DAYS,
    "week": "weeks",
    "weeks": "weeks",
    "month": MONTHS,
    "months": MONTHS,
    "year": YEARS,
    "years": YEARS,
}
_LENGTH = re.compile(r"([1-9]\d{0,4}) *([a-z]+(?: [a-z]+)?)", re.ASCII)
_FIXED_NS: Final = {MINUTES: MINUTE_NS, HOURS: HOUR_NS, DAYS: DAY_NS}
# For comparing and for limits only: the shortest that a month or a year can be, the longest that business days can be.
_SHORTEST_DAYS: Final = {MONTHS: 28, YEARS: 365, BUSINESS_DAYS: 1}
_LONGEST_DAYS: Final = {MONTHS: 31, YEARS: 366, BUSINESS_DAYS: 4}


class Length(msgspec.Struct, frozen=True):
    """So many of a unit; ``unit`` is one of the names above, never weeks."""

    count: int
    unit: str

    @property
    def shortest_ns(self) -> int:
        """The shortest that it can be: a month of 28 days."""
        return self.count * _FIXED_NS.get(self.unit, _SHORTEST_DAYS.get(self.unit, 0) * DAY_NS)

    @property
    def longest_ns(self) -> int:
        """The longest that it can be: a month of 31 days."""
        return self.count * _FIXED_NS.get(self.unit, _LONGEST_DAYS.get(self.unit, 0) * DAY_NS)

    def compared(self, other: Length) -> int | None:
        """Return 1 where it is longer than another one, -1 shorter, 0 equal; None where that depends on the calendar."""
        for units in ({MONTHS, YEARS}, {BUSINESS_DAYS}, set(_FIXED_NS)):
            if {self.unit, other.unit} <= units:
                mine, others = self._count_of_its_kind, other._count_of_its_kind
                return (mine > others) - (mine < others)
        if self.shortest_ns >= other.longest_ns:
            return 1
        return -1 if self.longest_ns <= other.shortest_ns else None

    @property
    def _count_of_its_kind(self) -> int:
        """In months, business days or nanoseconds: whatever is exact for its unit."""
        return self.count * (12 if self.unit == YEARS else _FIXED_NS.get(self.unit, 1))

    def __str__(self) -> str:
        unit = self.unit if self.count != 1 else self.unit.removesuffix("s")
        return f"{self.count} {unit}"


class KeepingTimes(msgspec.Struct, frozen=True):
    """How long footage is kept, beside the room there is; None: no such time. Months and years count so that both are kept."""

    at_least_ns: int | None = None
    at_most_ns: int | None = None
    at_least_words: str = ""
    """E.g. 'at least 7 days'."""
    at_most_words: str = ""
    """E.g. 'at most 30 days': the reason in the ledger."""


def parse_length(text: str) -> Length | None:
    """Return the length that the text names; None when it names none."""
    found = _LENGTH.fullmatch(" ".join(text.lower().split()))
    unit = _UNITS.get(found[2]) if found is not None else None
    if found is None or unit is None:
        return None
    return Length(int(found[1]) * 7, DAYS) if unit == "weeks" else Length(int(found[1]), unit)


def is_closed(day: date, closed: Collection[str]) -> bool:
    """Return whether a day is no business day: by its name, its date, or its date of each year."""
    return not {WEEKDAYS[day.weekday()], day.isoformat(), f"{day:%m-%d}"}.isdisjoint(name.lower() for name in closed)


def after(start_utc_ns: int, length: Length | None, closed: Collection[str], zone: tzinfo) -> int:
    """Return when a length is over that began then (UTC ns): hours to the nanosecond; days of business, months and years with the
    end of their last day. None: at once."""
    if length is None or length.unit in _FIXED_NS:
        return start_utc_ns + (length.shortest_ns if length is not None else 0)
    begun = datetime.fromtimestamp(start_utc_ns // 1_000_000_000, zone).date()
    over = last_day(begun, length, closed) + timedelta(days=1)
    return round(datetime.combine(over, time(), zone).timestamp()) * 1_000_000_000


def last_day(start: date, length: Length, closed: Collection[str]) -> date:
    """Return the last day of a length; ``start`` does not count. A month from January 31 ends on February 28."""
    if length.unit in (MONTHS, YEARS):
        months = start.month - 1 + length.count * (12 if length.unit == YEARS else 1)
        year, month = start.year + months // 12, months % 12 + 1
        following = date(year + month // 12, month % 12 + 1, 1)
        return start.replace(year=year, month=month, day=min(start.day, (following - timedelta(days=1)).day))
    if length.unit == BUSINESS_DAYS:
        day, left = start, length.count
        while left:
            day += timedelta(days=1)
            left -= not is_closed(day, closed)
        return day
    return start + timedelta(days=-(-length.shortest_ns // DAY_NS))
