"""The confidentiality statute, as a step of a basis: which papers pass it, and what it asks for, in words."""

from __future__ import annotations

from holdshelf_core.policy.model import AskedRule
from holdshelf_core.policy.schema import Basis
from holdshelf_core.policy.tables import Policy

JUDGE = "judge"
"""The step that the confidentiality statute asks for: a judge, the person's permission, or what counsel determined."""
_NOTHING_ASKED = AskedRule()


def by_a_judge(row: Basis, asked: AskedRule = _NOTHING_ASKED) -> bool:
    """Return whether a judge's signature on its paper passes the statute's step: a court's paper, or one that must have it.

    Under ``asked`` the request was entered; where that asked the statute, it must have asked for the signature, too.
    """
    needs = "judge" in row.needs and ("judge" in asked.needs or JUDGE not in asked.steps)
    return row.asker == "court" or needs


def is_permission(row: Basis) -> bool:
    """Return whether it is the permission of the person who is seen. Who must prove who they are asks for themselves."""
    return row.asker == "person-seen" and JUDGE not in row.steps and "identity" not in row.needs


def statute_words(policy: Policy) -> str:
    """Return what the statute asks for, as far as the policy has a basis for it."""
    permission = any(map(is_permission, policy.bases.values()))
    return "a court order or the person's written permission" if permission else "a court order"


def determinable(policy: Policy) -> tuple[str, ...]:
    """Return the bases that a determination by counsel can open: those that the statute's step stops."""
    return tuple(key for key, row in policy.bases.items() if JUDGE in row.steps)


def by_the_statute(policy: Policy) -> tuple[str, ...]:
    """Return what passes the statute's step under *enforce*."""
    permission = any(map(is_permission, policy.bases.values()))
    counsel = policy.who_may("counsel.record")
    return (
        "a court order, or a warrant or subpoena that a judge signed",
        *(["or the written permission of the person who is seen"] if permission else []),
        *(
            [f"or a determination by the library's counsel: the {policy.short(counsel[0])} asks for it"]
            if counsel
            else []
        ),
    )
