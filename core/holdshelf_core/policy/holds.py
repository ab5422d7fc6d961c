"""A hold's states: active → lifting (waiting for a second person) → grace → lifted, and back to active any time before.

Pure: rows in, rows out. ``rules.decide`` says who may; the shelf keeps the footage meanwhile. Only an approved lift whose grace
period is over by both clocks makes a hold keep less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Board, Hold, HoldSpan
from holdshelf_storage.units import DAY_NS

ACTIVE, LIFTING, GRACE, LIFTED = "active", "lifting", "grace", "lifted"
KEEPING_STATES = (ACTIVE, LIFTING, GRACE)


def keeps(hold: Hold) -> bool:
    """Return whether everything in its spans is still kept."""
    return hold.state != LIFTED


def lift_asked(
    hold: Hold, by: str, why: str, board: Board, now: Now, recorded_until: Mapping[str, int] | None = None
) -> Hold:
    """Return the hold with a lift requested. Where the Board requires no second person, the grace period begins at once."""
    row = msgspec.structs.replace(hold, state=LIFTING, lift_by=by, lift_why=why, version=hold.version + 1)
    return row if board.second_person_lift else in_grace(row, board, now, recorded_until)


def lift_approved(
    hold: Hold, by: str, paper_sha256: str, board: Board, now: Now, recorded_until: Mapping[str, int] | None = None
) -> Hold:
    """Return the hold with the lift approved. ``by``: a person's id, or with a paper the name of the seat that signed it."""
    row = msgspec.structs.replace(hold, approved_by=by, approval_paper_sha256=paper_sha256, version=hold.version + 1)
    return in_grace(row, board, now, recorded_until)


def in_grace(hold: Hold, board: Board, now: Now, recorded_until: Mapping[str, int] | None = None) -> Hold:
    """Return the hold in its grace period, counted from the later clock so that setting a clock back does not shorten it.

    Until-lifted spans cover nothing new from here on. ``recorded_until``: by camera, the latest end of what is recorded, which is
    ahead of both clocks when the wall clock was wrong then: it gets its grace period too.
    """
    later = recorded_until or {}
    spans = tuple(
        span
        if span.end_utc_ns is not None
        else msgspec.structs.replace(
            span, end_utc_ns=max(now.latest_utc_ns, span.start_utc_ns + 1, later.get(span.camera, 0))
        )
        for span in hold.spans
    )
    end = now.latest_utc_ns + board.grace_days * DAY_NS
    return msgspec.structs.replace(hold, state=GRACE, grace_end_utc_ns=end, spans=spans)


def kept(hold: Hold) -> Hold:
    """Return the hold in force again, its lift refused or withdrawn; a lift would have to be requested again."""
    return msgspec.structs.replace(
        hold,
        state=ACTIVE,
        lift_by="",
        lift_why="",
        approved_by="",
        approval_paper_sha256="",
        grace_end_utc_ns=None,
        version=hold.version + 1,
    )


def archived(hold: Hold, folder: str, sums_sha256: str) -> Hold:
    """Return the hold with a verified copy, identified by the SHA-256 of that copy's list: only what such a list names may
    leave the shelf."""
    copies = (*(copy for copy in hold.copies if copy != sums_sha256), sums_sha256)
    return msgspec.structs.replace(hold, archived_to=folder, copies=copies, version=hold.version + 1)


def grace_over(hold: Hold, now: Now) -> bool:
    """Return whether its footage may be released: by both clocks, and only while they agree."""
    return hold.state == GRACE and now.grown_old(hold.grace_end_utc_ns)


def expired(hold: Hold, now: Now) -> bool:
    """Return whether the last day that its ground gives is over: by both clocks, and only while they agree."""
    return keeps(hold) and now.grown_old(hold.last_utc_ns)


def lifted(hold: Hold, now: Now) -> Hold:
    """Return the hold as lifted, after the grace period or its last day."""
    return msgspec.structs.replace(hold, state=LIFTED, lifted_utc_ns=now.earliest_utc_ns, version=hold.version + 1)


class EndedHold(msgspec.Struct, frozen=True):
    """What a hold of a camera kept that ended with its last day, and when; ``rule``: as the ledger says it of what goes then."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    ended_utc_ns: int
    rule: str

    def kept(self, start_utc_ns: int, end_utc_ns: int) -> bool:
        """Return whether it kept some of this time."""
        return self.start_utc_ns < end_utc_ns and start_utc_ns < self.end_utc_ns


def ended_holds(holds: Iterable[Hold], ground_words: Callable[[str], str]) -> list[EndedHold]:
    """Return what holds kept that ended with their last day: whatever a person lifted goes as if it had never been held."""
    return [
        EndedHold(span.camera, span.start_utc_ns, ended if span.end_utc_ns is None else span.end_utc_ns, ended, rule)
        for hold in holds
        if (ended := hold.lifted_utc_ns) is not None and hold.last_utc_ns is not None and ended >= hold.last_utc_ns
        for rule in (f"the last day of its hold: {ground_words(hold.ground)}",)
        for span in hold.spans
    ]


def review_overdue(hold: Hold, now: Now) -> bool:
    """Return whether its review date has passed, by both clocks and while they agree (DESIGN § 4). A reminder; deletes
    nothing.

    Screens, commands, papers, repairs and the report all use this.
    """
    return hold.state == ACTIVE and now.grown_old(hold.review_utc_ns)


def waits(hold: Hold, now: Now) -> bool:
    """Return whether somebody has to do something about it: decide on a lift, or review it."""
    return hold.state == LIFTING or review_overdue(hold, now)


def spans_beyond(spans: Iterable[HoldSpan], kept: Iterable[HoldSpan]) -> list[HoldSpan]:
    """Return those of ``spans`` that ``kept`` together do not cover entirely: what would be lost if only ``kept`` were kept."""
    known = list(kept)
    return [span for span in spans if not _covered(span, [other for other in known if other.camera == span.camera])]


def _covered(span: HoldSpan, by: list[HoldSpan]) -> bool:
    reached = span.start_utc_ns
    for other in sorted(by, key=lambda one: one.start_utc_ns):
        if other.start_utc_ns > reached:
            return False
        if other.end_utc_ns is None:
            return True
        reached = max(reached, other.end_utc_ns)
        if span.end_utc_ns is not None and reached >= span.end_utc_ns:
            return True
    return span.end_utc_ns is not None and reached >= span.end_utc_ns
