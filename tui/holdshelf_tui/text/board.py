"""The Board's settings and the adopted policy in words: the same on the screen and at the command line."""

from __future__ import annotations

from typing import Any

from holdshelf_core.people.board_types import AdoptedRow, BoardSetting, PolicyLinted
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.numbering import renumbered
from holdshelf_tui.text.time_format import iso_day
from holdshelf_tui.text.words import counted, inert

STATUTE_WORDS = {
    "enforce": "enforced: it can refuse what only the policy allows",
    "advise": "advice: a release goes on with a caution on record",
}
LABELS = {
    "library": "Name of the library",
    "contact": "Whom the public asks (P19)",
    "policy_address": "Where the policy is posted (P18)",
    "second_person_lift": "Lifting takes two people (P16)",
    "second_person_release": "A release takes two people (P13)",
    "live_minutes": "A live look ends after (P9)",
    "grace_days": "Grace after a lift (P16)",
    "waiver_days": "A sign may be waived for (P3)",
    "review_days": "First review of a hold after (P16)",
    "sign_check_days": "A sign is checked every (P3)",
    "camera_check_days": "Walk past each camera every (P4-P8)",
    "house_check_days": "The Board's review every (P1)",
    "longest_look_hours": "Longest span of a look (P12)",
    "cameras_per_purpose": "Cameras in one look (P12)",
    "widenings_before_flag": "Widenings before a flag (P12)",
    "break_glass_minutes": "An imminent-danger look lasts (P12)",
    "share_days": "A share lasts (P14)",
    "outbox_days": "An outbox keeps things for",
    "paper_days": "A paper that was sent is kept for",
    "paper_size": "Page of papers",
    "printers": "Printers for papers",
}
"""By setting, for a line of a list; what it decides is the service's to say in full."""
STATUTES = tuple(STATUTE_WORDS.items())
NOT_SET = "not set"
ABSENT = "absent"
VERDICT_WORDS = {
    "exact": "is the text that was adopted, by its SHA-256",
    "same": "says what was adopted, in the same words",
}
_UNITS = {"days": "day", "minutes": "minute", "hours": "hour"}


def label(key: str) -> str:
    """What a setting is called in a list; '' for one that has no words."""
    return own_board(renumbered(LABELS.get(key, "")))


def setting_words(key: str, value: Any) -> str:
    """'yes', '10 minutes', 'not set'."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        unit = next((one for many, one in _UNITS.items() if key.endswith(f"_{many}")), "")
        return counted(value, unit) if unit else str(value)
    return str(value) or NOT_SET


def range_words(row: BoardSetting) -> str:
    """'a whole number from 1 to 60'; '' for what is no number."""
    return f"a whole number from {row.least} to {row.most}" if row.least is not None else ""


def policy_words(row: AdoptedRow) -> str:
    """'version 2026-1, adopted on 2026-03-10'."""
    return f"version {row.version}, adopted on {iso_day(row.adopted_on)}" if row.sha256 else "none adopted yet"


def statute_words(row: AdoptedRow) -> str:
    """How the statute is treated; of no policy, how it would be."""
    return STATUTE_WORDS.get(row.statute, row.statute) if row.sha256 else "enforced, until a policy says otherwise"


def verdict_words(page: str, verdict: str, differences: int, text: str) -> str:
    """What comparing the posted page came to. ``text``: which policy, in words."""
    if verdict in VERDICT_WORDS:
        return f"{page} {VERDICT_WORDS[verdict]}: {text}."
    if verdict == ABSENT:
        return f"The policy is not there: {page} contains too little of the adopted text ({text})."
    return f"{page} does not match what was adopted: it differs in {counted(differences, 'place')}."


def linted_words(found: PolicyLinted) -> str:
    """What a policy file makes looser and stricter than the one in force, a sentence a line."""
    parts = []
    for heading, sentences in (
        ("Looser than the policy in force", found.looser),
        ("Stricter", found.stricter),
        ("Also different", found.other),
        ("Not enforced by Holdshelf; people must follow it", found.words_only),
        (
            "Enforced, but no cases show what is allowed and what is refused",
            [listed(found.unshown)] if found.unshown else [],
        ),
    ):
        if sentences:
            parts += [f"{heading}:", *(f"  {inert(sentence, 4000)}" for sentence in sentences), ""]
    return "\n".join(parts) or "It does not change what the policy in force means."


def adopted_words(row: AdoptedRow) -> list[str]:
    """What an adoption did, a sentence a line: what is in force, what ended by it, and what to look at."""
    lines = [f"Version {inert(row.version)}, adopted on {iso_day(row.adopted_on)}, is in force. SHA-256 {row.sha256}."]
    if row.file_sha256:
        by = f", signed by {inert(row.signed_by, 80)}" if row.signed_by else ""
        lines.append(f"Its policy file is also in force: SHA-256 {row.file_sha256}{by}.")
    if row.languages:
        lines.append(f"The text is in {listed(row.languages)}.")
    if row.reviewed_by:
        lines.append(
            f"{own_board("It was done on the Board's signed paper")}, and is flagged for the {inert(row.reviewed_by, 200)} to "
            "review."
        )
    lines += [f"This term ended, as the policy has no such role: {inert(words, 200)}." for words in row.ended]
    lines += [
        f"This screen no longer shows pictures, because the policy does not list it: {inert(words, 200)}."
        for words in row.screens_ended
    ]
    return lines
