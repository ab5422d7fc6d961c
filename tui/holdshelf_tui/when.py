"""A time as a person types it → an instant. Local time unless it has an offset.

'14:00' (today), 'yesterday 15:15', 'monday 3 pm', 'nov 24 14:00', '2026-11-24 14:00', '2h ago'. What could mean two instants,
as 01:30 in the night when the clocks go back, is refused with both written out: footage of the wrong hour must not be held.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta

_AGO = re.compile(
    r"-?\s*(\d{1,12}(?:\.\d{1,9})?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)(?:\s+ago)?", re.ASCII
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_AM_PM = re.compile(r"(\d{1,2})(?::(\d\d))?\s*([ap])\.?m\.?", re.ASCII)
_NAMED_CLOCK = {"noon": time(12), "midnight": time(0)}
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH_DAY = re.compile(
    r"([a-z]{3,9})\.?\s+(\d{1,2})(?:\s+(\d{4}))?|(\d{1,2})\.?\s+([a-z]{3,9})\.?(?:\s+(\d{4}))?", re.ASCII
)
MAX_CHARS = 60


class NoTime(ValueError):
    """What was typed is no time, or could be two. ``sentence`` is for a person, ``step`` what to type instead."""

    def __init__(self, sentence: str, step: str) -> None:
        super().__init__(sentence)
        self.sentence, self.step = sentence, step


def instant(typed: str, now: datetime) -> datetime:
    """The instant, aware. ``now`` is aware. Raises NoTime."""
    text = " ".join(typed.lower().replace(",", " ").split())
    try:
        if not text or len(text) > MAX_CHARS:
            raise ValueError
        ago = _AGO.fullmatch(text)
        if ago is not None:
            return now - timedelta(seconds=float(ago[1]) * _UNIT_S[ago[2][0]])
        if text == "now":
            return now
        worded = _worded(text, now.astimezone().date())
        moment = worded if worded is not None else datetime.fromisoformat(typed.strip())
        return moment if moment.tzinfo is not None else _local(moment)
    except (ValueError, OverflowError) as error:
        if isinstance(error, NoTime):
            raise
        raise _nonsense(typed) from None


def _nonsense(typed: str) -> NoTime:
    clean = "".join(c for c in typed if unicodedata.category(c)[0] != "C")
    shown = clean if len(clean) <= 40 else clean[:39] + "…"
    return NoTime(
        f"{shown!r} is not a time.",
        "Give for example '2026-11-24 14:00', 'yesterday 15:15', '14:00' (today) or '2h ago'.",
    )


def _worded(text: str, today: date) -> datetime | None:
    """A day and a time of day, either of them alone, in words; None when it is not of that form."""
    clock = _clock(text)
    if clock is not None:
        return datetime.combine(today, clock)
    parts = text.replace(" at ", " ").split(" ")
    for cut in range(len(parts), 0, -1):
        day = _day(" ".join(parts[:cut]), today)
        if day is None:
            continue
        rest = " ".join(parts[cut:])
        if not rest:
            return datetime.combine(day, time()) if not _ISO_DAY.fullmatch(text) else None
        clock = _clock(rest)
        return datetime.combine(day, clock) if clock is not None else None
    return None


def _clock(text: str) -> time | None:
    """'15:15', '15:15:30', '3 pm', '3:15pm', 'noon'. Raises ValueError for one that no clock shows."""
    if text in _NAMED_CLOCK:
        return _NAMED_CLOCK[text]
    match = _CLOCK.fullmatch(text)
    if match is not None:
        return time(int(match[1]), int(match[2]), int(match[3] or 0))
    match = _AM_PM.fullmatch(text)
    if match is None:
        return None
    hour = int(match[1])
    if not 1 <= hour <= 12:
        raise ValueError(text)
    return time(hour % 12 + (12 if match[3] == "p" else 0), int(match[2] or 0))


def _day(text: str, today: date) -> date | None:
    """'today', 'yesterday', a weekday (its last), '2026-11-24', 'nov 24' (its last), '24 november 2026'."""
    if text in ("today", "yesterday", "tomorrow"):
        return today + timedelta(days=("yesterday", "today", "tomorrow").index(text) - 1)
    if _ISO_DAY.fullmatch(text):
        return date.fromisoformat(text)
    weekdays = [number for number, name in enumerate(_WEEKDAYS) if len(text) >= 3 and name.startswith(text)]
    if weekdays:
        return today - timedelta(days=(today.weekday() - weekdays[0]) % 7)
    match = _MONTH_DAY.fullmatch(text)
    if match is None:
        return None
    word, number, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
    months = [month for month, name in enumerate(_MONTHS, 1) if name.startswith(word)]
    if not months:
        return None
    day = date(int(year) if year else today.year, months[0], int(number))
    return day if year or day <= today else day.replace(year=today.year - 1)


def _local(moment: datetime) -> datetime:
    """A naive local time as an instant. Raises NoTime when the clocks were changed over it."""
    first, second = moment.replace(fold=0).astimezone(), moment.replace(fold=1).astimezone()
    if first.utcoffset() == second.utcoffset():
        return first
    clock, day = f"{moment:%H:%M}", f"{moment:%Y-%m-%d}"
    if first < second:
        raise NoTime(
            f"It was {clock} twice on {day}, when the clocks went back.",
            f"Say which: '{first.isoformat(' ', 'minutes')}' came first, then '{second.isoformat(' ', 'minutes')}'.",
        )
    # Read by the offset before the change it is later than by the one after it.
    raise NoTime(
        f"It was never {clock} on {day}: the clocks went forward over it.",
        f"Give a time up to '{second.isoformat(' ', 'minutes')}', or from '{first.isoformat(' ', 'minutes')}' on.",
    )
