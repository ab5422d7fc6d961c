"""Actions on releases (P13): request, check the gates again, approve, refuse, withdraw.

Both gates are checked when a release is requested and again when it is approved. A gate's refusal is recorded like any other
outcome: under its number, with clause, basis and what would satisfy it. Nothing is released here.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NoReturn

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import BadRequest, Conflict, Refused
from holdshelf_core.holds.holds import Holds
from holdshelf_core.policy import gates, model
from holdshelf_core.policy import releases as rules
from holdshelf_core.policy.asked import asked_rule, hides_others
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.purposes import incident_problem
from holdshelf_core.policy.second import FLAG_PAPER, reviews_needed
from holdshelf_core.policy.standing import standing
from holdshelf_core.policy.state import State
from holdshelf_core.policy.steps import consenting, consulted, consults, open_step
from holdshelf_core.policy.tables import Policy
from holdshelf_core.releases import types
from holdshelf_core.releases.action_parts import MAX_SPANS, find_release, form_of, paper_of, spans_of
from holdshelf_core.releases.bundle_builds import BundleBuilds
from holdshelf_core.releases.others_actions import check_answered, narrowed
from holdshelf_core.releases.rows import (
    async_unheld,
    basis_of,
    goes_on,
    next_step,
    refusals_of,
    release_row,
    requesters_right,
)

MAX_REFUSALS = 20
"""For one release; after that many refusals a new request is needed."""
LONGEST_RECEIVED_DAYS = 366


def _only_its_requester(call: Call[Any], row: model.Release, what: str) -> None:
    if not goes_on(call.state, row, call.caller, call.now):
        step = (
            f"The {call.state.policy.whoever_may('release.approve')} can refuse it with `holdshelf release "
            f"refuse {row.id}`. Request separately what you need."
        )
        call.refuse("P13", f"Only the person who requested {row.id} {what} it.", step)


def _is_enough(call: Call[Any], row: model.Release) -> bool:
    """Return whether the caller may approve it, as such or for somebody who is away, and no step of its basis is open."""
    cameras = tuple(span.camera for span in row.given)
    if not call.authorizer.decide(call.caller, "release.approve", Scope(cameras=cameras, keeps=True)).allowed:
        return False
    basis, here = basis_of(call.state.policy, row), standing(call.state, call.caller.person, call.now)
    steps = basis.steps if basis is not None else ()
    return not open_step(call.state, steps, row.stated, [seat.key for seat in here.seats], call.now)


def _emergency_flag(call: Call[Any], row: model.Release, about: str = "") -> Change:
    """Return a flag for review by others than the requester and the approver."""
    flags = call.authorizer.store
    first = flags.next_id("flags", "f")
    # The action's own flag, if it raises one, gets the first number.
    key = flags.next_id("flags", "f", also=(first,)) if call.decision.flag else first
    needs = reviews_needed(call.state, (row.requested_by, about), call.now)
    flag = model.Flag(key, "emergency_release", 0, row.requested_by, call.now.utc_ns, needs, (), row.id, about)
    return put("flags", key, flag)


# --- the gates ------------------------------------------------------------------------------------------------------


def _question(state: State, row: model.Release) -> gates.Request:
    areas = {
        span.camera: facts.area_kind for span in row.given if (facts := state.cameras.get(span.camera)) is not None
    }
    return gates.Request(
        row.basis,
        row.given,
        row.requested_by,
        row.requested_utc_ns,
        row.paper,
        row.why,
        row.stated,
        areas,
        row.asked_rule,
    )


def _reviews(call: Call[Any], row: model.Release, about: str) -> int:
    """Return how many others review a release in imminent danger: as its flag says, or will say."""
    if not rules.urgent(row):
        return 0
    flags = (flag for flag in call.state.flags.values() if flag.kind == "emergency_release" and flag.note == row.id)
    flag = next(flags, None)
    return flag.needs if flag is not None else reviews_needed(call.state, (row.requested_by, about), call.now)


def hear(call: Call[Any], row: model.Release, about: str = "") -> tuple[model.Release, gates.ReleaseCheck, int]:
    """Return the row with the current results of both gates; the deciding result, and which gate it came from. ``about``: who
    approves it now."""
    state = call.state
    question = msgspec.structs.replace(_question(state, row), reviews=_reviews(call, row, about))
    first, second = gates.both(state.policy, question, state.adopted, state.determinations.values(), call.now)
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
    call: Call[Any],
    holds: Holds,
    row: model.Release,
    word: gates.ReleaseCheck,
    gate: int,
    *,
    told: model.Release | None = None,
) -> NoReturn:
    """Refuse at a gate: record it with everything that was requested, then raise it with what to do. ``told``: the row for the
    entry, if it differs from the stored one."""
    if len(row.refusals) >= MAX_REFUSALS:
        raise Conflict(f"{row.id} was refused {MAX_REFUSALS} times.", "Submit a new request when the paper is right.")
    refusal = model.Refusal(call.now.utc_ns, gate, row.basis, word.sentence, word.needs)
    row = msgspec.structs.replace(row, refusals=(*row.refusals, refusal))
    await call.record(
        [put("releases", row.id, row)],
        form=form_of(told or row, call.state.policy),
        facts={"clause": word.clause, "gate": gate, "needs": list(word.needs)},
        outcome="refused",
    )
    step = next_step(call.state, row, await async_unheld(holds, call.state, row), call.caller, call.now)
    raise Refused(word.clause, f"{row.id} is refused: {word.quoted(call.state.policy)}", step)


# --- actions --------------------------------------------------------------------------------------------------------


def _one(q: types.ReleaseAmend | types.ReleaseApprove | types.ReleaseEnd | types.ReleaseAsk) -> LogForm:
    return LogForm(subject=q.release[:20])


def _target(q: types.ReleaseAmend | types.ReleaseEnd | types.ReleaseAsk, _s: State) -> Scope:
    return Scope(target=q.release)


def _request_scope(q: types.ReleaseRequest, state: State) -> Scope:
    return Scope(
        cameras=common.camera_scope(state, [s.camera for s in q.spans]),
        start_utc_ns=min((s.start_utc_ns for s in q.spans), default=None),
        end_utc_ns=max((s.end_utc_ns for s in q.spans), default=None),
    )


def _request_form(q: types.ReleaseRequest, state: State) -> LogForm:
    numbered = incident_problem(q.reference.strip()) is None
    return LogForm(
        cameras=tuple(sorted({s.camera[:64] for s in q.spans[:MAX_SPANS]})),
        start_utc_ns=min((s.start_utc_ns for s in q.spans), default=None),
        end_utc_ns=max((s.end_utc_ns for s in q.spans), default=None),
        incident=q.reference.strip() if numbered else "",
        facts={"basis": q.basis if q.basis in state.policy.bases else "none of the policy's"},
        private={} if numbered else {"incident_asked": q.reference[:80]},
    )


def _approve_scope(q: types.ReleaseApprove, state: State) -> Scope:
    row = state.releases.get(q.release)
    return Scope(
        target=q.release,
        paper_sha256=q.paper_sha256 or None,
        paper_seat=q.seat,
        requested_by=row.requested_by if row is not None else "",
        basis=row.basis if row is not None else "",
        requested_utc_ns=row.requested_utc_ns if row is not None else None,
        done=(*(row.stated if row is not None else ()), *consulted(q.consulted)),
    )


def _stated(typed: list[str], policy: Policy) -> tuple[str, ...]:
    known = (*gates.STATED, *consulted(dict.fromkeys(r for row in policy.bases.values() for r in consults(row.steps))))
    unknown = sorted(set(typed) - set(known))
    if unknown:
        raise BadRequest(
            f"{unknown[0][:30]!r} is not something that can be stated about a request.", f"Some of: {', '.join(known)}."
        )
    return tuple(need for need in known if need in typed)


def _with_consulted(row: model.Release, roles: list[str], asked: list[str]) -> model.Release:
    """Return the row with these roles consulted. Raises BadRequest for one that its basis does not have consulted."""
    unknown = sorted(set(roles) - set(asked))
    if unknown:
        step = f"One of: {', '.join(asked)}." if asked else "Leave it out."
        raise BadRequest(f"{unknown[0][:30]!r} is not consulted before a release on this basis.", step)
    return msgspec.structs.replace(row, stated=tuple(dict.fromkeys((*row.stated, *consulted(roles)))))


def _received(call: Call[Any], typed: str) -> date:
    today = date.fromisoformat(times.local_day(call.now.utc_ns))
    try:
        day = date.fromisoformat(typed.strip()) if typed.strip() else today
    except ValueError:
        raise BadRequest(f"{typed[:20]!r} is not a date.", "Use --received YYYY-MM-DD.") from None
    if day > today or (today - day).days > LONGEST_RECEIVED_DAYS:
        raise BadRequest(
            f"A request was received today or within the last {LONGEST_RECEIVED_DAYS} days.",
            "Give the day on its stamp.",
        )
    return day


def _due(day: date | None) -> int | None:
    return common.day_end_utc_ns(day.isoformat(), "The day of the answer") if day is not None else None


class ReleaseActs:
    """Handles the acts of a release: requested, decided, handed over, ended."""

    def __init__(self, holds: Holds, cameras: common.KnownCameras, builds: BundleBuilds) -> None:
        self._holds, self._cameras, self._builds = holds, cameras, builds

    @handles(types.ReleaseRequest, scope=_request_scope, log_in=_request_form)
    async def request(self, call: Call[types.ReleaseRequest]) -> types.ReleaseRow:
        asked = call.request
        reference = asked.reference.strip()
        if problem := incident_problem(reference):
            call.refuse("P21", problem, "Give the number of the incident's report, or leave it out.")
        spans = spans_of(call, self._cameras, asked.spans)
        received = _received(call, asked.received)
        row = model.Release(
            id=call.authorizer.store.next_id("releases", "R", call.now.year),
            basis=common.words(asked.basis, "The basis", most=40),
            reference=reference,
            asked=spans,
            given=spans,
            requested_by=call.caller.who,
            requested_utc_ns=call.now.utc_ns,
            state="stopped",
            paper=paper_of(call, self._cameras, asked.paper, asked.basis),
            why=common.words(asked.why, "Why it is asked for"),
            urgent=gates.is_urgent(call.state.policy, asked.basis),
            stated=_stated(asked.stated, call.state.policy),
            received_on=received.isoformat(),
            due_utc_ns=_due(rules.answer_day(call.state.policy, asked.basis, received)),
            longer_utc_ns=_due(rules.answer_day(call.state.policy, asked.basis, received, once_more=True)) or 0,
            asked_rule=asked_rule(call.state.policy, asked.basis, call.state.board),
        )
        return await self._ask_gates(call, row)

    @handles(types.ReleaseAmend, scope=_target, log=_one)
    async def amend(self, call: Call[types.ReleaseAmend]) -> types.ReleaseRow:
        asked = call.request
        row = find_release(call, asked.release, *rules.AWAITED, rules.EXPORTED)
        _only_its_requester(call, row, "changes")
        paper = paper_of(call, self._cameras, asked.paper, row.basis)
        if rules.urgent(row) and row.paper is None and paper is not None and not asked.trim:
            return await self._paper_followed(call, row, paper)
        if row.state != "stopped":
            raise Conflict(
                f"{row.id} is {types.STATE_WORDS[row.state]} as requested and can no longer be changed.",
                "Withdraw it and submit a new request.",
            )
        stated = tuple(dict.fromkeys((*row.stated, *_stated(asked.stated, call.state.policy))))
        row = msgspec.structs.replace(row, paper=paper or row.paper, stated=stated, version=row.version + 1)
        if asked.trim:
            if row.paper is None or not row.paper.scope:
                raise BadRequest(f"{row.id} has no paper that names cameras and times.", "Add the paper first.")
            kept = rules.trimmed(row.given, row.paper.scope)
            if not kept:
                call.refuse("P13", f"The paper covers none of what {row.id} asks for.", "Request what the paper names.")
            row = msgspec.structs.replace(row, given=kept, others=narrowed(row.others, kept))
        return await self._ask_gates(call, row)

    @handles(types.ReleaseApprove, scope=_approve_scope, log=_one)
    async def approve(self, call: Call[types.ReleaseApprove]) -> types.ReleaseRow:
        asked = call.request
        row = find_release(call, asked.release, "requested")
        if row.due_utc_ns is None and not requesters_right(call.state, row, call.now):
            call.refuse(
                "P11", f"The person who requested {row.id} no longer has the right to do so.", "Submit a new request."
            )
        sha256 = common.paper(asked.paper_sha256, "An approval on paper", needed=False)
        note = common.words(asked.note, "The note")
        basis = basis_of(call.state.policy, row)
        row = _with_consulted(row, asked.consulted, consults(basis.steps) if basis is not None else [])
        row, word, gate = hear(call, msgspec.structs.replace(row, version=row.version + 1), call.caller.who)
        if not word.passed:
            # What passed at the request may have lapsed while it waited.
            await say_no(call, self._holds, msgspec.structs.replace(row, state="stopped"), word, gate)
        check_answered(call, row)
        if asked.original and (row.paper is None or not row.paper.original):
            call.refuse(
                "P13",
                f"The paper behind {row.id} does not ask for the original recording, so what is masked stays masked (P6).",
                "Approve it without the original.",
            )
        if asked.original and hides_others(call.state.policy, row):
            call.refuse(
                "P13",
                f"On {call.state.policy.basis_words(row.basis)} the original cannot be released: other people must stay hidden.",
                "Approve it without the original.",
            )
        if asked.original and row.others is not None and row.others.boxes:
            call.refuse(
                "P6",
                f"In the original of {row.id} the boxes over other people would not be there.",
                "Approve it without the original, or have its requester say why the others are not masked.",
            )
        # An official who also brings a paper has approved on screen: as themselves, whoever signed the paper.
        on_paper = call.decision.flag == FLAG_PAPER
        by = asked.seat if on_paper else call.caller.who
        consents = sha256 and basis is not None and asked.seat in consenting(basis.steps) and not on_paper
        approved = msgspec.structs.replace(
            row,
            state="approved",
            approved_by=by,
            approved_utc_ns=call.now.utc_ns,
            approval_paper_sha256=sha256 if on_paper else "",
            consents=(*row.consents, model.Consent(asked.seat, sha256)) if consents else row.consents,
            note=note,
            original=asked.original,
        )
        changes = [put("releases", row.id, approved)]
        if rules.urgent(row):
            changes.append(_emergency_flag(call, approved, call.caller.who))
        facts = {
            "approved_by": by,
            "requested_by": row.requested_by,
            "approval_paper": sha256,
            "paper_seat": asked.seat,
        }
        await call.record(changes, form=form_of(approved, call.state.policy), facts=facts, private={"note": note})
        return await self._row(call, approved)

    @handles(types.ReleaseRefuse, scope=lambda q, _s: Scope(target=q.release, keeps=True), log=_one)
    async def refuse(self, call: Call[types.ReleaseEnd]) -> types.ReleaseRow:
        return await self._end(call, "refused")

    @handles(types.ReleaseWithdraw, scope=_target, log=_one)
    async def withdraw(self, call: Call[types.ReleaseEnd]) -> types.ReleaseRow:
        _only_its_requester(call, find_release(call, call.request.release), "withdraws")
        return await self._end(call, "withdrawn")

    @handles(types.ReleaseExtend, scope=lambda q, _s: Scope(target=q.release, keeps=True), log=_one)
    async def extend(self, call: Call[types.ReleaseExtend]) -> types.ReleaseRow:
        row = find_release(call, call.request.release, *rules.AWAITED)
        why = common.words(call.request.why, "Why it takes longer", needed=True)
        policy = call.state.policy
        if not rules.may_extend(policy, row):
            reason = "was given more time already" if row.extended_why else "has a basis that gives no more time"
            raise Conflict(f"{row.id} {reason}.", "Answer it, or refuse it with a reason.")
        due_utc_ns = row.longer_utc_ns
        if due_utc_ns is None:
            received = date.fromisoformat(row.received_on)
            due_utc_ns = _due(rules.answer_day(policy, row.basis, received, once_more=True))
        longer = msgspec.structs.replace(row, due_utc_ns=due_utc_ns, extended_why=why, version=row.version + 1)
        await call.record(
            [put("releases", row.id, longer)], form=form_of(longer, policy), private={"extended_why": why}
        )
        return await self._row(call, longer)

    @handles(types.ReleaseShow, scope=_target, log=_one)
    async def show(self, call: Call[types.ReleaseAsk]) -> types.ReleaseRow:
        row = find_release(call, call.request.release)
        await call.record(form=LogForm(subject=row.id))
        return await self._row(call, row)

    @handles(types.ReleaseListAsk, log=lambda q: LogForm(facts={"refresh": q.refresh or None}))
    async def list_releases(self, call: Call[types.ReleaseListAsk]) -> types.ReleaseList:
        await call.record()
        seen = [
            row
            for row in sorted(call.state.releases.values(), key=lambda r: (r.requested_utc_ns, r.id))
            if call.authorizer.decide(call.caller, "release.see", Scope(target=row.id)).allowed
        ]
        asked, shown = call.request, (*rules.AWAITED, rules.EXPORTED)
        if asked.first_day or asked.last_day:
            last = asked.last_day or "9999-12-31"
            listed = [row for row in seen if asked.first_day <= rules.received_day(row, call.now.zone) <= last]
        else:
            listed = [row for row in seen if asked.all or row.state in shown]
        rows = [
            release_row(call.state, row, call.caller, call.now, whole=False, making=self._builds.is_under_way(row.id))
            for row in listed
        ]
        refusals = [refusal for row in seen for refusal in refusals_of(call.state.policy, row)]
        return types.ReleaseList(rows, sorted(refusals, key=lambda r: r.at_utc_ns))

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _ask_gates(self, call: Call[Any], row: model.Release) -> types.ReleaseRow:
        row, word, gate = hear(call, row)
        if not word.passed:
            await say_no(call, self._holds, msgspec.structs.replace(row, state="stopped"), word, gate)
        changes: list[Change] = []
        if rules.urgent(row) and _is_enough(call, row):
            # In imminent danger a seat alone suffices; a designee's request waits for one.
            row = msgspec.structs.replace(row, state="approved", approved_utc_ns=call.now.utc_ns)
            changes.append(_emergency_flag(call, row))
        else:
            row = msgspec.structs.replace(row, state="requested")
        await call.record([put("releases", row.id, row), *changes], form=form_of(row, call.state.policy))
        return await self._row(call, row)

    async def _paper_followed(
        self, call: Call[types.ReleaseAmend], row: model.Release, paper: model.Paper
    ) -> types.ReleaseRow:
        """Add the paper behind an emergency: accepted if it would have passed both gates by itself."""
        state = call.state
        papered = msgspec.structs.replace(row, paper=paper, version=row.version + 1)
        word = gates.following_paper(
            state.policy, _question(state, papered), state.adopted, state.determinations.values(), call.now
        )
        if not word.passed:
            await say_no(call, self._holds, row, word, 1, told=papered)
        if row.state == "stopped":
            return await self._ask_gates(call, papered)
        caution = " ".join(part for part in ("The paper has followed.", word.caution) if part)
        papered = msgspec.structs.replace(papered, caution=caution, paper_due_utc_ns=None)
        await call.record([put("releases", papered.id, papered)], form=form_of(papered, call.state.policy))
        return await self._row(call, papered)

    async def _end(self, call: Call[types.ReleaseEnd], state: str) -> types.ReleaseRow:
        row = find_release(call, call.request.release, *rules.AWAITED)
        why = common.words(call.request.why, "Why", needed=True)
        now = call.now.utc_ns
        ended = msgspec.structs.replace(row, state=state, ended_utc_ns=now, ended_why=why, version=row.version + 1)
        if state == "refused":
            refusal = model.Refusal(now, 0, row.basis, why, (), call.caller.who)
            ended = msgspec.structs.replace(ended, refusals=(*row.refusals, refusal))
        facts = {"requested_by": row.requested_by, "before": row.state}
        await call.record(
            [put("releases", row.id, ended)],
            form=form_of(ended, call.state.policy),
            facts=facts,
            private={"end_why": why},
        )
        return await self._row(call, ended)

    async def _row(self, call: Call[Any], row: model.Release) -> types.ReleaseRow:
        """Return the answer to an action just recorded, after looking up what is not on hold."""
        free = await async_unheld(self._holds, call.state, row)
        making = self._builds.is_under_way(row.id)
        return release_row(call.state, row, call.caller, call.now, free=free, seq=call.seq, making=making)
