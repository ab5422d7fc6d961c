"""Holdshelf's own sentences cite clauses as P1 to P21. Where the policy in force numbers its text otherwise, they cite that text.

One numbering for the process, as with the form of dates: a service and a session belong to one library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CLAUSE = r"P(?:2[01]|1\d|[1-9])"
_CITED = re.compile(rf" ?\(({_CLAUSE}(?:(?:, | and | to |[-–]){_CLAUSE})*)\)", re.ASCII)
_PART = re.compile(rf"({_CLAUSE})(?:(?: to |[-–])({_CLAUSE}))?", re.ASCII)


class _Used:
    numbers: Mapping[str, str] = {}


def use(numbers: Mapping[str, str]) -> None:
    """Cite by these numbers from now on: by P1 to P21 the library's own, '' where it has no such clause; {} for the same."""
    _Used.numbers = numbers


def renumbered(text: str, numbers: Mapping[str, str] | None = None) -> str:
    """Return the text with '(P3)' or '(P4 to P8)' as the policy numbers it: '(7.4)'; a citation of nothing is left out.

    ``numbers``: in place of those in use.
    """
    known = _Used.numbers if numbers is None else numbers
    return _CITED.sub(lambda found: _cited(found, known), text) if known and "(P" in text else text


def _cited(found: re.Match[str], numbers: Mapping[str, str]) -> str:
    named: dict[str, None] = {}
    for first, last in _PART.findall(found[1]):
        for number in range(int(first[1:]), int((last or first)[1:]) + 1):
            if own := numbers.get(f"P{number}", ""):
                named[own] = None
    if not named:
        return ""
    return f"{' ' if found[0].startswith(' ') else ''}({', '.join(named)})"
