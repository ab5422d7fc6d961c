"""When a scheduled backup is due, which ones are kept, and what their files are called: pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from holdshelf_core.times import NS

DAYS, WEEKS, MONTHS = 7, 5, 12
AGAIN_FIRST_S: Final = 300
AGAIN_CAP_S: Final = 6 * 3600
_AT: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_NAME: Final = re.compile(r"holdshelf-([0-9a-f]{8})-(\d{8}T\d{6}Z)\.tar", re.ASCII)


def is_time_of_day(at: str) -> bool:
    """Return whether that is a time as 'HH:MM'."""
    return _AT.fullmatch(at) is not None


def newest_due_utc_ns(now_utc_ns: int, at: str, zone: tzinfo) -> int:
    """Return when a backup was last due: today at that local time, or yesterday."""
    now = datetime.fromtimestamp(now_utc_ns / NS, zone)
    due = datetime.combine(now.date(), time.fromisoformat(at), zone)
    if due.timestamp() * NS > now_utc_ns:
        due = datetime.combine(now.date() - timedelta(days=1), time.fromisoformat(at), zone)
    return int(due.timestamp()) * NS


def next_due_utc_ns(now_utc_ns: int, at: str, zone: tzinfo) -> int:
    """Return when the next one is due."""
    now = datetime.fromtimestamp(now_utc_ns / NS, zone)
    due = datetime.combine(now.date(), time.fromisoformat(at), zone)
    if due.timestamp() * NS <= now_utc_ns:
        due = datetime.combine(now.date() + timedelta(days=1), time.fromisoformat(at), zone)
    return int(due.timestamp()) * NS


def is_due(made_utc_ns: Iterable[int], now_utc_ns: int, at: str, zone: tzinfo) -> bool:
    """Return whether none of these was made since one was last due. One of a future that a clock invented does not count."""
    since = newest_due_utc_ns(now_utc_ns, at, zone)
    return not any(since <= made <= now_utc_ns for made in made_utc_ns)


def again_s(tries: int) -> int:
    """Return how long to wait after so many failed tries in a row (1 or more)."""
    return int(min(AGAIN_CAP_S, AGAIN_FIRST_S * 2 ** min(tries - 1, 20)))


def to_keep(made_utc_ns: Iterable[int], now_utc_ns: int) -> set[int]:
    """Return which of these to keep: the newest of each of the last 7 days, 5 weeks and 12 months (UTC) that have one.

    One of the future is kept until that is past: a clock that was wrong must not push the others out.
    """
    made = set(made_utc_ns)
    kept = {one for one in made if one > now_utc_ns}
    newest_first = [(one, datetime.fromtimestamp(one // NS, UTC)) for one in sorted(made - kept, reverse=True)]
    for form, most in (("%Y-%m-%d", DAYS), ("%G-W%V", WEEKS), ("%Y-%m", MONTHS)):
        periods: dict[str, int] = {}
        for one, at in newest_first:
            periods.setdefault(at.strftime(form), one)
        kept |= set(list(periods.values())[:most])
    return kept


def file_name(recorder: str, made_utc_ns: int) -> str:
    """Return the name of a backup's file at the target. ``recorder``: eight hex digits."""
    return f"holdshelf-{recorder}-{datetime.fromtimestamp(made_utc_ns // NS, UTC):%Y%m%dT%H%M%SZ}.tar"


def is_ours(name: str, recorder: str) -> bool:
    """Return whether a file of that name is a backup that this recorder made."""
    found = _NAME.fullmatch(name)
    return found is not None and found[1] == recorder


def part_name(name: str) -> str:
    """Return what it is called until it is whole and verified."""
    return f".{name}.part"


def is_our_part(name: str, recorder: str) -> bool:
    """Return whether that is what a try of this recorder left behind."""
    return name.startswith(".") and name.endswith(".part") and is_ours(name[1:-5], recorder)


def marker_name(recorder: str) -> str:
    """Return the name of the file that says that a folder is this recorder's target: without it, its disk is not mounted."""
    return f"holdshelf-{recorder}.json"
