"""Grants: what a purpose lets one person see, in one session, for a while. In memory only; a restart ends them all.

Plain data and its bookkeeping. Expiry times are on the boot clock, which steps of the wall clock do not affect. Must never widen
itself: whoever changes cameras or span must ask the authorizer first.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass, field

from holdshelf_core.actions.caller import Caller
from holdshelf_core.looks.leases import LEASE_PICTURES, LEASE_S, Lease
from holdshelf_core.looks.types import GrantRow
from holdshelf_core.times import NS

PICTURES_PER_GRANT = 2_000
"""Then a purpose must be given again (P2: no bulk export)."""
GRANT_S = 8 * 3600
"""A working day: an older look must be requested again, whatever its session does."""
GRANTS_PER_PERSON = 16
SCREEN_PICTURES, SHIFT_PICTURES, SCREEN_S = 3_600, 36_000, 3_600
LOOK, BREAK_GLASS, SHARE = "look", "break_glass", "share"
LIVE, ARCHIVE = "live", "archive"
"""Also said about another person's look: that it exists is not revealed."""


def holder_of(caller: Caller) -> str:
    """Return what a grant is bound to besides the person: the SSH session, or the local account (each command is its own
    process)."""
    return caller.session if caller.via == "ssh" else f"local-{caller.uid}"


@dataclass(slots=True, eq=False)
class Grant:
    """An open look."""

    id: str
    """E.g. L-2026-000123: its number is that of its log entry, so no id occurs twice."""
    seq: int
    kind: str
    mode: str
    caller: Caller
    person: str
    holder: str
    cameras: tuple[str, ...]
    start_utc_ns: int | None
    end_utc_ns: int | None
    purpose: str
    incident: str
    opened_utc_ns: int
    opened_boot_ns: int
    ends_boot_ns: int
    ends_utc_ns: int
    """For display; ``ends_boot_ns`` decides."""
    acting_as: str = ""
    consulted: tuple[str, ...] = ()
    """Roles that were consulted before it, by the word of whoever looks."""
    share: str = ""
    is_shift: bool = False
    """Whoever looks watches as their duty: live, until their shift ends."""
    pictures: int = 0
    """Promised so far, in all its leases."""
    delivered: int = 0
    shown: dict[str, array[int]] = field(default_factory=dict)
    """Times (UTC ns) of the recorded pictures that were delivered, by camera."""
    widenings: int = 0
    live_until_boot_ns: int = 0
    live_until_utc_ns: int = 0
    renewals: int = 0
    live_ns: int = 0
    flag: str = ""
    warning: str = ""
    closed: str = ""
    """'' while it is open; then the reason why it ended, in words."""
    leases: dict[tuple[str, bool], Lease] = field(default_factory=dict)
    """By camera, and whether it is for live pictures."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_screen(self) -> bool:
        """Return whether it is what a screen shows: live, until its end today."""
        return self.kind == SHARE and self.mode == LIVE

    @property
    def goes_on(self) -> bool:
        """Return whether it is live until its end, with nobody's confirmation: on a screen, or while a shift lasts."""
        return self.is_screen or self.is_shift

    @property
    def lease(self) -> tuple[int, int]:
        """Return (most pictures, seconds) of each of its leases. What goes on has an entry for each hour and camera."""
        if self.is_shift:
            return SHIFT_PICTURES, SCREEN_S
        return (SCREEN_PICTURES, SCREEN_S) if self.is_screen else (LEASE_PICTURES, LEASE_S)

    @property
    def pictures_left(self) -> int:
        """Return how many more pictures it may show. What goes on is limited by its end alone."""
        return PICTURES_PER_GRANT if self.goes_on else max(0, PICTURES_PER_GRANT - self.pictures)

    def row(self) -> GrantRow:
        """Return the grant as clients see it."""
        return GrantRow(
            id=self.id,
            kind=self.kind,
            mode=self.mode,
            person=self.person,
            purpose=self.purpose,
            incident=self.incident,
            cameras=list(self.cameras),
            start_utc_ns=self.start_utc_ns,
            end_utc_ns=self.end_utc_ns,
            opened_utc_ns=self.opened_utc_ns,
            ends_utc_ns=self.ends_utc_ns,
            seq=self.seq,
            pictures=self.delivered,
            pictures_left=self.pictures_left,
            widenings=self.widenings,
            live_until_utc_ns=self.live_until_utc_ns if self.mode == LIVE else None,
            live_s=round(self.live_ns / NS, 1),
            share=self.share,
            flag=self.flag,
            warning=self.warning,
        )

    def is_live_now(self, boot_ns: int) -> bool:
        """Return whether live pictures may continue without a new confirmation."""
        return self.mode == LIVE and not self.closed and boot_ns < self.live_until_boot_ns

    def covers(self, camera: str, at_utc_ns: int | None) -> bool:
        """Return whether a picture of that camera (at that time; None: live) is covered."""
        if camera not in self.cameras:
            return False
        if at_utc_ns is None:
            return self.mode == LIVE
        if self.start_utc_ns is None or self.end_utc_ns is None:
            return False
        return self.start_utc_ns <= at_utc_ns < self.end_utc_ns
