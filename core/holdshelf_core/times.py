"""Times as the access log writes them: RFC 3339, UTC, nine decimals. RFC 8785 numbers are doubles, which hold no nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tzlocal import get_localzone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", re.ASCII)
NS = 1_000_000_000
_FIRST_NS = -62_135_596_800 * NS
_LAST_NS = 253_402_300_800 * NS - 1


def rfc3339(utc_ns: int) -> str:
    """'2026-11-25T04:05:06.123456789Z'. Times before year 1 or after 9999 are moved to the nearest."""
    seconds, rest = divmod(min(max(utc_ns, _FIRST_NS), _LAST_NS), NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.isoformat()[:19]}.{rest:09d}Z"


def parse_rfc3339(text: str) -> int:
    """Inverse of ``rfc3339``. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(text)
    since = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS + int(match[2])


def offset_s(utc_ns: int) -> int:
    """The local zone's offset from UTC at that time, in seconds."""
    try:
        offset = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(get_localzone()).utcoffset()
    except (OverflowError, ValueError):
        return 0
    return int(offset.total_seconds()) if offset else 0


def local_words(utc_ns: int) -> str:
    """'2026-11-24 14:00 -05:00': for sentences; the offset keeps both 01:30s of a clock change apart."""
    try:
        moment = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(get_localzone())
    except (OverflowError, ValueError):
        return f"{utc_ns} ns"
    text = moment.strftime("%Y-%m-%d %H:%M %z")
    return f"{text[:-2]}:{text[-2:]}"


def local_day(utc_ns: int) -> str:
    """'2026-11-24', the local day."""
    return local_words(utc_ns)[:10]
