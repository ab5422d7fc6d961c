"""Holdshelf's own sentences cite clauses as P1 to P21. Where the policy in force numbers its text otherwise, they cite that text.

One numbering for the process, as with the form of dates: a service and a session belong to one library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_CLAUSE = r"P(?:2[01]|1\d|[1-9])"
_CITED = re.compile(rf" ?\(({_CLAUSE}(?:(?:, | and | to |[-–]){_CLAUSE})*)\)", re.ASCII)
_PART = re.compile(rf"({_CLAUSE})(?:(?: to |[-–])({_CLAUSE}))?", re.ASCII)


class _Used:
    numbers: Mapping[str, str] = {}
    ask: Callable[[], Mapping[str, str]] | None = None


def use(numbers: Mapping[str, str] | None = None, *, ask: Callable[[], Mapping[str, str]] | None = None) -> None:
    """Cite by these numbers from now on: by P1 to P21 the library's own, '' where it has no such clause; {} for the same.

    ``ask``: returns them when a clause is first cited, as a command asks its service.
    """
    _Used.numbers, _Used.ask = numbers or {}, ask


def _numbers() -> Mapping[str, str]:
    if (ask := _Used.ask) is not None:
        _Used.ask = None
        _Used.numbers = ask()
    return _Used.numbers


def renumbered(text: str, numbers: Mapping[str, str] | None = None) -> str:
    """Return the text with '(P3)' or '(P4 to P8)' as the policy numbers it: '(7.4)'; a citation of nothing is left out.

    ``numbers``: in place of those in use.
    """
    if "(P" not in text:
        return text
    known = _numbers() if numbers is None else numbers
    return _CITED.sub(lambda found: _cited(found, known), text) if known else text


def _cited(found: re.Match[str], numbers: Mapping[str, str]) -> str:
    named: dict[str, None] = {}
    for first, last in _PART.findall(found[1]):
        for number in range(int(first[1:]), int((last or first)[1:]) + 1):
            if own := numbers.get(f"P{number}", ""):
                named[own] = None
    if not named:
        return ""
    return f"{' ' if found[0].startswith(' ') else ''}({', '.join(named)})"
