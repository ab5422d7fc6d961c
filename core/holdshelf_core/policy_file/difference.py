"""One difference between two policy files, and what several comparisons ask: lists that grew or shrank, longer times."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from holdshelf_core.policy.lengths import Length, parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.particulars import step_words
from holdshelf_core.policy.schema import ByLanguage
from holdshelf_core.policy.tables import Policy

LOOSER, STRICTER, OTHER = "looser", "stricter", "other"


class Difference(msgspec.Struct, frozen=True):
    """One difference. ``kind``: looser | stricter | other."""

    kind: str
    sentence: str


def looser(sentence: str) -> Difference:
    """Return that this becomes looser."""
    return Difference(LOOSER, sentence)


def stricter(sentence: str) -> Difference:
    """Return that this becomes stricter."""
    return Difference(STRICTER, sentence)


def other(sentence: str) -> Difference:
    """Return that this is only different."""
    return Difference(OTHER, sentence)


def come_and_gone(before: Collection[str], after: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the keys that are new, and those that are gone."""
    return [key for key in after if key not in before], [key for key in before if key not in after]


def in_both[Row](before: Mapping[str, Row], after: Mapping[str, Row]) -> Iterator[tuple[str, Row, Row]]:
    """Yield the rows of one key: the key, the row before, the row now."""
    for key, now in after.items():
        if key in before:
            yield key, before[key], now


def allowed(
    was: Collection[str],
    now: Collection[str],
    *,
    only: Callable[[list[str]], str],
    everything: str,
    more: Callable[[str, list[str]], str],
) -> Iterator[Difference]:
    """Yield how a list of what is allowed changed; an empty list allows everything.

    ``only`` and ``more`` make a sentence of keys; ``more`` is given "also" or "no longer" with them.
    """
    if set(was) == set(now):
        return
    if not now:
        yield looser(everything)
    elif not was:
        yield stricter(only([*now]))
    else:
        come, gone = come_and_gone(was, now)
        if come:
            yield looser(more("also", come))
        if gone:
            yield stricter(more("no longer", gone))


def asked(what: str, before: Policy, was: Collection[str], after: Policy, now: Collection[str]) -> Iterator[Difference]:
    """Yield which steps came and went, and where the same ones come in another order."""
    # The step “paper” only says when in the order it comes: ``needs`` asks for it.
    come, gone = ([step for step in steps if step != "paper"] for steps in come_and_gone(was, now))
    if come:
        yield stricter(f"{what}: {listed(step_words(after, step) for step in come)}.")
    if gone:
        yield looser(f"{what}, no longer: {listed(step_words(before, step) for step in gone)}.")
    if not come and not gone and tuple(was) != tuple(now):
        yield other(f"{what}, in this order: {', then '.join(step_words(after, step) for step in now)}.")


def longer(was: Length | None, now: Length | None, *, none_is_longest: bool = True) -> int | None:
    """Return how a length changed: 1 longer, -1 shorter, 0 equal ("48 hours" and "2 days"); None where the calendar decides.

    None as a length is the longest, or, with ``none_is_longest=False``, the shortest.
    """
    if was is None or now is None:
        return 0 if was is now else (1 if (now is None) == none_is_longest else -1)
    return now.compared(was)


def of_text(text: str) -> Length | None:
    """Return the length that a field says; None for an empty one."""
    return parse_length(text)


def by_length(change: int, sentence: str, *, more: str = LOOSER) -> Difference:
    """Return the difference that a longer (1) or shorter (-1) time makes; ``more``: of which kind a longer one is."""
    less = {LOOSER: STRICTER, STRICTER: LOOSER}.get(more, OTHER)
    return Difference({1: more, -1: less}.get(change, OTHER), sentence)


def reworded(before: Policy, was: ByLanguage, after: Policy, now: ByLanguage) -> tuple[str, str, str] | None:
    """Return the first words that are others: (language, where it is not the first one; before; now). None: all are the same.

    A language that only one of the files has is no other wording.
    """
    first = after.file.library.languages[0]
    both = [one for one in after.file.library.languages if one in before.file.library.languages]
    for language in both:
        if was.get(language, "") != now.get(language, ""):
            return ("" if language == first else language), was.get(language, ""), now.get(language, "")
    if not both and before.said(was) != after.said(now):
        return "", before.said(was), after.said(now)
    return None


def in_language(language: str) -> str:
    """Return e.g. ' (es)'; '' where the words are in the library's first language."""
    return f" ({language})" if language else ""


def quoted(words: str) -> str:
    """Return the words in quotes, as they stand within a sentence."""
    return f"“{words.rstrip('.')}”"


def class_words(before: Policy, after: Policy, keys: Iterable[str]) -> str:
    """Return the words of classes of camera, of which one of the files may know nothing."""
    known = {one.key for one in after.file.camera_class}
    return listed((after if key in known else before).class_words(key) for key in keys)
