"""A stretch of time as people type it: 'yesterday 3:15 pm' to '3:45 pm', 'for 20 min', or a day, 'since 11/27 until 11/27'.

The end is understood from the start: a time of day alone is the next one after it, a length of time is counted from it. A day
alone is the whole day: a span starts with its first instant and ends with its last.
"""

from __future__ import annotations

import re
from datetime import timedelta

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.date_forms import date_form
from holdshelf_tui.text.time_format import NS, day, moment, told_clock
from holdshelf_tui.text.time_parse import Moments, NotATime, parse
from holdshelf_tui.text.words import inert
from holdshelf_tui.text.words import span as length_words

_LENGTH = re.compile(
    r"^(?:for|\+)?\s*(?:(\d{1,6}(?:\.\d{1,6})?)\s*(?:d|day|days)\b\.?)?\s*(?:(\d{1,6}(?:\.\d{1,6})?)\s*(?:h|hour|hours)\b\.?)?"
    r"\s*(?:(\d{1,6}(?:\.\d{1,6})?)\s*(?:m|min|mins|minute|minutes)\b\.?)?\s*(?:(\d{1,9})\s*(?:s|sec|second|seconds)\b\.?)?$",
    re.IGNORECASE,
)
_IN_DAYS = re.compile(r"^(?:in\s+)?(\d{1,4})\s+days?$", re.IGNORECASE)
_DATED = re.compile(r"\b\d{4}\b|^(?:today|tomorrow|yesterday)$", re.IGNORECASE)
MOST_NS = 9_000_000_000 * NS
"""Half a nanosecond integer of the API's: what lies beyond is no time of recordings."""


def start_utc_ns(text: str, now_utc_ns: int, *, future: bool = False) -> int:
    """When a span starts. ``future``: it may start in the time to come. Raises BadRequest. May block (`time_parse.parse`)."""
    try:
        found = parse(text, now_utc_ns)
    except BadRequest:
        if not future:
            raise
        found = parse(text, now_utc_ns, future=True)
    return found.day_ns[0] if found.day_ns is not None else found.only()


def end_utc_ns(text: str, start_utc_ns: int | None, now_utc_ns: int) -> int:
    """When a span ends, or the last instant asked about where no start is known (None). Raises BadRequest. May block."""
    length = _LENGTH.match(" ".join(text.split()))
    if start_utc_ns is not None and length is not None and any(length.groups()):
        days, hours, minutes, seconds = (float(part or 0) for part in length.groups())
        ends = start_utc_ns + round((days * 86_400 + hours * 3600 + minutes * 60 + seconds) * NS)
        if ends > MOST_NS:
            raise BadRequest(f"{inert(text, 40)!r} is too long.", "Give an end within this century.")
        return ends
    found = parse(text, now_utc_ns, future=True, since_utc_ns=start_utc_ns)
    return found.day_ns[1] if found.day_ns is not None else found.only()


def told_span(start_utc_ns: int, end_utc_ns: int | None) -> str:
    """'Tue, Nov 24, 2026, 3:15:00 pm to 3:45:00 pm (30 min 00 s)'. Its two times can be typed again."""
    begins = f"{day(start_utc_ns)}, {told_clock(start_utc_ns)}"
    if end_utc_ns is None:
        return f"{begins} until it is lifted"
    same = moment(start_utc_ns).date() == moment(end_utc_ns).date()
    ends = told_clock(end_utc_ns) if same else f"{day(end_utc_ns)}, {told_clock(end_utc_ns)}"
    return f"{begins} to {ends} ({length_words((end_utc_ns - start_utc_ns) / NS)})"


def typed_day(text: str, now_utc_ns: int, what: str = "") -> str:
    """'12/31/2026', 'Dec 31, 2026', 'in 30 days' → '2026-12-31', as letters and terms are dated. ``what`` begins the refusal's
    sentence. Raises BadRequest."""
    found = _dated(text, now_utc_ns)
    if not isinstance(found, str):
        raise BadRequest(
            f"{what} {inert(text, 40)!r} is not a day.".lstrip(),
            f"Type, for example, 2026-12-31, {_figures()} or 'in 30 days'.",
        )
    return found


def typed_day_or_time(text: str, now_utc_ns: int, what: str = "") -> str:
    """As `typed_day`; or a time of a day: '12/31/2026 6:30 pm' → '2026-12-31T18:30:00-05:00'. Raises BadRequest."""
    found = _dated(text, now_utc_ns)
    if found is None:
        raise BadRequest(
            f"{what} {inert(text, 40)!r} is not a day.".lstrip(),
            f"Type, for example, 2026-12-31, {_figures()}, 'in 30 days' or, with a time, '{_figures()} 6:30 pm'.",
        )
    return found if isinstance(found, str) else moment(found.only()).isoformat()


def _figures() -> str:
    return "31/12/2026" if date_form().order == "dmy" else "12/31/2026"


def _dated(text: str, now_utc_ns: int) -> str | Moments | None:
    """A day, 'YYYY-MM-DD', or the instants of a time of a day; None where it is neither."""
    typed = " ".join(text.split())
    if (counted := _IN_DAYS.match(typed)) is not None:
        return (moment(now_utc_ns).date() + timedelta(days=int(counted[1]))).isoformat()
    if not _DATED.search(typed):
        return None  # without a year it could be the last one as well as the next
    try:
        found = parse(typed, now_utc_ns, future=True)
    except NotATime:
        return None
    return found if found.day_ns is None else moment(found.utc_ns[0]).date().isoformat()
