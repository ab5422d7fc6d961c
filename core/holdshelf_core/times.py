"""Times in the access log's format, RFC 3339, UTC, nine decimals: RFC 8785 numbers are doubles, too imprecise for nanoseconds.
And local times, of which the clocks show some twice, and some never, in the nights when they change."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from holdshelf_core.errors import BadRequest
from holdshelf_storage import units

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", re.ASCII)
NS, MINUTE_NS, HOUR_NS, DAY_NS = units.NS, units.MINUTE_NS, units.HOUR_NS, units.DAY_NS
_FIRST_NS = -62_135_596_800 * NS
_LAST_NS = 253_402_300_800 * NS - 1


def rfc3339(utc_ns: int) -> str:
    """Return e.g. '2026-11-25T04:05:06.123456789Z'. Times before year 1 or after 9999 are clamped."""
    seconds, rest = divmod(min(max(utc_ns, _FIRST_NS), _LAST_NS), NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.isoformat()[:19]}.{rest:09d}Z"


def parse_rfc3339(text: str) -> int:
    """Parse the output of ``rfc3339`` to UTC ns. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(text)
    since = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS + int(match[2])


def _local_zone() -> tzinfo:
    from tzlocal import get_localzone  # noqa: PLC0415 - 15 ms, and a process that tries a stream asks for no local time

    return get_localzone()


def offset_s(utc_ns: int) -> int:
    """Return the local zone's offset from UTC at that time, in seconds."""
    try:
        offset = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(_local_zone()).utcoffset()
    except (OverflowError, ValueError):
        return 0
    return int(offset.total_seconds()) if offset else 0


def far_words(far_ns: int) -> str:
    """Return how far two clocks are apart: '90 minutes', '3 hours', '4 days'."""
    minutes = round(far_ns / (60 * NS))
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{round(minutes / 60)} hours" if minutes < 72 * 60 else f"{round(minutes / (24 * 60))} days"


def local_words(utc_ns: int) -> str:
    """Return e.g. '2026-11-24 14:00 -05:00' for sentences; the offset tells the two 01:30s of a clock change apart."""
    try:
        moment = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(_local_zone())
    except (OverflowError, ValueError):
        return f"{utc_ns} ns"
    text = moment.strftime("%Y-%m-%d %H:%M %z")
    return f"{text[:-2]}:{text[-2:]}"


def local_day(utc_ns: int) -> str:
    """Return the local day, e.g. '2026-11-24'."""
    return local_words(utc_ns)[:10]


def local_time_words(utc_ns: int) -> str:
    """Return e.g. '2026-11-01 01:30:05.2 -04:00', as burned into a picture; times outside the calendar are shown in
    nanoseconds.

    Must never read a file after its first call: the picture worker calls it once before it is confined.
    """
    try:
        moment = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(_local_zone())
    except (OverflowError, ValueError):
        return f"{utc_ns} ns UTC"
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 100_000} {offset[:3]}:{offset[3:5]}"


def local_instants(on: date, at: time, zone: tzinfo) -> list[datetime]:
    """Return when the clocks of that zone show this time, in the zone: once, or twice when they go back.

    Raises BadRequest for a time that they skip, with the times around it.
    """
    found = []
    for fold in (0, 1):
        one = datetime.combine(on, at, zone).replace(fold=fold)
        back = one.astimezone(UTC).astimezone(zone)
        if back.replace(tzinfo=None, fold=0) == one.replace(tzinfo=None, fold=0) and back.astimezone(UTC) not in found:
            found.append(one.astimezone(UTC))
    if not found:
        # By the offset before the change it reads later than by the one after it.
        after, before = (
            datetime.combine(on, at, zone).replace(fold=f).astimezone(UTC).astimezone(zone) for f in (0, 1)
        )
        raise BadRequest(
            f"There is no {at:%H:%M} on {on:%Y-%m-%d}: the clocks go forward over it.",
            f"Give a time up to '{before.isoformat(' ', 'minutes')}', or from '{after.isoformat(' ', 'minutes')}' on.",
        )
    return [one.astimezone(zone) for one in found]


def shown_twice(clock: str, day: str, first: datetime, second: datetime) -> BadRequest:
    """Return the refusal of a time that the clocks show twice, with both written out.

    ``clock`` and ``day``: as a person says them.
    """
    typed = [at.isoformat(" ", "minutes" if not at.second else "seconds") for at in (first, second)]
    return BadRequest(
        f"It is {clock} twice on {day}, when the clocks go back.",
        f"Say which one: '{typed[0]}' comes first, then '{typed[1]}'.",
    )
