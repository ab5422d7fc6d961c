"""Acts on releases (P13): request, ask the gates again, approve, refuse, withdraw; and counsel's determinations.

Both gates are asked when a release is requested and again when it is approved. A gate's no is recorded like any other
outcome: under its number, with clause, basis and what would open it. Nothing leaves the building here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn

import msgspec
from tzlocal import get_localzone

from holdshelf_core.actions import Action, ActionRegistry, Change, LogForm
from holdshelf_core.acts import common
from holdshelf_core.acts.release_parts import MAX_SPANS, form_of, paper_of, spans_of
from holdshelf_core.api import types_releases as types
from holdshelf_core.errors import BadRequest, Conflict, Refused
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_core.policy import releases as rules
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.purposes import incident_problem
from holdshelf_core.policy.second import FLAG_PAPER
from holdshelf_core.policy.state import State
from holdshelf_core.release_rows import (
    AWAITED,
    async_row,
    async_unheld,
    next_step,
    refusals_of,
    requesters_right,
)

MAX_REFUSALS = 20
"""Of one release; whoever was told no so often asks anew."""
EMERGENCY_REVIEWS = 2
STATE_WORDS = {
    "stopped": "stopped by a gate",
    "requested": "waiting for a second person's word",
    "approved": "approved",
    "exported": "exported: its bundle is made",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "cancelled": "cancelled",
}


def _release(call: Call[Any], key: str, *states: str) -> model.Release:
    row = common.find_row(dict(call.state.releases), key, "release")
    if states and row.state not in states:
        raise Conflict(
            f"{row.id} is {STATE_WORDS.get(row.state, row.state)}.", f"See `holdshelf release show {row.id}`."
        )
    return row


def _only_its_requester(call: Call[Any], row: model.Release, what: str) -> None:
    if call.caller.who != row.requested_by:
        step = f"A seat says no to it with `holdshelf release refuse {row.id}`; what you need, request by yourself."
        call.refuse("P13", f"Only who requested {row.id} {what} it.", step)


def _emergency_flag(call: Call[Any], row: model.Release, about: str = "") -> Change:
    """Two people look at it afterwards: neither who asked nor who approved."""
    flags = call.gate.house
    first = flags.next_id("flags", "f")
    # The act's own flag, if it raises one, gets the first number.
    key = flags.next_id("flags", "f", also=(first,)) if call.decision.flag else first
    flag = model.Flag(
        key, "emergency_release", 0, row.requested_by, call.now.utc_ns, EMERGENCY_REVIEWS, (), row.id, about
    )
    return put("flags", key, flag)


# --- the gates ------------------------------------------------------------------------------------------------------


def _question(row: model.Release) -> rules.Request:
    return rules.Request(row.basis, row.given, row.requested_by, row.requested_utc_ns, row.paper, row.why)


def hear(call: Call[Any], row: model.Release) -> tuple[model.Release, rules.Gate, int]:
    """The row with what both gates say now; the last word, and which gate's it is."""
    state = call.state
    first, second = rules.both(_question(row), state.adopted, state.determinations.values(), call.now)
    said = [model.GateSaid(1, first.passed, first.sentence, first.needs)]
    if second is not None:
        said.append(model.GateSaid(2, second.passed, second.sentence, second.needs))
    word = first if second is None else second
    cautions = [gate.caution for gate in (first, second) if gate is not None and gate.passed and gate.caution]
    heard = msgspec.structs.replace(
        row, gates=tuple(said), caution=" ".join(cautions), paper_due_utc_ns=first.paper_due_utc_ns
    )
    return heard, word, 1 if second is None else 2


async def say_no(
    call: Call[Any], row: model.Release, word: rules.Gate, gate: int, *, told: model.Release | None = None
) -> NoReturn:
    """A gate's no: on record with everything that was asked, then told with what to do. ``told``: what the entry tells of
    where that is not the row as it stays."""
    if len(row.refusals) >= MAX_REFUSALS:
        raise Conflict(f"{row.id} was told no {MAX_REFUSALS} times.", "Request it anew when its paper is right.")
    refusal = model.Refusal(call.now.utc_ns, gate, row.basis, word.sentence, word.needs)
    row = msgspec.structs.replace(row, refusals=(*row.refusals, refusal))
    await call.record(
        [put("releases", row.id, row)],
        form=form_of(told or row),
        facts={"clause": word.clause, "gate": gate, "needs": list(word.needs)},
        outcome="refused",
    )
    step = next_step(call.state, row, await async_unheld(call.holdshelf, row), call.now)
    raise Refused(word.clause, f"{row.id} is refused: {word.quoted}", step)


async def _ask_gates(call: Call[Any], row: model.Release) -> types.ReleaseRow:
    row, word, gate = hear(call, row)
    if not word.passed:
        await say_no(call, msgspec.structs.replace(row, state="stopped"), word, gate)
    changes: list[Change] = []
    if row.basis == rules.EMERGENCY and call.decision.acting_as in model.SEATS:
        # A seat's word is enough in imminent danger; a designee's request waits for one.
        row = msgspec.structs.replace(row, state="approved", approved_utc_ns=call.now.utc_ns)
        changes.append(_emergency_flag(call, row))
    else:
        row = msgspec.structs.replace(row, state="requested")
    seq = await call.record([put("releases", row.id, row), *changes], form=form_of(row))
    return await async_row(call.holdshelf, row, seq=seq)


# --- acts -----------------------------------------------------------------------------------------------------------


async def _request(call: Call[types.ReleaseRequest]) -> types.ReleaseRow:
    asked = call.request
    reference = asked.reference.strip()
    if problem := incident_problem(reference):
        call.refuse("P21", problem, "Give the number of the incident's report, or leave it out.")
    spans = spans_of(call, asked.spans)
    row = model.Release(
        id=call.gate.house.next_id("releases", "R", datetime.now(get_localzone()).year),
        basis=common.words(asked.basis, "The basis", most=40),
        reference=reference,
        asked=spans,
        given=spans,
        requested_by=call.caller.who,
        requested_utc_ns=call.now.utc_ns,
        state="stopped",
        paper=paper_of(call, asked.paper),
        why=common.words(asked.why, "Why it is asked for"),
    )
    return await _ask_gates(call, row)


async def _amend(call: Call[types.ReleaseAmend]) -> types.ReleaseRow:
    asked = call.request
    row = _release(call, asked.release, *AWAITED, rules.EXPORTED)
    _only_its_requester(call, row, "changes")
    paper = paper_of(call, asked.paper)
    if row.basis == rules.EMERGENCY and row.paper is None and paper is not None and not asked.trim:
        return await _paper_followed(call, row, paper)
    if row.state != "stopped":
        raise Conflict(
            f"{row.id} is {STATE_WORDS[row.state]} as it was asked for, and is not changed any more.",
            "Withdraw it and request it anew.",
        )
    row = msgspec.structs.replace(row, paper=paper or row.paper, version=row.version + 1)
    if asked.trim:
        if row.paper is None or not row.paper.scope:
            raise BadRequest(f"{row.id} has no paper that names cameras and times.", "Give the paper first.")
        kept = rules.trimmed(row.given, row.paper.scope)
        if not kept:
            call.refuse("P13", f"The paper covers nothing of what {row.id} asks for.", "Request what the paper names.")
        row = msgspec.structs.replace(row, given=kept)
    return await _ask_gates(call, row)


async def _paper_followed(call: Call[types.ReleaseAmend], row: model.Release, paper: model.Paper) -> types.ReleaseRow:
    """The paper behind an emergency: it counts when it would have opened both gates by itself."""
    state = call.state
    papered = msgspec.structs.replace(row, paper=paper, version=row.version + 1)
    word = rules.following_paper(_question(papered), state.adopted, state.determinations.values(), call.now)
    if not word.passed:
        await say_no(call, row, word, 1, told=papered)
    if row.state == "stopped":
        return await _ask_gates(call, papered)
    caution = " ".join(part for part in ("The paper has followed.", word.caution) if part)
    papered = msgspec.structs.replace(papered, caution=caution, paper_due_utc_ns=None)
    seq = await call.record([put("releases", papered.id, papered)], form=form_of(papered))
    return await async_row(call.holdshelf, papered, seq=seq)


async def _approve(call: Call[types.ReleaseApprove]) -> types.ReleaseRow:
    asked = call.request
    row = _release(call, asked.release, "requested")
    if not requesters_right(call.state, row, call.now):
        call.refuse("P11", f"Who requested {row.id} has no right to it any more.", "Request it anew.")
    sha256 = common.paper(asked.paper_sha256, "An approval on paper", needed=False)
    note = common.words(asked.note, "The note")
    row, word, gate = hear(call, msgspec.structs.replace(row, version=row.version + 1))
    if not word.passed:
        # What passed when it was asked for may have lapsed while it waited.
        await say_no(call, msgspec.structs.replace(row, state="stopped"), word, gate)
    if asked.original and (row.paper is None or not row.paper.original):
        call.refuse(
            "P13",
            f"The paper behind {row.id} does not ask for the original recording, so what is masked stays masked (P6).",
            "Approve it without the original.",
        )
    # A seat's holder who brings a paper as well has approved on screen: by their own word, whoever signed.
    on_paper = call.decision.flag == FLAG_PAPER
    by = asked.seat if on_paper else call.caller.who
    approved = msgspec.structs.replace(
        row,
        state="approved",
        approved_by=by,
        approved_utc_ns=call.now.utc_ns,
        approval_paper_sha256=sha256 if on_paper else "",
        note=note,
        original=asked.original,
    )
    changes = [put("releases", row.id, approved)]
    if row.basis == rules.EMERGENCY:
        changes.append(_emergency_flag(call, approved, call.caller.who))
    facts = {"approved_by": by, "requested_by": row.requested_by, "approval_paper": sha256}
    seq = await call.record(changes, form=form_of(approved), facts=facts, private={"note": note})
    return await async_row(call.holdshelf, approved, seq=seq)


async def _end(call: Call[types.ReleaseEnd], state: str) -> types.ReleaseRow:
    row = _release(call, call.request.release, *AWAITED)
    why = common.words(call.request.why, "Why", needed=True)
    now = call.now.utc_ns
    ended = msgspec.structs.replace(row, state=state, ended_utc_ns=now, ended_why=why, version=row.version + 1)
    if state == "refused":
        refusal = model.Refusal(now, 0, row.basis, why, (), call.caller.who)
        ended = msgspec.structs.replace(ended, refusals=(*row.refusals, refusal))
    facts = {"requested_by": row.requested_by, "before": row.state}
    seq = await call.record(
        [put("releases", row.id, ended)], form=form_of(ended), facts=facts, private={"end_why": why}
    )
    return await async_row(call.holdshelf, ended, seq=seq)


async def _refuse(call: Call[types.ReleaseEnd]) -> types.ReleaseRow:
    return await _end(call, "refused")


async def _withdraw(call: Call[types.ReleaseEnd]) -> types.ReleaseRow:
    _only_its_requester(call, _release(call, call.request.release), "withdraws")
    return await _end(call, "withdrawn")


async def _show(call: Call[types.ReleaseAsk]) -> types.ReleaseRow:
    row = _release(call, call.request.release)
    seq = await call.record(form=LogForm(subject=row.id))
    return await async_row(call.holdshelf, row, seq=seq)


async def _list(call: Call[types.ReleaseListAsk]) -> types.ReleaseList:
    await call.record()
    seen = [
        row
        for row in sorted(call.state.releases.values(), key=lambda r: (r.requested_utc_ns, r.id))
        if call.gate.decide(call.caller, "release.see", Scope(target=row.id)).allowed
    ]
    shown = (*AWAITED, rules.EXPORTED)
    rows = [await async_row(call.holdshelf, row, look=False) for row in seen if call.request.all or row.state in shown]
    refusals = [refusal for row in seen for refusal in refusals_of(row)]
    return types.ReleaseList(rows, sorted(refusals, key=lambda r: r.at_utc_ns))


# --- registering ----------------------------------------------------------------------------------------------------


def _request_form(q: types.ReleaseRequest) -> LogForm:
    numbered = incident_problem(q.reference.strip()) is None
    return LogForm(
        cameras=tuple(sorted({s.camera[:64] for s in q.spans[:MAX_SPANS]})),
        start_utc_ns=min((s.start_utc_ns for s in q.spans), default=None),
        end_utc_ns=max((s.end_utc_ns for s in q.spans), default=None),
        incident=q.reference.strip() if numbered else "",
        facts={"basis": q.basis if q.basis in rules.BASES else "none of the policy's"},
        private={} if numbered else {"incident_asked": q.reference[:80]},
    )


def _request_scope(q: types.ReleaseRequest, state: State) -> Scope:
    return Scope(
        cameras=common.camera_scope(state, [s.camera for s in q.spans]),
        start_utc_ns=min((s.start_utc_ns for s in q.spans), default=None),
        end_utc_ns=max((s.end_utc_ns for s in q.spans), default=None),
    )


def _approve_scope(q: types.ReleaseApprove, state: State) -> Scope:
    row = state.releases.get(q.release)
    return Scope(
        target=q.release,
        paper_sha256=q.paper_sha256 or None,
        paper_seat=q.seat,
        requested_by=row.requested_by if row is not None else "",
        requested_utc_ns=row.requested_utc_ns if row is not None else None,
    )


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""

    def one(q: types.ReleaseAmend | types.ReleaseApprove | types.ReleaseEnd | types.ReleaseAsk) -> LogForm:
        return LogForm(subject=q.release[:20])

    def target(q: types.ReleaseAmend | types.ReleaseEnd | types.ReleaseAsk, _s: State) -> Scope:
        return Scope(target=q.release)

    row = types.ReleaseRow
    registry.register(
        Action(
            "release.request",
            "release.request",
            types.ReleaseRequest,
            row,
            _request,
            _request_scope,
            _request_form,
            changes=True,
        )
    )
    registry.register(
        Action("release.amend", "release.request", types.ReleaseAmend, row, _amend, target, one, changes=True)
    )
    registry.register(
        Action(
            "release.approve", "release.approve", types.ReleaseApprove, row, _approve, _approve_scope, one, changes=True
        )
    )
    registry.register(
        Action(
            "release.refuse",
            "release.approve",
            types.ReleaseEnd,
            row,
            _refuse,
            lambda q, _s: Scope(target=q.release, keeps=True),
            one,
            changes=True,
        )
    )
    registry.register(
        Action("release.withdraw", "release.request", types.ReleaseEnd, row, _withdraw, target, one, changes=True)
    )
    registry.register(Action("release.show", "release.see", types.ReleaseAsk, row, _show, target, one))
    registry.register(
        Action(
            "release.list",
            "release.see",
            types.ReleaseListAsk,
            types.ReleaseList,
            _list,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
        )
    )
