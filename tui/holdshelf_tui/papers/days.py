"""Days and lengths of time on papers that are printed in several languages. In English days are written as the policy's page says
(``date_form``); another language has its own order, but for a library that writes the year first.
"""

from __future__ import annotations

from datetime import date

from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.policy.lengths import parse_length
from holdshelf_tui.papers.catalogs import ENGLISH, Words, noted
from holdshelf_tui.papers.text import clean

_MONTHS = (
    noted("January"),
    noted("February"),
    noted("March"),
    noted("April"),
    noted("May"),
    noted("June"),
    noted("July"),
    noted("August"),
    noted("September"),
    noted("October"),
    noted("November"),
    noted("December"),
)
_SHORT = (
    noted("Jan"),
    noted("Feb"),
    noted("Mar"),
    noted("Apr"),
    noted("May"),
    noted("Jun"),
    noted("Jul"),
    noted("Aug"),
    noted("Sep"),
    noted("Oct"),
    noted("Nov"),
    noted("Dec"),
)
_LONG_DAY, _SHORT_DAY = noted("{month} {day}, {year}"), noted("{mon} {day}, {year}")
_LENGTHS = {
    "minutes": (noted("1 minute"), noted("{count} minutes")),
    "hours": (noted("1 hour"), noted("{count} hours")),
    "days": (noted("1 day"), noted("{count} days")),
    "business days": (noted("1 business day"), noted("{count} business days")),
    "months": (noted("1 month"), noted("{count} months")),
    "years": (noted("1 year"), noted("{count} years")),
}


def day_words(iso: str, say: Words, *, long: bool = False) -> str:
    """'2026-11-24' → 'Nov 24, 2026', '24 nov 2026'; ``long``: with the month's whole name. What is no day stays, '' too."""
    try:
        on = date.fromisoformat(iso)
    except ValueError:
        return clean(iso, 20)
    form = date_form()
    if say.language == ENGLISH or (form.order == "ymd" and not long):
        return form.day(on, long=long)
    values = {"day": str(on.day), "year": str(on.year)}
    if long:
        return say(_LONG_DAY, month=say(_MONTHS[on.month - 1]), **values)
    return say(_SHORT_DAY, mon=say(_SHORT[on.month - 1]), **values)


def length_words(length: str, say: Words) -> str:
    """'30 days' → '30 días'; what is no length of time stays."""
    found = parse_length(length)
    if found is None:
        return clean(length, 40)
    one, many = _LENGTHS[found.unit]
    return say(one) if found.count == 1 else say(many, count=str(found.count))
