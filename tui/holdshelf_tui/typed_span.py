"""A stretch of time as people type it: 'yesterday 3:15 pm' to '3:45 pm', 'for 20 min', or until something is lifted.

The end is understood from the start: a time of day alone is the next one after it, a length of time is counted from it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.cli.render import inert
from holdshelf_tui.words import NS, clock, day, moment, span, told_clock
from holdshelf_tui.words_time import async_parse

_LENGTH = re.compile(
    r"^(?:for|\+)?\s*(?:(\d+(?:\.\d+)?)\s*(?:h|hour|hours)\b\.?)?\s*(?:(\d+(?:\.\d+)?)\s*(?:m|min|mins|minute|minutes)\b\.?)?"
    r"\s*(?:(\d+)\s*(?:s|sec|second|seconds)\b\.?)?$",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"^(\d{1,2})(?::(\d\d))?(?::(\d\d))?\s*([ap])?\.?\s*m?\.?$", re.IGNORECASE)
_DAY_WORDS = (
    re.compile(r"^in\s+(\d{1,4})\s+days?$", re.IGNORECASE),
    re.compile(r"^(\d{1,4})\s+days?$", re.IGNORECASE),
)
_DAY_FORMS = ("%m/%d/%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y")
_DAY_NS = 86_400 * NS


async def async_typed_start(text: str, now_utc_ns: int) -> int:
    """When it starts. In the hour that comes twice, the first of the two: rather too much. Raises BadRequest.

    A time of day alone that is still to come today is refused: whoever types it a minute early does not mean yesterday's.
    """
    try:
        start_utc_ns = (await async_parse(text, now_utc_ns)).utc_ns[0]
    except BadRequest:
        return (await async_parse(text, now_utc_ns, future=True)).utc_ns[0]
    if _time_of_day(" ".join(text.split())) is not None and moment(start_utc_ns).date() != moment(now_utc_ns).date():
        shown = clock(start_utc_ns, seconds=False)
        raise BadRequest(f"{shown} has not come yet today.", f"Type 'yesterday {shown}' or 'today {shown}'.")
    return start_utc_ns


async def async_typed_end(text: str, start_utc_ns: int, now_utc_ns: int) -> int:
    """When it ends, for a start that is known. Raises BadRequest."""
    typed = " ".join(text.split())
    length = _LENGTH.match(typed)
    if length is not None and any(length.groups()):
        hours, minutes, seconds = (float(part or 0) for part in length.groups())
        return start_utc_ns + round((hours * 3600 + minutes * 60 + seconds) * NS)
    of_day = _time_of_day(typed)
    if of_day is None:
        return max((await async_parse(text, now_utc_ns, future=True)).utc_ns)
    start = moment(start_utc_ns)
    for days in (0, 1):
        at = (datetime.combine(start.date() + timedelta(days=days), datetime.min.time()) + of_day).astimezone()
        end_utc_ns = int(at.timestamp()) * NS
        if end_utc_ns > start_utc_ns:
            break
    return end_utc_ns


def _time_of_day(typed: str) -> timedelta | None:
    """'3:45 pm', '15:45', '3 pm'; None: it is something else."""
    match = _CLOCK.match(typed)
    if match is None or (match[2] is None and match[4] is None):
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
    return timedelta(hours=hour, minutes=minute, seconds=second) if hour < 24 and minute < 60 and second < 60 else None


def told_span(start_utc_ns: int, end_utc_ns: int | None) -> str:
    """'Tue, Nov 24, 2026, 3:15:00 pm to 3:45:00 pm (30 min 00 s)'."""
    begins = f"{day(start_utc_ns)}, {told_clock(start_utc_ns)}"
    if end_utc_ns is None:
        return f"{begins} until it is lifted"
    same = moment(start_utc_ns).date() == moment(end_utc_ns).date()
    ends = told_clock(end_utc_ns) if same else f"{day(end_utc_ns)}, {told_clock(end_utc_ns)}"
    return f"{begins} to {ends} ({span((end_utc_ns - start_utc_ns) / NS)})"


def typed_day(text: str, now_utc_ns: int) -> str:
    """'12/31/2026', 'Dec 31, 2026', 'in 30 days' → '2026-12-31', as letters and terms are dated. Raises BadRequest."""
    typed = " ".join(text.split())
    for words in _DAY_WORDS:
        if (match := words.match(typed)) is not None:
            return moment(now_utc_ns + int(match[1]) * _DAY_NS).date().isoformat()
    if typed.lower() == "today":
        return moment(now_utc_ns).date().isoformat()
    if typed.lower() == "tomorrow":
        return moment(now_utc_ns + _DAY_NS).date().isoformat()
    try:
        return datetime.fromisoformat(typed).date().isoformat()
    except ValueError:
        pass
    for form in _DAY_FORMS:
        try:
            return datetime.strptime(typed, form).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    raise BadRequest(f"{inert(text, 40)!r} is not a day.", "Type for example 2026-12-31, 12/31/2026 or 'in 30 days'.")
