"""Tidings as the text of a message: a subject that leads with the worst, and plain text. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

from holdshelf_core.alerts import allowed
from holdshelf_core.alerts.engine import Line, Tidings, What
from holdshelf_core.alerts.link import Message
from holdshelf_core.inert import inert
from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.times import NS

MOST_LINES: Final = 60
_LEADS: Final[dict[What, str]] = {
    "begins": "",
    "flaps": "Comes and goes: ",
    "still": "Still: ",
    "ends": "Over: ",
    "was": "Over: ",
}
_MEANS: Final[dict[What, str]] = {
    "begins": "This needs someone to look at it:",
    "flaps": "This comes and goes. You get the next message once it has stayed the same for 20 minutes:",
    "still": "Still a problem:",
    "ends": "This is over:",
    "was": "This happened in quiet hours, and is over:",
}
_SIGNS: Final = {"error": "Error", "warning": "Warning", "notice": "Notice"}
FOOT: Final = (
    "-- \nHoldshelf sends alerts about the recorder and its cameras, never about people or footage. "
    "`holdshelf alert list` shows who gets which alerts."
)


def message_of(tidings: Tidings, id: str, now_utc_ns: int, zone: tzinfo) -> Message:
    """Return the message that tells these."""
    lines = tidings.lines
    worst = lines[0]
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    shown = [_line_words(one, tidings.what, zone) for one in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"… and {len(lines) - MOST_LINES} more: `holdshelf status` shows them all.")
    body = [_MEANS[tidings.what], "", *shown, "", f"Told on {_when(now_utc_ns, zone)}.", "", FOOT]
    subject = f"Holdshelf: {_LEADS[tidings.what]}{words_of(worst)}{more}"
    is_over = tidings.what in ("ends", "was")
    return Message(id, now_utc_ns, worst.severity, is_over, one_line(subject, 200), "\n".join(body) + "\n")


def test_message(way: str, id: str, now_utc_ns: int, zone: tzinfo) -> Message:
    """Return the message of a test."""
    text = (
        f"This is a test of the alert channel {way!r}, made on {_when(now_utc_ns, zone)}. Nothing is wrong.\n\n{FOOT}\n"
    )
    return Message(id, now_utc_ns, "notice", False, "Holdshelf: a test message", text)


def words_of(line: Line) -> str:
    """Return what is so, without its time."""
    return allowed.words(line.kind, one_line(line.name, 60) or "A camera", line.count)


def one_line(text: str, most: int) -> str:
    """Return printable text of one line: a camera's name must not begin a header."""
    plain = inert(text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _line_words(line: Line, what: What, zone: tzinfo) -> str:
    since = f"since {_when(line.since_utc_ns, zone)}"
    if what in ("ends", "was"):
        lasted = _span(line.until_utc_ns - line.since_utc_ns)
        return (
            f"* {words_of(line)}: from {_when(line.since_utc_ns, zone)} to {_when(line.until_utc_ns, zone)} ({lasted})"
        )
    if what == "flaps":
        since = f"begun {line.begins} times in the last hour"
    step = allowed.next_step(line.kind, one_line(line.camera, 60))
    return f"* {_SIGNS[line.severity]}: {words_of(line)}, {since}\n  To begin with: {step}"


def _when(utc_ns: int, zone: tzinfo) -> str:
    try:
        at = datetime.fromtimestamp(utc_ns // NS, UTC).astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return "an unknown time"
    return f"{date_form().day(at)}, {date_form().time(at)} {at:%Z}"


def _span(ns: int) -> str:
    seconds = max(0, ns // NS)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
    return f"{seconds / 86_400:.1f} days"
