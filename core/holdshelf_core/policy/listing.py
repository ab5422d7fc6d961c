"""Words in a row, and counts: 'a, b and c', '1 file', '2 files'."""

from __future__ import annotations

from collections.abc import Iterable


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return e.g. 'a', 'a and b', 'a, b and c'."""
    parts = list(words)
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def counted(number: int, noun: str, many: str = "") -> str:
    """Return e.g. '1 file', '2 files'. ``many``: of a noun that does not just take an s, 'entries'."""
    return f"{number} {noun}" if number == 1 else f"{number} {many or noun + 's'}"
