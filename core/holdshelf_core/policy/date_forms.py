"""How days and times of day are written: the order of day, month and year, and 12 or 24 hours, as the policy in force has it.

One for the process: a service, a session and a command belong to one library. Times with an offset, for machines and for the hour
that comes twice, are ISO 8601 whatever is chosen here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

type Order = Literal["mdy", "dmy", "ymd"]


@dataclass(frozen=True, slots=True)
class DateForm:
    """``order``: of day, month and year; ``hours``: 12 or 24."""

    order: Order = "mdy"
    hours: int = 12

    def day(self, on: date, *, long: bool = False, weekday: bool = False, year: bool = True) -> str:
        """Return e.g. 'Nov 24, 2026', '24 Nov 2026' or '2026-11-24'; ``long``: with the month's whole name."""
        month = _MONTHS[on.month - 1] if long else _MONTHS[on.month - 1][:3]
        if self.order == "ymd" and year and not long:
            said = f"{on:%Y-%m-%d}"
        elif self.order == "mdy":
            said = f"{month} {on.day}" + (f", {on.year}" if year else "")
        else:
            said = f"{on.day} {month}" + (f" {on.year}" if year else "")
        return f"{on:%a}, {said}" if weekday else said

    def time(self, at: time | datetime, *, seconds: bool = True) -> str:
        """Return e.g. '2:05:07 pm', or '14:05:07'."""
        rest = f"{at:%M:%S}" if seconds else f"{at:%M}"
        if self.hours == 24:
            return f"{at.hour:02}:{rest}"
        return f"{at.hour % 12 or 12}:{rest} {'am' if at.hour < 12 else 'pm'}"

    def in_figures(self, first: int, second: int) -> tuple[int, int]:
        """Return (month, day) of '11/24' as it is written here."""
        return (second, first) if self.order == "dmy" else (first, second)


class _Used:
    form = DateForm()
    ask: Callable[[], DateForm] | None = None


def date_form() -> DateForm:
    """Return the form in use; a command asks its service for it once, as soon as a day is read or written."""
    if (ask := _Used.ask) is not None:
        _Used.ask = None
        _Used.form = ask()
    return _Used.form


def use(form: DateForm | None = None, *, ask: Callable[[], DateForm] | None = None) -> None:
    """Use this form from now on; or the one that ``ask`` returns when it is first needed."""
    _Used.form, _Used.ask = form or DateForm(), ask
