"""What another policy file says in other words: of the library, its clauses and rows, its sign, papers and cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from holdshelf_core.policy.clauses import CLAUSES
from holdshelf_core.policy.date_forms import DateForm
from holdshelf_core.policy.governing import ENGLISH
from holdshelf_core.policy.lengths import WEEKDAYS
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.schema import ByLanguage, Case, Clause
from holdshelf_core.policy.screens import CLOSING
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.difference import (
    LOOSER,
    OTHER,
    STRICTER,
    Difference,
    come_and_gone,
    in_both,
    in_language,
    other,
    quoted,
    reworded,
)

_ROWS = {
    "role": "role",
    "place": "place",
    "camera_class": "class of camera",
    "purpose": "purpose",
    "ground": "ground",
    "basis": "basis",
    "check": "check",
}
"""Tables whose rows have words, by what a row of each is called."""
_FORMS: Mapping[str, tuple[str, Mapping[object, str]]] = {
    "page": ("Papers are printed on", {"letter": "letter", "a4": "A4"}),
    "dates": ("Days are written as", {"mdy": "month, day, year", "dmy": "day, month, year", "ymd": "year, month, day"}),
    "clock": ("Times are written by a clock of", {12: "12 hours", 24: "24 hours"}),
    "length": ("Lengths are in", {"ft": "feet", "m": "meters"}),
}
"""How papers and screens are written: a sentence's beginning, and each choice in words."""


def word_differences(before: Policy, after: Policy) -> Iterator[Difference]:
    """Yield what is said otherwise: nothing changes unsaid."""
    for part in (_library, _hours, _of_rows, _clauses, _signs, _papers, _cases):
        yield from part(before, after)


def _library(before: Policy, after: Policy) -> Iterator[Difference]:
    was, now = before.file.library, after.file.library
    if was.name != now.name:
        yield other(f"The library's name is {now.name} (before: {was.name}).")
    for language in dict.fromkeys((*now.board, *was.board)):
        old, new = (_board(one.board, language) for one in (was, now))
        if old != new:
            where = "" if language == now.languages[0] else in_language(language)
            yield other(f"The body that governs the library{where} is called {new} (before: {old}).")
    if was.languages != now.languages:
        yield other(f"The library's languages are {', '.join(now.languages)} (before: {', '.join(was.languages)}).")
    for field, (begin, choices) in _FORMS.items():
        old, new = getattr(was, field), getattr(now, field)
        if old != new:
            yield other(f"{begin} {choices[new]} (before: {choices[old]}).")
    for field, what in (
        ("authority", "The authority on the sign"),
        ("purposes", "What the sign says that cameras are for"),
    ):
        if (said := reworded(before, getattr(was, field), after, getattr(now, field))) is not None:
            language, old, new = said
            yield other(f"{what}{in_language(language)} is {_quoted(new)} (before: {_quoted(old)}).")
    if was.contact == now.contact:
        return
    languages = [one for one in now.languages if before.contact(one) != after.contact(one)] or now.languages[:1]
    whom, asked = (
        after.contact(languages[0]) or after.own_board("as the Board sets"),
        before.contact(languages[0]) or after.own_board("as the Board sets"),
    )
    language = "" if languages[0] == now.languages[0] else languages[0]
    if whom != asked:
        yield other(f"Whom anybody may ask{in_language(language)}: {whom} (before: {asked}).")


def _board(words: ByLanguage, language: str) -> str:
    if words.get(language, ""):
        return quoted(words[language])
    return "the Board" if language.partition("-")[0] == ENGLISH else "not given"


def _quoted(words: str) -> str:
    return quoted(words) if words else "not given"


def _hours(before: Policy, after: Policy) -> Iterator[Difference]:
    was, now = before.file.library.closing, after.file.library.closing
    if was != now:
        follow = [key for key, row in after.screens.items() if row.ends == CLOSING and key in before.screens]
        with_it = [key for key in follow if before.screens[key].ends == CLOSING]
        kind = (LOOSER if now > was else STRICTER) if with_it and was and now else OTHER
        screens = ", and screens that end with closing end then" if with_it and now else ""
        yield Difference(
            kind, f"The library closes at {now or 'no time that is given'}{screens} (before: {was or 'none'})."
        )
    closed = [tuple(dict.fromkeys(day.lower() for day in one.file.library.closed)) for one in (before, after)]
    come, gone = come_and_gone(*closed)
    said = []
    if come:
        said.append(f"no business days any more: {listed(_day(after.date_form, day) for day in come)}")
    if gone:
        said.append(f"business days again: {listed(_day(after.date_form, day) for day in gone)}")
    if said:
        sentence = "; ".join(said)
        yield other(f"{sentence[0].upper()}{sentence[1:]}.")


def _day(form: DateForm, day: str) -> str:
    """Return e.g. 'Saturday', 'December 25, 2026' or 'December 25 of each year'."""
    if day in WEEKDAYS:
        return day.capitalize()
    if len(day) == len("12-25"):
        # A leap year has each day that any year has.
        return f"{form.day(date.fromisoformat(f'2028-{day}'), long=True, year=False)} of each year"
    return form.day(date.fromisoformat(day), long=True)


def _of_rows(before: Policy, after: Policy) -> Iterator[Difference]:
    """Rows whose words changed: a reused key may mean something else now."""
    for table, name in _ROWS.items():
        rows = ({row.key: row for row in getattr(one.file, table)} for one in (before, after))
        for key, was, now in in_both(*rows):
            if (said := reworded(before, was.words, after, now.words)) is not None:
                language, old, new = said
                yield other(f"The {name} {key}{in_language(language)} is {_quoted(new)} (before: {_quoted(old)}).")
    yield from _in_report(before, after)


def _in_report(before: Policy, after: Policy) -> Iterator[Difference]:
    """What stands beside the bars of the report, all in one sentence: it means nothing else."""
    changed = []
    for table in ("purpose", "basis"):
        rows = ({row.key: row for row in getattr(one.file, table)} for one in (before, after))
        changed += [
            after.said(now.words)
            for _, was, now in in_both(*rows)
            if reworded(before, was.short, after, now.short) is not None
        ]
    if changed:
        yield other(f"In the report other short words stand for {listed(changed)}.")


def _clauses(before: Policy, after: Policy) -> Iterator[Difference]:
    rows = [{clause.id: clause for clause in one.file.clause} for one in (before, after)]
    come, gone = come_and_gone(*rows)
    both = list(in_both(*rows))
    changed = [
        key
        for key, was, now in both
        if any(
            reworded(before, old, after, new) is not None for old, new in ((was.says, now.says), (was.alone, now.alone))
        )
    ]
    titled = [key for key, was, now in both if reworded(before, was.title, after, now.title) is not None]
    for keys, words in (
        (come, "New clauses"),
        (gone, "Clauses that are gone"),
        (changed, "Clauses worded otherwise"),
        (titled, "Clauses with another title"),
    ):
        if keys:
            yield other(f"{words}: {listed(keys)}.")
    for key, was, now in both:
        if set(was.duties) != set(now.duties):
            yield other(f"Clause {key} states {_duties(now)} (before: {_duties(was)}).")


def _duties(clause: Clause) -> str:
    """Return e.g. 'the duty P13 (third parties)'."""
    said = [f"{duty} ({CLAUSES[duty].title})" for duty in clause.duties]
    return f"the {'duty' if len(said) == 1 else 'duties'} {listed(said)}" if said else "no duty"


def _signs(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.file.sign, after.file.sign)
    for language in come:
        yield other(f"The entrance sign in {language} has the library's own words.")
    for language in gone:
        yield other(f"The entrance sign in {language} has Holdshelf's words again.")
    for language, was, now in in_both(before.file.sign, after.file.sign):
        for what, old, new in (
            ("headline", was.headline, now.headline),
            ("text below its headline", was.lines, now.lines),
        ):
            if old != new:
                yield other(f"The entrance sign in {language} has another {what}: {_quoted(' '.join(new))}.")


def _papers(before: Policy, after: Policy) -> Iterator[Difference]:
    for language in dict.fromkeys((*before.file.words, *after.file.words)):
        was, now = (one.file.words.get(language, {}) for one in (before, after))
        changed = [key for key in dict.fromkeys((*was, *now)) if was.get(key) != now.get(key)]
        if changed:
            yield other(f"Papers in {language} say these sentences otherwise: {listed(map(_quoted, changed))}.")


def _cases(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = (_without(one.file.case, two.file.case) for one, two in ((after, before), (before, after)))
    if come or gone:
        counts = [f"{len(rows)} {what}" for rows, what in ((come, "new"), (gone, "gone")) if rows]
        yield other(f"Cases that the file answers when it is checked: {listed(counts)}.")


def _without(cases: tuple[Case, ...], others: tuple[Case, ...]) -> list[Case]:
    left = list(others)
    found = []
    for case in cases:
        if case in left:
            left.remove(case)
        else:
            found.append(case)
    return found
