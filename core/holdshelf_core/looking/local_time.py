"""A frame's time as it is burned in and spoken of: local, to the tenth of a second, always with its offset from UTC.

The offset keeps both 01:30s of a clock change apart. Must never read a file after its first call: the picture worker
calls it once before it is confined.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tzlocal import get_localzone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_time_words(utc_ns: int) -> str:
    """'2026-11-01 01:30:05.2 -04:00'. A time that no calendar has is told as its nanoseconds."""
    try:
        moment = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(get_localzone())
    except (OverflowError, ValueError):
        return f"{utc_ns} ns UTC"
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 100_000} {offset[:3]}:{offset[3:5]}"
