"""Decides what is told by one way, and when: begins, reminders and ends. Pure: (rules, state, report, now) → messages.

A condition is *told* while whoever reads the messages believes that it is so. The engine brings that up to date with the report:
not at once, so that 40 cameras are one message; not in quiet hours; and not while a condition comes and goes. `Told` is all that
it remembers; with it in a file, a restart tells nothing twice. Times are UTC nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec

from holdshelf_core.alerts.allowed import KINDS, OTHER, SEVERITIES, Report
from holdshelf_core.alerts.types import Rules
from holdshelf_core.recorder.worker.backoff import LONGEST_S
from holdshelf_core.times import HOUR_NS, NS

GROUP_S: Final = 4
"""A message waits until nothing more has changed for so long …"""
GROUP_MOST_S: Final = 10
"""… but no longer than this: a silent camera is noticed within 14 s, and mail about it goes out within 30."""
ENDS_MOST_S: Final = LONGEST_S + 1
"""Ends also wait for others of their kind that are still so, but no longer than this. Cameras that come back together are each
connected to after a pause of their own. An end that follows the longest pause is still told within 30 s."""
SEEN_AFTER_S: Final = {
    "camera_silent": 45,
    "camera_refused": 45,
    "footage_damaged": 93_600,
    "access_log": 93_600,
    "locked_out": 3600,
    "strangers": 3600,
}
SEEN_AFTER_OTHERWISE_S: Final = 900
"""After so long a service that was started has looked at it: some is seen by a job of the night. What it does not report before
has not ended for that."""
FLAPS: Final = 3
FLAP_WINDOW_S: Final = 3600
"""A condition that begins so often within this time comes and goes …"""
MOST_BEGINS: Final = 100
STAYS_S: Final = 1200
"""… until it has stayed as it is for so long."""
ORDER: Final = {severity: order for order, severity in enumerate(SEVERITIES)}

type What = Literal["begins", "flaps", "still", "ends", "was"]


class Known(msgspec.Struct):
    """A condition as one way knows it."""

    kind: str
    camera: str
    name: str
    """The camera's: it may have been removed when the end is told."""
    severity: str
    count: int
    since_utc_ns: int
    is_so: bool
    changed_utc_ns: int
    """Since when it is so, or is not, as far as the engine has seen."""
    told: str = ""
    """The severity that was told; '' those who read the messages do not believe that it is so."""
    told_utc_ns: int = 0
    """When it was last told."""
    begins: list[int] = []
    flaps: bool = False
    flaps_told: bool = False
    missed: bool = False
    """An error that began and ended in quiet hours."""
    service_utc_ns: int = 0
    """When the service was started that last said that it is so."""


class Told(msgspec.Struct):
    """All that the engine remembers of one way."""

    known: dict[str, Known] = {}


class Line(msgspec.Struct, frozen=True):
    """One condition in a message."""

    kind: str
    camera: str
    name: str
    severity: str
    count: int
    since_utc_ns: int
    until_utc_ns: int = 0
    """When it ended; 0: it did not."""
    begins: int = 0
    """How often it began, of one that comes and goes."""


class Tidings(msgspec.Struct, frozen=True):
    """What one message tells. ``lines``: the worst first."""

    what: What
    lines: tuple[Line, ...]


def step(
    rules: Rules, told: Told, report: Report, now_utc_ns: int, minute_of: Callable[[int], int]
) -> tuple[list[Tidings], bool]:
    """Bring ``told`` up to date with the report; return what is to be told now, and whether more is held back for moments.

    ``minute_of`` returns the local minute of the day (0 to 1439) of a time.
    """
    quiet = is_quiet(rules.quiet, minute_of(now_utc_ns))
    _see(rules, told, report, now_utc_ns, quiet)
    _settle(told, now_utc_ns)
    found: list[Tidings] = []
    held = False

    def may(one: Known) -> bool:
        return not quiet or (rules.errors_break_quiet and "error" in (one.severity, one.told))

    begins = [one for one in told.known.values() if _begins(one) and may(one)]
    if _ready(begins, now_utc_ns):
        found += _told("begins", [one for one in begins if not one.flaps], now_utc_ns)
        found += _told("flaps", [one for one in begins if one.flaps], now_utc_ns)
    else:
        held = held or bool(begins)
    ends = [one for one in told.known.values() if _ends(one) and may(one) and _has_looked(one, report, now_utc_ns)]
    if _ready(ends, now_utc_ns, ENDS_MOST_S, more_may_come=_more_may_end(ends, told)):
        found += _told("ends", ends, now_utc_ns)
    else:
        held = held or bool(ends)
    if not quiet:
        found += _told("was", [one for one in told.known.values() if one.missed], now_utc_ns)
        found += _remind(rules, told, now_utc_ns)
    return found, held


def is_quiet(hours: str, minute: int) -> bool:
    """Return whether a minute of the day lies in quiet hours ('22:00-07:00'), which may go over midnight."""
    if not hours:
        return False
    first, last = (int(part[:2]) * 60 + int(part[3:5]) for part in hours.split("-"))
    return first <= minute < last if first < last else minute >= first or minute < last


def wanted(rules: Rules, kind: str, severity: str) -> bool:
    """Return whether a way tells of such a condition at all. An earlier version may have told of a kind that is no longer."""
    return (
        KINDS.get(kind, KINDS[OTHER]).audience == rules.audience
        and (not rules.kinds or kind in rules.kinds)
        and ORDER.get(severity, 0) <= ORDER[rules.least]
    )


def _see(rules: Rules, told: Told, report: Report, now: int, quiet: bool) -> None:
    """Take over what the report says."""
    names = {camera.id: camera.name for camera in report.cameras}
    here = {one.key: one for one in report.conditions if wanted(rules, one.kind, one.severity)}
    unwanted = {one.key for one in report.conditions} - here.keys()
    for key in [k for k, one in told.known.items() if k in unwanted or not wanted(rules, one.kind, one.severity)]:
        del told.known[key]  # the rules changed: it has not ended
    for key, one in here.items():
        known = told.known.get(key)
        if known is None:
            name = names.get(one.camera, one.camera)
            told.known[key] = Known(
                one.kind,
                one.camera,
                name,
                one.severity,
                one.count,
                one.since_utc_ns,
                is_so=True,
                changed_utc_ns=now,
                begins=[now],
                service_utc_ns=report.started_utc_ns,
            )
            continue
        if not known.is_so:
            if known.service_utc_ns == report.started_utc_ns or not known.told:
                known.begins = [*known.begins, now][-MOST_BEGINS:]
            known.is_so, known.changed_utc_ns = True, now
            if not known.told:
                known.since_utc_ns, known.missed = one.since_utc_ns, False
        if known.told and ORDER[one.severity] < ORDER[known.told] and one.severity != known.severity:
            known.changed_utc_ns = now
        known.severity, known.count, known.service_utc_ns = one.severity, one.count, report.started_utc_ns
        known.name = names.get(one.camera, known.name)
    for key, known in list(told.known.items()):
        if key not in here and known.is_so:
            lasted = _past(now, known.changed_utc_ns)
            known.missed = quiet and not known.told and known.severity == "error" and lasted >= GROUP_S * NS
            known.is_so, known.changed_utc_ns = False, now
        if not known.flaps:
            known.begins = [at for at in known.begins if _past(now, at) < FLAP_WINDOW_S * NS]
        if not (known.is_so or known.told or known.missed or known.flaps or known.begins):
            del told.known[key]


def _settle(told: Told, now: int) -> None:
    """Note what comes and goes, and what has stopped doing so."""
    for one in told.known.values():
        if not one.flaps and len(one.begins) >= FLAPS:
            one.flaps, one.flaps_told, one.missed = True, False, False
        elif one.flaps and _past(now, one.changed_utc_ns) >= STAYS_S * NS:
            if one.is_so and one.flaps_told:
                one.told = ""  # that it stays so is news
            one.flaps, one.flaps_told, one.begins = False, False, []


def _begins(one: Known) -> bool:
    if one.flaps:
        return not one.flaps_told
    return one.is_so and (not one.told or ORDER[one.severity] < ORDER[one.told])


def _ends(one: Known) -> bool:
    return not one.is_so and bool(one.told) and not one.flaps


def _has_looked(one: Known, report: Report, now: int) -> bool:
    """Return whether this service would say so if it were still so: it did before, or has run for long enough."""
    seen_after = SEEN_AFTER_S.get(one.kind, SEEN_AFTER_OTHERWISE_S) * NS
    return one.service_utc_ns == report.started_utc_ns or _past(now, report.started_utc_ns) >= seen_after


def _more_may_end(ends: list[Known], told: Told) -> bool:
    """Return whether something of the same kind was told and is still so."""
    kinds = {one.kind for one in ends}
    return any(one.kind in kinds and one.told and one.is_so and not one.flaps for one in told.known.values())


def _ready(changed: list[Known], now: int, most_s: float = GROUP_MOST_S, *, more_may_come: bool = False) -> bool:
    # What comes and goes changes all the time: it waits from the moment at which it was found to do so.
    ages = [_past(now, one.begins[FLAPS - 1] if one.flaps else one.changed_utc_ns) for one in changed]
    is_settled = bool(ages) and min(ages) >= GROUP_S * NS and not more_may_come
    return is_settled or max(ages, default=0) >= most_s * NS


def _past(now: int, then: int) -> int:
    """Return the time since then. After a clock was set back, what waits has waited long enough."""
    return now - then if now >= then else FLAP_WINDOW_S * NS


def _told(what: What, those: list[Known], now: int) -> list[Tidings]:
    """Return the message about those, and note that it was told."""
    lines = [
        Line(
            one.kind,
            one.camera,
            one.name,
            one.severity,
            one.count,
            one.since_utc_ns,
            one.changed_utc_ns if what in ("ends", "was") else 0,
            len(one.begins) if what == "flaps" else 0,
        )
        for one in those
    ]
    for one in those:
        one.told = "" if what in ("ends", "was") else one.severity
        one.told_utc_ns, one.missed = now, False
        one.flaps_told = what == "flaps"
    return [Tidings(what, _sorted(lines))] if lines else []


def _remind(rules: Rules, told: Told, now: int) -> list[Tidings]:
    """All that is still so, once one of it was told long enough ago."""
    those = [one for one in told.known.values() if one.told and one.is_so and not one.flaps]
    if not rules.remind_hours or all(_past(now, one.told_utc_ns) < rules.remind_hours * HOUR_NS for one in those):
        return []
    return _told("still", those, now)


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda one: (ORDER[one.severity], one.since_utc_ns, one.kind, one.name)))
