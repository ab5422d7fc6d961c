"""Leases: the pictures that one log entry allows. At most 64 pictures of one camera, for at most 60 seconds.

A lease is on disk before its first picture is sent, and is closed by an entry that counts what was delivered. A crash leaves it
open: then the log can only say "unknown, at most N". Plain data; must never deliver anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdshelf_core.actions.caller import Caller
from holdshelf_core.times import NS

LEASE_PICTURES = 64
LEASE_S = 60
OPEN, CLOSE = "look.open", "look.close"
# A live picture counts for as long as it was plausibly on a screen until the next one.
LIVE_STEP_NS = 2 * NS


@dataclass(slots=True, eq=False)
class Lease:
    """One open entry. Its end is on the boot clock; times of pictures (UTC) say what it showed."""

    seq: int
    caller: Caller
    """Who requested the picture that opened it."""
    camera: str
    most: int
    ends_boot_ns: int
    live: bool
    taken: int = 0
    """Pictures promised: in progress or delivered."""
    in_flight: int = 0
    """Requests in progress; it is closed when the last of them is done."""
    delivered: int = 0
    first_utc_ns: int | None = None
    last_utc_ns: int | None = None
    live_ns: int = 0
    last_boot_ns: int = 0
    mask_versions: set[int] = field(default_factory=set)
    closing: str = ""
    """Why it is closing; once set, no pictures are taken from it."""
    live_utc_ns: tuple[int, int] | None = None
    """For live pictures, the period stated in its entry, by the wall clock."""

    def has_room(self, pictures: int, boot_ns: int, utc_ns: int = 0) -> bool:
        """Return whether that many more pictures may be taken from it."""
        return (
            not self.closing
            and self.taken + pictures <= self.most
            and boot_ns < self.ends_boot_ns
            and self.covers_now(utc_ns)
        )

    def covers_now(self, utc_ns: int) -> bool:
        """Return False when the wall clock was set since: live is then a different time than the entry says."""
        return self.live_utc_ns is None or self.live_utc_ns[0] <= utc_ns < self.live_utc_ns[1]

    def count(self, shown_utc_ns: int, mask_version: int, boot_ns: int) -> int:
        """Count a picture being sent. Returns the ns of live time that it adds for the person."""
        self.delivered += 1
        self.mask_versions.add(mask_version)
        self.first_utc_ns = shown_utc_ns if self.first_utc_ns is None else min(self.first_utc_ns, shown_utc_ns)
        self.last_utc_ns = shown_utc_ns if self.last_utc_ns is None else max(self.last_utc_ns, shown_utc_ns)
        step_ns = min(boot_ns - self.last_boot_ns, LIVE_STEP_NS) if self.live and self.last_boot_ns else 0
        self.last_boot_ns = boot_ns
        self.live_ns += step_ns
        return step_ns

    def facts(self) -> dict[str, Any]:
        """Return the facts for its closing entry."""
        spanned_ns = (self.last_utc_ns or 0) - (self.first_utc_ns or 0)
        return {
            "lease": self.seq,
            "pictures": self.delivered,
            "footage_ms": spanned_ns // 1_000_000,
            "live_ms": self.live_ns // 1_000_000 if self.live else None,
            "mask_versions": sorted(self.mask_versions),
            "why": self.closing,
        }


def delivered_words(opened: Mapping[str, Any], closed: Mapping[str, Any] | None) -> str:
    """Return what a lease delivered, for a reader of the log: from its two public entries, ``closed`` None when there is none.

    '3 pictures, 12.0 s of footage, masks v2', or 'unknown, at most 64 pictures'.
    """
    if closed is None:
        most = opened.get("facts", {}).get("most_pictures", LEASE_PICTURES)
        return f"unknown, at most {most} pictures"
    facts = closed.get("facts", {})
    pictures = int(facts.get("pictures", 0))
    if not pictures:
        return "no picture"
    words = [f"{pictures} picture" if pictures == 1 else f"{pictures} pictures"]
    if facts.get("footage_ms"):
        words.append(f"{facts['footage_ms'] / 1000:.1f} s of footage")
    if facts.get("live_ms"):
        words.append(f"{facts['live_ms'] / 60_000:.1f} live minutes")
    if facts.get("mask_versions"):
        words.append("masks v" + ", v".join(str(v) for v in facts["mask_versions"]))
    return ", ".join(words)
