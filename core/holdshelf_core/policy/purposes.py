"""What a look or a share may be for: the policy's list (P1, P12, P14), and the checks of other text."""

from __future__ import annotations

import re

from holdshelf_core.policy.purpose_words import refused_words
from holdshelf_core.policy.schema import Purpose
from holdshelf_core.policy.tables import OTHER, Policy

IMMINENT_DANGER = "imminent-danger"
OTHER_WORDS_LEAST = 3
MAX_INCIDENT_CHARS = 60
_MOST_SHOWN = 40
_INCIDENT = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9 ,./#:()&_-]*", re.ASCII)


def purpose_problem(policy: Policy, purpose: str) -> tuple[str, str] | None:
    """Return why a look's purpose is not allowed: (clause, sentence). None: it is on the list."""
    if purpose in policy.look_purposes:
        return None
    if not purpose.strip():
        return "P12", "A look needs a purpose from the list."
    return no_purpose(purpose) or ("P12", f"{purpose[:40]!r} is not on the list of purposes.")


def share_purpose_problem(policy: Policy, purpose: str) -> tuple[str, str] | None:
    """Return why a share's purpose is not allowed. None: it is on the list, or, where the list has ``other``, another one that is
    explained in words."""
    if purpose in policy.share_purposes and purpose != OTHER:
        return None
    if not policy.share_purposes:
        return no_purpose(purpose) or ("P14", "The policy has no purpose for sharing, so nothing is shared.")
    if not purpose.strip():
        return "P14", "A share needs a purpose."
    if OTHER not in policy.share_purposes:
        return no_purpose(purpose) or ("P14", f"{purpose[:40]!r} is not on the list of purposes.")
    if len(purpose.split()) < OTHER_WORDS_LEAST:
        return "P14", f"{purpose[:40]!r} is not on the list of purposes; explain any other one in a few words."
    return no_purpose(purpose)


def not_for(policy: Policy, row: Purpose, roles: tuple[str, ...]) -> str | None:
    """Return why holders of these roles may not have that purpose, in a sentence. None: they may."""
    if not row.roles or set(row.roles) & set(roles):
        return None
    return f"Only the {policy.titles(of=row.roles)} may look for this purpose: {policy.said(row.words)}."


def no_purpose(words: str) -> tuple[str, str] | None:
    """Return why these words name nothing that anyone may look for, whatever the policy lists: (clause, sentence).

    The sentence ends with the part of the words for which they are refused.
    """
    found = refused_words(words)
    if found is None:
        return None
    rule, part = found
    return rule.clause, f"{rule.sentence.rstrip('.')}: {part[:_MOST_SHOWN]!r}."


def incident_problem(incident: str) -> str | None:
    """Return why an incident or case number is invalid, in a sentence. None: it is valid or empty."""
    if not incident:
        return None
    if len(incident) > MAX_INCIDENT_CHARS:
        return f"An incident number has at most {MAX_INCIDENT_CHARS} characters."
    if not _INCIDENT.fullmatch(incident):
        return (
            "An incident number has letters, digits and , . / # : ( ) & _ - with at least one digit, and never a name."
        )
    return None
