"""A release besides its gates (P13): what its paper covers, its states, its bundle, and the holds that keep its footage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, tzinfo

from holdshelf_core.policy.holds import ACTIVE, LIFTING, keeps
from holdshelf_core.policy.instants import Now, local
from holdshelf_core.policy.lengths import last_day, parse_length
from holdshelf_core.policy.model import Board, Bundle, Hold, HoldSpan, Others, Release, Span
from holdshelf_core.policy.tables import Policy
from holdshelf_storage.units import DAY_NS

EMERGENCY = "emergency"
"""The basis of imminent danger in rows from before rows said so themselves (``Release.urgent``)."""

# --- the paper's scope --------------------------------------------------------------------------------------------


def beyond(asked: Sequence[Span], scope: Sequence[Span]) -> tuple[Span, ...]:
    """Return the requested parts that no span of the paper covers; () when all is covered."""
    left: list[Span] = []
    for span in asked:
        pieces = [(span.start_utc_ns, span.end_utc_ns)]
        for allowed in scope:
            if allowed.camera in ("", span.camera):
                pieces = [part for piece in pieces for part in _without(piece, allowed)]
        left += [Span(span.camera, start, end) for start, end in pieces]
    return tuple(left)


def _without(piece: tuple[int, int], allowed: Span) -> list[tuple[int, int]]:
    start, end = piece
    parts = [(start, min(end, allowed.start_utc_ns)), (max(start, allowed.end_utc_ns), end)]
    return [part for part in parts if part[0] < part[1]]


def trimmed(asked: Sequence[Span], scope: Sequence[Span]) -> tuple[Span, ...]:
    """Return the requested parts that the paper covers: the form in which it would pass. Overlapping pieces are joined."""
    kept: dict[str, list[tuple[int, int]]] = {}
    for span in asked:
        for allowed in scope:
            if allowed.camera in ("", span.camera):
                start, end = max(span.start_utc_ns, allowed.start_utc_ns), min(span.end_utc_ns, allowed.end_utc_ns)
                if start < end:
                    kept.setdefault(span.camera, []).append((start, end))
    joined: list[Span] = []
    for camera, pieces in kept.items():
        pieces.sort()
        start, end = pieces[0]
        for next_start, next_end in pieces[1:]:
            if next_start <= end:
                end = max(end, next_end)
            else:
                joined.append(Span(camera, start, end))
                start, end = next_start, next_end
        joined.append(Span(camera, start, end))
    return tuple(joined)


# --- its clock --------------------------------------------------------------------------------------------------------


def answer_day(policy: Policy, basis: str, received: date, *, once_more: bool = False) -> date | None:
    """Return the last day on which a request must be answered that was received on that day; ``once_more``: after the one
    extension. None: its basis has no clock, or no extension."""
    row = policy.bases.get(basis)
    clock = row.clock if row is not None else None
    lengths = [clock.answer, clock.once_more][: 1 + once_more] if clock is not None else []
    day = received
    for text in lengths:
        length = parse_length(text)
        if length is None:
            return None
        day = last_day(day, length, policy.file.library.closed)
    return day if lengths else None


def may_extend(policy: Policy, row: Release) -> bool:
    """Return whether a request can be given more time: it waits, was given none yet, and its basis allowed it."""
    if row.state not in AWAITED or row.due_utc_ns is None or row.extended_why or not row.received_on:
        return False
    if row.longer_utc_ns is not None:
        return row.longer_utc_ns > 0
    return answer_day(policy, row.basis, date.fromisoformat(row.received_on), once_more=True) is not None


def answer_overdue(row: Release, now: Now) -> bool:
    """Return whether a request waits for an answer beyond its day."""
    return row.state in AWAITED and now.ended(row.due_utc_ns)


def received_day(row: Release, zone: tzinfo) -> str:
    """Return the local day on which the library got it, '2026-11-24'; of rows from before, the day on which it was entered."""
    entered = local(row.requested_utc_ns, zone)
    return row.received_on or (entered.date().isoformat() if entered is not None else "")


def answer_utc_ns(row: Release) -> int | None:
    """Return when a request was answered: its first bundle was made, it was refused by a person, or it ended; None: it waits."""
    if row.state == EXPORTED:
        return row.given_utc_ns or (row.bundle.made_utc_ns if row.bundle is not None else None)
    return row.ended_utc_ns if row.state not in AWAITED else None


def answered_late(row: Release) -> bool:
    """Return whether the answer came after the day by which it was due."""
    at_utc_ns = answer_utc_ns(row)
    return at_utc_ns is not None and row.due_utc_ns is not None and at_utc_ns >= row.due_utc_ns


# --- what is held for it --------------------------------------------------------------------------------------------

EXPORTED = "exported"
OPEN_STATES = ("requested", "approved")
"""A release in these states is open: the holds it uses cannot be lifted (P16)."""
AWAITED = ("stopped", *OPEN_STATES)
"""In these states it may still be released."""
KEEPS = (ACTIVE, LIFTING)
"""A hold in one of these states surely keeps its footage; one in its grace period does not for long."""


def urgent(row: Release) -> bool:
    """Return whether it was asked for in imminent danger."""
    # A row from before says nothing of what was asked; a policy's own basis of that name may be an ordinary one.
    from_before = not (row.asked_rule.needs or row.asked_rule.steps)
    return row.urgent or (from_before and row.basis == EMERGENCY)


def answer_needed(row: Release) -> bool:
    """Return whether somebody must say whether others are seen before it goes on. In imminent danger the video leaves first."""
    return row.others is None and not urgent(row)


def others_words(others: Others | None) -> str:
    """Return the answer as a clause: 'others are seen, and 2 boxes are drawn over them'."""
    if others is None:
        return "it is not said whether others are seen"
    if not others.seen:
        return "nobody else is seen"
    if others.boxes:
        boxes = "1 box is" if len(others.boxes) == 1 else f"{len(others.boxes)} boxes are"
        return f"others are seen, and {boxes} drawn over them"
    return "others are seen, and they are not masked"


def has_bundle(row: Release) -> bool:
    """Return whether it has a bundle that can be fetched, copied, or handed over."""
    return row.state == EXPORTED and row.bundle is not None and row.bundle.removed_utc_ns is None


def may_make_bundle(row: Release) -> bool:
    """Return whether a bundle can be made: it is approved, and has none or its bundle has expired."""
    gone = row.state == EXPORTED and row.bundle is not None and row.bundle.removed_utc_ns is not None
    return row.state == "approved" or gone


def paper_overdue(row: Release, now: Now) -> bool:
    """Return whether it is an emergency release, done or possible, whose paper is overdue."""
    return urgent(row) and row.state in (*OPEN_STATES, EXPORTED) and now.ended(row.paper_due_utc_ns)


def bundle_end_utc_ns(bundle: Bundle, board: Board) -> int | None:
    """Return when an existing bundle is removed from the outbox; None: it already was."""
    return bundle.made_utc_ns + board.outbox_days * DAY_NS if bundle.removed_utc_ns is None else None


def holds_in_release(releases: Mapping[str, Release], holds: Mapping[str, Hold]) -> frozenset[str]:
    """Return the ids of the holds that keep footage of an open release."""
    # Called on each state change, over every hold that ever existed: sorting by camera eliminates nearly all.
    wanted: dict[str, list[Span]] = {}
    for row in releases.values():
        if row.state in OPEN_STATES:
            for span in row.given:
                wanted.setdefault(span.camera, []).append(span)
    if not wanted:
        return frozenset()
    found = set()
    for hold in holds.values():
        if not keeps(hold):
            continue
        for held in hold.spans:
            for span in wanted.get(held.camera, ()):
                if _overlap(held, span):
                    found.add(hold.id)
    return frozenset(found)


def kept_by(holds: Iterable[Hold], spans: Sequence[Span]) -> list[str]:
    """Return the ids of the holds that keep some of it, in their order."""
    return sorted(hold.id for hold in holds if keeps(hold) and covers_any(hold, spans))


def open_releases(releases: Iterable[Release], hold: Hold) -> list[str]:
    """Return the ids of the open releases that the hold keeps footage of, in their order."""
    return sorted(row.id for row in releases if row.state in OPEN_STATES and covers_any(hold, row.given))


def covers_any(hold: Hold, spans: Sequence[Span]) -> bool:
    """Return whether the hold keeps some of it."""
    return any(held.camera == span.camera and _overlap(held, span) for held in hold.spans for span in spans)


def _overlap(held: HoldSpan, span: Span) -> bool:
    return held.start_utc_ns < span.end_utc_ns and (held.end_utc_ns is None or held.end_utc_ns > span.start_utc_ns)


def unheld(spans: Sequence[Span], holds: Iterable[Hold]) -> tuple[Span, ...]:
    """Return the parts that no hold keeps: they may be erased before they are requested again."""
    latest = max((span.end_utc_ns for span in spans), default=0)
    kept = [
        Span(held.camera, held.start_utc_ns, held.end_utc_ns if held.end_utc_ns is not None else latest)
        for hold in holds
        if hold.state in KEEPS and covers_any(hold, spans)
        for held in hold.spans
    ]
    return beyond(spans, kept)
