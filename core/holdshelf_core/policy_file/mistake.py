"""One mistake in a policy file, and what several checks ask: keys, references, lengths of time, text that can be printed."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from holdshelf_core.inert import inert
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.near import did_you_mean

KEYS = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
MAX_WORDS = 400


class Mistake(msgspec.Struct, frozen=True):
    """One mistake: where, what, and what to do."""

    where: str
    sentence: str
    step: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence} {self.step}" if self.where else f"{self.sentence} {self.step}"


def row(table: str, number: int, key: str, most: int = 40) -> str:
    """Return the name of a row in sentences: 'role 2 ('pic')'. ``most``: letters of the key."""
    return f"{table} {number} ({inert(key)[:most]!r})" if key else f"{table} {number}"


def shown(text: str) -> str:
    """Return somebody's text in quotes, as one short line."""
    return repr(inert(text)[:40])


def one_of(known: Iterable[str], given: str = "") -> str:
    """Return the step that lists what would be right, the nearest to what was ``given`` first."""
    names = [inert(name)[:40] for name in known]
    if not names:
        return "There is none yet."
    meant = did_you_mean(given, names)
    return f"{f'{meant} ' if meant else ''}One of: {', '.join(names)}."


def character(char: str) -> str:
    """Return the name of a character: 'a no-break space (U+00A0)'."""
    name = unicodedata.name(char, "control character" if unicodedata.category(char) == "Cc" else "character").lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} (U+{ord(char):04X})"


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
        parts = [part.strip() for part in one.split(",")]
        if one not in known and len(parts) > 1 and set(parts) <= set(known):
            said = ", ".join(f'"{part}"' for part in parts)
            yield Mistake(where, f"{shown(one)} is one text, and a list has each name in quotes.", f"Write {said}.")
        elif one not in known:
            yield Mistake(where, f"There is no {what} {shown(one)}.", one_of(known, one))


def a_length(where: str, text: str) -> Iterator[Mistake]:
    """Yield a mistake unless this is a length of time."""
    if text != " ".join(text.split()):
        yield _spaces(where, text)
    elif text.isdecimal():
        yield Mistake(where, f"{shown(text)} is not a length of time: it has no unit.", with_a_unit(text))
    elif parse_length(text) is None:
        yield Mistake(
            where,
            f"{shown(text)} is not a length of time.",
            'Write "72 hours", "30 days", "5 business days" or "1 year".',
        )


def with_a_unit(number: str, name: str = "") -> str:
    """Return the step for a length of time without a unit; ``name``: the field, as it is written."""
    field = f"{name} = " if name else ""
    days, hours = ("day", "hour") if number == "1" else ("days", "hours")
    return f'Write its unit: {field}"{number} {days}" or {field}"{number} {hours}", whichever the policy says.'


def _spaces(where: str, text: str) -> Mistake:
    return Mistake(where, f"{shown(text)} has too many spaces.", f"Write {shown(' '.join(text.split()))}.")


def repeated(where: str, given: Sequence[str]) -> Iterator[Mistake]:
    """Yield a mistake for each that is named again in one list."""
    for one, times in Counter(given).items() if len(set(given)) < len(given) else ():
        if times > 1:
            yield Mistake(
                where, f"{shown(one)} appears {'twice' if times == 2 else f'{times} times'}.", "Name it once."
            )


def printable(where: str, text: str) -> Iterator[Mistake]:
    """Yield the mistakes of a text that goes onto paper or a screen."""
    if len(text) > MAX_WORDS:
        yield Mistake(where, f"The text has {len(text)} characters; {MAX_WORDS} are the most.", "Shorten it.")
    if text.strip() and text != text.strip():
        yield Mistake(where, "The text begins or ends with a space.", "Take the space out.")
    if len(text.splitlines()) > 1:
        yield Mistake(
            where, "The text has a line break.", "Write it in one line; screens and papers break it themselves."
        )
    elif "\t" in text:
        yield Mistake(where, "The text has a tab.", "Write a space.")
    elif inert(text) != text:
        odd = next(char for char in text if not char.isprintable())
        yield Mistake(where, f"The text has a character that cannot be printed: {character(odd)}.", "Type it anew.")
