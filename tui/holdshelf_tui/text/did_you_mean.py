"""What a person may have meant by a name that nothing has."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

MOST = 3
LIKE = 0.7
"""How alike two names are at least, from 0 to 1 (difflib's ratio)."""


def nearest(typed: str, known: Iterable[tuple[str, str]]) -> list[str]:
    """Up to three words of ``known``, (what is typed, another name of the same), that are like ``typed``, the nearest first."""
    words: dict[str, str] = {}
    for word, other in known:
        for name in (word, other):
            words.setdefault(_plain(name), word)
    if _plain(typed) in words:
        return [words[_plain(typed)]]
    found = difflib.get_close_matches(_plain(typed), list(words), n=2 * MOST, cutoff=LIKE)
    return list(dict.fromkeys(words[name] for name in found))[:MOST]


def did_you_mean(typed: str, known: Iterable[tuple[str, str]]) -> str:
    """A question that names what is like ``typed``; '' when nothing is."""
    found = [repr(word) for word in nearest(typed, known)]
    return f"Did you mean {' or '.join(found)}?" if found else ""


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(folded.replace("-", " ").replace("_", " ").split())
