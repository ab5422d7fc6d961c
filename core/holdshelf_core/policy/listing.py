"""Words in a row, and counts: 'a, b and c', '1 file', '2 files'; and where a line may not end."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

NO_BREAK = "\u00a0"
INSIDE = "\ue000"
"""For `unbroken`, where spaces are put back afterwards: a letter that no text from outside has (`inert`)."""
_UNITS = (
    *(
        "s",
        "min",
        "h",
        "B",
        "[kMGT]B",
        "%",
        "[ap]m",
        r"[ap]\.m\.",
        "Mbit/s",
        "feet",
        "pictures?",
        "cameras?",
        "entries",
    ),
    *("seconds?", "minutes?", "hours?", "business", "days?", "weeks?", "months?", "years?"),
    *("segundos?", "minutos?", "horas?", "días?", "semanas?", "meses", "mes", "años?"),
    *("secondes?", "heures?", "jours?", "semaines?", "mois", "ans?"),
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NAMES = (
    *("January", "February", "March", "April", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
# A space between a number and its unit, inside of '5 min 00 s' and '1 h 05 min', between day and month, and behind 'no.'.
_WITHIN = re.compile(
    rf"(?<=\d) (?=(?:{'|'.join(_UNITS)})(?![^\W_]))"
    r"|(?<=\d min) (?=\d\d s\b)|(?<=\d h) (?=\d\d min\b)"
    rf"|(?:{'|'.join(rf'(?<=\b{month})' for month in (*_MONTHS, *_MONTH_NAMES))}) (?=\d\d?\b)"
    rf"|(?<=\d) (?=(?:{'|'.join((*_MONTHS, *_MONTH_NAMES))})\b)"
    r"|(?<=\bno\.) (?=\d)"
)


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return e.g. 'a', 'a and b', 'a, b and c'."""
    parts = list(words)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def counted(number: int, noun: str, many: str = "") -> str:
    """Return e.g. '1 file', '2 files'. ``many``: of a noun that does not just take an s, 'entries'."""
    return f"{number} {noun}" if number == 1 else f"{number} {many or noun + 's'}"


def unbroken(text: str, space: str = NO_BREAK) -> str:
    """The text, as long as before, with ``space`` for each space at which no line may end: '5 min 00 s', 'Nov 24', '20 %'."""
    return _WITHIN.sub(space, text)


def wrapped(text: str, width: int, first: str = "", rest: str = "", *, at_spaces: bool = False) -> list[str]:
    """The text in lines, no number cut off from its unit, the first begun with ``first``, the others with ``rest``.

    ``at_spaces``: lines end nowhere else, neither at a hyphen nor within a word that is longer than a line.
    """
    lines = textwrap.wrap(
        unbroken(text, INSIDE),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=not at_spaces,
        break_on_hyphens=not at_spaces,
    )
    return [line.replace(INSIDE, " ") for line in lines]
