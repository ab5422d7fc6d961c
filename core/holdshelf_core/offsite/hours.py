"""The hours in which anything is sent: '22:00-06:00', local time; '' always."""

from __future__ import annotations

import re
import time
from typing import Final

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def valid(hours: str) -> bool:
    """Return whether these are hours, or none."""
    return not hours or (_HOURS.fullmatch(hours) is not None and hours[:5] != hours[6:])


def within(hours: str, now: time.struct_time) -> bool:
    """Return whether the local time ``now`` lies in them."""
    match = _HOURS.fullmatch(hours)
    if match is None:
        return True
    first, last = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
    minute = now.tm_hour * 60 + now.tm_min
    return first <= minute < last if first < last else minute >= first or minute < last
