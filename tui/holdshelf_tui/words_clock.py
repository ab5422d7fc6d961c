"""Dates and times as people here say them: on screens, in commands and on papers. No Textual, which a command does without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(utc_ns: int) -> datetime:
    """Local time, with its offset, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone()


def clock(utc_ns: int, *, seconds: bool = True) -> str:
    """'2:05:07 pm', as the library's wall clock says it."""
    at = moment(utc_ns)
    text = at.strftime("%I:%M:%S" if seconds else "%I:%M").lstrip("0")
    return f"{text} {'am' if at.hour < 12 else 'pm'}"


def day(utc_ns: int) -> str:
    """'Tue, Nov 24, 2026'."""
    return moment(utc_ns).strftime("%a, %b %-d, %Y")


def when(utc_ns: int | None, *, seconds: bool = False) -> str:
    """'Nov 24, 2026, 2:05 pm', with the offset only where that time comes twice."""
    if utc_ns is None:
        return "-"
    return f"{moment(utc_ns).strftime('%b %-d, %Y')}, {told_clock(utc_ns, seconds=seconds)}"


def told_clock(utc_ns: int, *, seconds: bool = True) -> str:
    """'2:05:07 pm'; with the zone's name in the hour that comes twice, so that it is seen which one is meant."""
    at = moment(utc_ns)
    shown = at.replace(tzinfo=None)
    first, second = shown.replace(fold=0).astimezone(), shown.replace(fold=1).astimezone()
    zone = f" {at.strftime('%Z')}" if first.utcoffset() != second.utcoffset() else ""
    return f"{clock(utc_ns, seconds=seconds)}{zone}"
