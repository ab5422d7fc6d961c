"""Steps that stand before an act on a basis or for a purpose: whose consent it takes, who is consulted, in the file's order.

A step is done when it is on record, or when the caller is the one who has to consent. What gates read (``paper``, ``judge``,
``within``) and what follows the act (``tell``) is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdshelf_core.policy.case import Decision, refused
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.question import Ask
from holdshelf_core.policy.second import is_paper
from holdshelf_core.policy.standing import acts_for, ask_seats, holders
from holdshelf_core.policy.state import State

CONSENT, CONSULT, TELL = "consent", "consult", "tell"
STEPPED = {"commission.approve": "a camera is approved"}
"""Acts before which a file can put steps, in words; purposes and bases have their own."""


def kind_and_role(step: str) -> tuple[str, str]:
    """Return e.g. ('consent', 'director'); of a step that names no role ('judge', '')."""
    kind, _, role = step.partition(":")
    return kind, role


def consulted(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the steps that are done where these roles were consulted."""
    return tuple(f"{CONSULT}:{role}" for role in roles)


def consults(steps: Iterable[str]) -> list[str]:
    """Return the roles that these steps have consulted."""
    return [role for kind, role in map(kind_and_role, steps) if kind == CONSULT]


def consenting(steps: Iterable[str]) -> list[str]:
    """Return the roles whose consent these steps take."""
    return [role for kind, role in map(kind_and_role, steps) if kind == CONSENT]


def tell_words(state: State, steps: Iterable[str], now: Now) -> str:
    """Return whom these steps have told once it is done: 'Tell the Manager of Privacy (Ann Lee) of it.'; '' for nobody."""
    said = []
    for role in (role for kind, role in map(kind_and_role, steps) if kind == TELL):
        names = [state.name_of(seat.person) for seat in holders(state, now, role)]
        said.append(f"the {state.policy.role_words(role)}{f' ({listed(names)})' if names else ''}")
    return f"Tell {listed(said)} of it." if said else ""


def open_step(state: State, steps: Iterable[str], done: Iterable[str], roles: Sequence[str], now: Now) -> str:
    """Return the first step that is not on record (``done``) and that nobody in these roles takes by acting; '' for none."""
    done = set(done)
    for step in steps:
        kind, role = kind_and_role(step)
        if kind not in (CONSENT, CONSULT) or step in done:
            continue
        if kind == CONSULT or not any(acts_for(state, one, role, now) for one in roles):
            return step
    return ""


def step_missing(ask: Ask, steps: Sequence[str], what: str, clause: str) -> Decision | None:
    """Return a refusal that names the first step which is not done, and what would do it; None: all are. ``what`` ("this
    release") goes into the sentence, ``clause`` is the duty that the act states."""
    done = ask.scope.done
    if is_paper(ask.scope.paper_sha256 or ""):
        done = (*done, f"{CONSENT}:{ask.scope.paper_seat}")
    step = open_step(ask.state, steps, done, [seat.key for seat in ask.standing.seats], ask.now)
    if not step:
        return None
    kind, role = kind_and_role(step)
    words = ask.state.policy.role_words(role)
    if kind == CONSULT:
        return refused(
            clause,
            f"Before {what} the {words} is consulted.",
            f"Do that, and check it in the form. By command: `--consulted {role}`.",
        )
    return refused(clause, f"It takes the {words} to consent to {what}.", _who_consents(ask, role))


def _who_consents(ask: Ask, role: str) -> str:
    policy = ask.state.policy
    on_paper = f"Give a paper signed by the {policy.short(role)}; its SHA-256 is recorded."
    if not policy.has_holders(role):
        return on_paper
    return f"{ask_seats(ask.state, ask.now, keys=(role,), but=ask.person)} Or: {on_paper[0].lower()}{on_paper[1:]}"
