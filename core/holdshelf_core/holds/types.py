"""Requests and answers of the local API on holds. Times are UTC ns, spans half-open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from holdshelf_core.acts import COPIES, Act, ActSpec, Read, ReadSpec, Shows
from holdshelf_core.policy.hold_facts import HoldFacts

"""A hold's grounds, in the order of the policy: 'a violation of law or of a policy'."""
STATE_WORDS = {
    "active": "in force",
    "lifting": "waiting to be lifted",
    "grace": "lifted, in its days of grace",
    "lifted": "lifted",
}
"""A hold's states as a column shows them and as a sentence ends: 'H-2026-0001 is in force'."""


class SpanAsk(msgspec.Struct, frozen=True):
    """What to keep of one camera; ``end_utc_ns`` None: until the hold is lifted."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int | None = None


class HoldPlace(Act["HoldRow"], frozen=True):
    """Place a hold. Requires no look."""

    spec = ActSpec("hold.place", changes=True, queued_when_unwritable=True, timeout_s=120)

    ground: str
    reference: str
    spans: list[SpanAsk]
    review_days: int | None = None
    note: str = ""


class HoldExtend(Act["HoldRow"], frozen=True):
    """Add spans or cameras to a hold."""

    spec = ActSpec("hold.extend", changes=True, queued_when_unwritable=True, timeout_s=120)

    hold: str
    spans: list[SpanAsk]
    why: str


class HoldReview(Act["HoldRow"], frozen=True):
    """Record that a hold was reviewed and is still needed, with the next review date."""

    spec = ActSpec("hold.review", changes=True, timeout_s=120)

    hold: str
    note: str
    next_days: int | None = None


class HoldLift(Act["HoldRow"], frozen=True):
    """Request that a hold be lifted."""

    spec = ActSpec("hold.lift", changes=True, timeout_s=120)

    hold: str
    why: str


class HoldApprove(Act["HoldRow"], frozen=True):
    """The second person's decision on a lift: on screen, or on signed paper by the seat named in ``seat``. ``refuse``: the
    hold stays."""

    spec = ActSpec("hold.approve", "hold.lift.approve", changes=True, timeout_s=120)

    hold: str
    paper_sha256: str = ""
    seat: str = ""
    refuse: bool = False
    note: str = ""


class HoldArchive(Act["HoldRow"], frozen=True):
    """Copy a hold to a folder on another disk, verified."""

    spec = ActSpec("hold.archive", timeout_s=86400, shows=Shows(COPIES))

    hold: str
    folder: str


class HoldAsk(Act["HoldRow"], frozen=True):
    """Return one hold, with what it covers."""

    spec = ActSpec("hold.show", "hold.see", queued_when_unwritable=True, timeout_s=120)

    hold: str


PAGE_ROWS, MOST_ROWS = 200, 1_000
"""Holds on a page: unless another number is asked for, and at most."""


class HoldListAsk(Act["HoldList"], frozen=True):
    """Return a page of the holds that still keep something, or of all there ever were.

    ``before`` '': the ``most`` newest, and those that wait for somebody however old they are. Otherwise the ``most`` newest of
    those that are older than that hold. With ``most`` 0 only those that wait.
    """

    spec = ActSpec("hold.list", "hold.see", queued_when_unwritable=True)

    all: bool = False
    refresh: bool = False
    """An open screen brings itself up to date: nobody asked for it."""
    most: int = PAGE_ROWS
    before: str = ""


class CoverageRow(msgspec.Struct, frozen=True):
    """A stretch of a held span: ``recorded`` | ``gap`` | ``erased`` | ``missing`` | ``future``; a gap has its reason."""

    camera: str
    kind: str
    start_utc_ns: int
    end_utc_ns: int
    reason: str = ""


class Stretch(Protocol):
    """A stretch of one camera, UTC ns, half-open."""

    @property
    def camera(self) -> str: ...
    @property
    def start_utc_ns(self) -> int: ...
    @property
    def end_utc_ns(self) -> int: ...


def length_ns(stretches: Iterable[Stretch]) -> int:
    """Return how much time stretches cover together, camera by camera: what two of them cover counts once."""
    total, reached = 0, dict[str, int]()
    for part in sorted(stretches, key=lambda one: one.start_utc_ns):
        begin = max(part.start_utc_ns, reached.get(part.camera, part.start_utc_ns))
        total += max(0, part.end_utc_ns - begin)
        reached[part.camera] = max(part.end_utc_ns, begin)
    return total


class AlsoHeldRow(msgspec.Struct, frozen=True):
    """Another hold that keeps some of the same footage. ``whole``: all of it."""

    hold: str
    reference: str
    placed_by_name: str
    placed_utc_ns: int
    state: str
    whole: bool


class ReadAlsoHeld(Read[list[AlsoHeldRow]], frozen=True):
    """Return the holds that keep some of this footage now, among those that the caller may see: before another is placed."""

    spec = ReadSpec("/rules/also-held", "", method="POST")

    spans: list[SpanAsk]


class HoldRow(HoldFacts[list[SpanAsk]], frozen=True, kw_only=True):
    """A hold. ``shelved``: every held file is also on the shelf; ``protected`` from the moment it is placed."""

    overdue: bool
    shelved: bool
    held_bytes: int
    coverage: list[CoverageRow] = []
    queued: bool = False
    """The access log could not be written: its entry waits, but the footage is protected."""
    placed_by_name: str = ""
    lift_by_name: str = ""
    also: list[AlsoHeldRow] = []
    """Other holds that keep some of it, in answers to actions on one hold; never those that the caller may not see."""
    protected_utc_ns: int | None = None
    """Set in answers to actions: the latest time by which its footage was protected and the action logged."""


class HoldList(msgspec.Struct, frozen=True):
    """A page of holds, in the order in which they were placed; the room that all of them use, and when recording would stop for
    lack of room (None: not foreseeable)."""

    holds: list[HoldRow]
    held_bytes: int
    recording_stops_days: float | None
    total: int = 0
    """How many there are on all pages together."""
    waiting: int = 0
    """How many of them wait for somebody: for a decision on a lift, or a review."""
    next: str = ""
    """What ``before`` is for the next page; '' on the last one."""
