"""Holds, as asked for and answered over the local socket. Times are UTC ns, spans half open."""

from __future__ import annotations

import msgspec


class SpanAsk(msgspec.Struct, frozen=True):
    """What is to be kept of one camera; ``end_utc_ns`` None: until the hold is lifted."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int | None = None


class HoldPlace(msgspec.Struct, frozen=True):
    """Place a hold. No look is needed for it."""

    ground: str
    reference: str
    spans: list[SpanAsk]
    review_days: int | None = None
    note: str = ""


class HoldExtend(msgspec.Struct, frozen=True):
    """More spans, more cameras."""

    hold: str
    spans: list[SpanAsk]
    why: str


class HoldReview(msgspec.Struct, frozen=True):
    """Reviewed and still needed; the next review."""

    hold: str
    note: str
    next_days: int | None = None


class HoldLift(msgspec.Struct, frozen=True):
    """Ask for a hold to be lifted."""

    hold: str
    why: str


class HoldApprove(msgspec.Struct, frozen=True):
    """The second person's word on a lift: on screen, or by signed paper of the seat named in ``seat``. ``refuse``: it stays."""

    hold: str
    paper_sha256: str = ""
    seat: str = ""
    refuse: bool = False
    note: str = ""


class HoldArchive(msgspec.Struct, frozen=True):
    """Copy a hold to a folder on another disk, verified."""

    hold: str
    folder: str


class HoldAsk(msgspec.Struct, frozen=True):
    """One hold, with what it covers."""

    hold: str


class HoldListAsk(msgspec.Struct, frozen=True):
    """All holds, or only those that still keep something."""

    all: bool = False


class CoverageRow(msgspec.Struct, frozen=True):
    """A stretch of a held span: ``recorded`` | ``gap`` | ``erased`` | ``future``; a gap says why."""

    camera: str
    kind: str
    start_utc_ns: int
    end_utc_ns: int
    reason: str = ""


class HoldRow(msgspec.Struct, frozen=True):
    """A hold. ``shelved``: every held file also lies on the shelf; ``protected`` from the moment it is placed."""

    id: str
    ground: str
    reference: str
    state: str
    spans: list[SpanAsk]
    placed_by: str
    placed_utc_ns: int
    review_utc_ns: int
    overdue: bool
    version: int
    note: str
    lift_why: str
    grace_end_utc_ns: int | None
    lifted_utc_ns: int | None
    archived_to: str
    shelved: bool
    held_bytes: int
    coverage: list[CoverageRow] = []
    queued: bool = False
    """The access log could not be written: its entry waits, the footage is protected all the same."""
    placed_by_name: str = ""
    lift_by: str = ""
    """Who asked for the lift: their word is not the second one."""
    lift_by_name: str = ""
    protected_utc_ns: int | None = None
    """Answer to an act: since this instant, at the latest, what it keeps was protected and the act written down."""


class HoldList(msgspec.Struct, frozen=True):
    """All holds, the room they take, and when recording would stop for want of room (None: not in sight)."""

    holds: list[HoldRow]
    held_bytes: int
    recording_stops_days: float | None
