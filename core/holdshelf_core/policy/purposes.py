"""What a look or a share may be for: the policy's list (P1, P12, P14), and the checks of other text."""

from __future__ import annotations

import re

from holdshelf_core.policy.schema import Purpose
from holdshelf_core.policy.tables import OTHER, Policy

IMMINENT_DANGER = "imminent-danger"
OTHER_WORDS_LEAST = 3
MAX_INCIDENT_CHARS = 60


# In English, Spanish and French, the languages of the papers; people read the others, whoever adopts them.
# What somebody read, however phrased; a theft of books is a different matter, so the words must be about a person's reading.
_READING = re.compile(
    r"\b(what|which|whose)\b.{0,60}\b(read\w*|view\w*|watch\w*|listen\w*|borrow\w*|brows\w*|check\w* ?outs?|checked)\b"
    r"|\b(read(?:ing|s)|listening|browsing|borrowing)\b|\bviewing (?:habit|histor|record|choice|interest)"
    r"|\bqué\b.{0,60}\b(lee\w*|leía\w*|mira\w*|escucha\w*)\b|\blecturas? de\b|\bhábitos de lectura\b"
    r"|\bce qu\w*.{0,60}\b(lit|lisent|lisait|regarde\w*|écoute\w*|emprunte\w*)\b|\bhabitudes de lecture\b",
    re.IGNORECASE,
)
_MONITORING = re.compile(
    r"\b(general (?:monitor|watch|observ|surveil)\w*|monitor\w*|surveil\w*|routine (?:watch|check|look|observ)\w*|curio\w*"
    r"|just (?:to )?look\w*|see what (?:is|'s|goes)|keep(?:ing)? an eye"
    r"|watch(?:ing)? (?:him|her|them|people|patrons|staff|employees|visitors|everyone)|staff performance|attendance"
    r"|vigilancia general|vigilar (?:a|al|en general)|(?:mirar|observar) a (?:la gente|los usuarios|los empleados|las personas)"
    r"|surveillance générale|(?:surveiller|observer) (?:les gens|les usagers|les employés|le public|le personnel|en général))\b",
    re.IGNORECASE,
)
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
    """Return why these words name nothing that anyone may look for, whatever the policy lists: (clause, sentence)."""
    if _READING.search(words.replace("-", " ")):
        return "P6", "Finding out what someone reads, views or listens to is not a purpose."
    if _MONITORING.search(words.replace("-", " ")):
        return "P1", "Watching people in general is not a purpose."
    return None


def offending(words: str) -> str:
    """Return the part of the words for which ``no_purpose`` refuses them."""
    found = _READING.search(words.replace("-", " ")) or _MONITORING.search(words.replace("-", " "))
    return found[0] if found is not None else ""


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
