"""The service's two clocks and a person's word on them, over the local socket. Times are ns, UTC or since boot."""

from __future__ import annotations

import msgspec


class ClockRow(msgspec.Struct, frozen=True):
    """Both clocks at one moment. ``doubtful``: they disagree, so nothing is granted or deleted by age."""

    utc_ns: int
    """The wall clock."""
    trusted_utc_ns: int
    """The time that the service has counted."""
    boot_ns: int
    """Boot time of this moment: with ``utc_ns`` it tells whether the wall clock was set since."""
    doubtful: bool


class ClockConfirm(msgspec.Struct, frozen=True):
    """The wall clock is right. ``utc_ns`` and ``boot_ns``: as they were shown to the person who says so."""

    utc_ns: int
    boot_ns: int
    why: str


class ClockConfirmed(msgspec.Struct, frozen=True):
    """By how much the counted time was moved, and what had ended by either clock and stays ended."""

    seq: int
    moved_ns: int
    ended: list[str]
