"""The Board's settings, and which direction is looser: any seat may make a rule stricter, only the Board may loosen one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdshelf_core.policy.model import Board

LOOSER_WHEN_FALSE = frozenset({"second_person_lift", "second_person_release"})
LOOSER_WHEN_MORE = frozenset(
    {
        "live_minutes",
        "waiver_days",
        "review_days",
        "sign_check_days",
        "camera_check_days",
        "house_check_days",
        "longest_look_hours",
        "cameras_per_purpose",
        "widenings_before_flag",
        "break_glass_minutes",
        "share_days",
        "outbox_days",
        "paper_days",
    }
)
LOOSER_WHEN_LESS = frozenset({"grace_days"})

# The smallest and the largest value that a number can be set to.
LIMITS = {
    "live_minutes": (1, 60),
    "grace_days": (1, 90),
    "waiver_days": (1, 30),
    "review_days": (1, 366),
    "sign_check_days": (7, 366),
    "camera_check_days": (7, 366),
    "house_check_days": (7, 366),
    "longest_look_hours": (1, 24),
    "cameras_per_purpose": (1, 16),
    "widenings_before_flag": (1, 20),
    "break_glass_minutes": (1, 60),
    "share_days": (1, 90),
    "outbox_days": (1, 90),
    "paper_days": (0, 3660),
}
SETTING_WORDS = {
    "library": "the library's name, on every print",
    "contact": "whom the public asks (P19), on every print",
    "policy_address": "where the policy is posted (P18)",
    "second_person_lift": "lifting a hold takes a second person (P16)",
    "second_person_release": "a release takes a second person (P13)",
    "live_minutes": "a live view ends by itself after so many minutes (P9)",
    "grace_days": "days between a lift's approval and the first erasing (P16)",
    "waiver_days": "for how long an entrance's sign may be waived (P3)",
    "review_days": "a hold's first review, in days (P16)",
    "sign_check_days": "days between checks of a sign (P3)",
    "camera_check_days": "days between walks past each camera with the checklist (P4 to P8)",
    "house_check_days": "days between the Board's reviews (P1), and of what else the checklist asks of the house",
    "longest_look_hours": "the longest span of one look (P12)",
    "cameras_per_purpose": "the most cameras in one look (P12)",
    "widenings_before_flag": "how often a look is widened before it is flagged (P12)",
    "break_glass_minutes": "how long a break-glass look lasts",
    "share_days": "days until a share expires (P14)",
    "outbox_days": "for how many days bundles, papers and stills are ready to fetch",
    "paper_days": "for how many days a paper that was sent is kept, sealed; 0: thrown away once its fingerprint is taken",
    "paper_size": "the page that papers are set for: letter or a4",
    "printers": "printers that papers may go to, with commas between; empty: all that CUPS knows",
}
"""What each setting is."""
CHOICES = {"paper_size": ("letter", "a4")}
"""Choices of a setting that is a word."""


def loosened(board: Board, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the settings that would become looser than they are. An unknown one counts as looser."""
    found = []
    for key, value in settings.items():
        before = getattr(board, key, None)
        if key in LOOSER_WHEN_FALSE:
            looser = bool(before) and not value
        elif key in LOOSER_WHEN_MORE:
            looser = not isinstance(value, int) or value > int(before or 0)
        elif key in LOOSER_WHEN_LESS:
            looser = not isinstance(value, int) or value < int(before or 0)
        else:
            looser = before is None
        if looser:
            found.append(key)
    return tuple(found)
