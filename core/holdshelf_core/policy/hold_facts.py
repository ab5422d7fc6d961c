"""What of a hold the register has and its answers show: a field of a hold is added here."""

from __future__ import annotations

import msgspec


class HoldFacts[Spans](msgspec.Struct, frozen=True):
    """A hold in the register (`model.Hold`) and in an answer (`holds.types.HoldRow`), which add what only one of them has.

    States: active → lifting (waiting for a second person) → grace → lifted.
    """

    id: str
    ground: str
    reference: str
    """Case or incident number."""
    spans: Spans
    placed_by: str
    placed_utc_ns: int
    review_utc_ns: int
    state: str = "active"
    note: str = ""
    version: int = 1
    lift_by: str = ""
    """Who requested the lift; the second decision must come from someone else."""
    lift_why: str = ""
    grace_end_utc_ns: int | None = None
    lifted_utc_ns: int | None = None
    archived_to: str = ""
    """Folder of the latest copy on another disk."""
    last_utc_ns: int | None = None
    """When it ends by itself: its ground keeps footage so long at most. None: until it is lifted."""
