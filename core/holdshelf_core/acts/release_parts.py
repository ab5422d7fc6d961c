"""What the acts on releases share: reading what was typed, and what an entry says of a release.

Public in an entry are numbers, hashes, spans and the gates' words; who issued a paper, its officer and its agency are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdshelf_core import times
from holdshelf_core.actions import LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_releases as types
from holdshelf_core.errors import BadRequest
from holdshelf_core.gate import Call
from holdshelf_core.policy import model
from holdshelf_core.policy.purposes import incident_problem
from holdshelf_core.policy.releases import BASES

MAX_SPANS = 64


# --- what was typed -------------------------------------------------------------------------------------------------


def spans_of(call: Call[Any], asked: Sequence[types.SpanRow]) -> tuple[model.Span, ...]:
    """What is asked for, cameras as ids. Raises BadRequest, NotFound."""
    if len(asked) > MAX_SPANS:
        raise BadRequest(f"A release has at most {MAX_SPANS} spans.", "Request the rest by itself.")
    spans = []
    for span in asked:
        (camera,) = common.camera_ids(call.holdshelf, [span.camera])
        if span.end_utc_ns <= span.start_utc_ns:
            raise BadRequest(f"The span of {camera} ends before it starts.", "Swap --from and --to.")
        if span.end_utc_ns > call.now.utc_ns:
            raise BadRequest(
                f"{times.local_words(span.end_utc_ns)} has not come yet.",
                "Place a hold until it is lifted, and request the release when the footage is there.",
            )
        spans.append(model.Span(camera, span.start_utc_ns, span.end_utc_ns))
    return tuple(spans)


def paper_of(call: Call[Any], asked: types.PaperAsk | None) -> model.Paper | None:
    """The paper as it is recorded. Raises BadRequest, NotFound, Refused (a name for a number)."""
    if asked is None:
        return None
    docket = common.words(asked.docket, "The docket number", most=60)
    if problem := incident_problem(docket):
        call.refuse("P21", problem, "Give the docket's number alone; names go into --issuer and --officer.")
    if len(asked.scope) > MAX_SPANS:
        raise BadRequest(f"A paper's scope has at most {MAX_SPANS} spans here.", "Join those that touch.")
    scope = []
    for span in asked.scope:
        camera = common.camera_ids(call.holdshelf, [span.camera])[0] if span.camera else ""
        if span.end_utc_ns <= span.start_utc_ns:
            raise BadRequest("The paper's span ends before it starts.", "Swap its two times.")
        scope.append(model.Span(camera, span.start_utc_ns, span.end_utc_ns))
    return model.Paper(
        sha256=common.paper(asked.sha256, "The paper"),
        kind=common.words(asked.kind, "The kind of paper", needed=True, most=40),
        issuer=common.words(asked.issuer, "Who issued the paper", most=120),
        docket=docket,
        agency=common.words(asked.agency, "The agency", most=120),
        officer=common.words(asked.officer, "The officer's name or badge", most=120),
        signed_by_judge=asked.signed_by_judge,
        scope=tuple(scope),
        valid_until_utc_ns=common.day_end_utc_ns(asked.lapses, "--lapses") if asked.lapses.strip() else None,
        original=asked.original,
    )


# --- what is written down -------------------------------------------------------------------------------------------


def _told(spans: Sequence[model.Span]) -> list[dict[str, str]]:
    return [
        {"camera": s.camera or "any", "start": times.rfc3339(s.start_utc_ns), "end": times.rfc3339(s.end_utc_ns)}
        for s in spans
    ]


def form_of(row: model.Release) -> LogForm:
    """The entry's form for a release as it is now."""
    paper = row.paper
    facts: dict[str, Any] = {
        "basis": row.basis if row.basis in BASES else "none of the policy's",
        "version": row.version,
        "state": row.state,
        "asked": _told(row.asked),
        "given": _told(row.given) if row.given != row.asked else None,
        "gates": [{"gate": g.gate, "passed": g.passed, "said": g.sentence} for g in row.gates],
        "caution": row.caution,
        "original": True if row.original else None,
        "paper_due": times.rfc3339(row.paper_due_utc_ns) if row.paper_due_utc_ns is not None else None,
    }
    private = {"why": row.why}
    if paper is not None:
        facts["paper"] = {
            "sha256": paper.sha256,
            "kind": paper.kind if paper.kind in BASES else "another",
            "docket": paper.docket,
            "judge": paper.signed_by_judge,
            "original": paper.original,
            "scope": _told(paper.scope),
            "lapses": times.rfc3339(paper.valid_until_utc_ns) if paper.valid_until_utc_ns is not None else "",
        }
        private |= {"issuer": paper.issuer, "agency": paper.agency, "officer": paper.officer}
    return LogForm(
        cameras=tuple(sorted({s.camera for s in row.given})),
        start_utc_ns=min((s.start_utc_ns for s in row.given), default=None),
        end_utc_ns=max((s.end_utc_ns for s in row.given), default=None),
        incident=row.reference,
        subject=row.id,
        facts=facts,
        private=private,
    )
