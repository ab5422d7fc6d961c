"""Live audiences: a screen of the policy shows live pictures of its classes of cameras, and ends each day."""

from __future__ import annotations

from datetime import datetime, time

from holdshelf_core.policy.commissioning import not_in_use
from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.policy.instants import Now
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
    today = datetime.fromtimestamp(now.utc_ns // NS, now.zone).date()
    end = datetime.combine(today, end_of_day(state.policy, screen), now.zone)
    ends = int(end.timestamp()) * NS
    return None if now.doubtful or now.ended(ends) else ends


def end_of_day(policy: Policy, screen: Screen) -> time:
    """Return at which time of day it ends. No policy is in force whose screen ends with a closing that it does not tell."""
    return time.fromisoformat(policy.file.library.closing if screen.ends == CLOSING else screen.ends)


def words_of(policy: Policy, screen: Screen) -> str:
    """Return e.g. 'public rooms, for staff, until 8:00 pm'."""
    classes = listed(policy.class_words(key) for key in screen.classes)
    audience = "anyone" if "anyone" in screen.audience else "staff"
    return f"{classes}, for {audience}, until {date_form().time(end_of_day(policy, screen), seconds=False)}"
