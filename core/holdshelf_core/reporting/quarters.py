"""Quarters of the library's own calendar: from local midnight to local midnight, whatever the clock did in between. Pure."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.instants import NS

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
        """As it is typed and as its file is called."""
        return f"{self.year}-Q{self.number}"

    @property
    def first_day(self) -> date:
        """The first local day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last_day(self) -> date:
        """The last local day."""
        return self.next.first_day - timedelta(days=1)

    @property
    def start_utc_ns(self) -> int:
        """The first instant: local midnight."""
        return midnight_ns(self.first_day, self.zone)

    @property
    def end_utc_ns(self) -> int:
        """The first instant after it."""
        return midnight_ns(self.next.first_day, self.zone)

    @property
    def next(self) -> Quarter:
        """The one that follows."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1, self.zone)

    @property
    def before(self) -> Quarter:
        """The one that it follows."""
        return Quarter(self.year - (self.number == 1), (self.number - 2) % 4 + 1, self.zone)

    def midnights(self) -> list[int]:
        """The start of each of its local days, and its end: 23, 24 or 25 hours apart. UTC ns."""
        days = (self.last_day - self.first_day).days + 1
        return [midnight_ns(self.first_day + timedelta(days=n), self.zone) for n in range(days + 1)]

    def holds(self, utc_ns: int) -> bool:
        """Whether an instant lies in it."""
        return self.start_utc_ns <= utc_ns < self.end_utc_ns


def midnight_ns(day: date, zone: tzinfo) -> int:
    """The instant at which a local day begins: the first of two midnights, or the moment that a missing one was skipped to."""
    moment = datetime.combine(day, time(), zone)
    since = moment.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS


def local(utc_ns: int, zone: tzinfo) -> datetime:
    """An instant as the library's clocks on the wall show it. Instants beyond the calendar are moved to its ends."""
    seconds = min(max(utc_ns // NS, 0), 7_258_118_400)
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)


def at(utc_ns: int, zone: tzinfo) -> Quarter:
    """The quarter that an instant lies in."""
    moment = local(utc_ns, zone)
    return Quarter(moment.year, (moment.month + 2) // 3, zone)


def parse(typed: str, zone: tzinfo, now_utc_ns: int) -> Quarter:
    """'2026-Q4'; '' is the last complete one, 'now' the running one. Raises BadRequest, also for one that has not begun."""
    running = at(now_utc_ns, zone)
    word = typed.strip().lower()
    if word in ("", "last"):
        return running.before
    if word == "now":
        return running
    match = _KEY.fullmatch(word)
    if match is None or not _FIRST_YEAR < int(match[1]) < _LAST_YEAR:
        raise BadRequest(f"{typed[:20]!r} is no quarter.", f"Give it as {running.before.key}, or `now`.")
    found = Quarter(int(match[1]), int(match[2]), zone)
    if found.start_utc_ns > now_utc_ns:
        raise BadRequest(f"{found.key} has not begun yet.", f"The last complete quarter is {running.before.key}.")
    return found


def day_at(midnights: list[int], utc_ns: int) -> int:
    """Which of the days that begin at ``midnights`` an instant lies in; -1 before the first."""
    return bisect.bisect_right(midnights, utc_ns) - 1
