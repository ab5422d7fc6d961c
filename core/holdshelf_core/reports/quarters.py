"""Quarters of the library's local calendar: from local midnight to local midnight, across clock changes. Pure."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from holdshelf_core.errors import BadRequest
from holdshelf_core.times import NS

_KEY = re.compile(r"(\d{4})-?Q([1-4])", re.ASCII | re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


@dataclass(frozen=True, slots=True)
class Quarter:
    """Three months in one time zone. ``key``: '2026-Q4'."""

    year: int
    number: int
    zone: tzinfo

    @property
    def key(self) -> str:
        """Return the key used for typing and for its file name."""
        return f"{self.year}-Q{self.number}"

    @property
    def first_day(self) -> date:
        """Return the first local day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last_day(self) -> date:
        """Return the last local day."""
        return self.next.first_day - timedelta(days=1)

    @property
    def start_utc_ns(self) -> int:
        """Return its start: local midnight."""
        return midnight_ns(self.first_day, self.zone)

    @property
    def end_utc_ns(self) -> int:
        """Return its end (exclusive)."""
        return midnight_ns(self.next.first_day, self.zone)

    @property
    def next(self) -> Quarter:
        """Return the next quarter."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1, self.zone)

    @property
    def before(self) -> Quarter:
        """Return the previous quarter."""
        return Quarter(self.year - (self.number == 1), (self.number - 2) % 4 + 1, self.zone)

    def midnights(self) -> list[int]:
        """Return the start of each of its local days, and its end: 23, 24 or 25 hours apart. UTC ns."""
        days = (self.last_day - self.first_day).days + 1
        return [midnight_ns(self.first_day + timedelta(days=n), self.zone) for n in range(days + 1)]

    def holds(self, utc_ns: int) -> bool:
        """Return whether a time is in it."""
        return self.start_utc_ns <= utc_ns < self.end_utc_ns


def midnight_ns(day: date, zone: tzinfo) -> int:
    """Return when a local day begins: the first of two midnights, or the time that a skipped one was moved to."""
    moment = datetime.combine(day, time(), zone)
    since = moment.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS


def local(utc_ns: int, zone: tzinfo) -> datetime:
    """Return a time as the library's local time. Times outside the calendar are clamped."""
    seconds = min(max(utc_ns // NS, 0), 7_258_118_400)
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)


def at(utc_ns: int, zone: tzinfo) -> Quarter:
    """Return the quarter of a time."""
    moment = local(utc_ns, zone)
    return Quarter(moment.year, (moment.month + 2) // 3, zone)


def parse(typed: str, zone: tzinfo, now_utc_ns: int) -> Quarter:
    """Parse '2026-Q4'; '' is the last complete one, 'now' the current one. Raises BadRequest, also for a future one."""
    running = at(now_utc_ns, zone)
    word = typed.strip().lower()
    if word in ("", "last"):
        return running.before
    if word == "now":
        return running
    match = _KEY.fullmatch(word)
    if match is None or not _FIRST_YEAR < int(match[1]) < _LAST_YEAR:
        raise BadRequest(f"{typed[:20]!r} is not a quarter.", f"Give it as {running.before.key}, or `now`.")
    found = Quarter(int(match[1]), int(match[2]), zone)
    if found.start_utc_ns > now_utc_ns:
        raise BadRequest(f"{found.key} has not begun yet.", f"The last complete quarter is {running.before.key}.")
    return found


def day_at(midnights: list[int], utc_ns: int) -> int:
    """Return the index of the day, of those that begin at ``midnights``, that contains a time; -1 before the first."""
    return bisect.bisect_right(midnights, utc_ns) - 1
