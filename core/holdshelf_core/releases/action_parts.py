"""Helpers that the release actions share: reading typed input, and what an entry says about a release.

Public in an entry are numbers, hashes, spans and the gates' sentences; who issued a paper, its officer and its agency are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.policy import model
from holdshelf_core.policy.purposes import incident_problem
from holdshelf_core.policy.releases import others_words
from holdshelf_core.policy.tables import Policy
from holdshelf_core.releases import types

MAX_SPANS = 64


def find_release(call: Call[Any], key: str, *states: str) -> model.Release:
    """Return a release by its number, in one of these states if given. Raises NotFound, Conflict."""
    row = common.find_row(dict(call.state.releases), key, "release")
    if states and row.state not in states:
        raise Conflict(
            f"{row.id} is {types.STATE_WORDS.get(row.state, row.state)}.", f"See `holdshelf release show {row.id}`."
        )
    return row


# --- what was typed -------------------------------------------------------------------------------------------------


def spans_of(call: Call[Any], cameras: common.KnownCameras, asked: Sequence[types.SpanRow]) -> tuple[model.Span, ...]:
    """Return the requested spans, with camera ids. Raises BadRequest, NotFound."""
    if len(asked) > MAX_SPANS:
        raise BadRequest(f"A release has at most {MAX_SPANS} spans.", "Request the rest separately.")
    spans = []
    for span in asked:
        (camera,) = common.camera_ids(cameras, [span.camera])
        common.check_span(span.start_utc_ns, span.end_utc_ns, f"The span of {camera}")
        if span.end_utc_ns > call.now.utc_ns:
            raise BadRequest(
                f"{times.local_words(span.end_utc_ns)} has not come yet.",
                "Place a hold until lifted, and request the release once the footage is recorded.",
            )
        spans.append(model.Span(camera, span.start_utc_ns, span.end_utc_ns))
    return tuple(spans)


def paper_of(
    call: Call[Any], cameras: common.KnownCameras, asked: types.PaperAsk | None, basis: str
) -> model.Paper | None:
    """Return the paper in its recorded form: without a scan where the basis asks for nothing written.

    Raises BadRequest, NotFound, Refused (a name for a number).
    """
    if asked is None:
        return None
    docket = common.words(asked.docket, "The docket number", most=60)
    if problem := incident_problem(docket):
        call.refuse("P21", problem, "Give only the docket number; names go into --issuer and --officer.")
    if len(asked.scope) > MAX_SPANS:
        raise BadRequest(f"A paper can name at most {MAX_SPANS} spans here.", "Combine adjacent ones.")
    scope = []
    for span in asked.scope:
        camera = common.camera_ids(cameras, [span.camera])[0] if span.camera else ""
        common.check_span(span.start_utc_ns, span.end_utc_ns, "The paper's span")
        scope.append(model.Span(camera, span.start_utc_ns, span.end_utc_ns))
    return model.Paper(
        sha256=common.paper(asked.sha256, "The paper", needed=_is_written(call, basis)),
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


def _is_written(call: Call[Any], basis: str) -> bool:
    row = call.state.policy.bases.get(basis)
    return row is None or "written" in row.needs or "danger" in row.needs


# --- what is written down -------------------------------------------------------------------------------------------


def _told(spans: Sequence[model.Span]) -> list[dict[str, str]]:
    return [
        {"camera": s.camera or "any", "start": times.rfc3339(s.start_utc_ns), "end": times.rfc3339(s.end_utc_ns)}
        for s in spans
    ]


def form_of(row: model.Release, policy: Policy) -> LogForm:
    """Return the entry's log form for a release in its current state."""
    paper = row.paper
    facts: dict[str, Any] = {
        "basis": row.basis if row.basis in policy.bases else "none of the policy's",
        "version": row.version,
        "state": row.state,
        "asked": _told(row.asked),
        "given": _told(row.given) if row.given != row.asked else None,
        "gates": [{"gate": g.gate, "passed": g.passed, "said": g.sentence} for g in row.gates],
        "stated": list(row.stated) or None,
        "caution": row.caution,
        "original": True if row.original else None,
        "others": others_words(row.others) if row.others is not None else None,
        "paper_due": times.rfc3339(row.paper_due_utc_ns) if row.paper_due_utc_ns is not None else None,
        "received_on": row.received_on if row.due_utc_ns is not None else None,
        "due": times.rfc3339(row.due_utc_ns) if row.due_utc_ns is not None else None,
    }
    private = {"why": row.why}
    if paper is not None:
        facts["paper"] = {
            "sha256": paper.sha256,
            "kind": paper.kind if paper.kind in policy.bases else "another",
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
