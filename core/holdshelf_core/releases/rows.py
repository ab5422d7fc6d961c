"""Releases as clients see them: with names, what is on hold and what is not, and the next step in words.

Reads only. Holding footage is suggested, never done here: a hold is a person's action.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

import msgspec
from tzlocal import get_localzone

from holdshelf_core.actions.caller import Caller
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.holds.holds import Holds
from holdshelf_core.policy import model
from holdshelf_core.policy.asked import stricter
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.gates import NEEDS
from holdshelf_core.policy.instants import Now, end_words
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.releases import (
    AWAITED,
    EXPORTED,
    answer_needed,
    answer_overdue,
    answer_utc_ns,
    answered_late,
    bundle_end_utc_ns,
    kept_by,
    may_extend,
    may_make_bundle,
    others_words,
    received_day,
    trimmed,
    unheld,
)
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.schema import Basis
from holdshelf_core.policy.state import State
from holdshelf_core.policy.steps import CONSENT, kind_and_role, tell_words
from holdshelf_core.policy.tables import Policy
from holdshelf_core.releases import types
from holdshelf_core.times import NS

NO_NUMBER = "NUMBER"


def requesters_right(state: State, row: model.Release, now: Now) -> bool:
    """Return whether the requester may still request it, on its cameras."""
    scope = Scope(target=row.id if row.id in state.releases else "", cameras=tuple(s.camera for s in row.given))
    return decide(state, Subject(row.requested_by), "release.request", scope, now).allowed


def goes_on(state: State, row: model.Release, caller: Caller, now: Now) -> bool:
    """Return whether a caller goes on with a request: it is theirs, or it has a clock and whoever entered it may no longer. It is
    the library's to answer then, and whoever may request does."""
    if caller.who == row.requested_by:
        return True
    waits = row.due_utc_ns is not None and row.state in AWAITED
    return waits and not requesters_right(state, row, now)


def spans_of(spans: Sequence[model.Span]) -> list[types.SpanRow]:
    """Return the spans for the API."""
    return [types.SpanRow(s.camera, s.start_utc_ns, s.end_utc_ns) for s in spans]


def bundle_row(state: State, bundle: model.Bundle) -> types.BundleRow:
    """Return the bundle for the API."""
    return types.BundleRow(
        **msgspec.structs.asdict(bundle),
        made_by_name=state.name_of(bundle.made_by),
        until_utc_ns=bundle_end_utc_ns(bundle, state.board),
    )


def _others_row(state: State, others: model.Others, *, whole: bool) -> types.OthersRow:
    return types.OthersRow(
        others.seen,
        others_words(others),
        others.by,
        state.name_of(others.by),
        others.at_utc_ns,
        list(others.boxes) if whole else [],
        others.why,
        others.looked,
    )


def approver(state: State, row: model.Release) -> str:
    """Return who approved it: a seat that signed on paper, or a person, and whose paper consented; '' for none, or an emergency
    approved alone."""
    if row.approved_by in state.policy.roles:
        return state.policy.role_words(row.approved_by)
    papers = listed(f"the {state.policy.role_words(one.role)}" for one in row.consents)
    consented = f", with the signed consent of {papers}" if papers else ""
    return f"{state.name_of(row.approved_by)}{consented}" if row.approved_by else ""


def refusals_of(policy: Policy, row: model.Release) -> list[types.RefusalRow]:
    """Return all its refusals, oldest first, by the clauses of the policy."""
    return [
        types.RefusalRow(
            row.id, r.at_utc_ns, r.gate, _clause_of(policy, r.basis) or "Holdshelf", r.basis, r.sentence, r.by
        )
        for r in row.refusals
    ]


def _clause_of(policy: Policy, basis: str) -> str:
    found = policy.bases.get(basis)
    return policy.clause_id("P13", found.clause if found is not None else "")


async def async_unheld(holds: Holds, state: State, row: model.Release) -> tuple[model.Span, ...]:
    """Return what still exists and no hold keeps; () when the release is over, or the footage cannot be read now."""
    if row.state not in AWAITED:
        return ()
    free = unheld(row.given, state.holds.values())
    found = []
    for span in free:
        wanted = model.HoldSpan(span.camera, span.start_utc_ns, span.end_utc_ns)
        try:
            covered = await holds.async_coverage([wanted])
        except HoldshelfError:
            return ()
        if any(part.kind == "recorded" for part in covered):
            found.append(span)
    return tuple(found)


def may_hold(state: State, row: model.Release, free: Sequence[model.Span], caller: Caller, now: Now) -> bool:
    """Return whether the caller may hold what is not on hold."""
    if not free:
        return False
    cameras, ground = tuple(dict.fromkeys(span.camera for span in free)), state.policy.hold_ground(row.basis)
    # A request may have no number yet; a hold's is typed when it is placed.
    scope = Scope(cameras=cameras, ground=ground, reference=row.reference or "0")
    return decide(state, Subject(caller.person, caller.admin), "hold.place", scope, now).allowed


def hold_words(state: State, row: model.Release, free: Sequence[model.Span], caller: Caller, now: Now) -> str:
    """Return a sentence that suggests holding the requested footage now, with its command, to a caller who may; to others it
    says who may. '' when all is held or gone."""
    if not free:
        return ""
    same = [span for span in free if (span.start_utc_ns, span.end_utc_ns) == (free[0].start_utc_ns, free[0].end_utc_ns)]
    cameras = " ".join(f"--camera {span.camera}" for span in same)
    more = len(free) - len(same)
    rest = f" and {more} more like it" if more else ""
    ground, number = state.policy.hold_ground(row.basis), row.reference or NO_NUMBER
    start, end = typed(free[0].start_utc_ns), typed(-(-free[0].end_utc_ns // NS) * NS)
    if may_hold(state, row, free, caller, now):
        step = "a hold needs no paper"
    else:
        step = f"ask the {state.policy.whoever_may('hold.place')} to hold it, which needs no paper"
    return (
        f"The requested footage is not on hold and may be erased; {step}: `holdshelf hold place --ground "
        f"{ground} --incident {shlex.quote(number)} {cameras} --from '{start}' --to '{end}'`{rest}."
    )


def typed(utc_ns: int) -> str:
    """Return a time to the second in the command line's format, with its offset."""
    return datetime.fromtimestamp(utc_ns // NS, get_localzone()).isoformat(" ")


def next_step(
    state: State, row: model.Release, free: Sequence[model.Span], caller: Caller, now: Now, *, making: bool = False
) -> str:
    """Return what the caller can do now, in sentences with their commands. ``making``: its bundle is being made."""
    steps = []
    if row.state == "stopped":
        steps = _when_stopped(state, row)
    elif answer_needed(row) and (row.state == "requested" or may_make_bundle(row)):
        steps.append(
            "Are other people seen in it? Say so before it goes on: `holdshelf release others "
            f"{row.id} --none`, --boxes FILE, or --unmasked --why TEXT."
        )
    elif row.state == "requested":
        steps.append(
            f"{_approvers(state, row)} must approve it: `holdshelf release approve "
            f"{row.id}`, or give their signed paper with --paper FILE --seat SEAT."
        )
    elif making:
        steps.append(f"Its bundle is being made; cancel that: `holdshelf release export {row.id} --cancel`.")
    elif row.state == "approved":
        steps.append(f"Make the bundle: `holdshelf release export {row.id}`.")
    elif row.bundle is not None and row.bundle.removed_utc_ns is not None:
        steps.append(f"Its bundle expired and was deleted; make it again: `holdshelf release export {row.id}`.")
    elif row.state == EXPORTED:
        steps.append(
            f"It is in your outbox. Print the receipt: `holdshelf release receipt {row.id}`; "
            f"to put it on a USB stick: `holdshelf release write {row.id} --usb FOLDER`."
        )
    elif row.state == "refused":
        steps.append(f"The sheet for the person who asked: `holdshelf print refusal {row.id}`.")
    if row.state in ("stopped", "requested") and row.due_utc_ns is not None:
        steps.append(f"The answer is due by {end_words(row.due_utc_ns, now.zone)}.")
    if row.state in ("approved", EXPORTED) and row.paper_due_utc_ns is not None:
        due = end_words(row.paper_due_utc_ns, now.zone)
        steps.append(f"The paper is due by {due}: `holdshelf release paper {row.id} --paper FILE …`.")
    if row.state in ("approved", EXPORTED) and (basis := basis_of(state.policy, row)) is not None:
        steps.append(tell_words(state, basis.steps, now))
    steps.append(hold_words(state, row, free, caller, now))
    return " ".join(step for step in steps if step)


def basis_of(policy: Policy, row: model.Release) -> Basis | None:
    """Return what a release rests on: its basis, with what that asked for when it was entered."""
    return stricter(policy, row.basis, row.asked_rule)


def _approvers(state: State, row: model.Release) -> str:
    """Return who must approve it, as the beginning of a sentence."""
    policy = state.policy
    basis = basis_of(policy, row)
    consents = [role for kind, role in map(kind_and_role, basis.steps if basis is not None else ()) if kind == CONSENT]
    if consents:
        return f"The {listed(map(policy.short, consents))}"
    if policy.second("release.approve"):
        return f"Another of the {policy.titles('and', of=policy.second('release.approve'))}"
    return f"The {policy.whoever_may('release.approve')}"


def _when_stopped(state: State, row: model.Release) -> list[str]:
    said = row.gates[-1] if row.gates else None
    if said is not None and said.gate == 2:
        route = f"`holdshelf counsel record --help`, then `holdshelf release again {row.id}`"
        who = state.policy.short(next(iter(state.policy.who_may("counsel.record")), ""))
        steps = [f"Counsel's route: the {who} asks the library's counsel for a determination; {route}."]
    elif row.paper is not None and trimmed(row.given, row.paper.scope) not in ((), row.given):
        steps = [f"Trim it to the paper: `holdshelf release trim {row.id}`."]
    else:
        steps = []
    return [*steps, f"The sheet of what is needed, for the person who asked: `holdshelf print refusal {row.id}`."]


def release_row(
    state: State,
    row: model.Release,
    caller: Caller,
    now: Now,
    *,
    free: Sequence[model.Span] = (),
    seq: int = 0,
    whole: bool = True,
    making: bool = False,
) -> types.ReleaseRow:
    """Return a release as the caller sees it. ``free``: what is not on hold, from ``async_unheld``. ``whole`` False: without
    its boxes, for a list. ``making``: its bundle is being made."""
    paper = row.paper
    return types.ReleaseRow(
        id=row.id,
        state=row.state,
        basis=row.basis,
        basis_words=state.policy.basis_words(row.basis) or "no basis of the policy",
        hold_ground=state.policy.hold_ground(row.basis),
        stated=[NEEDS[need] for need in row.stated if need in NEEDS],
        received_on=received_day(row, now.zone),
        due_utc_ns=row.due_utc_ns,
        overdue=answer_overdue(row, now),
        may_extend=may_extend(state.policy, row),
        extended_why=row.extended_why,
        answered_utc_ns=answer_utc_ns(row),
        late=answered_late(row),
        reference=row.reference,
        asked=spans_of(row.asked),
        given=spans_of(row.given),
        requested_by=row.requested_by,
        requested_by_name=state.name_of(row.requested_by),
        requested_utc_ns=row.requested_utc_ns,
        paper=None
        if paper is None
        else types.PaperRow(
            paper.sha256,
            paper.kind,
            paper.issuer,
            paper.docket,
            paper.agency,
            paper.officer,
            paper.signed_by_judge,
            spans_of(paper.scope),
            paper.valid_until_utc_ns,
            paper.original,
        ),
        why=row.why,
        gates=[types.GateRow(g.gate, g.passed, g.sentence, list(g.needs)) for g in row.gates],
        refusals=refusals_of(state.policy, row),
        caution=row.caution,
        paper_due_utc_ns=row.paper_due_utc_ns,
        approved_by=row.approved_by,
        approved_by_name=approver(state, row),
        approved_utc_ns=row.approved_utc_ns,
        approval_paper_sha256=row.approval_paper_sha256,
        consents=[types.ConsentRow(one.role, one.paper_sha256) for one in row.consents],
        version=row.version,
        ended_utc_ns=row.ended_utc_ns,
        ended_why=row.ended_why,
        original=row.original,
        bundle=None if row.bundle is None else bundle_row(state, row.bundle),
        others=None if row.others is None else _others_row(state, row.others, whole=whole),
        needs_others=answer_needed(row),
        holds=kept_by(state.holds.values(), row.given),
        unheld=spans_of(free),
        goes_on=goes_on(state, row, caller, now),
        may_hold=may_hold(state, row, free, caller, now),
        next_step=next_step(state, row, free, caller, now, making=making),
        seq=seq,
    )
