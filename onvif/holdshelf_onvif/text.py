"""Sanitizes texts from cameras, and formats durations. Every name from a camera passes through ``clean_text``."""

from __future__ import annotations

import unicodedata

from .const import NAME_MAX_CHARS

# Raw text is truncated first, so a name of 10 MB costs no more than one of 1 kB.
_RAW_FACTOR = 16

# Control, format (bidi overrides, zero width), surrogate, private use and unassigned characters: none belongs in a name, and each
# can make a terminal show something else than what is stored.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SPACES = frozenset({"Zs", "Zl", "Zp"})

_UNITS = (("year", 31_536_000), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def clean_text(raw: object, max_chars: int = NAME_MAX_CHARS) -> str:
    """Return a camera's text, sanitized to at most ``max_chars`` characters; empty for None.

    Escape sequences lose their control character, bidi marks are removed, white space becomes single spaces.
    """
    if raw is None:
        return ""
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", str(raw)[: max_chars * _RAW_FACTOR]):
        category = unicodedata.category(char)
        if category in _SPACES or char in "\t\r\n":
            kept.append(" ")
        elif category not in _DROPPED:
            kept.append(char)
    text = " ".join("".join(kept).split())
    return text if len(text) <= max_chars else text[: max_chars - 1].rstrip() + "…"


def in_words(seconds: float) -> str:
    """Return a duration as people say it: its largest unit and the one below (``1 year 2 days``, ``7 seconds``).

    A year is 365 days; the sign is ignored.
    """
    rest = round(abs(seconds))
    # Rounded to what is shown: a second less than a year is a year, not 364 days 23 hours.
    said = next((index for index, (_, size) in enumerate(_UNITS) if rest >= size), len(_UNITS) - 1)
    finest = _UNITS[min(said + 1, len(_UNITS) - 1)][1]
    rest = round(rest / finest) * finest
    for index, (unit, size) in enumerate(_UNITS):
        count, rest = divmod(rest, size)
        if count or unit == "second":
            words = [_count(count, unit)]
            if index + 1 < len(_UNITS):
                below, below_size = _UNITS[index + 1]
                if below_count := rest // below_size:
                    words.append(_count(below_count, below))
            return " ".join(words)
    raise AssertionError("unreachable: seconds end the list")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
