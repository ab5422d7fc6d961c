"""The rule under which a request was entered: a policy that is adopted meanwhile may ask for more, not for less.

It is kept with the request (``Release.asked_rule``), and the stricter of the two decides at each of its gates.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.policy.model import AskedRule, Board, Release
from holdshelf_core.policy.schema import Basis
from holdshelf_core.policy.steps import kind_and_role
from holdshelf_core.policy.tables import Policy

DANGER = "danger"
"""The need of a basis on which footage leaves before its paper."""


def asked_rule(policy: Policy, basis: str, board: Board) -> AskedRule:
    """Return what the policy asks for now on that basis."""
    row = policy.bases.get(basis)
    second = policy.second("release.approve") if board.second_person_release else ()
    if row is None:
        return AskedRule(second=second)
    return AskedRule(row.needs, row.steps, policy.hides_others(basis), second, row.classes)


def stricter(policy: Policy, basis: str, asked: AskedRule) -> Basis | None:
    """Return a basis of the policy with what it asked for besides when a request on it was entered; None: it is no basis now.

    A step of a role that the policy no longer has is gone: nobody could take it.
    """
    row = policy.bases.get(basis)
    if row is None or not (asked.needs or asked.steps):
        return row
    needs = dict.fromkeys((*row.needs, *asked.needs))
    if not (DANGER in row.needs and DANGER in asked.needs):
        # In danger less is asked for before it leaves.
        needs.pop(DANGER, None)
    roles = {step: kind_and_role(step)[1] for step in asked.steps if not step.startswith("within:")}
    steps = [step for step in asked.steps if not roles.get(step) or roles[step] in policy.roles]
    return msgspec.structs.replace(row, needs=tuple(needs), steps=tuple(dict.fromkeys((*steps, *row.steps))))


def classes_asked(policy: Policy, asked: AskedRule) -> tuple[str, ...]:
    """Return the classes of camera that a basis was for when a request on it was entered; () for all, and where one of them is
    gone from the policy: no camera could be of it."""
    known = {one.key for one in policy.file.camera_class}
    return asked.classes if known.issuperset(asked.classes) else ()


def hides_others(policy: Policy, row: Release) -> bool:
    """Return whether everybody else who is seen must be hidden in it."""
    return row.asked_rule.hides_others or policy.hides_others(row.basis)
