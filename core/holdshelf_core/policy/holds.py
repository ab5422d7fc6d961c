"""A hold's way: active → lifting (a second person's word is awaited) → grace → lifted, and back to active at any time before.

Pure: rows in, rows out. Whether somebody may is ``rules.decide``'s to say; what is kept meanwhile is the shelf's. Nothing
here makes a hold keep less but an approved lift whose days of grace are over by both clocks.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdshelf_core.policy.instants import DAY_NS, Now
from holdshelf_core.policy.model import Board, Hold, HoldSpan

KEEPING_STATES = ("active", "lifting", "grace")


def keeps(hold: Hold) -> bool:
    """Everything in its spans is still kept."""
    return hold.state != "lifted"


def lift_asked(
    hold: Hold, by: str, why: str, board: Board, now: Now, recorded_until: Mapping[str, int] | None = None
) -> Hold:
    """Somebody asked for it to be lifted. Where the Board wants no second person, the days of grace begin at once."""
    row = msgspec.structs.replace(hold, state="lifting", lift_by=by, lift_why=why, version=hold.version + 1)
    return row if board.second_person_lift else in_grace(row, board, now, recorded_until)


def lift_approved(
    hold: Hold, by: str, paper_sha256: str, board: Board, now: Now, recorded_until: Mapping[str, int] | None = None
) -> Hold:
    """The second person's word. ``by``: a person's id, or with a paper the name of the seat that signed it."""
    row = msgspec.structs.replace(hold, approved_by=by, approval_paper_sha256=paper_sha256, version=hold.version + 1)
    return in_grace(row, board, now, recorded_until)


def in_grace(hold: Hold, board: Board, now: Now, recorded_until: Mapping[str, int] | None = None) -> Hold:
    """The days of grace, counted from the later clock so that a clock set back does not shorten them.

    What was kept until lifted takes in nothing new from here on. ``recorded_until``: by camera, the latest end of what is
    recorded, which lies ahead of both clocks when the wall clock was wrong then: that has its days of grace as well.
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
    return msgspec.structs.replace(hold, state="grace", grace_end_utc_ns=end, spans=spans)


def kept(hold: Hold) -> Hold:
    """The lift is refused or taken back: the hold is in force as before, a lift would have to be asked for again."""
    return msgspec.structs.replace(
        hold,
        state="active",
        lift_by="",
        lift_why="",
        approved_by="",
        approval_paper_sha256="",
        grace_end_utc_ns=None,
        version=hold.version + 1,
    )


def archived(hold: Hold, folder: str, sums_sha256: str) -> Hold:
    """It has a proved copy, known by the SHA-256 of that copy's list: only what such a list names may leave the shelf."""
    copies = (*(copy for copy in hold.copies if copy != sums_sha256), sums_sha256)
    return msgspec.structs.replace(hold, archived_to=folder, copies=copies, version=hold.version + 1)


def grace_over(hold: Hold, now: Now) -> bool:
    """What it kept may go: by both clocks, and only while they agree."""
    return hold.state == "grace" and now.grown_old(hold.grace_end_utc_ns)


def lifted(hold: Hold, now: Now) -> Hold:
    """The days of grace are over."""
    return msgspec.structs.replace(hold, state="lifted", lifted_utc_ns=now.utc_ns, version=hold.version + 1)


def review_overdue(hold: Hold, now: Now) -> bool:
    """It nags, and deletes nothing."""
    return hold.state == "active" and now.ended(hold.review_utc_ns)


def keeps_less(before: Hold, after: Hold) -> str | None:
    """The camera of which ``after`` keeps less than ``before``, or None: an extension that shortens is a lift in disguise."""
    for span in before.spans:
        if not _covered(span, [other for other in after.spans if other.camera == span.camera]):
            return span.camera
    return None


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
