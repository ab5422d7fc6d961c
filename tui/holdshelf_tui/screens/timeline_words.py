"""What the timeline says in words."""

from __future__ import annotations

import time

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.looks.types import GrantRow
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.session.activity import SEARCH_DAYS
from holdshelf_tui.session.zoom import LEVELS
from holdshelf_tui.text.time_format import DAY_NS, NS, clock, day


def exact_clock(at_utc_ns: int, level: int) -> str:
    """A time of day as exact as what is in sight at a level."""
    words = clock(at_utc_ns, seconds=level > 0)
    return words if level < len(LEVELS) - 1 else f"{words[:-3]}.{at_utc_ns // (NS // 10) % 10}{words[-3:]}"


def mark_words(at_utc_ns: int | None) -> str:
    """What one mark says of its time."""
    return "…" if at_utc_ns is None else clock(at_utc_ns)


def level_words(level: int) -> str:
    """'Day [Hour] Minute Second'."""
    return " ".join(f"[{one.name}]" if number == level else one.name for number, one in enumerate(LEVELS))


def short_missing(missing: str) -> str:
    """Why there is no picture, in a thumbnail's few words."""
    if "Nothing was recorded" in missing and ":" in missing:
        return missing.rsplit(":", 1)[1].strip().rstrip(".")
    if "is missing" in missing:
        return "missing"
    if "erased on schedule" in missing and "not there yet" not in missing:
        return "erased on schedule"
    return "no picture"


def beside_missing(error: HoldshelfError) -> str:
    """Why one camera of several has no picture: 'No picture: gap, camera unreachable'."""
    short = short_missing(error.sentence)
    if short == "no picture":
        return in_words(error)
    return f"No picture: {'gap, ' if 'Nothing was recorded' in error.sentence else ''}{short}"


def short_day(utc_ns: int) -> str:
    """Without the year where it is this one: the reason for a gap needs the room."""
    words = day(utc_ns)
    return words[:-6] if words[-4:] == day(time.time_ns())[-4:] else words


def look_span(look: GrantRow) -> str:
    """From when to when a look reaches."""
    if look.start_utc_ns is None or look.end_utc_ns is None:
        return "live"
    return from_to(look.start_utc_ns, look.end_utc_ns)


def from_to(start_utc_ns: int, end_utc_ns: int) -> str:
    """'Tue, Nov 24, 2026, 2:05 pm to 2:35 pm'."""
    until = clock(end_utc_ns, seconds=False)
    if day(start_utc_ns) != day(end_utc_ns):
        until = f"{day(end_utc_ns)}, {until}"
    return f"{day(start_utc_ns)}, {clock(start_utc_ns, seconds=False)} to {until}"


def no_movement_words(at_utc_ns: int, *, forward: bool) -> str:
    """That a search found nothing, and how far it went."""
    if not forward:
        return "No movement was marked in the week before this time."
    if at_utc_ns + SEARCH_DAYS * DAY_NS >= time.time_ns():
        return "No movement was marked between this time and now."
    return "No movement was marked in the week after this time."
