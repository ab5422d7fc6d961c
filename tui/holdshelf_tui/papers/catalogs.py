"""What papers for the public say in another language: message catalogs (gettext), compiled when the program is built.

The English message is the original and its own key, so English needs no catalog. What a catalog lacks is said in English.
docs/papers.md tells how a language is added, and ``scripts/catalogs.py`` collects the messages.
"""

from __future__ import annotations

import gettext
import re
from functools import cache
from pathlib import Path

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.types import PaperFacts

ENGLISH = "en"
DOMAIN = "papers"
LOCALE = Path(__file__).parent / "locale"
_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)


class Words:
    """``say("Request {release}", release="R-2026-0001")``: a message in one language, its values put in as they are."""

    def __init__(self, language: str, translations: gettext.NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def __call__(self, message: str, /, **values: str) -> str:
        """The message; the English one where this language has none."""
        said = self._translations.gettext(message) if message else ""
        return said.format_map(values) if values else said

    def has(self, message: str) -> bool:
        """Whether it is said in this language, and not in English instead."""
        return self.language == ENGLISH or self._translations.gettext(message) != message


def noted(message: str) -> str:
    """The message itself, marked as one that papers say: where a table holds it, before its language is known."""
    return message


ENGLISH_WORDS = Words(ENGLISH, gettext.NullTranslations())


@cache
def known() -> dict[str, str]:
    """Each language that there is, English first, and what it calls itself."""
    codes = sorted(path.parts[-3] for path in LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo"))
    return {ENGLISH: "English", **{code: _load(code)(noted("English")) for code in codes if _LANGUAGE.fullmatch(code)}}


@cache
def _load(language: str) -> Words:
    return Words(language, gettext.translation(DOMAIN, LOCALE, [language]))


def words(language: str) -> Words:
    """What papers say in that language; of two, as a sign may have, in the first. Raises BadRequest for an unknown one."""
    asked = language.partition("+")[0].strip().casefold() or ENGLISH
    if asked == ENGLISH:
        return ENGLISH_WORDS
    if asked not in known():
        listed = ", ".join(f"{code} ({name})" for code, name in known().items())
        raise BadRequest(f"Papers are not available in {asked[:20]!r}.", f"Known: {listed}.")
    return _load(asked)


def words_of(facts: PaperFacts) -> Words:
    """In the language that the paper is asked for in. Raises BadRequest."""
    return words(facts.language)
