"""Facts for the papers of one hold, release, bundle or printed still: for who may see it, and written down before they leave.

Unlike the policy, none of these is printed while the access log cannot be written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdshelf_core import bundle_words, times
from holdshelf_core.acts import common
from holdshelf_core.acts.releases import STATE_WORDS
from holdshelf_core.api import paper_cases as cases
from holdshelf_core.api.paper_types import PaperFacts, PrintRequest
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.keeping.coverage import CoverageSpan
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.instants import NS, day_words, end_words, moment_words, span_words
from holdshelf_core.policy.purposes import purpose_words
from holdshelf_core.policy.releases import BASES, OPEN_STATES, covers_any
from holdshelf_core.policy.standing import seat_counts
from holdshelf_core.releasing.signed_manifest import signed_manifest
from holdshelf_core.times import local_words

if TYPE_CHECKING:
    from holdshelf_core.gate import Call

CASES = ("hold", "release", "receipt", "custody", "certificate", "still")
"""Papers that say what only some may know. The blank release form is not one."""
_BUNDLES = ("receipt", "custody", "certificate")
_GATES = {0: "A person", 1: "The policy", 2: "The statute"}


def is_case(asked: PrintRequest) -> bool:
    """Whether the paper is about one hold, release, bundle or still."""
    return asked.paper in CASES and not (asked.paper == "release" and not asked.release)


def check(call: Call[PrintRequest]) -> None:
    """Refuses whoever may not see what the paper is about. Raises Refused, BadRequest, NotFound, Conflict."""
    asked = call.request
    if not is_case(asked):
        return
    if asked.paper == "hold":
        _may(call, "hold.see", _needed(asked.hold, "print hold H-2026-0001"))
        common.find_row(dict(call.state.holds), asked.hold, "hold")
    elif asked.paper == "still":
        share = common.find_row(dict(call.state.shares), _needed(asked.share, "print still --help"), "share")
        if share.by != call.caller.who or share.kind != "sheet":
            call.refuse("P14", "A sheet is printed by who registered it.", "Print one of your own: `print still`.")
        if share.ended_utc_ns is not None or call.now.ended(share.expires_utc_ns):
            raise Conflict(f"The sheet {share.id} was to be given back by now.", "Print a new one.")
    else:
        _may(call, "release.see", _needed(asked.release, f"print {asked.paper} R-2026-0001"))
        row = common.find_row(dict(call.state.releases), asked.release, "release")
        if asked.paper in _BUNDLES and row.bundle is None:
            raise Conflict(f"No bundle of {row.id} is made.", f"Make it: `holdshelf release export {row.id}`.")


def _needed(key: str, example: str) -> str:
    if not key.strip():
        raise BadRequest("Of which?", f"Give its number, for example `holdshelf {example}`.")
    return key


def _may(call: Call[PrintRequest], permission: str, target: str) -> None:
    seen = call.gate.decide(call.caller, permission, Scope(target=target))
    if not seen.allowed:
        call.refuse(seen.clause, seen.sentence, seen.who_can_help)


async def async_add(call: Call[PrintRequest], facts: PaperFacts) -> PaperFacts:
    """The facts with what the paper is about. ``check`` was asked, and the entry is written."""
    asked = call.request
    if not is_case(asked):
        return facts
    if asked.paper == "hold":
        return msgspec.structs.replace(facts, hold=await _hold(call, call.state.holds[asked.hold]))
    if asked.paper == "still":
        return msgspec.structs.replace(facts, still=_still(call, call.state.shares[asked.share]))
    row = call.state.releases[asked.release]
    if asked.paper == "release":
        return msgspec.structs.replace(facts, released=_release(call, row))
    assert row.bundle is not None
    return msgspec.structs.replace(facts, bundle=await _bundle(call, row, row.bundle))


# --- words --------------------------------------------------------------------------------------------------------


def _who(call: Call[Any], person: str) -> str:
    """'Dora Reed, Library Director'."""
    seats = [
        model.SEAT_WORDS.get(s.key, s.key) for s in call.state.seats_of(person) if seat_counts(call.state, s, call.now)
    ]
    return ", ".join([call.state.name_of(person), *seats[:1]])


def _camera(call: Call[Any], camera: str) -> str:
    words = call.state.camera_words(camera) if camera else "any camera"
    return words if words in (camera, "any camera") else f"{words} ({camera})"


def _span(call: Call[Any], span: model.Span | model.HoldSpan) -> str:
    if span.end_utc_ns is None:
        return (
            f"{_camera(call, span.camera)}, {moment_words(span.start_utc_ns, call.now.zone)} until the hold is lifted"
        )
    return f"{_camera(call, span.camera)}, {span_words(span.start_utc_ns, span.end_utc_ns, call.now.zone)}"


def _spans(call: Call[Any], spans: Iterable[model.Span | model.HoldSpan]) -> tuple[str, ...]:
    return tuple(_span(call, span) for span in spans)


def length_words(length_ns: int) -> str:
    """'4 s', '3 min 20 s', '1 h 00 min 05 s'; '' for nothing."""
    seconds = round(length_ns / NS)
    if seconds <= 0:
        return ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min {rest:02} s"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def clock_words(length_ns: int) -> str:
    """'1:00:05': of one stretch in a table."""
    minutes, seconds = divmod(max(0, round(length_ns / NS)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


# --- the papers ---------------------------------------------------------------------------------------------------


async def _hold(call: Call[PrintRequest], hold: model.Hold) -> cases.HoldPaper:
    hold = call.holdshelf.holds.book.to_write(hold.id) or hold
    zone, state = call.now.zone, call.state
    parts: Sequence[CoverageSpan] = await call.holdshelf.holds.async_coverage(hold.spans, hold.id)
    lengths = {
        kind: sum(p.end_utc_ns - p.start_utc_ns for p in parts if p.kind == kind)
        for kind in ("recorded", "gap", "erased")
    }
    lift = ""
    if hold.state == "lifting":
        lift = f"asked for by {state.name_of(hold.lift_by)}; a second person's word is awaited"
    elif hold.state == "grace" and hold.grace_end_utc_ns is not None:
        lift = f"lifted; kept until {moment_words(hold.grace_end_utc_ns, zone)}, and erased on schedule after that"
    elif hold.state == "lifted":
        lift = f"lifted on {moment_words(hold.lifted_utc_ns or 0, zone)}: nothing is kept by it any more"
    return cases.HoldPaper(
        id=hold.id,
        ground=hold.ground,
        reference=hold.reference,
        state=hold.state,
        spans=_spans(call, hold.spans),
        stretches=tuple(
            cases.StretchPaper(
                _camera(call, p.camera),
                p.kind,
                moment_words(p.start_utc_ns, zone),
                moment_words(p.end_utc_ns, zone),
                clock_words(p.end_utc_ns - p.start_utc_ns),
                p.reason,
            )
            for p in parts
        ),
        kept=length_words(lengths["recorded"]),
        missing=length_words(lengths["gap"]),
        erased=length_words(lengths["erased"]),
        placed_by=_who(call, hold.placed_by),
        placed_at=moment_words(hold.placed_utc_ns, zone),
        review_on=day_words(hold.review_utc_ns, zone),
        is_overdue=hold.state == "active" and call.now.begun(hold.review_utc_ns),
        second_person=state.board.second_person_lift,
        grace_days=state.board.grace_days,
        lift=lift,
        releases=tuple(
            row.id for row in state.releases.values() if row.state in OPEN_STATES and covers_any(hold, row.given)
        ),
        archived=bool(hold.archived_to),
        version=hold.version,
    )


def _release(call: Call[PrintRequest], row: model.Release) -> cases.ReleasePaper:
    zone, state = call.now.zone, call.state
    approved = ""
    if row.approved_utc_ns is not None:
        if row.approval_paper_sha256:
            whose = f"{model.SEAT_WORDS.get(row.approved_by, row.approved_by)}, on signed paper"
        else:
            whose = (
                _who(call, row.approved_by)
                if row.approved_by
                else "on one word, in imminent danger; reviewed by two afterwards"
            )
        approved = f"{whose}, {moment_words(row.approved_utc_ns, zone)}"
    ended = ""
    if row.ended_utc_ns is not None:
        ended = f"{STATE_WORDS.get(row.state, row.state)} on {moment_words(row.ended_utc_ns, zone)}: {row.ended_why}"
    return cases.ReleasePaper(
        id=row.id,
        state=STATE_WORDS.get(row.state, row.state),
        basis=BASES.get(row.basis, "no basis of the policy"),
        reference=row.reference,
        asked=_spans(call, row.asked),
        given=_spans(call, row.given),
        paper=_authority(call, row.paper) if row.paper is not None else None,
        gates=tuple(cases.GatePaper(_GATES.get(g.gate, "A rule"), g.passed, g.sentence, g.needs) for g in row.gates),
        caution=row.caution,
        requested_by=_who(call, row.requested_by),
        requested_at=moment_words(row.requested_utc_ns, zone),
        approved=approved,
        approval_sha256=row.approval_paper_sha256,
        refusals=tuple(
            f"{local_words(r.at_utc_ns)}, {_GATES.get(r.gate, 'a rule').lower()}: {r.sentence}" for r in row.refusals
        ),
        danger=row.why,
        paper_due=end_words(row.paper_due_utc_ns, zone) if row.paper_due_utc_ns is not None else "",
        original=row.original,
        holds=tuple(sorted(h.id for h in state.holds.values() if h.state != "lifted" and covers_any(h, row.given))),
        ended=ended,
        second_person=state.board.second_person_release,
    )


def _authority(call: Call[PrintRequest], paper: model.Paper) -> cases.AuthorityPaper:
    until = paper.valid_until_utc_ns
    return cases.AuthorityPaper(
        BASES.get(paper.kind, paper.kind),
        paper.issuer,
        paper.docket,
        paper.agency,
        paper.officer,
        paper.signed_by_judge,
        end_words(until, call.now.zone) if until is not None else "",
        paper.original,
        _spans(call, paper.scope),
        paper.sha256,
    )


async def _bundle(call: Call[PrintRequest], row: model.Release, made: model.Bundle) -> cases.BundlePaper:
    zone, library = call.now.zone, call.state.board.library or "Library"
    try:
        root_fd = call.holdshelf.exports.opened().volume.root_fd
        manifest = await asyncio.to_thread(signed_manifest, root_fd, row.id, made.sums_sha256)
    except HoldshelfError:
        manifest = None

    def at(text: str) -> str:
        return moment_words(times.parse_rfc3339(text), zone)

    def between(start: str, end: str) -> str:
        return span_words(times.parse_rfc3339(start), times.parse_rfc3339(end), zone)

    def length(start: str, end: str) -> str:
        return clock_words(times.parse_rfc3339(end) - times.parse_rfc3339(start))

    return cases.BundlePaper(
        release=row.id,
        basis=BASES.get(row.basis, "no basis of the policy"),
        reference=row.reference,
        kind=made.kind,
        videos=made.videos,
        missing=made.missing,
        files=made.files,
        bytes=made.bytes,
        made_at=moment_words(made.made_utc_ns, zone),
        made_by=_who(call, made.made_by),
        fingerprint=made.fingerprint,
        sums_sha256=made.sums_sha256,
        given=_spans(call, row.given),
        certificate=bundle_words.certificate_words(library, is_original=made.kind == "original"),
        certificate_end=bundle_words.CERTIFICATE_END,
        custody=bundle_words.CUSTODY,
        custody_end=bundle_words.CUSTODY_END,
        rows=tuple(
            cases.VideoPaper(v.file, f"{_camera(call, v.camera)}, {between(v.in_point, v.end)}", v.sha256)
            for v in (manifest.videos if manifest is not None else ())
        ),
        gaps=tuple(
            cases.StretchPaper(
                _camera(call, g.camera), g.kind, at(g.start), at(g.end), length(g.start, g.end), g.reason
            )
            for g in (manifest.missing if manifest is not None else ())
        ),
        is_here=manifest is not None,
    )


def _still(call: Call[PrintRequest], share: model.Share) -> cases.StillPaper:
    zone = call.now.zone
    return cases.StillPaper(
        share=share.id,
        copy=share.copy,
        camera=_camera(call, share.camera),
        shown_at=moment_words(share.start_utc_ns, zone),
        purpose=purpose_words(share.purpose),
        given_to=share.given_to,
        by=_who(call, share.by),
        made_at=moment_words(call.now.utc_ns, zone),
        return_on=end_words(share.expires_utc_ns, zone),
    )
