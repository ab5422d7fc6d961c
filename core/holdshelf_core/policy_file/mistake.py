"""One mistake in a policy file, and what several checks ask: keys, references, lengths of time, text that can be printed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import msgspec

from holdshelf_core.inert import inert
from holdshelf_core.policy.lengths import parse_length

KEYS = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
MAX_WORDS = 400


class Mistake(msgspec.Struct, frozen=True):
    """One mistake: where, what, and what to do."""

    where: str
    sentence: str
    step: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence} {self.step}" if self.where else f"{self.sentence} {self.step}"


def row(table: str, number: int, key: str) -> str:
    """Return the name of a row in sentences: 'role 2 ('pic')'."""
    return f"{table} {number} ({inert(key)[:40]!r})" if key else f"{table} {number}"


def shown(text: str) -> str:
    """Return somebody's text in quotes, as one short line."""
    return repr(inert(text)[:40])


def one_of(known: Iterable[str]) -> str:
    """Return the step that lists what would be right."""
    names = list(known)
    return f"One of: {', '.join(names)}." if names else "There is none yet."


def twice(where: str, keys: Iterable[str], what: str) -> Iterator[Mistake]:
    """Yield a mistake for each key that is there again."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            yield Mistake(
                where, f"There are two of the {what} {shown(key)}.", "Give one of them another key, or take it out."
            )
        seen.add(key)


def a_key(where: str, key: str) -> Iterator[Mistake]:
    """Yield a mistake unless this is a key."""
    if not KEYS.fullmatch(key):
        yield Mistake(
            where, f"{shown(key)} is no key.", "A key has 1 to 40 of a-z, 0-9 and -, and begins with a letter."
        )


def among(where: str, given: Iterable[str], known: Collection[str], what: str) -> Iterator[Mistake]:
    """Yield a mistake for each that is not known."""
    for one in given:
        if one not in known:
            yield Mistake(where, f"There is no {what} {shown(one)}.", one_of(known))


def a_length(where: str, text: str) -> Iterator[Mistake]:
    """Yield a mistake unless this is a length of time."""
    if parse_length(text) is None:
        yield Mistake(
            where,
            f"{shown(text)} is no length of time.",
            'Write "72 hours", "30 days", "5 business days" or "1 year".',
        )


def printable(where: str, text: str) -> Iterator[Mistake]:
    """Yield the mistakes of a text that goes onto paper or a screen."""
    if len(text) > MAX_WORDS:
        yield Mistake(where, f"The text has {len(text)} characters; {MAX_WORDS} are the most.", "Shorten it.")
    if inert(text) != text:
        yield Mistake(where, "The text has a character that cannot be printed.", "Type it anew.")
