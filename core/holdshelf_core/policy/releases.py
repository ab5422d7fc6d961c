"""What may be released (P13): gate 1, the policy's four bases and their papers; gate 2, the statute as the Board set it.

Both are pure and are checked again for each copy released. Nothing here says that a release complies with a law: gate 2 is a
setting of the Board and its counsel, strict unless they say otherwise. A release never goes beyond its paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdshelf_core.policy.clauses import quoted
from holdshelf_core.policy.holds import ACTIVE, LIFTING, keeps
from holdshelf_core.policy.instants import Now, end_words, moment_words
from holdshelf_core.policy.model import (
    Adopted,
    Board,
    Bundle,
    Determination,
    Hold,
    HoldSpan,
    Others,
    Paper,
    Release,
    Span,
)
from holdshelf_core.policy.second import is_paper
from holdshelf_storage.units import DAY_NS, HOUR_NS

SEARCH_WARRANT, SUBPOENA, COURT_ORDER = "search-warrant", "subpoena", "court-order"
INVESTIGATION, PERMISSION, COUNSEL, EMERGENCY = "active-investigation", "written-permission", "counsel", "emergency"
POLICY_BASES = (SEARCH_WARRANT, SUBPOENA, COURT_ORDER, INVESTIGATION)
BY_A_JUDGE = (SEARCH_WARRANT, SUBPOENA, COURT_ORDER)
"""Bases that a judge's signature makes a court order; without a judge they are not."""
BASES = {
    SEARCH_WARRANT: "a search warrant",
    SUBPOENA: "a lawful subpoena",
    COURT_ORDER: "a court order",
    INVESTIGATION: "a request by law enforcement in an active investigation",
    PERMISSION: "the written permission of the person who is seen",
    COUNSEL: "another basis, on counsel's paper",
    EMERGENCY: "imminent danger; the paper follows",
}
EMERGENCY_SPAN_NS = 2 * HOUR_NS
EMERGENCY_PAPER_NS = 48 * HOUR_NS
"""When the paper behind an emergency release is due."""


MEANWHILE = "until then the footage can be kept: a hold needs no paper"
BY_THE_STATUTE = (
    "a court order, or a warrant or subpoena that a judge signed",
    "or the written permission of the person who is seen",
    "or a determination by the library's counsel: the Director asks for it",
)
"""What passes gate 2 under *enforce*."""


class Request(msgspec.Struct, frozen=True):
    """The request. ``asked_utc_ns``: its time."""

    basis: str
    spans: tuple[Span, ...]
    requested_by: str
    asked_utc_ns: int
    paper: Paper | None = None
    why: str = ""


class ReleaseCheck(msgspec.Struct, frozen=True):
    """A gate's result. ``needs``: what would satisfy it, for the sheet given to the requester."""

    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()
    caution: str = ""
    """Recorded even though it passes."""
    flagged: bool = False
    """A second person reviews it afterwards."""
    paper_due_utc_ns: int | None = None
    clause: str = "P13"

    @property
    def quoted(self) -> str:
        """Return the sentence with its clause."""
        return f"{self.sentence.rstrip('.')} ({quoted(self.clause)})"


def gate_1(request: Request, now: Now) -> ReleaseCheck:
    """Check the policy: one of its bases, with its paper, not lapsed, and nothing requested beyond it."""
    if not request.spans or any(span.end_utc_ns <= span.start_utc_ns or not span.camera for span in request.spans):
        return ReleaseCheck(
            False,
            "A release must name cameras, each with a start and an end.",
            ("the cameras and times that are asked for",),
        )
    if request.basis not in BASES:
        return ReleaseCheck(False, "Video is not released on this basis.", what_would_pass(None, (), now))
    if request.basis == EMERGENCY:
        return _emergency(request, now)
    paper = request.paper
    if paper is None or not is_paper(paper.sha256):
        return ReleaseCheck(
            False,
            f"There is no paper for {BASES[request.basis]}; a verbal request does not count.",
            what_we_need(request.basis),
        )
    if paper.kind != request.basis:
        return ReleaseCheck(
            False,
            f"The paper is {BASES.get(paper.kind, 'another one')}, not {BASES[request.basis]}.",
            what_we_need(request.basis),
        )
    problem = _paper_problem(paper, now)
    if problem is not None:
        return problem
    cut = beyond(request.spans, paper.scope)
    if cut:
        words = "; ".join(
            f"{span.camera} {moment_words(span.start_utc_ns, now.zone)} to {moment_words(span.end_utc_ns, now.zone)}"
            for span in cut
        )
        return ReleaseCheck(
            False, f"The paper does not cover this: {words}.", ("only what the paper names: trim the request to it",)
        )
    return ReleaseCheck(True, f"The policy's gate passes on {BASES[request.basis]}.")


def _paper_problem(paper: Paper, now: Now) -> ReleaseCheck | None:
    if now.ended(paper.valid_until_utc_ns):
        assert paper.valid_until_utc_ns is not None
        return ReleaseCheck(
            False,
            f"The paper lapsed on {end_words(paper.valid_until_utc_ns, now.zone)}.",
            ("a paper that is in force",),
        )
    if paper.kind == SEARCH_WARRANT and not paper.signed_by_judge:
        return ReleaseCheck(
            False,
            "A warrant that no judge signed is an agency's own, not a search warrant.",
            what_we_need(SEARCH_WARRANT),
        )
    if not paper.issuer.strip():
        return ReleaseCheck(False, "The paper's issuer is missing.", ("the issuer's name",))
    if paper.kind in (SEARCH_WARRANT, SUBPOENA, COURT_ORDER) and not paper.docket.strip():
        return ReleaseCheck(False, "The paper has no docket number.", ("the docket number",))
    if paper.kind == INVESTIGATION and not (paper.docket.strip() and paper.agency.strip() and paper.officer.strip()):
        return ReleaseCheck(
            False,
            "A request by law enforcement must name its agency, the officer and the number of an active case.",
            what_we_need(INVESTIGATION),
        )
    if not paper.scope:
        return ReleaseCheck(
            False,
            "The cameras and times that the paper names are not recorded.",
            ("the cameras and times, as the paper has them",),
        )
    return None


def _emergency(request: Request, now: Now) -> ReleaseCheck:
    if not request.why.strip():
        return ReleaseCheck(False, "An emergency release must say what the danger is.", ("the danger, in a few words",))
    total = sum(span.end_utc_ns - span.start_utc_ns for span in request.spans)
    if total > EMERGENCY_SPAN_NS:
        hours = EMERGENCY_SPAN_NS // HOUR_NS
        return ReleaseCheck(
            False, f"An emergency release has at most {hours} hours of footage.", ("a paper for the rest",)
        )
    due = request.asked_utc_ns + EMERGENCY_PAPER_NS
    if request.paper is None and now.ended(due):
        return ReleaseCheck(
            False,
            f"The paper for this emergency was due on {end_words(due, now.zone)}.",
            ("the paper that was due",),
        )
    follows = f"The paper is due by {end_words(due, now.zone)}; t" if request.paper is None else "T"
    return ReleaseCheck(
        True,
        "Imminent danger: it may be released now, and the paper follows.",
        caution=f"{follows}wo people review this afterwards.",
        flagged=True,
        paper_due_utc_ns=None if request.paper is not None else due,
    )


def gate_2(
    request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> ReleaseCheck:
    """Check the statute: a court order or the person's written permission; otherwise what the Board set or counsel determined."""
    paper = request.paper
    if request.basis == PERMISSION or (paper is not None and paper.signed_by_judge and request.basis in BY_A_JUDGE):
        return ReleaseCheck(True, "A court order or the person's written permission is on record.")
    if request.basis == COUNSEL and paper is not None:
        return ReleaseCheck(
            True,
            "Counsel's paper is on record.",
            caution="Released on counsel's paper, without a court order.",
        )
    if request.basis == EMERGENCY:
        return ReleaseCheck(
            True, "Imminent danger: the statute's question goes to counsel with the paper that follows.", flagged=True
        )
    for determination in determinations:
        if _determined(determination, request, now):
            last = end_words(determination.end_utc_ns, now.zone)
            return ReleaseCheck(
                True,
                f"Counsel's determination {determination.id} covers this until {last}.",
                caution=f"Released on counsel's determination {determination.id}, without a court order.",
            )
    if adopted is not None and adopted.statute == "advise":
        return ReleaseCheck(
            True,
            "The Board has set the statute's gate to advise.",
            caution="The statute requires a court order or the person's written permission; neither is on record.",
        )
    return ReleaseCheck(
        False,
        "The policy allows this, but the statute does not: it requires a court order or the person's written permission.",
        BY_THE_STATUTE,
    )


def _is_open(determination: Determination, basis: str, now: Now) -> bool:
    if determination.ended_utc_ns is not None or now.ended(determination.end_utc_ns):
        return False
    return basis in determination.bases and is_paper(determination.paper_sha256)


def _determined(determination: Determination, request: Request, now: Now) -> bool:
    if not _is_open(determination, request.basis, now):
        return False
    agency = request.paper.agency if request.paper is not None else ""
    if determination.agencies and agency not in determination.agencies:
        return False
    return determination.cameras is None or all(span.camera in determination.cameras for span in request.spans)


def both(
    request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> tuple[ReleaseCheck, ReleaseCheck | None]:
    """Return each gate's result; the statute is not checked (None) when the policy refuses."""
    first = gate_1(request, now)
    return first, gate_2(request, adopted, determinations, now) if first.passed else None


def following_paper(
    request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> ReleaseCheck:
    """Return whether the paper that followed an emergency would by itself have passed both gates."""
    kind = request.paper.kind if request.paper is not None else ""
    if kind == EMERGENCY:
        return ReleaseCheck(False, "An emergency is not a paper.", what_would_pass(adopted, determinations, now))
    return gates(msgspec.structs.replace(request, basis=kind), adopted, determinations, now)


def gates(request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now) -> ReleaseCheck:
    """Return the result of both, in order: the first refusal, or a pass with the cautions of both."""
    first, second = both(request, adopted, determinations, now)
    if second is None:
        return first
    if not second.passed:
        return second
    return msgspec.structs.replace(
        first,
        sentence=f"{first.sentence} {second.sentence}",
        caution=" ".join(word for word in (first.caution, second.caution) if word),
        flagged=first.flagged or second.flagged,
    )


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


def what_would_pass(adopted: Adopted | None, determinations: Iterable[Determination], now: Now) -> tuple[str, ...]:
    """Return the lines of the sheet for anybody: what passes both gates, as the Board and counsel have set them."""
    if adopted is not None and adopted.statute == "advise":
        ways = tuple(_on_paper(basis) for basis in (*POLICY_BASES, PERMISSION))
    else:
        # One that is for some agencies or cameras only is not offered to anybody.
        general = [one for one in determinations if not one.agencies and one.cameras is None]
        opened = (one for one in POLICY_BASES if one not in BY_A_JUDGE and any(_is_open(d, one, now) for d in general))
        ways = (*BY_THE_STATUTE, *(_on_paper(basis) for basis in opened))
    return (*ways, "the cameras or places and the times", MEANWHILE)


def _on_paper(basis: str) -> str:
    return f"{BASES[basis]}, on paper and signed"


def what_we_need(basis: str) -> tuple[str, ...]:
    """Return the lines of the sheet given to a requester on that basis; () for one that no paper begins."""
    if basis == SEARCH_WARRANT:
        return (
            "the search warrant, signed by a judge",
            "its docket number",
            "the cameras or places and the times it names",
        )
    if basis == INVESTIGATION:
        return (
            "a signed request on the agency's letterhead",
            "the number of the active case",
            "the officer's name and badge number, and a number to call back",
            "the cameras or places and the times",
        )
    if basis not in BASES or basis == EMERGENCY:
        return ()
    return (
        _on_paper(basis),
        "its docket or case number, where it has one",
        "the cameras or places and the times",
    )


# --- what is held for it --------------------------------------------------------------------------------------------

EXPORTED = "exported"
OPEN_STATES = ("requested", "approved")
"""A release in these states is open: the holds it uses cannot be lifted (P16)."""
AWAITED = ("stopped", *OPEN_STATES)
"""In these states it may still be released."""
KEEPS = (ACTIVE, LIFTING)
"""A hold in one of these states surely keeps its footage; one in its grace period does not for long."""


def answer_needed(row: Release) -> bool:
    """Return whether somebody must say whether others are seen before it goes on. In imminent danger the video leaves first."""
    return row.others is None and row.basis != EMERGENCY


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
    return row.basis == EMERGENCY and row.state in (*OPEN_STATES, EXPORTED) and now.ended(row.paper_due_utc_ns)


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
