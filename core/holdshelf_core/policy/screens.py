"""Live audiences: a screen of the policy shows live pictures of its classes of cameras, and ends each day."""

from __future__ import annotations

from datetime import datetime, time

from holdshelf_core.policy.commissioning import not_in_use
from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.policy.instants import Now, local
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.schema import Screen
from holdshelf_core.policy.standing import of_classes
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_storage.units import NS

CLOSING = "closing"


def cameras_of(state: State, screen: Screen) -> tuple[str, ...]:
    """Return the cameras that it shows now: those of its classes that are in use, by name."""
    found = [
        facts
        for facts in state.cameras.values()
        if of_classes(state, screen.classes, (facts.id,)) and not_in_use(state, facts.id, live=True) is None
    ]
    return tuple(facts.id for facts in sorted(found, key=lambda facts: (facts.name, facts.id)))


def end_utc_ns(state: State, screen: Screen, now: Now) -> int | None:
    """Return when it ends today, by the library's local time; None when it has ended, by either clock."""
    at, today = end_of_day(state.policy, screen), local(now.utc_ns, now.zone)
    if at is None or today is None:
        return None
    end = datetime.combine(today.date(), at, now.zone)
    ends = int(end.timestamp()) * NS
    return None if now.doubtful or now.ended(ends) else ends


def end_of_day(policy: Policy, screen: Screen) -> time | None:
    """Return at which time of day it ends; None when the file does not say when the library closes."""
    said = policy.file.library.closing if screen.ends == CLOSING else screen.ends
    try:
        return time.fromisoformat(said)
    except ValueError:
        return None


def words_of(policy: Policy, screen: Screen) -> str:
    """Return e.g. 'public rooms, for staff, until 8:00 pm'."""
    at = end_of_day(policy, screen)
    audience = "anyone" if "anyone" in screen.audience else "staff"
    until = f", until {date_form().time(at, seconds=False)}" if at is not None else ""
    return f"{listed(policy.class_words(key) for key in screen.classes)}, for {audience}{until}"
