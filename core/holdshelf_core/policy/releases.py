"""What may leave the building (P13): gate 1, the policy's four bases and their papers; gate 2, the statute as the Board set it.

Both are pure and are asked again for each copy that leaves. Nothing here says that a release complies with a law: gate 2 is a
setting of the Board and its counsel, strict unless they say otherwise. A release never goes beyond its paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from holdshelf_core.policy.clauses import quoted
from holdshelf_core.policy.instants import HOUR_NS, Now, end_words, moment_words
from holdshelf_core.policy.model import Adopted, Determination, Hold, HoldSpan, Paper, Release, Span
from holdshelf_core.policy.second import is_paper

SEARCH_WARRANT, SUBPOENA, COURT_ORDER = "search-warrant", "subpoena", "court-order"
INVESTIGATION, PERMISSION, COUNSEL, EMERGENCY = "active-investigation", "written-permission", "counsel", "emergency"
POLICY_BASES = (SEARCH_WARRANT, SUBPOENA, COURT_ORDER, INVESTIGATION)
BY_A_JUDGE = (SEARCH_WARRANT, SUBPOENA, COURT_ORDER)
"""What a judge's signature makes a court's order; under a police letter it makes none."""
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
"""By when the paper behind an emergency release is to be here."""


MEANWHILE = "until then the footage can be kept: a hold needs no paper"


class Request(msgspec.Struct, frozen=True):
    """What is asked for. ``asked_utc_ns``: when."""

    basis: str
    spans: tuple[Span, ...]
    requested_by: str
    asked_utc_ns: int
    paper: Paper | None = None
    why: str = ""


class Gate(msgspec.Struct, frozen=True):
    """What a gate says. ``needs``: what would open it, for the sheet that the asker takes along."""

    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()
    caution: str = ""
    """Goes on record when it passes all the same."""
    flagged: bool = False
    """A second person looks at it afterwards."""
    paper_due_utc_ns: int | None = None
    clause: str = "P13"

    @property
    def quoted(self) -> str:
        """The sentence with its clause."""
        return f"{self.sentence.rstrip('.')} ({quoted(self.clause)})"


def gate_1(request: Request, now: Now) -> Gate:
    """The policy: one of its bases, with its paper, not lapsed, and nothing asked beyond it."""
    if not request.spans or any(span.end_utc_ns <= span.start_utc_ns or not span.camera for span in request.spans):
        return Gate(
            False,
            "A release names cameras, each with a start and an end.",
            ("the cameras and times that are asked for",),
        )
    if request.basis not in BASES:
        return Gate(False, "This is not a basis on which video is released.", what_we_need(""))
    if request.basis == EMERGENCY:
        return _emergency(request, now)
    paper = request.paper
    if paper is None or not is_paper(paper.sha256):
        return Gate(
            False,
            f"There is no paper for {BASES[request.basis]}; a request by word of mouth is none.",
            what_we_need(request.basis),
        )
    if paper.kind != request.basis:
        return Gate(
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
        return Gate(
            False, f"The paper does not reach so far: {words}.", ("only what the paper names: trim the request to it",)
        )
    return Gate(True, f"The policy's gate passes on {BASES[request.basis]}.")


def _paper_problem(paper: Paper, now: Now) -> Gate | None:
    if now.ended(paper.valid_until_utc_ns):
        assert paper.valid_until_utc_ns is not None
        return Gate(
            False,
            f"The paper lapsed on {end_words(paper.valid_until_utc_ns, now.zone)}.",
            ("a paper that is in force",),
        )
    if paper.kind == SEARCH_WARRANT and not paper.signed_by_judge:
        return Gate(
            False,
            "A warrant that no judge signed is an agency's own and no search warrant.",
            what_we_need(SEARCH_WARRANT),
        )
    if not paper.issuer.strip():
        return Gate(False, "It is not said who issued the paper.", ("the issuer's name",))
    if paper.kind in (SEARCH_WARRANT, SUBPOENA, COURT_ORDER) and not paper.docket.strip():
        return Gate(False, "The paper has no docket number.", ("the docket number",))
    if paper.kind == INVESTIGATION and not (paper.docket.strip() and paper.agency.strip() and paper.officer.strip()):
        return Gate(
            False,
            "A request by law enforcement names its agency, the officer and the number of an active case.",
            what_we_need(INVESTIGATION),
        )
    if not paper.scope:
        return Gate(
            False,
            "It is not recorded which cameras and times the paper names.",
            ("the cameras and times, as the paper has them",),
        )
    return None


def _emergency(request: Request, now: Now) -> Gate:
    if not request.why.strip():
        return Gate(False, "An emergency release says what the danger is.", ("the danger, in a few words",))
    total = sum(span.end_utc_ns - span.start_utc_ns for span in request.spans)
    if total > EMERGENCY_SPAN_NS:
        hours = EMERGENCY_SPAN_NS // HOUR_NS
        return Gate(False, f"An emergency release has at most {hours} hours of footage.", ("a paper for the rest",))
    due = request.asked_utc_ns + EMERGENCY_PAPER_NS
    if request.paper is None and now.ended(due):
        return Gate(
            False,
            f"The paper for this emergency was due on {end_words(due, now.zone)}.",
            ("the paper that was to follow",),
        )
    follows = f"The paper is due by {end_words(due, now.zone)}; t" if request.paper is None else "T"
    return Gate(
        True,
        "Imminent danger: it may leave now, and the paper follows.",
        caution=f"{follows}wo people review this afterwards.",
        flagged=True,
        paper_due_utc_ns=None if request.paper is not None else due,
    )


def gate_2(request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now) -> Gate:
    """The statute: a court's order or the person's written permission. Otherwise what the Board set, or counsel determined."""
    paper = request.paper
    if request.basis == PERMISSION or (paper is not None and paper.signed_by_judge and request.basis in BY_A_JUDGE):
        return Gate(True, "A court's order or the person's written permission is here.")
    if request.basis == EMERGENCY:
        return Gate(
            True, "Imminent danger: the statute's question goes to counsel with the paper that follows.", flagged=True
        )
    for determination in determinations:
        if _determined(determination, request, now):
            last = end_words(determination.end_utc_ns, now.zone)
            return Gate(
                True,
                f"Counsel's determination {determination.id} covers this until {last}.",
                caution=f"Released on counsel's determination {determination.id}, without a court's order.",
            )
    if adopted is not None and adopted.statute == "advise":
        return Gate(
            True,
            "The Board has set the statute's gate to advise.",
            caution="The statute names a court's order or the person's written permission; neither is here.",
        )
    return Gate(
        False,
        "The policy allows this, the statute's gate does not: it takes a court's order or the person's written permission.",
        (
            "a court's order, or a warrant or subpoena that a judge signed",
            "or the written permission of the person who is seen",
            "or a determination by the library's counsel: the Director asks for it",
        ),
    )


def _determined(determination: Determination, request: Request, now: Now) -> bool:
    if determination.ended_utc_ns is not None or now.ended(determination.end_utc_ns):
        return False
    if request.basis not in determination.bases or not is_paper(determination.paper_sha256):
        return False
    agency = request.paper.agency if request.paper is not None else ""
    if determination.agencies and agency not in determination.agencies:
        return False
    return determination.cameras is None or all(span.camera in determination.cameras for span in request.spans)


def both(
    request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> tuple[Gate, Gate | None]:
    """What each gate says; the statute's is not asked (None) when the policy's refuses."""
    first = gate_1(request, now)
    return first, gate_2(request, adopted, determinations, now) if first.passed else None


def following_paper(
    request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> Gate:
    """Whether the paper that followed an emergency would have opened both gates by itself."""
    kind = request.paper.kind if request.paper is not None else ""
    if kind == EMERGENCY:
        return Gate(False, "An emergency is no paper.", what_we_need(""))
    return gates(msgspec.structs.replace(request, basis=kind), adopted, determinations, now)


def gates(request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now) -> Gate:
    """Both, in order: the first that refuses, or one that passes with every caution of the two."""
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
    """What is asked for and no span of the paper covers, in pieces; () when all is covered."""
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
    """What of the request the paper covers: the form in which it would pass. Overlapping pieces are joined."""
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


def what_we_need(basis: str) -> tuple[str, ...]:
    """Lines of the sheet that an asker takes along."""
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
    if basis in BASES and basis != EMERGENCY:
        return (
            f"{BASES[basis]}, on paper and signed",
            "its docket or case number, where it has one",
            "the cameras or places and the times",
        )
    return (
        *(f"{BASES[one]}, on paper and signed" for one in POLICY_BASES),
        "the cameras or places and the times",
        MEANWHILE,
    )


# --- what is held for it --------------------------------------------------------------------------------------------

EXPORTED = "exported"
OPEN_STATES = ("requested", "approved")
"""A release is open: what it is made from is not lifted (P16)."""
KEEPS = ("active", "lifting")
"""A hold in one of these keeps its footage for sure; one in its days of grace does not for long."""


def has_bundle(row: Release) -> bool:
    """Whether it has a bundle that may be fetched, copied, or handed over."""
    return row.state == EXPORTED and row.bundle is not None and row.bundle.removed_utc_ns is None


def may_make_bundle(row: Release) -> bool:
    """Whether a bundle may be made of it: it is approved and has none, or the one that it had went when its time was over."""
    gone = row.state == EXPORTED and row.bundle is not None and row.bundle.removed_utc_ns is not None
    return row.state == "approved" or gone


def holds_in_release(releases: Mapping[str, Release], holds: Mapping[str, Hold]) -> frozenset[str]:
    """Ids of the holds that keep footage of an open release."""
    # Asked with each change of the house, over every hold that there ever was: by camera, which sorts nearly all of them out.
    wanted: dict[str, list[Span]] = {}
    for row in releases.values():
        if row.state in OPEN_STATES:
            for span in row.given:
                wanted.setdefault(span.camera, []).append(span)
    if not wanted:
        return frozenset()
    found = set()
    for hold in holds.values():
        if hold.state == "lifted":
            continue
        for held in hold.spans:
            for span in wanted.get(held.camera, ()):
                if _overlap(held, span):
                    found.add(hold.id)
    return frozenset(found)


def covers_any(hold: Hold, spans: Sequence[Span]) -> bool:
    """The hold keeps some of it."""
    return any(held.camera == span.camera and _overlap(held, span) for held in hold.spans for span in spans)


def _overlap(held: HoldSpan, span: Span) -> bool:
    return held.start_utc_ns < span.end_utc_ns and (held.end_utc_ns is None or held.end_utc_ns > span.start_utc_ns)


def unheld(spans: Sequence[Span], holds: Iterable[Hold]) -> tuple[Span, ...]:
    """What of it no hold keeps, in pieces: it may roll off before it is asked for again."""
    latest = max((span.end_utc_ns for span in spans), default=0)
    kept = [
        Span(held.camera, held.start_utc_ns, held.end_utc_ns if held.end_utc_ns is not None else latest)
        for hold in holds
        if hold.state in KEEPS and covers_any(hold, spans)
        for held in hold.spans
    ]
    return beyond(spans, kept)
