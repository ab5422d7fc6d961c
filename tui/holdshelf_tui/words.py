"""Words on screen: a librarian's, and inert. Text from cameras and people never reaches a widget but through `plain`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from textual.content import Content

from holdshelf_tui.cli.render import counted, inert, local, size, span

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

__all__ = ["Content", "clock", "counted", "day", "inert", "local", "moment", "plain", "size", "span", "when"]


def plain(text: str, most: int = 200) -> Content:
    """Text without escapes, controls, bidirectional marks or markup."""
    return Content(inert(text, most))


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
