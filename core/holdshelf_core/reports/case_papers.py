"""Facts for the papers of one hold, release, bundle or printed still: only for people who may see it, and logged first.

Unlike the policy, none of these is printed while the access log cannot be written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.holds.coverage import CoverageSpan, united
from holdshelf_core.holds.holds import Holds
from holdshelf_core.holds.types import length_ns
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.gates import NEEDS
from holdshelf_core.policy.holds import GRACE, LIFTED, LIFTING, review_overdue
from holdshelf_core.policy.instants import day_words, end_words, moment_words, span_words
from holdshelf_core.policy.releases import OPEN_STATES, covers_any, kept_by, others_words, received_day
from holdshelf_core.policy.standing import seat_counts
from holdshelf_core.policy.state import State
from holdshelf_core.policy.statute import JUDGE
from holdshelf_core.policy.steps import CONSULT, consenting, kind_and_role
from holdshelf_core.releases import bundle_words
from holdshelf_core.releases.bundle_builds import BundleBuilds
from holdshelf_core.releases.rows import basis_of
from holdshelf_core.releases.signed_manifest import signed_manifest
from holdshelf_core.releases.types import GATE_WORDS, STATE_WORDS
from holdshelf_core.reports import case_types as cases
from holdshelf_core.reports.types import MAX_SHEET_PICTURES, PaperFacts, PrintRequest
from holdshelf_core.times import NS, local_words

CASES = ("hold", "release", "receipt", "custody", "certificate", "still", "sheet")
"""Papers that not everyone may see. The blank release form is not one."""
_BUNDLES = ("receipt", "custody", "certificate")


def is_case(asked: PrintRequest) -> bool:
    """Return whether the paper is about one hold, release, bundle or still."""
    return asked.paper in CASES and not (asked.paper == "release" and not asked.release)


def check(call: Call[PrintRequest]) -> None:
    """Refuse people who may not see the paper's subject. Raises Refused, BadRequest, NotFound, Conflict."""
    asked = call.request
    if not is_case(asked):
        return
    if asked.paper == "sheet" and not 1 <= asked.pictures <= MAX_SHEET_PICTURES:
        raise BadRequest(
            f"A sheet has 1 to {MAX_SHEET_PICTURES} pictures, not {asked.pictures}.",
            "Choose fewer, or print two sheets.",
        )
    if asked.paper == "hold" or (asked.paper == "sheet" and not asked.release):
        _may(call, "hold.see", _needed(asked.hold, f"print {asked.paper} H-2026-0001"))
        common.find_row(dict(call.state.holds), asked.hold, "hold")
    elif asked.paper == "still":
        share = call.state.shares.get(_needed(asked.share, "print still --help"))
        if share is None or share.by != call.caller.who or share.kind != "sheet":
            call.refuse(
                "P14", "Only the person who registered a sheet can print it.", "Print one of your own: `print still`."
            )
        if share.ended_utc_ns is not None or call.now.ended(share.expires_utc_ns):
            raise Conflict(f"The sheet {share.id} was given back, or should have been by now.", "Print a new one.")
    else:
        _may(call, "release.see", _needed(asked.release, f"print {asked.paper} R-2026-0001"))
        row = common.find_row(dict(call.state.releases), asked.release, "release")
        if asked.paper in _BUNDLES and row.bundle is None:
            raise Conflict(f"No bundle of {row.id} was made.", f"Make it: `holdshelf release export {row.id}`.")


def form_of(call: Call[PrintRequest]) -> LogForm:
    """Return the entry's form: of a sheet of pictures with the cameras whose pictures it has."""
    asked, state = call.request, call.state
    if asked.paper != "sheet":
        return call.form
    spans = state.releases[asked.release].given if asked.release else state.holds[asked.hold].spans
    return replace(call.form, cameras=tuple(sorted({span.camera for span in spans})))


def _needed(key: str, example: str) -> str:
    if not key.strip():
        raise BadRequest("Which one?", f"Give its number, e.g., `holdshelf {example}`.")
    return key


def _may(call: Call[PrintRequest], permission: str, target: str) -> None:
    seen = call.authorizer.decide(call.caller, permission, Scope(target=target))
    if not seen.allowed:
        call.refuse(seen.clause, seen.sentence, seen.who_can_help)


# --- words --------------------------------------------------------------------------------------------------------


def _who(call: Call[Any], person: str) -> str:
    """Return e.g. 'Dora Reed, Library Director'."""
    seats = [
        call.state.policy.role_words(s.key) for s in call.state.seats_of(person) if seat_counts(call.state, s, call.now)
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
    """Return e.g. '4 s', '3 min 20 s', '1 h 00 min 05 s'; '' for nothing."""
    seconds = round(length_ns / NS)
    if seconds <= 0:
        return ""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min {rest:02} s"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def clock_words(length_ns: int) -> str:
    """Return e.g. '1:00:05', for one stretch in a table."""
    minutes, seconds = divmod(max(0, round(length_ns / NS)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


# --- the papers ---------------------------------------------------------------------------------------------------


def _release(call: Call[PrintRequest], row: model.Release) -> cases.ReleasePaper:
    zone, state = call.now.zone, call.state
    approved = ""
    if row.approved_utc_ns is not None:
        if row.approval_paper_sha256:
            whose = f"{state.policy.role_words(row.approved_by)}, on signed paper"
        else:
            whose = _who(call, row.approved_by) if row.approved_by else _in_danger(state, row)
        approved = f"{whose}, {moment_words(row.approved_utc_ns, zone)}"
    ended = ""
    if row.ended_utc_ns is not None:
        ended = f"{STATE_WORDS.get(row.state, row.state)} on {moment_words(row.ended_utc_ns, zone)}: {row.ended_why}"
    return cases.ReleasePaper(
        id=row.id,
        state=STATE_WORDS.get(row.state, row.state),
        basis=call.state.policy.basis_words(row.basis) or "no basis of the policy",
        reference=row.reference,
        asked=_spans(call, row.asked),
        given=_spans(call, row.given),
        paper=_authority(call, row, row.paper) if row.paper is not None else None,
        gates=tuple(
            cases.GatePaper(GATE_WORDS.get(g.gate, "A rule"), g.passed, g.sentence, g.needs) for g in row.gates
        ),
        caution=row.caution,
        requested_by=_who(call, row.requested_by),
        requested_at=moment_words(row.requested_utc_ns, zone),
        approved=approved,
        approval_sha256=row.approval_paper_sha256,
        refusals=tuple(
            f"{local_words(r.at_utc_ns)}, {GATE_WORDS.get(r.gate, 'a rule').lower()}: {r.sentence}"
            for r in row.refusals
        ),
        danger=row.why,
        paper_due=end_words(row.paper_due_utc_ns, zone) if row.paper_due_utc_ns is not None else "",
        original=row.original,
        holds=tuple(kept_by(state.holds.values(), row.given)),
        ended=ended,
        second_person=state.board.second_person_release,
        awaited=_awaited(state, row),
        others=_others(call, row.others),
        stated=_stated(state, row),
        received_on=received_day(row, zone) if row.due_utc_ns is not None else "",
        due=end_words(row.due_utc_ns, zone) if row.due_utc_ns is not None else "",
        extended_why=row.extended_why,
    )


def _in_danger(state: State, row: model.Release) -> str:
    several = any(flag.note == row.id and flag.needs > 1 for flag in state.flags.values())
    return f"on one word, in imminent danger; reviewed {'by two ' if several else ''}afterwards"


def _stated(state: State, row: model.Release) -> tuple[str, ...]:
    roles = [role for kind, role in map(kind_and_role, row.stated) if kind == CONSULT]
    known = (NEEDS[need] for need in row.stated if need in NEEDS)
    return (*known, *(f"the {state.policy.role_words(role)} was consulted" for role in roles))


def _others(call: Call[PrintRequest], others: model.Others | None) -> str:
    if others is None:
        return ""
    why = f": {others.why}" if others.why else ""
    said = f"{others_words(others)}{why}"
    return f"{said}; {_who(call, others.by)}, {moment_words(others.at_utc_ns, call.now.zone)}"


def _awaited(state: State, row: model.Release) -> tuple[str, ...]:
    basis = basis_of(state.policy, row)
    if basis is None or row.approved_utc_ns is not None or row.ended_utc_ns is not None:
        return ()
    given = {one.role for one in row.consents}
    return tuple(state.policy.role_words(role) for role in consenting(basis.steps) if role not in given)


def _authority(call: Call[PrintRequest], row: model.Release, paper: model.Paper) -> cases.AuthorityPaper:
    basis = basis_of(call.state.policy, row)
    until = paper.valid_until_utc_ns
    return cases.AuthorityPaper(
        call.state.policy.basis_words(paper.kind) or paper.kind,
        paper.issuer,
        paper.docket,
        paper.agency,
        paper.officer,
        paper.signed_by_judge,
        end_words(until, call.now.zone) if until is not None else "",
        paper.original,
        _spans(call, paper.scope),
        paper.sha256,
        basis is None or "judge" in basis.needs or JUDGE in basis.steps,
    )


def _still(call: Call[PrintRequest], share: model.Share) -> cases.StillPaper:
    zone = call.now.zone
    return cases.StillPaper(
        share=share.id,
        copy=share.copy,
        camera=_camera(call, share.camera),
        shown_at=moment_words(share.start_utc_ns, zone),
        purpose=call.state.policy.purpose_words(share.purpose),
        given_to=share.given_to,
        by=_who(call, share.by),
        made_at=moment_words(call.now.utc_ns, zone),
        return_on=end_words(share.expires_utc_ns, zone),
    )


def _sheet(call: Call[PrintRequest]) -> cases.SheetPaper:
    asked, state = call.request, call.state
    row = state.releases[asked.release] if asked.release else state.holds[asked.hold]
    return cases.SheetPaper(
        id=row.id,
        what="release" if isinstance(row, model.Release) else "hold",
        reference=row.reference,
        spans=_spans(call, row.given if isinstance(row, model.Release) else row.spans),
        others=_others(call, row.others) if isinstance(row, model.Release) else "",
        by=_who(call, call.caller.who),
        made_at=moment_words(call.now.utc_ns, call.now.zone),
        log_seq=call.seq,
    )


class CasePapers:
    """Facts for the papers of one hold, release, bundle or still."""

    def __init__(self, holds: Holds, builds: BundleBuilds) -> None:
        self._holds, self._builds = holds, builds

    async def async_add(self, call: Call[PrintRequest], facts: PaperFacts) -> PaperFacts:
        """Return the facts with the paper's subject added. ``check`` was called before, and the entry is written."""
        asked = call.request
        if not is_case(asked):
            return facts
        if asked.paper == "hold":
            return msgspec.structs.replace(facts, hold=await self._hold(call, call.state.holds[asked.hold]))
        if asked.paper == "sheet":
            return msgspec.structs.replace(facts, sheet=_sheet(call))
        if asked.paper == "still":
            return msgspec.structs.replace(facts, still=_still(call, call.state.shares[asked.share]))
        row = call.state.releases[asked.release]
        if asked.paper == "release":
            return msgspec.structs.replace(facts, released=_release(call, row))
        assert row.bundle is not None
        return msgspec.structs.replace(facts, bundle=await self._bundle(call, row, row.bundle))

    async def _hold(self, call: Call[PrintRequest], hold: model.Hold) -> cases.HoldPaper:
        hold = self._holds.book.to_write(hold.id) or hold
        zone, state = call.now.zone, call.state
        parts: Sequence[CoverageSpan] = await self._holds.async_coverage(hold.spans, hold.id)
        lengths = {
            kind: length_ns(part for part in parts if part.kind == kind)
            for kind in ("recorded", "gap", "erased", "missing")
        }
        lift = ""
        if hold.state == LIFTING:
            lift = f"asked for by {state.name_of(hold.lift_by)}; waiting for a second person's approval"
        elif hold.state == GRACE and hold.grace_end_utc_ns is not None:
            lift = f"lifted; kept until {moment_words(hold.grace_end_utc_ns, zone)}, and erased on schedule after that"
        elif hold.state == LIFTED:
            lift = f"lifted on {moment_words(hold.lifted_utc_ns or 0, zone)}: it no longer keeps anything"
        return cases.HoldPaper(
            id=hold.id,
            ground=state.policy.ground_words(hold.ground),
            reference=hold.reference,
            state=hold.state,
            spans=_spans(call, united(hold.spans)),
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
            lost=length_words(lengths["missing"]),
            placed_by=_who(call, hold.placed_by),
            placed_at=moment_words(hold.placed_utc_ns, zone),
            review_on=day_words(hold.review_utc_ns, zone),
            is_overdue=review_overdue(hold, call.now),
            second_person=state.board.second_person_lift,
            grace_days=state.board.grace_days,
            lift=lift,
            releases=tuple(
                row.id for row in state.releases.values() if row.state in OPEN_STATES and covers_any(hold, row.given)
            ),
            archived=bool(hold.archived_to),
            version=hold.version,
            last_on=day_words(hold.last_utc_ns - 1, zone) if hold.last_utc_ns is not None else "",
        )

    async def _bundle(self, call: Call[PrintRequest], row: model.Release, made: model.Bundle) -> cases.BundlePaper:
        zone, library = call.now.zone, call.state.board.library or "Library"
        try:
            root_fd = self._builds.opened().volume.root_fd
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
            basis=call.state.policy.basis_words(row.basis) or "no basis of the policy",
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
            certificate=bundle_words.certificate_words(
                library,
                is_original=made.kind == "original",
                others=manifest.others if manifest is not None else None,
                videos=manifest.videos if manifest is not None else (),
            ),
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
