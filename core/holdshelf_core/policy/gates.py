"""What may be released (P13): gate 1, the policy's bases and their papers; gate 2, the statute as the Board set it.

Both are pure and are checked again for each copy released. Nothing here says that a release complies with a law: gate 2 is a
setting of the Board and its counsel, strict unless they say otherwise. A release never goes beyond its paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from holdshelf_core.policy.asked import classes_asked, stricter
from holdshelf_core.policy.instants import Now, end_words, moment_words
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import (
    Adopted,
    AskedRule,
    Determination,
    Paper,
    Span,
)
from holdshelf_core.policy.releases import beyond
from holdshelf_core.policy.schema import Basis
from holdshelf_core.policy.second import MOST_REVIEWS, is_paper
from holdshelf_core.policy.statute import JUDGE, by_a_judge, by_the_statute, determinable, is_permission, statute_words
from holdshelf_core.policy.tables import Policy
from holdshelf_storage.units import HOUR_NS

ASKERS = {
    "anyone": "anyone",
    "person-seen": "a person who is seen in it",
    "law-enforcement": "law enforcement",
    "court": "a court",
    "emergency-services": "the emergency services",
    "lawyer": "a lawyer",
    "insurer": "an insurer",
    "staff": "the library's staff",
    "own": "the library itself",
}
"""Who may ask on a basis, in words."""
_INSIDE = ("staff", "own")
"""Askers who need no sheet."""
COUNSEL = "counsel"
"""The key of a basis that nobody outside brings: what counsel puts on paper."""
NEEDS = {
    "written": "on paper",
    "name": "the asker's name",
    "identity": "proof of who asks",
    "issuer": "who issued it",
    "docket": "its docket or case number",
    "matter": "the number of the matter",
    "agency": "the agency",
    "officer": "the officer and a number to call back",
    "judge": "a judge's signature",
    "scope": "the cameras or places and the times",
    "reported": "that the library itself reported it",
    "called": "that the library called for help",
    "at-library": "that it is said to have happened at the library",
    "danger": "what the danger is",
}
"""What a basis may ask for."""
FIELDS = {"docket": "the docket number", "agency": "the agency", "officer": "the officer"}
"""What a paper lacks that does not say it."""
STATED = ("name", "identity", "matter", "reported", "called", "at-library")
"""Of these somebody at the library says that they have seen or know it; the others are read from the paper."""
OURS = ("reported", "called", "at-library")
"""Of these, what is no proof that somebody outside could bring."""
EMERGENCY_SPAN_NS = 2 * HOUR_NS
EMERGENCY_PAPER_NS = 48 * HOUR_NS
"""When the paper behind an emergency release is due, where the policy does not say."""
MEANWHILE = "until then the footage can be kept: a hold needs no paper"


class Request(msgspec.Struct, frozen=True):
    """The request. ``asked_utc_ns``: its time."""

    basis: str
    spans: tuple[Span, ...]
    requested_by: str
    asked_utc_ns: int
    paper: Paper | None = None
    why: str = ""
    stated: tuple[str, ...] = ()
    """Of ``STATED``: what is on record besides the paper."""
    areas: Mapping[str, str] = {}
    """Camera → the kind of place that it is in."""
    asked_rule: AskedRule = AskedRule()
    """Under which it was entered."""
    reviews: int = 0
    """How many others review it afterwards, in imminent danger; 0 where nobody counted."""


class ReleaseCheck(msgspec.Struct, frozen=True):
    """A gate's result. ``needs``: what would satisfy it, for the sheet given to the requester."""

    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()
    caution: str = ""
    """Recorded even though it passes."""
    paper_due_utc_ns: int | None = None
    clause: str = "P13"
    cites: str = ""
    """The library's own clause, where the basis names one."""

    def quoted(self, policy: Policy) -> str:
        """Return the sentence with its clause."""
        return f"{self.sentence.rstrip('.')} ({policy.quoted(self.clause, self.cites)})"


def gate_1(policy: Policy, request: Request, now: Now) -> ReleaseCheck:
    """Check the policy: one of its bases, with its paper, not lapsed, and nothing requested beyond it."""
    row = _basis(policy, request)
    return msgspec.structs.replace(_gate_1(policy, request, now), cites=row.clause if row is not None else "")


def _gate_1(policy: Policy, request: Request, now: Now) -> ReleaseCheck:
    if not request.spans or any(span.end_utc_ns <= span.start_utc_ns or not span.camera for span in request.spans):
        return ReleaseCheck(
            False,
            "A release must name cameras, each with a start and an end.",
            ("the cameras and times that are asked for",),
        )
    row = _basis(policy, request)
    if row is None:
        return ReleaseCheck(False, "Video is not released on this basis.", what_would_pass(policy, None, (), now))
    problem = (
        _class_problem(policy, row, row.classes, request)
        or _class_problem(policy, row, classes_asked(policy, request.asked_rule), request)
        or _stated_problem(policy, row, request)
    )
    if problem is not None:
        return problem
    if _is_urgent(row):
        return _emergency(policy, row, request, now)
    # Where nothing has to be written, what was said is recorded in the form of a paper without a scan.
    paper = request.paper or (None if "written" in row.needs else Paper("", request.basis, ""))
    if paper is None or ("written" in row.needs and not is_paper(paper.sha256)):
        return ReleaseCheck(
            False,
            f"There is no paper for {policy.said(row.words)}; a verbal request does not count.",
            what_we_need(policy, request.basis),
        )
    if paper.kind != request.basis:
        return ReleaseCheck(
            False,
            f"The paper is {policy.basis_words(paper.kind) or 'another one'}, not {policy.said(row.words)}.",
            what_we_need(policy, request.basis),
        )
    problem = _paper_problem(policy, row, paper, now)
    if problem is not None:
        return problem
    cut = beyond(request.spans, paper.scope) if paper.scope else ()
    if cut:
        words = "; ".join(
            f"{span.camera} {moment_words(span.start_utc_ns, now.zone)} to {moment_words(span.end_utc_ns, now.zone)}"
            for span in cut
        )
        return ReleaseCheck(
            False, f"The paper does not cover this: {words}.", ("only what the paper names: trim the request to it",)
        )
    return ReleaseCheck(True, f"The policy's gate passes on {policy.said(row.words)}.")


def _basis(policy: Policy, request: Request) -> Basis | None:
    return stricter(policy, request.basis, request.asked_rule)


def is_urgent(policy: Policy, basis: str) -> bool:
    """Return whether it is imminent danger: what the danger is must be said, and the paper follows."""
    row = policy.bases.get(basis)
    return row is not None and _is_urgent(row)


def _is_urgent(row: Basis) -> bool:
    return "danger" in row.needs


def _class_problem(policy: Policy, row: Basis, classes: tuple[str, ...], request: Request) -> ReleaseCheck | None:
    if not classes:
        return None
    outside = [
        span.camera
        for span in request.spans
        if not set(classes) & policy.classes_of(request.areas.get(span.camera, ""))
    ]
    if not outside:
        return None
    words = listed(policy.class_words(key) for key in classes)
    return ReleaseCheck(
        False,
        f"On {policy.said(row.words)}, only cameras of this class are released: {words}. Not {listed(dict.fromkeys(outside))}.",
        ("a request for these cameras on another basis",),
    )


def _stated_problem(policy: Policy, row: Basis, request: Request) -> ReleaseCheck | None:
    missing = [need for need in STATED if need in row.needs and need not in request.stated]
    if not missing:
        return None
    words = tuple(NEEDS[need] for need in missing)
    # What the library alone can have done is nothing that whoever asks could bring.
    ways = _other_ways(policy, row, request) if set(missing).intersection(OURS) else ()
    return ReleaseCheck(False, f"This is not on record: {listed(words)}.", (*words, *ways))


def _other_ways(policy: Policy, row: Basis, request: Request) -> tuple[str, ...]:
    """Return on which other bases the same asker, or a court, gets recordings of these cameras."""
    others = [
        other
        for other in policy.bases.values()
        if other.key not in (row.key, COUNSEL)
        and (by_a_judge(other) or (other.asker == row.asker and JUDGE not in other.steps))
        and not _is_urgent(other)
        and _class_problem(policy, other, other.classes, request) is None
    ]
    words = (_on_paper(policy, one.key) if "written" in one.needs else _unwritten(policy, one.key) for one in others)
    return tuple(f"another way: {way}" for way in words)


def _paper_problem(policy: Policy, row: Basis, paper: Paper, now: Now) -> ReleaseCheck | None:
    if now.ended(paper.valid_until_utc_ns):
        assert paper.valid_until_utc_ns is not None
        return ReleaseCheck(
            False,
            f"The paper lapsed on {end_words(paper.valid_until_utc_ns, now.zone)}.",
            ("a paper that is in force",),
        )
    needs, words = row.needs, policy.said(row.words)
    if "judge" in needs and not paper.signed_by_judge:
        noun = words.split()[-1]
        article = "An" if noun[:1].lower() in "aeiou" else "A"
        return ReleaseCheck(
            False,
            f"{article} {noun} that no judge signed is an agency's own, not {words}.",
            what_we_need(policy, row.key),
        )
    if "issuer" in needs and not paper.issuer.strip():
        return ReleaseCheck(False, "The paper's issuer is missing.", ("the issuer's name",))
    fields = {"docket": paper.docket, "agency": paper.agency, "officer": paper.officer}
    lacks = [need for need, text in fields.items() if need in needs and not text.strip()]
    if lacks and set(fields) <= set(needs):
        return ReleaseCheck(
            False,
            "A request by law enforcement must name its agency, the officer and the number of an active case.",
            what_we_need(policy, row.key),
        )
    if lacks:
        what = FIELDS[lacks[0]]
        source = "paper" if "written" in needs else "request"
        return ReleaseCheck(False, f"The {source} has no {what.removeprefix('the ')}.", (what,))
    if {"written", "scope"} <= set(needs) and not paper.scope:
        return ReleaseCheck(
            False,
            "The cameras and times that the paper names are not recorded.",
            ("the cameras and times, as the paper has them",),
        )
    return None


def _emergency(policy: Policy, row: Basis, request: Request, now: Now) -> ReleaseCheck:
    if not request.why.strip():
        return ReleaseCheck(False, "An emergency release must say what the danger is.", ("the danger, in a few words",))
    total = sum(span.end_utc_ns - span.start_utc_ns for span in request.spans)
    if total > EMERGENCY_SPAN_NS:
        hours = EMERGENCY_SPAN_NS // HOUR_NS
        return ReleaseCheck(
            False, f"An emergency release has at most {hours} hours of footage.", ("a paper for the rest",)
        )
    due = request.asked_utc_ns + (within_ns(row) or EMERGENCY_PAPER_NS)
    if request.paper is None and now.ended(due):
        return ReleaseCheck(
            False,
            f"The paper for this emergency was due on {end_words(due, now.zone)}.",
            ("the paper that was due",),
        )
    several = (request.reviews or len(policy.second("flag.review")) - 1) >= MOST_REVIEWS
    review = "two people review this afterwards." if several else "it is reviewed afterwards."
    follows = f"The paper is due by {end_words(due, now.zone)}; " if request.paper is None else ""
    return ReleaseCheck(
        True,
        "Imminent danger: it may be released now, and the paper follows.",
        caution=f"{follows}{review}" if follows else f"{review[0].upper()}{review[1:]}",
        paper_due_utc_ns=None if request.paper is not None else due,
    )


def within_ns(row: Basis) -> int:
    """Return the time of its step ``within:…``, the shortest that it can be; 0 where it has none."""
    lengths = (parse_length(step.partition(":")[2]) for step in row.steps if step.startswith("within:"))
    return min((length.shortest_ns for length in lengths if length is not None), default=0)


def gate_2(
    policy: Policy, request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> ReleaseCheck:
    """Check the statute, where the policy has it as a step: a judge, or what the Board set or counsel determined."""
    row = _basis(policy, request)
    said = _gate_2(policy, request, adopted, determinations, now)
    return msgspec.structs.replace(said, cites=row.clause if row is not None else "")


def _gate_2(
    policy: Policy, request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> ReleaseCheck:
    paper, row, asks = request.paper, _basis(policy, request), statute_words(policy)
    on_record = f"{asks[0].upper()}{asks[1:]} is on record."
    if row is not None and JUDGE not in row.steps:
        if _is_urgent(row):
            return ReleaseCheck(
                True, "Imminent danger: the statute's question goes to counsel with the paper that follows."
            )
        sentence = "The policy asks for nothing more on this basis."
        if is_permission(row) and "written" in row.needs:
            sentence = on_record
        elif row.asker == "person-seen" and "written" in row.needs:
            sentence = "The person who is seen has asked for it in writing."
        elif row.key == COUNSEL:
            sentence = "Counsel's paper is on record."
        return ReleaseCheck(True, sentence, caution=policy.said(row.caution))
    by_judge = row is not None and by_a_judge(policy.bases[row.key], request.asked_rule)
    if by_judge and paper is not None and paper.signed_by_judge:
        return ReleaseCheck(True, on_record)
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
            policy.own_board("The Board has set the statute's gate to advise."),
            caution=f"The statute requires {asks}; {'neither' if ' or ' in asks else 'none'} is on record.",
        )
    return ReleaseCheck(
        False,
        f"The policy allows this, but the statute does not: it requires {asks}.",
        by_the_statute(policy),
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
    policy: Policy, request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> tuple[ReleaseCheck, ReleaseCheck | None]:
    """Return each gate's result; the statute is not checked (None) when the policy refuses."""
    first = gate_1(policy, request, now)
    return first, gate_2(policy, request, adopted, determinations, now) if first.passed else None


def following_paper(
    policy: Policy, request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> ReleaseCheck:
    """Return whether the paper that followed an emergency would by itself have passed both gates."""
    kind = request.paper.kind if request.paper is not None else ""
    if is_urgent(policy, kind):
        return ReleaseCheck(
            False, "An emergency is not a paper.", what_would_pass(policy, adopted, determinations, now)
        )
    return gates(policy, msgspec.structs.replace(request, basis=kind), adopted, determinations, now)


def gates(
    policy: Policy, request: Request, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> ReleaseCheck:
    """Return the result of both, in order: the first refusal, or a pass with the cautions of both."""
    first, second = both(policy, request, adopted, determinations, now)
    if second is None:
        return first
    if not second.passed:
        return second
    return msgspec.structs.replace(
        first,
        sentence=f"{first.sentence} {second.sentence}",
        caution=" ".join(word for word in (first.caution, second.caution) if word),
    )


# --- what would open them -----------------------------------------------------------------------------------------------


def what_would_pass(
    policy: Policy, adopted: Adopted | None, determinations: Iterable[Determination], now: Now
) -> tuple[str, ...]:
    """Return the lines of the sheet for anybody: what passes both gates, as the Board and counsel have set them."""
    stopped = determinable(policy)
    brought = [key for key, row in policy.bases.items() if "written" in row.needs and key != COUNSEL]
    said = [key for key in without_paper(policy) if _passes_unwritten(policy, key, adopted)]
    ways: tuple[str, ...]
    if not stopped or (adopted is not None and adopted.statute == "advise"):
        ways = tuple(_brought(policy, key) for key in brought)
    else:
        # One that is for some agencies or cameras only is not offered to anybody.
        general = [one for one in determinations if not one.agencies and one.cameras is None]
        opened = (
            key
            for key in brought
            if (JUDGE not in policy.bases[key].steps and not is_permission(policy.bases[key]))
            or (key in stopped and not by_a_judge(policy.bases[key]) and any(_is_open(d, key, now) for d in general))
        )
        ways = (*by_the_statute(policy), *(_brought(policy, key) for key in opened))
    return (*ways, *(_unwritten(policy, key) for key in said), NEEDS["scope"], MEANWHILE)


def without_paper(policy: Policy) -> tuple[str, ...]:
    """Return the bases that somebody outside may name without a paper. In imminent danger one follows."""
    return tuple(
        key
        for key, row in policy.bases.items()
        if "written" not in row.needs and not _is_urgent(row) and row.asker not in _INSIDE and key != COUNSEL
    )


def takes_a_word(policy: Policy) -> bool:
    """Return whether somebody outside may ask by word of mouth in imminent danger, on some basis: the paper follows."""
    return any(_is_urgent(row) and row.asker not in _INSIDE for row in policy.bases.values())


def _passes_unwritten(policy: Policy, basis: str, adopted: Adopted | None) -> bool:
    return JUDGE not in policy.bases[basis].steps or (adopted is not None and adopted.statute == "advise")


def _unwritten(policy: Policy, basis: str) -> str:
    needs = [NEEDS[need] for need in policy.bases[basis].needs if need != "scope"]
    return f"{policy.basis_words(basis)}, without a paper" + (f": {'; '.join(needs)}" if needs else "")


def _on_paper(policy: Policy, basis: str) -> str:
    return f"{policy.basis_words(basis)}, on paper and signed"


def _brought(policy: Policy, basis: str) -> str:
    """Return a line of the sheet for anybody: the paper, and what must be known besides of whoever brings it."""
    needs = [NEEDS[need] for need in STATED if need in policy.bases[basis].needs and need not in OURS]
    return _on_paper(policy, basis) + (f": {'; '.join(needs)}" if needs else "")


def what_we_need(policy: Policy, basis: str) -> tuple[str, ...]:
    """Return the lines of the sheet given to a requester on that basis; () for one that no paper begins."""
    row = policy.bases.get(basis)
    if row is None or _is_urgent(row):
        return ()
    needs, stated = set(row.needs), tuple(NEEDS[need] for need in STATED if need in row.needs)
    if {"agency", "officer"} <= needs:
        return (
            "a signed request on the agency's letterhead",
            *(["the number of the active case"] if "docket" in needs else []),
            "the officer's name and badge number, and a number to call back",
            NEEDS["scope"],
            *stated,
        )
    if "judge" in needs:
        paper = policy.said(row.words)
        if policy.language == "en":
            paper = f"the {paper.removeprefix('a ').removeprefix('an ')}"
        return (
            f"{paper}, signed by a judge",
            *(["its docket number"] if "docket" in needs else []),
            "the cameras or places and the times it names",
            *stated,
        )
    if "written" not in needs:
        return (*stated, NEEDS["scope"])
    return (_on_paper(policy, basis), "its docket or case number, where it has one", NEEDS["scope"], *stated)
