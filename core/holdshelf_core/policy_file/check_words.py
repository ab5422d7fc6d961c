"""What a policy file says in the library's own words: the sign, and sentences of papers that it says otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import structs

from holdshelf_core.inert import inert
from holdshelf_core.policy.governing import ENGLISH
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.schema import ByLanguage, PolicyFile
from holdshelf_core.policy_file.mistake import Mistake, one_of, printable, row, shown, twice

LANGUAGES = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?", re.ASCII)
_NAMED = {"english": "en", "spanish": "es", "español": "es", "french": "fr", "français": "fr"}
"""What those write who do not know the code, of the languages of the papers."""
_PLACEHOLDERS = ("library", "authority", "purposes", "contact")
_MOST_LINES = 4
_LONGEST_BODY = 60
_BODIES = {"en": "the Council", "es": "el Consejo", "fr": "le Conseil"}
"""A name of a Board as each language of the papers has it."""
_ARTICLES = {"es": ("el ", "la "), "fr": ("le ", "la ", "l'", "l’")}
_ALONE = {"the", *(article.strip() for articles in _ARTICLES.values() for article in articles)}
_MARKUP = frozenset("[]{}<>*_`|\\")
"""Signs that screens or papers would read as something else than a letter."""
_SHOWN = ("role", "place", "purpose", "ground", "basis", "check")
"""Tables whose rows people tell apart by their words."""
_SHORTENED = ("role", "purpose", "basis")
_LONGEST_SHORT = 40
_FIELD = re.compile(r"\{([a-z]+)\}", re.ASCII)


def language_mistakes(file: PolicyFile) -> Iterator[Mistake]:
    """Yield what is wrong with the library's languages."""
    languages = file.library.languages
    if not languages:
        yield Mistake("library", "There is no language.", 'Write languages = ["en"].')
    yield from twice("library, languages", languages, "language")
    wrong = [language for language in languages if not LANGUAGES.fullmatch(language)]
    meant = [_code_of(language) for language in languages]
    for language in wrong:
        step = 'Write codes as "en", "es" or "en-US".'
        if all(meant):
            step = f"Write languages = [{', '.join(f'"{code}"' for code in dict.fromkeys(meant))}]."
        yield Mistake("library", f"{shown(language)} is not a language.", step)
    named = as_meant(file).library.languages
    if named != languages:
        yield _unsaid(file, named)


def _unsaid(file: PolicyFile, meant: tuple[str, ...]) -> Mistake:
    """Return the one mistake of languages that no text has; ``meant``: what stands there as the texts are."""
    languages = file.library.languages
    unsaid, instead = (
        [one for one in these if one not in others] for these, others in ((languages, meant), (meant, languages))
    )
    texts, codes = sum(1 for _ in _texts(file)), ", ".join(f'"{code}"' for code in meant)
    no, said = listed(map(shown, unsaid)), listed(unsaid)
    if instead:
        sentence = f"languages names {no}, and the {texts} texts are in {listed(map(shown, instead))}."
        how = f"in place of {listed(instead)}"
    else:
        sentence = f"languages names {no}, and none of the {texts} texts is in {'it' if len(unsaid) == 1 else 'them'}."
        how = "too"
    step = f'Write languages = [{codes}], or write each text in {said}, {how}: words.{unsaid[0]} = "…", for example.'
    return Mistake("library, languages", sentence, step)


def as_meant(file: PolicyFile) -> PolicyFile:
    """Return the file with the languages that its texts are in, where it names one that no text has: that is one mistake, and not
    one for each text."""
    if not _sound_languages(file):
        return file
    texts = Counter(language for words in _texts(file) for language, text in words.items() if text.strip())
    said = tuple(language for language in file.library.languages if texts[language])
    if len(said) == len(file.library.languages) or sum(1 for _ in _texts(file)) < 2:
        return file
    # What stands in their place: as many others as have the most texts.
    most = max(texts.values(), default=0)
    others = [one for one in texts if texts[one] == most and one not in said and LANGUAGES.fullmatch(one)]
    meant = said or tuple(others)
    return structs.replace(file, library=structs.replace(file.library, languages=meant)) if meant else file


def _texts(file: PolicyFile) -> Iterator[ByLanguage]:
    """Yield each text of the file that stands by language."""
    library = file.library
    contact = [library.contact] if library.contact is not None else []
    rows = [one for field in structs.fields(file) for one in _rows(getattr(file, field.name))]
    texts: dict[str, list[str]] = {}
    for one in (library, *contact, *rows):
        table = type(one).__name__
        if table not in texts:
            texts[table] = [field.name for field in structs.fields(one) if field.type is ByLanguage]
        yield from (words for name in texts[table] if (words := getattr(one, name)))


def _rows(table: object) -> Iterator[Any]:
    yield from (one for one in (table if isinstance(table, tuple) else ()) if isinstance(one, msgspec.Struct))


def _code_of(language: str) -> str:
    """Return the code that somebody meant: 'en' for 'EN' or 'English'; '' where that is not known."""
    first, _, country = language.strip().replace("_", "-").partition("-")
    code = f"{first.lower()}-{country.upper()}" if country else first.lower()
    return code if LANGUAGES.fullmatch(code) else _NAMED.get(code, "")


def _sound_languages(file: PolicyFile) -> bool:
    """Whether words can be looked for by language: where a code is misspelled, that is the mistake, not each text."""
    return all(LANGUAGES.fullmatch(language) for language in file.library.languages)


def board_mistakes(file: PolicyFile) -> Iterator[Mistake]:
    """Yield what is wrong with the library's word for its Board. Screens are in English, so it may be there in any case."""
    words, where = file.library.board, "library, board"
    if not words or not _sound_languages(file):
        return
    missing = [language for language in file.library.languages if not words.get(language, "").strip()]
    spoken = ENGLISH if ENGLISH not in map(_base, missing) else ""
    others = [language for language in words if language not in file.library.languages and _base(language) != spoken]
    if len(missing) == len(others) == 1:
        yield _elsewhere(where, others[0], missing[0], words)
        return
    for language in missing:
        step = f'Add board.{language} = "{_body(language)}", with its article.'
        yield Mistake(where, f"board has nothing in {shown(language)}.", step)
    for language in others:
        yield from no_language(file, where, language)
    for language, text in words.items():
        if text.strip():
            yield from _body_mistakes(where, language, text)


def _elsewhere(where: str, said: str, missing: str, words: ByLanguage) -> Mistake:
    """Return the one mistake of a word that stands in another language than the library's."""
    text = words[said] if _base(_code_of(said)) == _base(missing) else _body(missing)
    step = f'Write board.{missing} = "{inert(text)[:_LONGEST_BODY]}" in place of board.{inert(said)[:20]}.'
    return Mistake(where, f"board is in {shown(said)}, and not in the library's language, {shown(missing)}.", step)


def _body_mistakes(where: str, language: str, text: str) -> Iterator[Mistake]:
    """Yield what is wrong with a word for the Board, the plainest alone."""
    step = f'Write board.{inert(language)[:20]} = "{_body(language)}", for example.'
    named = " ".join(text.casefold().split())
    if len(text) > _LONGEST_BODY:
        most = f"has {len(text)} characters; {_LONGEST_BODY} are the most"
        yield Mistake(where, f"{shown(text)} is no name of a Board: it {most}.", step)
    elif named in _ALONE:
        yield Mistake(where, f"{shown(text)} is an article, and the name is missing.", step)
    elif odd := list(printable(where, text)):
        yield from odd
    elif found := next((sign for sign in text if sign in _MARKUP), ""):
        yield Mistake(where, f"{shown(text)} is no name of a Board: {found} is no letter of one.", step)
    elif not any(map(str.isalpha, text)):
        yield Mistake(where, f"{shown(text)} is no name of a Board: it has no letter.", step)
    elif (articles := _ARTICLES.get(_base(language), ())) and not text.casefold().startswith(articles):
        yield Mistake(where, f"{shown(text)} has no article, and sentences of papers need it.", step)


def _body(language: str) -> str:
    return _BODIES.get(_base(language), "…")


def _base(language: str) -> str:
    return language.partition("-")[0]


def sign_mistakes(file: PolicyFile) -> Iterator[Mistake]:
    """Yield what is wrong with the signs."""
    for language, sign in file.sign.items():
        where = f"sign, {inert(language)[:20]}"
        if not LANGUAGES.fullmatch(language):
            yield from no_language(file, where, language)
        if not any(line.strip() for line in sign.headline):
            yield Mistake(where, "The sign has no headline.", "Say that cameras are in use.")
        for what, texts in (("headline", sign.headline), ("lines", sign.lines)):
            if len(texts) > _MOST_LINES:
                yield Mistake(
                    where,
                    f"{what} has {len(texts)} texts, and a sign that is read in passing has room for {_MOST_LINES}.",
                    "Join or shorten them.",
                )
        for line in (*sign.headline, *sign.lines):
            yield from printable(where, line)
            for name in re.findall(r"\{([^}]*)\}", line):
                yield from _placed(file, where, language, name)
            if set("{}") & set(re.sub(r"\{[^{}]*\}", "", line)):
                yield Mistake(
                    where, "A brace is left open.", f"Write {{contact}}, for example. {one_of(_PLACEHOLDERS)}"
                )


def word_mistakes(file: PolicyFile) -> Iterator[Mistake]:
    """Yield what is wrong with sentences that are said otherwise."""
    for language, said in file.words.items():
        where = f"words, {inert(language)[:20]}"
        if language not in file.library.languages:
            yield from no_language(file, where, language)
        for name, text in said.items():
            place = f"{where}, {shown(name)}"
            yield from printable(place, text)
            if not text.strip():
                yield Mistake(place, "It says nothing.", "Write the words, or leave the row out.")
            unknown = set(_FIELD.findall(text)) - set(_FIELD.findall(name))
            if unknown or set("{}") & set(_FIELD.sub("", text)):
                yield Mistake(
                    place,
                    f"What it puts in is not {inert(', '.join(sorted(unknown)))[:40]}."
                    if unknown
                    else "A brace is left open.",
                    "Keep what stands in braces as the sentence has it.",
                )


def alike_mistakes(file: PolicyFile) -> Iterator[Mistake]:
    """Yield rows of one table that have the same words: screens, papers and the log show words, not keys."""
    for table in _SHOWN:
        rows = getattr(file, table)
        for field in ("words", "short") if table in _SHORTENED else ("words",):
            yield from _alike(file, table, field, rows)


def _alike(file: PolicyFile, table: str, field: str, rows: Sequence[Any]) -> Iterator[Mistake]:
    own = {one.key for one in rows if one.short} if field == "short" else set[str]()
    seen: dict[tuple[str, str], str] = {}
    told: set[str] = set()
    for number, one in enumerate(rows, 1):
        for language in file.library.languages:
            text = (getattr(one, field) or one.words).get(language, "")
            plain = " ".join(text.casefold().split())
            first = seen.setdefault((language, plain), one.key)
            # Names in lists that are the same because the words are were told with the words.
            known = field == "short" and not (one.short or first in own)
            if plain and first != one.key and one.key not in told and not known:
                told.add(one.key)
                sentence = (
                    f"{shown(text)} is what {table} {shown(first)} is called too, and nobody could tell the two apart."
                )
                yield Mistake(f"{row(table, number, one.key)}, {field}", sentence, "Say one of the two in other words.")


def _placed(file: PolicyFile, where: str, language: str, name: str) -> Iterator[Mistake]:
    if name not in _PLACEHOLDERS:
        yield Mistake(where, f"The sign knows nothing for {{{inert(name)[:20]}}}.", one_of(_PLACEHOLDERS))
    elif name in ("authority", "purposes") and not getattr(file.library, name).get(language, "").strip():
        yield Mistake(
            where,
            f"The sign has {{{name}}}, and the library has no {name} in {shown(language)}.",
            f'Add {name}.{language} = "…" under [library].'
            if language in file.library.languages
            else "Write out what it says, as no text is in this language but the sign.",
        )


def no_language(file: PolicyFile, where: str, language: str) -> Iterator[Mistake]:
    """Yield that words are in a language which is not the library's."""
    step = f"Take it out, or add it to languages, with each text in it. {one_of(file.library.languages)}"
    if _sound_languages(file):
        yield Mistake(where, f"{shown(language)} is not one of the library's languages.", step)


def said_mistakes(file: PolicyFile, where: str, field: str, words: ByLanguage) -> Iterator[Mistake]:
    """A text is there in each of the library's languages and in no other one, and can be printed."""
    languages = file.library.languages
    for language in languages if _sound_languages(file) else ():
        if not words.get(language, "").strip():
            yield Mistake(where, f"{field} has nothing in {shown(language)}.", f'Add {field}.{language} = "…".')
    for language, text in words.items():
        if language not in languages:
            yield from no_language(file, where, language)
        yield from printable(f"{where}, {field}", text)


def short_mistakes(file: PolicyFile, where: str, short: ByLanguage) -> Iterator[Mistake]:
    """Yield what is wrong with words that are to stand beside a bar."""
    if short:
        yield from said_mistakes(file, where, "short", short)
    for text in short.values():
        if len(text) > _LONGEST_SHORT:
            sentence = f"{shown(text)} has {len(text)} characters, and beside a bar is room for {_LONGEST_SHORT}."
            yield Mistake(f"{where}, short", sentence, "Shorten it, or take short out: then words is cut.")
