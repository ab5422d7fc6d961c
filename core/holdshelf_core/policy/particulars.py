"""What a policy says that the table of acts does not show: who acts for whom and where, what each
purpose and basis takes, and how long footage and holds last."""

from __future__ import annotations

from collections.abc import Iterator

from holdshelf_core.policy.gates import NEEDS
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.rights import PERMISSIONS
from holdshelf_core.policy.schema import Basis, Ground, Purpose, Role
from holdshelf_core.policy.screens import words_of
from holdshelf_core.policy.statute import JUDGE
from holdshelf_core.policy.steps import CONSENT, CONSULT, STEPPED, TELL, kind_and_role
from holdshelf_core.policy.tables import Policy

_STEPS = {CONSENT: "consents", CONSULT: "is consulted", TELL: "is told"}
_SECOND = {"release.approve": "release.approve", "hold.lift": "hold.lift.approve", "flag.review": "flag.review"}
_PLAIN = {"paper": "a paper", JUDGE: "the confidentiality statute is asked"}


def particulars(policy: Policy) -> Iterator[str]:
    """Return lines: a heading for roles, purposes, bases, holds and times, and under it each one that says anything."""
    for heading, said in (
        ("Roles:", [(policy.role_words(role.key), "", _of_role(policy, role)) for role in policy.file.role]),
        (
            "Second person:",
            [(PERMISSIONS[act].words.capitalize(), "", _of_second(policy, key)) for key, act in _SECOND.items()],
        ),
        *(
            (f"Before {words}:", [("each", before.clause, [step_words(policy, step) for step in before.steps])])
            for before, words in ((policy.steps(act), words) for act, words in STEPPED.items())
        ),
        (
            "Purposes:",
            [(policy.purpose_words(row.key), row.clause, _of_purpose(policy, row)) for row in policy.file.purpose],
        ),
        ("Footage is kept:", [("for all cameras", "", _of_keeping(policy))]),
        (
            "Grounds of holds:",
            [(policy.ground_words(row.key), row.clause, _of_ground(row)) for row in policy.file.ground],
        ),
        (
            "Requests from outside:",
            [(policy.basis_words(row.key), row.clause, _of_basis(policy, row)) for row in policy.file.basis],
        ),
        ("Screens:", [(row.key, row.clause, [words_of(policy, row)]) for row in policy.file.screen]),
    ):
        lines = [
            f"  {name}{f' ({clause})' if clause else ''}: {'; '.join(words)}." for name, clause, words in said if words
        ]
        if lines:
            yield from ("", heading, *lines)


def step_words(policy: Policy, step: str) -> str:
    """Return a step in words: 'the Board of Trustees consents', 'the paper follows within 48 hours'."""
    kind, role = kind_and_role(step)
    if kind in _STEPS:
        return f"the {policy.role_words(role)} {_STEPS[kind]}"
    return f"the paper follows within {role}" if role else _PLAIN.get(kind, kind)


def _of_role(policy: Policy, role: Role) -> list[str]:
    said = []
    if role.on_paper:
        said.append("acts by signed paper")
    if role.speaks_for_board:
        said.append(policy.own_board("speaks for the Board"))
    if (stands := role.stands_in) is not None:
        since = f"after {stands.after} of absence" if stands.after else "once an absence is entered"
        said.append(f"acts for the {policy.role_words(stands.role)} {since}")
    if role.shift:
        said.append(f"watches live as a duty, for {role.shift}")
    if role.receives:
        said.append("takes requests from outside and passes them on")
    return [*said, *_classes(policy, role.classes)]


def _of_second(policy: Policy, act: str) -> list[str]:
    seconds = policy.second(act)
    return [f"the {policy.titles(of=seconds)}, never who asked" if seconds else "none needed"]


def _of_keeping(policy: Policy) -> list[str]:
    keeping = policy.file.keeping
    said = [f"at least {keeping.at_least}, an error where there is less room"] if keeping.at_least else []
    said.append(f"at most {keeping.at_most}" if keeping.at_most else "as long as there is room")
    return [*said, "what is on hold stays"]


def _of_ground(row: Ground) -> list[str]:
    return [f"at most {row.at_most}" if row.at_most else "until it is lifted"]


def _of_purpose(policy: Policy, row: Purpose) -> list[str]:
    said = [f"to {listed(row.uses)}"]
    said += [f"for the {policy.titles(of=row.roles)}"] if row.roles else []
    return [*said, *(step_words(policy, step) for step in row.steps), *_classes(policy, row.classes)]


def _of_basis(policy: Policy, row: Basis) -> list[str]:
    said = [", ".join(NEEDS[need] for need in row.needs)] if row.needs else []
    said += [step_words(policy, step) for step in row.steps]
    if row.clock is not None:
        more = f", {row.clock.once_more} more with a reason" if row.clock.once_more else ""
        said.append(f"answered in {row.clock.answer}{more}")
    if row.hide:
        said.append("others are hidden")
    return [*said, *_classes(policy, row.classes)]


def _classes(policy: Policy, classes: tuple[str, ...]) -> list[str]:
    return [f"of these cameras alone: {listed(map(policy.class_words, classes))}"] if classes else []
