"""What another policy file makes looser, what stricter, and what it only changes: in sentences, for whoever adopts it.

Each field of the file is told in one place: roles, second persons and settings here, the other rows in ``compare_rows``, the
library and its words in ``compare_words``. What is written otherwise and means the same ("48 hours", "2 days") is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from holdshelf_core.policy.board import LOOSER_WHEN_LESS, LOOSER_WHEN_MORE, SETTING_WORDS
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.rights import PERMISSIONS
from holdshelf_core.policy.schema import Role, StandsIn
from holdshelf_core.policy.tables import ALL, Policy, decided
from holdshelf_core.policy_file.compare_rows import row_differences
from holdshelf_core.policy_file.compare_words import word_differences
from holdshelf_core.policy_file.difference import (
    LOOSER,
    OTHER,
    STRICTER,
    Difference,
    allowed,
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

__all__ = ["LOOSER", "OTHER", "STRICTER", "Difference", "differences"]

_SECOND = {"release.approve": "a release", "hold.lift": "lifting a hold", "flag.review": "the review of a flag"}
_RIGHTS = {
    "live": "look live",
    "archive": "look at recordings",
    "hold": "hold footage",
    "share": "share it",
    "release": "handle releases",
    "commission": "bring cameras into use",
}
"""What each right of ``model.RIGHTS`` lets somebody do."""
_CLAUSES = re.compile(r" \(P\d[^)]*\)", re.ASCII)


def differences(before: Policy, after: Policy) -> list[Difference]:
    """Return what ``after`` makes different: roles and second persons, the rows of the other tables, settings, and words."""
    parts = (_roles, _second, row_differences, _settings, word_differences)
    return [one for part in parts for one in part(before, after)]


def _roles(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = come_and_gone(before.roles, after.roles)
    for key in gone:
        yield _gone(before, key)
    for key in come:
        yield from _new(after, key)
    for key, was, now in in_both(before.roles, after.roles):
        if was.on_paper and not now.on_paper:
            words = f"has holders with keys, and no longer acts by paper: {_may_words(after, now)}"
            yield looser(f"The {after.role_words(key)} {words}.")
        elif now.on_paper and not was.on_paper:
            words = "acts by signed paper alone: those terms end, and letters under them lapse"
            yield stricter(f"The {after.role_words(key)} {words}.")
        else:
            yield from _role(before, was, after, now)
        if (said := reworded(before, was.short, after, now.short)) is not None:
            language, _, short = said
            how = f"is called {quoted(short)}" if short else "has no shorter name"
            yield other(f"The {after.role_words(key)} {how} in lists{in_language(language)}.")
    if before.for_the_board != after.for_the_board and after.for_the_board:
        yield other(f"The {after.role_words(after.for_the_board)} {after.own_board('speaks for the Board.')}")
    if before.first_seat != after.first_seat and after.first_seat:
        yield other(f"The holder whom the admin names first is the {after.role_words(after.first_seat)}.")


def _gone(before: Policy, key: str) -> Difference:
    words = f"The {before.role_words(key)} is no longer a role"
    if before.roles[key].on_paper:
        return other(f"{words}: no paper of theirs counts.")
    return stricter(f"{words}: those terms end, and letters under them lapse.")


def _new(after: Policy, key: str) -> Iterator[Difference]:
    role = after.roles[key]
    if role.on_paper:
        yield other(f"The {after.role_words(key)} is a new role, which acts by signed paper.")
        return
    bound = f", on these cameras alone: {listed(map(after.class_words, role.classes))}" if role.classes else ""
    yield looser(f"The {after.role_words(key)} is a new role: {_may_words(after, role)}{bound}.")
    if role.stands_in is not None:
        yield looser(_deputy_words(after, key, role.stands_in))
    yield from _shift(after, "", role)


def _role(before: Policy, was: Role, after: Policy, now: Role) -> Iterator[Difference]:
    key, words = now.key, f"The {after.role_words(now.key)}"
    yield from allowed(
        was.classes,
        now.classes,
        only=lambda keys: f"{words} is there for these cameras alone: {class_words(before, after, keys)}.",
        everything=f"{words} is there for all cameras.",
        more=lambda how, keys: f"{words} is {how} there for these cameras: {class_words(before, after, keys)}.",
    )
    gained, lost = come_and_gone(sorted(before.acts(key)), sorted(after.acts(key)))
    if gained:
        yield looser(f"{words} may also {listed(map(after.act_words, gained))}.")
    if lost:
        yield stricter(f"{words} may no longer {listed(map(after.act_words, lost))}.")
    # A right that brings no act of its own still goes into letters of appointment.
    come, gone = come_and_gone(was.rights, now.rights)
    if may := [right for right in come if not _brings(right, gained)]:
        yield looser(f"A letter of appointment from the {after.role_words(key)} may also let somebody {_rights(may)}.")
    if may := [right for right in gone if not _brings(right, lost)]:
        yield stricter(
            f"A letter of appointment from the {after.role_words(key)} may no longer let somebody {_rights(may)}."
        )
    yield from _shift(after, was.shift, now)
    yield from _deputy(before, was, after, now)


def _rights(rights: Iterable[str]) -> str:
    return listed((_RIGHTS[right] for right in rights), "or")


def _brings(right: str, acts: Iterable[str]) -> bool:
    return any(right in PERMISSIONS[act].rights for act in acts)


def _deputy(before: Policy, was: Role, after: Policy, now: Role) -> Iterator[Difference]:
    stood, stands, who = was.stands_in, now.stands_in, after.role_words(now.key)
    if stood is not None and (stands is None or stands.role != stood.role):
        yield stricter(f"The {who} no longer acts for the {before.role_words(stood.role)}.")
    if stands is None:
        return
    if stood is None or stood.role != stands.role:
        yield looser(_deputy_words(after, now.key, stands))
        return
    change = longer(of_text(stood.after), of_text(stands.after), none_is_longest=False)
    if change != 0:
        yield by_length(change or 0, _deputy_words(after, now.key, stands), more=STRICTER)


def _shift(policy: Policy, was: str, role: Role) -> Iterator[Difference]:
    long = role.shift or policy.own_board("the minutes that the Board sets")
    words = f"A live look of the {policy.role_words(role.key)} goes on for {long}."
    change = longer(of_text(was), of_text(role.shift), none_is_longest=False)
    if change != 0:
        yield by_length(change or 0, words)


def _deputy_words(policy: Policy, role: str, stands: StandsIn) -> str:
    since = f" after {stands.after} of absence" if stands.after else " once an absence is entered"
    who, whom = policy.role_words(role), policy.role_words(stands.role)
    return f"The {who} acts for the {whom}{since}, with what that role itself may do."


def _may_words(policy: Policy, role: Role) -> str:
    """Return e.g. 'it may look live and place holds, and decides everything'."""
    may = listed(_RIGHTS[right] for right in role.rights)
    if ALL in role.decides:
        decides = "everything"
    else:
        acts = dict.fromkeys(act for named in role.decides for act in decided(named))
        decides = f"this: {listed(map(policy.act_words, acts))}" if acts else ""
    said = [*([f"it may {may}"] if may else []), *([f"it decides {decides}"] if decides else [])]
    return ", and ".join(said) or ("it only receives requests" if role.receives else "it may do nothing by itself")


def _second(before: Policy, after: Policy) -> Iterator[Difference]:
    for act, what in _SECOND.items():
        was, now = before.second(act), after.second(act)
        if was and not now:
            yield looser(f"No second person is needed for {what}.")
        elif now and not was:
            yield stricter(f"A second person is needed for {what}: the {after.titles(of=now)}.")
        elif act in before.file.second or act in after.file.second:
            # Where neither file names them, they follow from what the roles may do, which is told already.
            come, gone = come_and_gone(was, now)
            if come:
                yield looser(f"The second person for {what} may also be the {after.titles(of=tuple(come))}.")
            if gone:
                yield stricter(f"The second person for {what} is no longer the {_titles(before, gone)}.")


def _titles(policy: Policy, roles: Iterable[str]) -> str:
    return policy.titles(of=tuple(roles))


def _settings(before: Policy, after: Policy) -> Iterator[Difference]:
    for key in (*sorted(LOOSER_WHEN_MORE), *sorted(LOOSER_WHEN_LESS)):
        words = after.own_board(_CLAUSES.sub("", SETTING_WORDS[key]))
        what, sign = f"{words[:1].upper()}{words[1:]}: {key}", -1 if key in LOOSER_WHEN_LESS else 1
        value, given = getattr(before.board, key), getattr(after.board, key)
        if value != given:
            sentence = f"{what} is {given} {after.own_board('where the Board sets nothing')} (before: {value})."
            yield Difference(LOOSER if (given - value) * sign > 0 else STRICTER, sentence)
        was, now = before.limits(key), after.limits(key)
        if was is None or now is None or was == now:
            continue
        # A range that moves to where more is allowed is looser: the Board can go further, or must.
        moved = {sign * (bound > old) - sign * (bound < old) for old, bound in zip(was, now, strict=True)}
        kind = OTHER if {1, -1} <= moved else LOOSER if 1 in moved else STRICTER
        yield Difference(kind, f"{what} can be set from {now[0]} to {now[1]} (before: {was[0]} to {was[1]}).")
