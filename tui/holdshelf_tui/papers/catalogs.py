"""What papers for the public say in another language: message catalogs (gettext), compiled when the program is built.

The English message is the original and its own key, so English needs no catalog. What a catalog lacks is said in English.
docs/papers.md tells how a language is added, and ``scripts/catalogs.py`` collects the messages.
"""

from __future__ import annotations

import gettext
import re
import struct
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.governing import english, own_board
from holdshelf_core.reports.types import PaperFacts

ENGLISH = "en"
DOMAIN = "papers"
LOCALE = Path(__file__).parent / "locale"
_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)


class Words:
    """``say("Request {release}", release="R-2026-0001")``: a message in one language, its values put in as they are."""

    def __init__(
        self, language: str, translations: gettext.NullTranslations, own: Mapping[str, str] | None = None
    ) -> None:
        """``own``: messages that a policy says otherwise."""
        self.language = language
        self._translations, self._own = translations, own or {}

    def __call__(self, message: str, /, **values: str) -> str:
        """The message; the English one where this language has none."""
        said = self._own.get(message) or (self._translations.gettext(message) if message else "")
        return said.format_map(values) if values else said

    def has(self, message: str) -> bool:
        """Whether it is said in this language, and not in English instead."""
        return self.language == ENGLISH or message in self._own or self._translations.gettext(message) != message

    def with_own(self, own: Mapping[str, str]) -> Words:
        """These words, but for what a policy says otherwise."""
        return Words(self.language, self._translations, own) if own else self


def noted(message: str) -> str:
    """The message itself, marked as one that papers say: where a table holds it, before its language is known."""
    return message


ENGLISH_WORDS = Words(ENGLISH, gettext.NullTranslations())


@cache
def known() -> dict[str, str]:
    """Each language that there is, English first, and what it calls itself."""
    codes = sorted(path.parts[-3] for path in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return {ENGLISH: "English", **{code: _load(code)(noted("English")) for code in codes if _LANGUAGE.fullmatch(code)}}


def named(language: str) -> str:
    """'es (Español)': a language of a policy as people are asked for it; the code alone for one that papers do not speak."""
    name = known().get(base(language), "")
    return f"{language} ({name})" if name else language


@cache
def _load(language: str) -> Words:
    return Words(language, gettext.translation(DOMAIN, LOCALE, [language]))


def words(language: str) -> Words:
    """What papers say in that language; of two, as a sign may have, in the first. Raises BadRequest for an unknown one."""
    asked = base(language.partition("+")[0].strip()) or ENGLISH
    if asked == ENGLISH:
        return ENGLISH_WORDS
    if asked not in known():
        listed = ", ".join(f"{code} ({name})" for code, name in known().items())
        raise BadRequest(f"Papers are not available in {asked[:20]!r}.", f"Known: {listed}.")
    return _load(asked)


def own_language(facts: PaperFacts, signs: Iterable[str] = ()) -> str:
    """The first language of the policy in force that papers speak, or that one of ``signs`` is worded in; English where there is
    none."""
    policy = facts.policy
    own = (policy.languages or (policy.language,)) if policy is not None else ()
    return next((one for one in own if one in known() or is_signed(signs, one)), ENGLISH)


def spoken(facts: PaperFacts) -> str:
    """The language, or two as 'en+es', that the paper is asked for in."""
    return facts.language or own_language(facts)


def words_of(facts: PaperFacts, language: str = "") -> Words:
    """In the language that the paper is asked for in, or in another one, as the policy says them: in the library's own beside a
    sign that the policy words in a language which papers do not speak. Raises BadRequest."""
    asked = language or spoken(facts)
    said = words(own_language(facts) if is_signed(facts.signs, asked.partition("+")[0].strip()) else asked)
    return said.with_own(
        {key: text for code, own in facts.words.items() if base(code) == said.language for key, text in own.items()}
    )


def board_of(facts: PaperFacts, say: Words) -> str:
    """'the Board', as the policy calls it in that language, with its article."""
    if say.language == ENGLISH:
        return own_board(noted("the Board"), english(facts.board))
    own = {base(code): words for code, words in facts.board.items()}
    return own.get(say.language) or say("the Board")


def is_signed(signs: Iterable[str], language: str) -> bool:
    """Whether the policy words the sign in that language, and papers do not speak it."""
    return base(language) not in known() and base(language) in map(base, signs)


def base(code: str) -> str:
    """'en' of 'en-CA': the catalogs know no kinds of a language."""
    return code.partition("-")[0].casefold()


@cache
def messages() -> frozenset[str]:
    """Every message that papers say in several languages, in English: what a catalog translates, by the format of .mo files."""
    data = min(LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")).read_bytes()
    _magic, _version, count, originals = struct.unpack_from("<4I", data)
    places = [struct.unpack_from("<2I", data, originals + 8 * number) for number in range(count)]
    return frozenset(data[at : at + length].decode() for length, at in places if length)
