"""Grants: what a purpose lets one person see, in one session, for a while. In memory only; a restart ends them all.

Plain data and its bookkeeping. Times that end something are on the boot clock, which no step of the wall clock moves.
Must never widen itself: whoever changes cameras or span has asked the gate first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from holdshelf_core.api.types_looks import GrantRow
from holdshelf_core.caller import Caller
from holdshelf_core.looking.leases import Lease

NS = 1_000_000_000
PICTURES_PER_GRANT = 2_000
"""Then the purpose is asked for again (P2: no bulk pull)."""
GRANT_S = 8 * 3600
"""A working day: a look that is older is asked for again, whatever its session does."""
GRANTS_PER_PERSON = 16
LOOK, BREAK_GLASS, SHARE = "look", "break_glass", "share"
LIVE, ARCHIVE = "live", "archive"
SPAN_AROUND_NS = 15 * 60 * NS


def holder_of(caller: Caller) -> str:
    """What a grant is tied to beside the person: the SSH session, or the local account (each command is a process of its own)."""
    return caller.session if caller.via == "ssh" else f"local-{caller.uid}"


@dataclass(slots=True, eq=False)
class Grant:
    """An open look."""

    id: str
    """L-2026-000123: its number is that of its log entry, so no id comes twice."""
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
    """For showing; ``ends_boot_ns`` decides."""
    acting_as: str = ""
    share: str = ""
    pictures: int = 0
    """Promised so far, over all its leases."""
    delivered: int = 0
    widenings: int = 0
    live_until_boot_ns: int = 0
    live_until_utc_ns: int = 0
    renewals: int = 0
    live_ns: int = 0
    flag: str = ""
    warning: str = ""
    closed: str = ""
    """'' while it is open; afterwards why it ended, in words."""
    leases: dict[tuple[str, bool], Lease] = field(default_factory=dict)
    """By camera, and whether it is for live pictures."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def row(self) -> GrantRow:
        """As clients see it."""
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
            pictures_left=max(0, PICTURES_PER_GRANT - self.pictures),
            widenings=self.widenings,
            live_until_utc_ns=self.live_until_utc_ns if self.mode == LIVE else None,
            live_s=round(self.live_ns / NS, 1),
            share=self.share,
            flag=self.flag,
            warning=self.warning,
        )

    def is_live_now(self, boot_ns: int) -> bool:
        """Live pictures may still come without a new confirm."""
        return self.mode == LIVE and not self.closed and boot_ns < self.live_until_boot_ns

    def covers(self, camera: str, at_utc_ns: int | None) -> bool:
        """Whether a picture of that camera (at that time; None: live) lies inside it."""
        if camera not in self.cameras:
            return False
        if at_utc_ns is None:
            return self.mode == LIVE
        if self.start_utc_ns is None or self.end_utc_ns is None:
            return False
        return self.start_utc_ns <= at_utc_ns < self.end_utc_ns
