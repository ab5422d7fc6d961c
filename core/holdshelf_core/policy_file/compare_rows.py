"""What another policy file says of places, purposes, holds, releases, screens and checks, told as ``compare`` tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdshelf_core.policy.areas import PRIVATE
from holdshelf_core.policy.gates import ASKERS, NEEDS, within_ns
from holdshelf_core.policy.lengths import DAYS, Length, parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.schema import Basis, Check, Ground, Purpose, Screen
from holdshelf_core.policy.screens import CLOSING
from holdshelf_core.policy.statute import JUDGE, by_a_judge
from holdshelf_core.policy.steps import STEPPED
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.difference import (
    LOOSER,
    OTHER,
    STRICTER,
    Difference,
    allowed,
    asked,
    by_length,
    class_words,
    come_and_gone,
    in_both,
    in_language,
    longer,
    looser,
    of_text,
    other,
    quoted,
    reworded,
    stricter,
)

ANYONE = "anyone"
DANGER = "danger"


def row_differences(before: Policy, after: Policy) -> Iterator[Difference]:
    """Yield what is different, in the order of the file's tables."""
    for part in (_places, _classes, _purposes, _keeping, _grounds, _bases, _steps, _screens, _checks):
        yield from part(before, after)


def _places(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.places, after.places)
    hidden, opened = come_and_gone(before.private_places, after.private_places)
    kernel = {area.kind for area in PRIVATE}
    if words := [after.place_words(key) for key in come if key not in opened]:
        yield looser(f"Cameras may also stand here: {listed(words)}.")
    if words := [before.place_words(key) for key in gone if key not in hidden]:
        yield stricter(f"Cameras may no longer stand here: {listed(words)}.")
    if words := [after.place_words(key) for key in hidden if key not in kernel]:
        yield stricter(f"These places are private too, and no camera may stand there: {listed(words)}.")
    if words := [before.place_words(key) for key in opened if key not in kernel and key not in come]:
        yield looser(f"These places are no longer private: {listed(words)}.")
    if words := [before.place_words(key) for key in opened if key in come]:
        yield looser(f"These places are no longer private, and cameras may stand there: {listed(words)}.")
    both = [key for key in after.places if key in before.places]
    asks = [after.place_words(key) for key in both if after.needs_note(key) and not before.needs_note(key)]
    if asks:
        yield stricter(f"Which place it is and why must be said here: {listed(asks)}.")
    if words := [after.place_words(key) for key in both if before.needs_note(key) and not after.needs_note(key)]:
        yield looser(f"Which place it is and why need no longer be said here: {listed(words)}.")


def _classes(before: Policy, after: Policy) -> Iterator[Difference]:
    was, now = ({one.key: one for one in policy.file.camera_class} for policy in (before, after))
    come, gone = come_and_gone(was, now)
    for key in come:
        places = listed(map(after.place_words, now[key].places))
        yield other(f"There is a new class of camera, {after.class_words(key)}: {places}.")
    for key in gone:
        yield other(f"There is no class of camera {before.class_words(key)} any more.")
    for key, old, new in in_both(was, now):
        added, left = come_and_gone(old.places, new.places)
        # Whatever names a class allows something on its cameras.
        if added:
            yield looser(
                f"The class of camera {after.class_words(key)} also has {listed(map(after.place_words, added))}."
            )
        if left:
            words = listed(map(before.place_words, left), "or")
            yield stricter(f"The class of camera {after.class_words(key)} no longer has {words}.")


def _purposes(before: Policy, after: Policy) -> Iterator[Difference]:
    for verb, was, now in (
        ("look", before.look_purposes, after.look_purposes),
        ("share", before.share_purposes, after.share_purposes),
    ):
        come, gone = come_and_gone(was, now)
        if come:
            yield looser(f"New purposes to {verb}: {listed(map(after.purpose_words, come))}.")
        if gone:
            yield stricter(f"No purpose to {verb} any more: {listed(map(before.purpose_words, gone))}.")
    rows = ({row.key: row for row in policy.file.purpose} for policy in (before, after))
    for key, old, new in in_both(*rows):
        yield from _purpose(after.purpose_words(key), before, old, after, new)


def _purpose(words: str, before: Policy, was: Purpose, after: Policy, now: Purpose) -> Iterator[Difference]:
    what = f"The purpose “{words}”"
    yield from allowed(
        was.roles,
        now.roles,
        only=lambda keys: f"{what} is only for the {_short(before, after, keys)}.",
        everything=f"{what} is for everybody who may look.",
        more=lambda how, keys: f"{what} is {how} for the {_short(before, after, keys)}.",
    )
    yield from _on_classes(what, before, was.classes, after, now.classes)
    yield from asked(f"For the purpose “{words}”", before, was.steps, after, now.steps)
    yield from _cites(what, was.clause, now.clause)


def _short(before: Policy, after: Policy, roles: list[str]) -> str:
    return listed((after if role in after.roles else before).short(role) for role in roles)


def _on_classes(
    what: str, before: Policy, was: tuple[str, ...], after: Policy, now: tuple[str, ...]
) -> Iterator[Difference]:
    yield from allowed(
        was,
        now,
        only=lambda keys: f"{what} is for cameras of these classes alone: {class_words(before, after, keys)}.",
        everything=f"{what} is for cameras of all classes.",
        more=lambda how, keys: f"{what} is {how} for cameras of these classes: {class_words(before, after, keys)}.",
    )


def _cites(what: str, was: str, now: str) -> Iterator[Difference]:
    if was != now:
        cites = f"rests on clause {now}" if now else "rests on no clause"
        yield other(f"{what} {cites} (before: {was or 'none'}).")


def _keeping(before: Policy, after: Policy) -> Iterator[Difference]:
    was, now, file = before.keeping, after.keeping, after.file.keeping
    if was.at_most_ns != now.at_most_ns:
        if now.at_most_ns is None:
            yield looser("Footage is kept as long as there is room.")
        else:
            shorter = was.at_most_ns is None or now.at_most_ns < was.at_most_ns
            sentence = f"Footage is erased after {file.at_most} but for holds."
            yield Difference(STRICTER if shorter else LOOSER, sentence)
    # The longer footage must stay, the longer it can be looked at.
    change = longer(of_text(before.file.keeping.at_least), of_text(file.at_least), none_is_longest=False)
    if change != 0:
        said = f"is to be kept for at least {file.at_least}" if file.at_least else "no longer has a least time"
        means = {1: ": it is to be there longer", -1: ": it may go sooner"}.get(change or 0, "")
        yield by_length(change or 0, f"Footage {said} (before: {before.file.keeping.at_least or 'none'}){means}.")


def _grounds(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.grounds, after.grounds)
    if come:
        words = listed(map(after.ground_words, come), "or")
        yield looser(f"Holds may also rest on {words}: footage may be kept for that, too.")
    if gone:
        words = listed(map(before.ground_words, gone), "or")
        yield stricter(f"New holds no longer rest on {words}: no more footage is kept for that.")
    for key in come:
        if at_most := after.grounds[key].at_most:
            yield other(f"A hold on {after.ground_words(key)} keeps footage for at most {at_most}.")
    for key, was, now in in_both(before.grounds, after.grounds):
        words = after.ground_words(key)
        if (change := longer(of_text(was.at_most), of_text(now.at_most))) != 0:
            yield by_length(change or 0, f"A hold on {words} keeps footage {_until(now)} (before: {_until(was)}).")
        yield from _cites(f"A hold on {words}", was.clause, now.clause)


def _until(ground: Ground) -> str:
    return f"for at most {ground.at_most}" if ground.at_most else "until it is lifted"


def _steps(before: Policy, after: Policy) -> Iterator[Difference]:
    for act, words in STEPPED.items():
        was, now = before.steps(act), after.steps(act)
        yield from asked(f"Before {words}", before, was.steps, after, now.steps)
        yield from _cites(f"What it takes before {words}", was.clause, now.clause)


def _bases(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.bases, after.bases)
    if come:
        yield looser(f"A release may also rest on {listed(map(after.basis_words, come), 'or')}.")
    if gone:
        yield stricter(f"A release no longer rests on {listed(map(before.basis_words, gone), 'or')}.")
    for key, was, now in in_both(before.bases, after.bases):
        yield from _basis(after.basis_words(key), before, was, after, now)


def _basis(words: str, before: Policy, was: Basis, after: Policy, now: Basis) -> Iterator[Difference]:
    yield from _asker(words, was, now)
    if (DANGER in was.needs) != (DANGER in now.needs):
        yield _at_once(words, now)
    come, gone = ([need for need in needs if need != DANGER] for needs in come_and_gone(was.needs, now.needs))
    # A judge's signature that must be there passes the statute's step by itself: more is asked for, and more passes.
    both_ways = JUDGE in now.steps and by_a_judge(was) != by_a_judge(now)
    if come:
        kind = other if both_ways and "judge" in come else stricter
        yield kind(f"On {words}, this is needed, too: {listed(NEEDS[need] for need in come)}.")
    if gone:
        kind = other if both_ways and "judge" in gone else looser
        yield kind(f"On {words}, this is no longer needed: {listed(NEEDS[need] for need in gone)}.")
    yield from _within(words, was, now)
    steps = [tuple(step for step in row.steps if not step.startswith("within:")) for row in (was, now)]
    yield from asked(f"On {words}", before, steps[0], after, steps[1])
    yield from _on_classes(f"A release on {words}", before, was.classes, after, now.classes)
    if was.hide != now.hide:
        yield (stricter if now.hide else looser)(f"On {words}, others {'are' if now.hide else 'need not be'} hidden.")
    yield from _answer_by(words, was, now)
    grounds = [policy.hold_ground(row.key) for policy, row in ((before, was), (after, now))]
    if grounds[0] != grounds[1]:
        yield other(f"A hold for a release on {words} rests on {after.ground_words(grounds[1])}.")
    if (said := reworded(before, was.caution, after, now.caution)) is not None:
        language, _, caution = said
        kept = (
            f"this caution is kept on record{in_language(language)}: {quoted(caution)}"
            if caution
            else "no caution is kept"
        )
        yield other(f"On {words}, {kept}.")
    yield from _cites(f"A release on {words}", was.clause, now.clause)


def _at_once(words: str, now: Basis) -> Difference:
    if DANGER in now.needs:
        said = f"footage may leave at once where {NEEDS[DANGER]} has been said, and the paper follows"
        return looser(f"On {words}, {said}.")
    return stricter(f"On {words}, footage no longer leaves at once in danger.")


def _asker(words: str, was: Basis, now: Basis) -> Iterator[Difference]:
    if was.asker == now.asker:
        return
    kind = LOOSER if now.asker == ANYONE else STRICTER if was.asker == ANYONE else OTHER
    # A court's paper that a judge signed passes the statute's step by itself: that is looser, though fewer may ask.
    if now.asker == "court" and JUDGE in now.steps:
        kind = OTHER
    yield Difference(kind, f"On {words}, who asks is: {ASKERS[now.asker]} (before: {ASKERS[was.asker]}).")


def _within(words: str, was: Basis, now: Basis) -> Iterator[Difference]:
    before, after = within_ns(was), within_ns(now)
    if before == after:
        return
    if not after:
        yield looser(f"On {words}, the paper that follows is no longer due at a time of its own.")
    else:
        due = next(step.partition(":")[2] for step in now.steps if step.startswith("within:"))
        later = before and after > before
        yield (looser if later else stricter)(f"On {words}, the paper that follows is due within {due}.")


def _answer_by(words: str, was: Basis, now: Basis) -> Iterator[Difference]:
    if now.clock is None:
        if was.clock is not None:
            yield other(f"On {words}, the answer is no longer due at a time.")
        return
    answer, more = (was.clock.answer, was.clock.once_more) if was.clock is not None else ("", "")
    if longer(of_text(answer), of_text(now.clock.answer)) == longer(of_text(more), of_text(now.clock.once_more)) == 0:
        return
    extended = f", and once in {now.clock.once_more} more" if now.clock.once_more else ""
    yield other(f"On {words}, the answer is due in {now.clock.answer}{extended}.")


def _screens(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.screens, after.screens)
    for key in come:
        row = after.screens[key]
        shown = listed([after.class_words(one) for one in row.classes])
        yield looser(f"The screen {key} shows {shown} live to {_audience(row)}.")
    for key in gone:
        yield stricter(f"The screen {key} shows nothing any more.")
    for key, was, now in in_both(before.screens, after.screens):
        yield from _screen(f"The screen {key}", before, was, after, now)


def _audience(row: Screen) -> str:
    return ANYONE if ANYONE in row.audience else "staff"


def _screen(what: str, before: Policy, was: Screen, after: Policy, now: Screen) -> Iterator[Difference]:
    yield from _cites(what, was.clause, now.clause)
    if _audience(was) != _audience(now):
        yield (looser if ANYONE in now.audience else stricter)(f"{what} is for {_audience(now)}.")
    come, gone = come_and_gone(was.classes, now.classes)
    if come:
        yield looser(f"{what} also shows {listed(map(after.class_words, come))}.")
    if gone:
        yield stricter(f"{what} no longer shows {listed(map(before.class_words, gone))}.")
    if was.ends != now.ends:
        ends = [
            policy.file.library.closing if row.ends == CLOSING else row.ends
            for policy, row in ((before, was), (after, now))
        ]
        kind = OTHER if ends[0] == ends[1] else LOOSER if ends[1] > ends[0] else STRICTER
        yield Difference(kind, f"{what} ends {_ends(now)} each day (before: {_ends(was)}).")
    if was.plain_sight != now.plain_sight:
        said = "is said to show only" if now.plain_sight else "is no longer said to show only"
        yield other(f"{what} {said} what is seen from where it hangs.")


def _ends(row: Screen) -> str:
    return "with closing" if row.ends == CLOSING else f"at {row.ends}"


def _checks(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.checks, after.checks)
    if come:
        yield stricter(f"To be checked, too: {listed(after.said(after.checks[key].words) for key in come)}.")
    if gone:
        yield looser(f"To be checked no more: {listed(before.said(before.checks[key].words) for key in gone)}.")
    for _, was, now in in_both(before.checks, after.checks):
        yield from _check(after.said(now.words), before, was, after, now)


def _check(words: str, before: Policy, was: Check, after: Policy, now: Check) -> Iterator[Difference]:
    if was.every != now.every:
        every = [parse_length(row.every) or _as_the_board_sets(policy) for policy, row in ((before, was), (after, now))]
        change = every[1].shortest_ns - every[0].shortest_ns
        often = f"every {now.every}" if now.every else after.own_board("as often as the Board sets")
        # Of one length, they still differ where the Board may set another.
        if change or not (was.every and now.every):
            yield by_length((change > 0) - (change < 0), f"{words}: to be checked {often}.")
    if was.by != now.by:
        by = f"the {after.role_words(now.by)}" if now.by else "whoever enters the checklist"
        yield other(f"{words}: to be checked by {by}.")
    flags: tuple[tuple[bool, bool, Callable[[str], Difference], Callable[[str], Difference], str], ...] = (
        (was.by_adoption, now.by_adoption, looser, stricter, "adopting a policy {} as its first time"),
        (was.of_the_text, now.of_the_text, stricter, looser, "a check of one adopted text {} for that text alone"),
    )
    for old, new, on, off, said in flags:
        if old != new:
            yield (on if new else off)(f"{words}: {said.format('counts' if new else 'no longer counts')}.")
    yield from _cites(f"The check “{words}”", was.clause, now.clause)


def _as_the_board_sets(policy: Policy) -> Length:
    return Length(policy.board.house_check_days, DAYS)
