"""Where the timeline stands: how much time is in sight, and where the cursor is in it. Day, hour, minute, second.

Arithmetic on UTC nanoseconds and the local calendar, without a widget. The cursor is always in sight and never in the future.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from tzlocal import get_localzone

from holdshelf_tui.text.time_format import DAY_NS, HOUR_NS, MINUTE_NS, NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Level:
    """One magnification: how long the span in sight is, and how far an arrow moves the cursor."""

    name: str
    span_ns: int
    step_ns: int
    tick_ns: int
    """Between two labels, at 80 columns."""


LEVELS = (
    Level("Day", DAY_NS, 15 * MINUTE_NS, 3 * HOUR_NS),
    Level("Hour", HOUR_NS, MINUTE_NS, 10 * MINUTE_NS),
    Level("Minute", MINUTE_NS, NS, 10 * NS),
    Level("Second", 10 * NS, NS // 5, 2 * NS),
)


def day_start(utc_ns: int, zone: tzinfo | None = None) -> int:
    """Local midnight at or before an instant."""
    local = (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(zone or get_localzone())
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    since = midnight.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS


class View:
    """The span in sight and the cursor."""

    def __init__(self, cursor_utc_ns: int, *, level: int = 0, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self.level = level
        self.cursor_utc_ns = cursor_utc_ns
        self.start_utc_ns = 0
        self.end_utc_ns = 0
        self._center()

    @property
    def magnification(self) -> Level:
        """The level it stands at."""
        return LEVELS[self.level]

    def go(self, utc_ns: int, now_utc_ns: int, *, level: int | None = None) -> None:
        """The cursor there, and it in the middle of what is in sight."""
        self.level = self.level if level is None else level
        self.cursor_utc_ns = min(utc_ns, now_utc_ns)
        self._center()

    def move(self, steps: int, now_utc_ns: int) -> None:
        """The cursor by so many steps; what is in sight follows by a half when it leaves."""
        step = self.magnification.step_ns
        at = self.cursor_utc_ns + steps * step
        if self.level == 0:  # on the grid of the local day, whose length may be another one
            at = self.start_utc_ns + round((at - self.start_utc_ns) / step) * step
        self.cursor_utc_ns = min(at, now_utc_ns)
        self._follow()

    def page(self, pages: int, now_utc_ns: int) -> None:
        """As many spans on or back."""
        if self.level == 0:
            within = self.cursor_utc_ns - self.start_utc_ns
            there = day_start(self.start_utc_ns + pages * DAY_NS + DAY_NS // 2, self._zone)
            self.cursor_utc_ns = min(there + within, now_utc_ns)
        else:
            self.cursor_utc_ns = min(self.cursor_utc_ns + pages * self.magnification.span_ns, now_utc_ns)
        self._center()

    def zoom(self, by: int) -> bool:
        """Nearer (1) or farther (-1), the cursor where it is. False: there is no such level."""
        if not 0 <= self.level + by < len(LEVELS):
            return False
        self.level += by
        self._center()
        return True

    def point(self, share: float, now_utc_ns: int) -> None:
        """The cursor at a place in what is in sight, 0 … 1."""
        span = self.end_utc_ns - self.start_utc_ns
        self.cursor_utc_ns = min(self.start_utc_ns + int(span * min(max(share, 0.0), 1.0)), now_utc_ns)

    def column(self, utc_ns: int, columns: int) -> int:
        """The column of an instant; outside of 0 … columns - 1 when it is not in sight."""
        return (utc_ns - self.start_utc_ns) * columns // (self.end_utc_ns - self.start_utc_ns)

    def ticks(self, columns: int) -> list[tuple[int, int]]:
        """(column, instant) of the labels, at round local times."""
        tick = self.magnification.tick_ns
        if columns > 120 and self.level < 2:
            tick //= 2 if self.level else 3
        base = day_start(self.start_utc_ns, self._zone)
        first = base - (base - self.start_utc_ns) // tick * tick
        return [(self.column(at, columns), at) for at in range(first, self.end_utc_ns, tick) if at >= self.start_utc_ns]

    def _center(self) -> None:
        level = self.magnification
        if self.level == 0:
            self.start_utc_ns = day_start(self.cursor_utc_ns, self._zone)
            self.end_utc_ns = day_start(self.start_utc_ns + DAY_NS + DAY_NS // 2, self._zone)
            return
        half = level.span_ns // 2
        self.start_utc_ns = (self.cursor_utc_ns - half) // level.step_ns * level.step_ns
        self.end_utc_ns = self.start_utc_ns + level.span_ns

    def _follow(self) -> None:
        if self.start_utc_ns <= self.cursor_utc_ns < self.end_utc_ns:
            return
        if self.level == 0:
            self._center()
            return
        half = self.magnification.span_ns // 2
        while self.cursor_utc_ns >= self.end_utc_ns:
            self.start_utc_ns, self.end_utc_ns = self.start_utc_ns + half, self.end_utc_ns + half
        while self.cursor_utc_ns < self.start_utc_ns:
            self.start_utc_ns, self.end_utc_ns = self.start_utc_ns - half, self.end_utc_ns - half
