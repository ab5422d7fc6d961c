"""What cameras told, in words."""

from __future__ import annotations

from collections.abc import Iterable

from holdshelf_core.looks.types import EventMark
from holdshelf_tui.text.time_format import clock, moment, short_date


def event_lines(events: Iterable[EventMark]) -> list[str]:
    """Each with its times, the newest first."""
    lines = []
    for mark in sorted(events, key=lambda row: -row.start_utc_ns):
        begins = f"{short_date(mark.start_utc_ns)}, {clock(mark.start_utc_ns)}"
        if mark.end_utc_ns is None:
            until = " until now"
        elif moment(mark.end_utc_ns).date() == moment(mark.start_utc_ns).date():
            until = f" to {clock(mark.end_utc_ns)}" if mark.end_utc_ns > mark.start_utc_ns else ""
        else:
            until = f" to {short_date(mark.end_utc_ns)}, {clock(mark.end_utc_ns)}"
        lines.append(f"{begins}{until}: {event_words(mark.kind)}")
    return lines


def event_words(kind: str) -> str:
    """What a camera told, as people say it."""
    return {"signal_loss": "its signal was lost", "digital_input": "its input was switched"}.get(kind, kind)
