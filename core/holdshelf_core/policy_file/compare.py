"""What another policy file makes looser, what stricter, and what it only changes: in sentences, for whoever adopts it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from holdshelf_core.policy.areas import PRIVATE
from holdshelf_core.policy.board import LOOSER_WHEN_LESS, LOOSER_WHEN_MORE
from holdshelf_core.policy.gates import NEEDS
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.particulars import step_words
from holdshelf_core.policy.rights import PERMISSIONS
from holdshelf_core.policy.schema import Basis, Role, StandsIn
from holdshelf_core.policy.tables import ALL, Policy, decided

LOOSER, STRICTER, OTHER = "looser", "stricter", "other"
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


class Difference(msgspec.Struct, frozen=True):
    """One difference. ``kind``: looser | stricter | other."""

    kind: str
    sentence: str


def differences(before: Policy, after: Policy) -> list[Difference]:
    """Return what ``after`` makes different, in the order of the file's tables."""
    parts = (
        *(_roles, _second, _places, _purposes, _keeping, _grounds, _bases, _steps, _screens, _checks, _settings),
        *(_worded, _rest),
    )
    return [one for part in parts for one in part(before, after)]


def _looser(sentence: str) -> Difference:
    return Difference(LOOSER, sentence)


def _stricter(sentence: str) -> Difference:
    return Difference(STRICTER, sentence)


def _come_and_gone(before: Collection[str], after: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the keys that are new, and those that are gone."""
    return [key for key in after if key not in before], [key for key in before if key not in after]


def _roles(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = _come_and_gone(before.seats, after.seats)
    for key in gone:
        yield _stricter(
            f"The {before.role_words(key)} is no role any more: those terms end, and letters under them lapse."
        )
    for key in come:
        role, classes = after.roles[key], after.roles[key].classes
        bound = f", on these cameras alone: {listed(map(after.class_words, classes))}" if classes else ""
        yield _looser(f"The {after.role_words(key)} is a new role: {_may_words(role)}{bound}.")
        if role.stands_in is not None:
            yield _looser(_deputy_words(after, key, role.stands_in))
        yield from _shift(after, "", role)
    for key in before.seats:
        if key in gone:
            continue
        were, are = before.roles[key].classes, after.roles[key].classes
        if set(were) != set(are):
            kind = STRICTER if not were or (are and set(are) < set(were)) else LOOSER
            bound = f"these cameras alone: {listed(map(after.class_words, are))}" if are else "all cameras"
            yield Difference(kind, f"The {after.role_words(key)} is there for {bound}.")
        gained, lost = _come_and_gone(sorted(before.acts(key)), sorted(after.acts(key)))
        if gained:
            yield _looser(f"The {after.role_words(key)} may also {listed(PERMISSIONS[act].words for act in gained)}.")
        if lost:
            yield _stricter(
                f"The {after.role_words(key)} may no longer {listed(PERMISSIONS[act].words for act in lost)}."
            )
        yield from _shift(after, before.roles[key].shift, after.roles[key])
        stood, stands = before.roles[key].stands_in, after.roles[key].stands_in
        if stands is not None and stands != stood:
            yield _looser(_deputy_words(after, key, stands))
        elif stood is not None and stands is None:
            yield _stricter(f"The {after.role_words(key)} no longer acts for the {before.role_words(stood.role)}.")
    if before.for_the_board != after.for_the_board:
        yield Difference(OTHER, f"The {after.role_words(after.for_the_board)} speaks for the Board.")


def _shift(policy: Policy, was: str, role: Role) -> Iterator[Difference]:
    if role.shift == was:
        return
    words = f"A live look of the {policy.role_words(role.key)} goes on for {role.shift or 'the minutes that the Board sets'}."
    before, after = parse_length(was), parse_length(role.shift)
    longer = after is not None and (before is None or after.longest_ns > before.longest_ns)
    yield _looser(words) if longer else _stricter(words)


def _deputy_words(policy: Policy, role: str, stands: StandsIn) -> str:
    since = f" after {stands.after} of absence" if stands.after else " once an absence is entered"
    who, whom = policy.role_words(role), policy.role_words(stands.role)
    return f"The {who} acts for the {whom}{since}, with what that role itself may do."


def _may_words(role: Role) -> str:
    """Return e.g. 'it may look live and place holds, and decides everything'."""
    may = listed(_RIGHTS[right] for right in role.rights)
    if ALL in role.decides:
        decides = "everything"
    else:
        acts = dict.fromkeys(act for named in role.decides for act in decided(named))
        decides = f"this: {listed(PERMISSIONS[act].words for act in acts)}" if acts else ""
    said = [*([f"it may {may}"] if may else []), *([f"it decides {decides}"] if decides else [])]
    return ", and ".join(said) or ("it only receives requests" if role.receives else "it may do nothing by itself")


def _second(before: Policy, after: Policy) -> Iterator[Difference]:
    for act, what in _SECOND.items():
        was, now = before.second(act), after.second(act)
        if was and not now:
            yield _looser(f"No second person is needed for {what}.")
        elif now and not was:
            yield _stricter(f"A second person is needed for {what}: the {after.titles(of=now)}.")
        elif set(was) != set(now):
            yield Difference(OTHER, f"The second person for {what} is the {after.titles(of=now)}.")


def _places(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = _come_and_gone(before.places, after.places)
    if come:
        yield _looser(f"Cameras may also stand here: {listed(map(after.place_words, come))}.")
    if gone:
        yield _stricter(f"No camera may stand here any more: {listed(map(before.place_words, gone))}.")
    kernel = {area.kind for area in PRIVATE}
    come, gone = _come_and_gone(before.private_places, after.private_places)
    if come := [key for key in come if key not in kernel]:
        yield _stricter(f"These places are private too: {listed(map(after.place_words, come))}.")
    if gone := [key for key in gone if key not in kernel]:
        yield _looser(f"These places are no longer private: {listed(map(before.place_words, gone))}.")


def _purposes(before: Policy, after: Policy) -> Iterator[Difference]:
    for verb, was, now in (
        ("look", before.look_purposes, after.look_purposes),
        ("share", before.share_purposes, after.share_purposes),
    ):
        come, gone = _come_and_gone(was, now)
        if come:
            yield _looser(f"New purposes to {verb}: {listed(map(after.purpose_words, come))}.")
        if gone:
            yield _stricter(f"No purpose to {verb} any more: {listed(map(before.purpose_words, gone))}.")
        for key in now:
            if key in was:
                what = f"The purpose “{after.purpose_words(key)}”"
                if verb == "look" or key not in before.look_purposes or key not in after.look_purposes:
                    yield from _narrowed(what, was[key].roles, now[key].roles, after)
                if verb == "look":
                    yield from _asked(f"For {what[0].lower()}{what[1:]}", before, was[key].steps, after, now[key].steps)


def _asked(
    what: str, before: Policy, was: Collection[str], after: Policy, now: Collection[str]
) -> Iterator[Difference]:
    come, gone = _come_and_gone(was, now)
    if come:
        yield _stricter(f"{what}: {listed(step_words(after, step) for step in come)}.")
    if gone:
        yield _looser(f"{what}, no longer: {listed(step_words(before, step) for step in gone)}.")


def _narrowed(what: str, was: tuple[str, ...], now: tuple[str, ...], after: Policy) -> Iterator[Difference]:
    if set(was) == set(now):
        return
    if not now:
        yield _looser(f"{what} is for everybody who may look.")
    else:
        kind = STRICTER if not was or set(now) < set(was) else LOOSER if set(was) < set(now) else OTHER
        yield Difference(kind, f"{what} is only for the {after.titles(of=now)}.")


def _keeping(before: Policy, after: Policy) -> Iterator[Difference]:
    was, now = before.file.keeping, after.file.keeping
    if was.at_most != now.at_most:
        if not now.at_most:
            yield _looser("Footage is kept as long as there is room.")
        else:
            shorter = not was.at_most or _ns(now.at_most) < _ns(was.at_most)
            yield Difference(STRICTER if shorter else LOOSER, f"Footage is erased after {now.at_most} but for holds.")
    if was.at_least != now.at_least:
        said = f"is to be kept for at least {now.at_least}" if now.at_least else "has no least time any more"
        yield Difference(OTHER, f"Footage {said}.")


def _ns(length: str) -> int:
    found = parse_length(length)
    return found.longest_ns if found is not None else 0


def _grounds(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = _come_and_gone(before.grounds, after.grounds)
    if come:
        yield Difference(OTHER, f"Holds may also rest on {listed(map(after.ground_words, come), 'or')}.")
    if gone:
        yield Difference(OTHER, f"New holds no longer rest on {listed(map(before.ground_words, gone), 'or')}.")
    for key, ground in after.grounds.items():
        was = before.grounds[key].at_most if key in before.grounds else ""
        if was != ground.at_most:
            until = f"for at most {ground.at_most}" if ground.at_most else "until it is lifted"
            yield Difference(OTHER, f"A hold on {after.ground_words(key)} keeps footage {until}.")


def _steps(before: Policy, after: Policy) -> Iterator[Difference]:
    act = "commission.approve"
    was, now = before.file.steps.get(act, ()), after.file.steps.get(act, ())
    yield from _asked("Before a camera is approved", before, was, after, now)


def _bases(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = _come_and_gone(before.bases, after.bases)
    if come:
        yield _looser(f"A release may also rest on {listed(map(after.basis_words, come), 'or')}.")
    if gone:
        yield _stricter(f"A release no longer rests on {listed(map(before.basis_words, gone), 'or')}.")
    for key, now in after.bases.items():
        if key in before.bases:
            yield from _basis(after.basis_words(key), before, before.bases[key], after, now)


def _basis(words: str, before: Policy, was: Basis, after: Policy, now: Basis) -> Iterator[Difference]:
    yield from _within(words, was, now)
    come, gone = _come_and_gone(was.needs, now.needs)
    if come:
        yield _stricter(f"On {words}, this is needed, too: {listed(NEEDS[need] for need in come)}.")
    if gone:
        yield _looser(f"On {words}, this is no longer needed: {listed(NEEDS[need] for need in gone)}.")
    steps = [[step for step in row.steps if not step.startswith("within:")] for row in (was, now)]
    yield from _asked(f"On {words}", before, steps[0], after, steps[1])
    if was.asker != now.asker:
        yield Difference(OTHER, f"On {words}, who asks is: {now.asker} (before: {was.asker}).")
    if set(was.classes) != set(now.classes):
        kind = STRICTER if not was.classes else LOOSER if not now.classes else OTHER
        yield Difference(
            kind, f"On {words}, cameras of these classes: {listed(map(after.class_words, now.classes)) or 'all'}."
        )
    if was.hide != now.hide:
        yield (_stricter if now.hide else _looser)(f"On {words}, others {'are' if now.hide else 'need not be'} hidden.")
    if was.clock != now.clock:
        said = f"due in {now.clock.answer}" if now.clock is not None else "no longer due at a time"
        yield Difference(OTHER, f"On {words}, the answer is {said}.")


def _within(words: str, was: Basis, now: Basis) -> Iterator[Difference]:
    before, after = (
        next((step.partition(":")[2] for step in row.steps if step.startswith("within:")), "") for row in (was, now)
    )
    if before == after:
        return
    if not after:
        yield _looser(f"On {words}, the paper that follows is no longer due at a time of its own.")
    else:
        kind = LOOSER if before and _ns(after) > _ns(before) else STRICTER
        yield Difference(kind, f"On {words}, the paper that follows is due within {after}.")


def _screens(before: Policy, after: Policy) -> Iterator[Difference]:
    was, now = ({screen.key: screen for screen in one.file.screen} for one in (before, after))
    come, gone = _come_and_gone(was, now)
    for key in come:
        audience = "anyone" if "anyone" in now[key].audience else "staff"
        shown = listed([after.class_words(one) for one in now[key].classes])
        yield _looser(f"The screen {key} shows {shown} live to {audience}.")
    for key in gone:
        yield _stricter(f"The screen {key} shows nothing any more.")


def _settings(before: Policy, after: Policy) -> Iterator[Difference]:
    for key in (*sorted(LOOSER_WHEN_MORE), *sorted(LOOSER_WHEN_LESS)):
        value, given = getattr(before.board, key), getattr(after.board, key)
        if value != given:
            less = (given < value) == (key in LOOSER_WHEN_LESS)
            yield Difference(
                LOOSER if less else STRICTER, f"{key} is {given} where the Board sets nothing (before: {value})."
            )
        was, now = before.limits(key), after.limits(key)
        # What the Board could loosen it to: the file's bound on that side.
        side = 0 if key in LOOSER_WHEN_LESS else 1
        if was is None or now is None or was[side] == now[side]:
            continue
        looser = (now[side] > was[side]) == (side == 1)
        yield Difference(
            LOOSER if looser else STRICTER,
            f"{key} can be set from {now[0]} to {now[1]} (before: {was[0]} to {was[1]}).",
        )


def _checks(before: Policy, after: Policy) -> Iterator[Difference]:
    come, gone = _come_and_gone(before.checks, after.checks)
    if come:
        yield _stricter(f"To be checked, too: {listed(after.said(after.checks[key].words) for key in come)}.")
    if gone:
        yield _looser(f"To be checked no more: {listed(before.said(before.checks[key].words) for key in gone)}.")
    for key, now in after.checks.items():
        was = before.checks.get(key)
        if was is None or was.every == now.every:
            continue
        often = f"every {now.every}" if now.every else "as often as the Board sets"
        longer = not now.every or (was.every and _ns(now.every) > _ns(was.every))
        yield (_looser if longer else _stricter)(f"{after.said(now.words)}: to be checked {often}.")


def _worded(before: Policy, after: Policy) -> Iterator[Difference]:
    """Rows whose words changed: a reused key may mean something else now."""
    for what in ("role", "place", "camera_class", "purpose", "ground", "basis", "check"):
        was = {row.key: row for row in getattr(before.file, what)}
        for row in getattr(after.file, what):
            if row.key in was and before.said(was[row.key].words) != after.said(row.words):
                old, new = before.said(was[row.key].words), after.said(row.words)
                name = "class of camera" if what == "camera_class" else what
                yield Difference(OTHER, f"The {name} {row.key} is “{new}” (before: “{old}”).")
    said = {clause.id: before.said(clause.says) for clause in before.file.clause}
    come, gone = _come_and_gone(said, [clause.id for clause in after.file.clause])
    changed = [one.id for one in after.file.clause if one.id in said and after.said(one.says) != said[one.id]]
    for keys, words in ((come, "New clauses"), (gone, "Clauses that are gone"), (changed, "Clauses worded otherwise")):
        if keys:
            yield Difference(OTHER, f"{words}: {listed(keys)}.")


_UNTOLD = (
    ("place", ("note",)),
    ("camera_class", ("places",)),
    ("purpose", ("clause", "classes")),
    ("ground", ("clause",)),
    ("basis", ("clause", "ground", "caution")),
    ("screen", ("for", "classes", "ends", "plain_sight")),
    ("check", ("clause", "by", "by_adoption", "of_the_text")),
)
"""Fields of rows of which no sentence above tells."""


def _rest(before: Policy, after: Policy) -> Iterator[Difference]:
    """Whatever else is different, by its place in the file: nothing changes unsaid."""
    was, now = before.file, after.file
    places = [
        f"library, {name}" for name in now.library.__struct_fields__ if _of(was.library, name) != _of(now.library, name)
    ]
    for table, fields in _UNTOLD:
        rows = {row.key: row for row in getattr(was, table)}
        for row in getattr(now, table):
            if row.key in rows:
                name = {"camera_class": "class"}.get(table, table)
                places += [
                    f"{name} {row.key}, {field}" for field in fields if _of(rows[row.key], field) != _of(row, field)
                ]
    papers = [{role.key for role in one.role if role.on_paper} for one in (was, now)]
    places += [f"role {key}, on paper" for key in sorted(papers[0] ^ papers[1])]
    places += [table for table in ("sign", "words") if _of(was, table) != _of(now, table)]
    if places:
        yield Difference(OTHER, f"Also different: {listed(places)}.")


def _of(row: object, field: str) -> object:
    return getattr(row, {"for": "audience"}.get(field, field))


def by_kind(found: list[Difference]) -> Mapping[str, list[str]]:
    """Return the sentences by kind: looser first, then stricter, then the others."""
    return {kind: [one.sentence for one in found if one.kind == kind] for kind in (LOOSER, STRICTER, OTHER)}
