"""The allowed purposes of looks and shares: a pick-list in the policy's terms (P1, P12, P14), and the checks of other text."""

from __future__ import annotations

import re

import msgspec

IMMINENT_DANGER = "imminent-danger"
OTHER = "other"
OTHER_WORDS_LEAST = 3
MAX_INCIDENT_CHARS = 60


class Purpose(msgspec.Struct, frozen=True):
    """``id`` goes into the log; ``words`` are shown for selection."""

    id: str
    words: str


PURPOSES: dict[str, Purpose] = {
    purpose.id: purpose
    for purpose in (
        Purpose("crime", "possible crime on library property"),
        Purpose("violation", "possible violation of a library or town policy"),
        Purpose("disruption", "behavior that disrupts the library's work"),
        Purpose("restricted", "whether someone whose privileges were restricted or withdrawn has come"),
        Purpose("safety", "someone's safety: an injury, an accident, a missing person"),
        Purpose("loss", "loss of or damage to property"),
        Purpose("legal-paper", "a legal paper or a request in an active investigation"),
        Purpose("camera-check", "whether a camera still shows what its reference picture shows"),
    )
}
"""The purposes offered by the prompt before the first picture."""
SHARE_PURPOSES: dict[str, Purpose] = {
    **{key: PURPOSES[key] for key in ("crime", "violation", "disruption", "restricted", "safety")},
    OTHER: Purpose(OTHER, "other, which is explained"),
}
"""The purposes of P14."""

# What somebody read, however phrased; a theft of books is a different matter, so the words must be about a person's reading.
_READING = re.compile(
    r"\b(what|which|whose)\b.{0,60}\b(read\w*|view\w*|watch\w*|listen\w*|borrow\w*|brows\w*|check\w* ?outs?|checked)\b"
    r"|\b(read(?:ing|s)|listening|viewing|browsing|borrowing)\b",
    re.IGNORECASE,
)
_MONITORING = re.compile(
    r"\b(general (?:monitor|watch|observ|surveil)\w*|monitor\w*|surveil\w*|routine (?:watch|check|look|observ)\w*|curio\w*"
    r"|just (?:to )?look\w*|see what (?:is|'s|goes)|keep(?:ing)? an eye"
    r"|watch(?:ing)? (?:him|her|them|people|patrons|staff|employees|visitors|everyone)|staff performance|attendance)\b",
    re.IGNORECASE,
)
_INCIDENT = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9 ,./#:()&_-]*", re.ASCII)


def purpose_problem(purpose: str) -> tuple[str, str] | None:
    """Return why a look's purpose is not allowed: (clause, sentence). None: it is on the list."""
    if purpose in PURPOSES:
        return None
    if not purpose.strip():
        return "P12", "A look needs a purpose from the list."
    return _no_purpose(purpose) or ("P12", f"{purpose[:40]!r} is not on the list of purposes.")


def share_purpose_problem(purpose: str) -> tuple[str, str] | None:
    """Return why a share's purpose is not allowed. None: it is on P14's list, or another one explained in words."""
    if purpose in SHARE_PURPOSES and purpose != OTHER:
        return None
    if not purpose.strip():
        return "P14", "A share needs a purpose."
    if len(purpose.split()) < OTHER_WORDS_LEAST:
        return "P14", f"{purpose[:40]!r} is not on the list of purposes; explain any other one in a few words."
    return _no_purpose(purpose)


def _no_purpose(words: str) -> tuple[str, str] | None:
    if _READING.search(words.replace("-", " ")):
        return "P6", "Finding out what someone reads, views or listens to is not a purpose."
    if _MONITORING.search(words.replace("-", " ")):
        return "P1", "Watching people in general is not a purpose."
    return None


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


def purpose_words(purpose: str) -> str:
    """Return the words for a purpose's id."""
    if purpose == IMMINENT_DANGER:
        return "imminent danger"
    row = PURPOSES.get(purpose) or SHARE_PURPOSES.get(purpose)
    return row.words if row is not None else purpose
