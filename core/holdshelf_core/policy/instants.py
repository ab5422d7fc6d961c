"""The two clocks, and what can be said about a start or an end by them. Must never read a clock itself.

The wall clock can be set by hand; trusted time (highest time ever persisted plus boot time) cannot go back. A right is judged by
whichever of the two is worse for it, so no clock step gives anyone anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from holdshelf_core.policy.date_forms import date_form
from holdshelf_storage.units import MINUTE_NS

DISAGREEMENT_NS = 5 * MINUTE_NS
"""Clocks further apart than this suspend everything granted or deleted by age, until a person confirms the time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Now:
    """Wall clock and trusted time, both UTC ns. ``zone`` is only for text: dates in the library's local time."""

    utc_ns: int
    trusted_utc_ns: int
    zone: tzinfo = UTC

    @property
    def earliest_utc_ns(self) -> int:
        """Return the time that has certainly come: used for beginnings."""
        return min(self.utc_ns, self.trusted_utc_ns)

    @property
    def latest_utc_ns(self) -> int:
        """Return the time that may have come: used for ends."""
        return max(self.utc_ns, self.trusted_utc_ns)

    @property
    def doubtful(self) -> bool:
        """Return whether the clocks disagree, so that nothing is granted or deleted by age."""
        return abs(self.utc_ns - self.trusted_utc_ns) > DISAGREEMENT_NS

    @property
    def year(self) -> int:
        """Return the local year by the wall clock, as it stands in the numbers of looks, holds and papers."""
        moment = local(self.utc_ns, self.zone)
        return moment.year if moment else _EPOCH.year

    def begun(self, start_utc_ns: int) -> bool:
        """Return whether a start has come, by both clocks."""
        return start_utc_ns <= self.utc_ns and start_utc_ns <= self.trusted_utc_ns

    def ended(self, end_utc_ns: int | None) -> bool:
        """Return whether an end has come, by either clock. None never ends."""
        return end_utc_ns is not None and (end_utc_ns <= self.utc_ns or end_utc_ns <= self.trusted_utc_ns)

    def within(self, start_utc_ns: int, end_utc_ns: int | None) -> bool:
        """Return whether a start has come and its end has not, each as above. It is asked several times for each decision."""
        utc_ns, trusted_utc_ns = self.utc_ns, self.trusted_utc_ns
        return (
            start_utc_ns <= utc_ns
            and start_utc_ns <= trusted_utc_ns
            and (end_utc_ns is None or (utc_ns < end_utc_ns and trusted_utc_ns < end_utc_ns))
        )

    def grown_old(self, end_utc_ns: int | None) -> bool:
        """Return whether an end has come by both clocks, and they agree: for what deletes (the end of a grace period) or
        grants by age. None never ends."""
        return end_utc_ns is not None and not self.doubtful and end_utc_ns <= self.earliest_utc_ns


def local(utc_ns: int, zone: tzinfo) -> datetime | None:
    """Return the local time; None where it is out of range."""
    try:
        return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(zone)
    except (OverflowError, ValueError):
        return None


def day_words(utc_ns: int, zone: tzinfo) -> str:
    """Return e.g. 'November 24, 2026'."""
    moment = local(utc_ns, zone)
    return date_form().day(moment, long=True) if moment else "a date out of range"


def end_words(end_utc_ns: int, zone: tzinfo) -> str:
    """Return when a right ended: 'November 24, 2026' for its last day, with the time when it ended within a day."""
    moment = local(end_utc_ns, zone)
    if moment is None:
        return "a date out of range"
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return day_words(end_utc_ns - 1, zone)
    return f"{day_words(end_utc_ns, zone)} at {moment:%H:%M} ({_offset_words(moment)})"


def moment_words(utc_ns: int, zone: tzinfo) -> str:
    """Return e.g. '2026-11-24 14:00:05 -05:00': the offset tells the two 01:30s of a clock change apart."""
    moment = local(utc_ns, zone)
    return f"{moment:%Y-%m-%d %H:%M:%S} {_offset_words(moment)}" if moment else "a time out of range"


def span_words(start_utc_ns: int, end_utc_ns: int, zone: tzinfo) -> str:
    """Return e.g. '2026-11-24 14:00:05 -05:00 to 14:10:00': the end's day and offset only where they differ."""
    start, end = moment_words(start_utc_ns, zone), moment_words(end_utc_ns, zone)
    (day, *begun), (end_day, *ended) = start.split(" "), end.split(" ")
    is_short = day == end_day and begun[1:] == ended[1:] and len(ended) == 2
    return f"{start} to {ended[0] if is_short else end}"


def _offset_words(moment: datetime) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"
