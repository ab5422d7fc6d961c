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
