"""Acts of looking (P2, P9, P12, P14): open a purpose, widen, renew, close; break the glass; view what was shared.

A look is written down when it opens, each lease of it before its first picture. What pictures a look lets out is
``looking.looks``' to say; the acts that ask for them are in ``pictures``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, Change, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_looks as types
from holdshelf_core.api.types_people import Done
from holdshelf_core.errors import BadRequest
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.looking.grants import (
    ARCHIVE,
    BREAK_GLASS,
    GRANT_S,
    GRANTS_PER_PERSON,
    LIVE,
    LOOK,
    SHARE,
    SPAN_AROUND_NS,
    Grant,
    holder_of,
)
from holdshelf_core.looking.looks import Looks
from holdshelf_core.policy import model
from holdshelf_core.policy.clauses import name_warning
from holdshelf_core.policy.purposes import IMMINENT_DANGER, PURPOSES, incident_problem
from holdshelf_core.policy.rights import NEVER
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.state import State

NS = 1_000_000_000
MINUTE_NS = 60 * NS
WANDER_NS = 60 * MINUTE_NS
"""Looks of one purpose at other cameras within an hour are one wandering, whether widened or opened anew (scene 16)."""
WANDERING = "wandering"
RENEWALS = 5
"""Confirms in a row; then the purpose is asked for again (P9: live pictures are not left running)."""
MAX_TYPED = 16


# --- opening --------------------------------------------------------------------------------------------------------


def _span(q: types.PurposeOpen | types.PurposeWiden) -> tuple[int | None, int | None]:
    """The span as asked: given, or a quarter of an hour on either side of a time."""
    at = getattr(q, "at_utc_ns", None)
    if q.start_utc_ns is None and q.end_utc_ns is None and at is not None:
        return at - SPAN_AROUND_NS, at + SPAN_AROUND_NS
    return q.start_utc_ns, q.end_utc_ns


def _past_span(call: Call[Any], start_utc_ns: int | None, end_utc_ns: int | None) -> tuple[int, int]:
    """A span of recordings, cut at now: what has not happened yet is live, and live ends by itself. Raises BadRequest."""
    if start_utc_ns is None or end_utc_ns is None:
        raise BadRequest("Which time?", "Give --at TIME, or --from and --to.")
    now = call.now.utc_ns
    if start_utc_ns >= now:
        raise BadRequest(
            f"{times.local_words(start_utc_ns)} has not come yet.", "Give a time in the past, or look live."
        )
    if end_utc_ns <= start_utc_ns:
        raise BadRequest("The span ends before it starts.", "Swap --from and --to.")
    return start_utc_ns, min(end_utc_ns, now)


def _cameras(call: Call[Any], typed: Iterable[str]) -> tuple[str, ...]:
    cameras = common.camera_ids(call.holdshelf, typed)
    if not cameras:
        raise BadRequest("Which camera?", "Give --camera.")
    return cameras


def _check_right(call: Call[Any], grant: Grant) -> None:
    """A purpose is not opened for what its pictures would be refused for afterwards."""
    live = grant.mode == LIVE
    decision = call.holdshelf.looks.decide(grant, call.caller, grant.cameras, live=live)
    if not decision.allowed:
        call.refuse(decision.clause, decision.sentence, decision.who_can_help)


def _new(call: Call[Any], kind: str, mode: str, cameras: tuple[str, ...], lasts_s: int) -> Grant:
    clock = call.holdshelf.clock
    now, boot_ns = clock.utc_ns(), clock.boot_ns()
    person = call.caller.person
    assert person is not None, "the policy shows the admin no picture"
    looks: Looks = call.holdshelf.looks
    if sum(g.person == person for g in looks.all()) >= GRANTS_PER_PERSON:
        call.refuse("P2", f"You have {GRANTS_PER_PERSON} looks open.", "Close one of them: `holdshelf look close ID`.")
    return Grant(
        id="",
        seq=0,
        kind=kind,
        mode=mode,
        caller=call.caller,
        person=person,
        holder=holder_of(call.caller),
        cameras=cameras,
        start_utc_ns=None,
        end_utc_ns=None,
        purpose="",
        incident="",
        opened_utc_ns=now,
        opened_boot_ns=boot_ns,
        ends_boot_ns=boot_ns + lasts_s * NS,
        ends_utc_ns=now + lasts_s * NS,
        acting_as=call.decision.acting_as,
    )


def _go_live(call: Call[Any], grant: Grant) -> None:
    """Live from now on, until it ends by itself: never beyond the look's own end."""
    clock, minutes = call.holdshelf.clock, call.state.board.live_minutes
    lasts_ns = min(minutes * MINUTE_NS, grant.ends_boot_ns - clock.boot_ns())
    grant.live_until_boot_ns = clock.boot_ns() + lasts_ns
    grant.live_until_utc_ns = clock.utc_ns() + lasts_ns


def _form(grant: Grant, **facts: object) -> LogForm:
    return LogForm(
        cameras=grant.cameras,
        start_utc_ns=grant.start_utc_ns,
        end_utc_ns=grant.end_utc_ns,
        mode=grant.mode,
        purpose=grant.purpose,
        incident=grant.incident,
        subject=grant.id,
        facts={"kind": grant.kind, "share": grant.share, **facts},
    )


async def _begin(call: Call[Any], grant: Grant, changes: list[Change], note: str) -> types.GrantRow:
    """Write it down, then let it begin. Its id is made from its entry's number: no id comes twice."""
    facts = {"until": times.rfc3339(grant.ends_utc_ns), "widenings": grant.widenings or None}
    form = _form(grant, **facts)
    grant.seq = await call.record(changes, form=form, private={"note": note})
    grant.id = f"L-{datetime.now(get_localzone()).year}-{grant.seq:06d}"
    if grant.mode == LIVE:
        _go_live(call, grant)
    if note and (name := name_warning(note)):
        grant.warning = f"{name!r} looks like a name; names of patrons stay out of the record (P21)."
    call.holdshelf.looks.async_add(grant)
    return grant.row()


async def _open(call: Call[types.PurposeOpen]) -> types.GrantRow:
    asked = call.request
    if asked.mode not in (LIVE, ARCHIVE):
        raise BadRequest(f"{asked.mode[:20]!r} is no way to look.", "Use live or archive.")
    note = common.words(asked.note, "The note")
    grant = _new(call, LOOK, asked.mode, _cameras(call, asked.cameras), GRANT_S)
    grant.purpose, grant.incident = asked.purpose, asked.incident.strip()
    looks: Looks = call.holdshelf.looks
    if asked.mode == ARCHIVE:
        grant.start_utc_ns, grant.end_utc_ns = _past_span(call, *_span(asked))
    else:
        for other in looks.all():
            if other.person == grant.person and other.kind == LOOK and other.is_live_now(grant.opened_boot_ns):
                names = ", ".join(call.state.camera_words(camera) for camera in other.cameras)
                call.refuse(
                    "P9",
                    f"You look at {names} live already ({other.id}).",
                    f"Widen it, or close it: `holdshelf look close {other.id}`.",
                )
    _check_right(call, grant)
    wanted = frozenset(grant.cameras)
    before = [
        g.widenings + 1
        for g in looks.recent_of(grant.person, grant.opened_boot_ns - WANDER_NS)
        if g.incident == grant.incident
        and g.purpose == grant.purpose
        and g.kind == LOOK
        and not wanted.issubset(g.cameras)
    ]
    grant.widenings = max(before, default=0)
    return await _begin(call, grant, _wandering(call, grant) if before else [], note)


async def _break_glass(call: Call[types.BreakGlass]) -> types.GrantRow:
    why = common.words(call.request.why, "What the danger is", needed=True)
    minutes = call.state.board.break_glass_minutes
    cameras = _cameras(call, call.request.cameras)
    most = call.state.board.cameras_per_purpose
    if len(cameras) > most:
        call.refuse("P2", f"One look names at most {most} cameras.", "Name those that may show the danger.")
    grant = _new(call, BREAK_GLASS, LIVE, cameras, minutes * 60)
    grant.purpose, grant.incident = IMMINENT_DANGER, call.request.incident.strip()
    if grant.incident and (problem := incident_problem(grant.incident)):
        raise BadRequest(problem, "Leave it out, or give the report's number.")
    # The last minutes, and those of the look itself as they are recorded.
    grant.start_utc_ns = grant.opened_utc_ns - minutes * MINUTE_NS
    grant.end_utc_ns = grant.ends_utc_ns
    return await _begin(call, grant, [], why)


async def _open_share(call: Call[types.ShareOpen]) -> types.GrantRow:
    share = common.find_row(dict(call.state.shares), call.request.share, "share")
    grant = _new(call, SHARE, ARCHIVE, (share.camera,), GRANT_S)
    grant.start_utc_ns, grant.end_utc_ns, grant.share = share.start_utc_ns, share.end_utc_ns, share.id
    _check_right(call, grant)
    return await _begin(call, grant, [], "")


# --- changing and ending -----------------------------------------------------------------------------------------------


def _wandering(call: Call[Any], grant: Grant) -> list[Change]:
    """A flag for the spot check, each time that as many widenings have come as the Board allows between two."""
    if not grant.widenings or grant.widenings % call.state.board.widenings_before_flag:
        return []
    key = call.gate.house.next_id("flags", "f")
    note = f"{grant.widenings} widenings under {grant.purpose} {grant.incident}".strip()
    grant.flag = key
    # The entry that carries the flag gives it its number.
    return [put("flags", key, model.Flag(key, WANDERING, 0, grant.person, call.now.utc_ns, 1, (), note))]


def _widened(
    grant: Grant, q: types.PurposeWiden, cameras: Iterable[str]
) -> tuple[tuple[str, ...], int | None, int | None]:
    starts = [t for t in (grant.start_utc_ns, q.start_utc_ns) if t is not None]
    ends = [t for t in (grant.end_utc_ns, q.end_utc_ns) if t is not None]
    every = tuple(dict.fromkeys((*grant.cameras, *cameras)))
    return every, min(starts, default=None), max(ends, default=None)


async def _widen(call: Call[types.PurposeWiden]) -> types.GrantRow:
    asked, looks = call.request, call.holdshelf.looks
    grant = looks.get(asked.grant, call.caller)
    if grant.kind == SHARE:
        call.refuse("P14", "What was shared is one span of one camera.", "Ask who shared it for another.")
    if grant.kind == BREAK_GLASS:
        call.refuse(
            "P12",
            "A look in imminent danger is not widened.",
            "Look at the other camera in the same way, or open a purpose.",
        )
    cameras, start, end = _widened(grant, asked, common.camera_ids(call.holdshelf, asked.cameras))
    if grant.mode == LIVE and (start is not None or end is not None):
        raise BadRequest("A live look has no span.", "Open a purpose for recordings.")
    if grant.mode == ARCHIVE:
        start, end = _past_span(call, start, end)
    if (cameras, start, end) == (grant.cameras, grant.start_utc_ns, grant.end_utc_ns):
        raise BadRequest("That lies inside the look already.", "No need to widen it.")
    # Nothing of the new part shows before its entry is on disk.
    wider = replace(grant, cameras=cameras, start_utc_ns=start, end_utc_ns=end, widenings=grant.widenings + 1)
    _check_right(call, wider)
    await call.record(_wandering(call, wider), form=_form(wider, widenings=wider.widenings))
    grant.cameras, grant.start_utc_ns, grant.end_utc_ns = cameras, start, end
    grant.widenings, grant.flag = wider.widenings, wider.flag
    looks.async_widened(grant)
    return grant.row()


async def _renew(call: Call[types.GrantAsk]) -> types.GrantRow:
    grant = call.holdshelf.looks.get(call.request.grant, call.caller)
    if grant.mode != LIVE:
        raise BadRequest(f"{grant.id} is no live look.", "There is nothing to renew.")
    if grant.renewals >= RENEWALS:
        never = NEVER["live.unattended"]
        call.refuse(never.clause, never.sentence, "Open a new look with its purpose.")
    grant.renewals += 1
    await call.record(form=_form(grant, renewal=grant.renewals, live_ms=grant.live_ns // 1_000_000))
    _go_live(call, grant)
    return grant.row()


async def _close(call: Call[types.GrantAsk]) -> Done:
    looks: Looks = call.holdshelf.looks
    grant = looks.peek(call.request.grant)
    if grant.person != call.caller.person:
        call.refuse("P12", f"{call.request.grant[:24]!r} is no look of yours.", "See `holdshelf look list`.")
    if grant.closed:
        raise BadRequest(f"The look {grant.id} has ended already: {grant.closed}.")
    seq = await call.record(form=_form(grant, pictures=grant.delivered, live_ms=grant.live_ns // 1_000_000 or None))
    await looks.async_close(grant, "it was closed")
    return Done(seq, grant.id)


# --- registering -----------------------------------------------------------------------------------------------------


def _open_form(q: types.PurposeOpen) -> LogForm:
    start, end = _span(q)
    # Only what is on the list goes into the public part as it was typed: the rest may hold anything, a name too.
    listed, numbered = q.purpose in PURPOSES, incident_problem(q.incident.strip()) is None
    private = {} if listed else {"purpose_asked": q.purpose[:80]}
    return LogForm(
        cameras=tuple(camera[:64] for camera in q.cameras[:MAX_TYPED]),
        start_utc_ns=start,
        end_utc_ns=end,
        mode=q.mode if q.mode in (LIVE, ARCHIVE) else "",
        purpose=q.purpose if listed else "",
        incident=q.incident.strip() if numbered else "",
        private=private if numbered else {**private, "incident_asked": q.incident[:80]},
    )


def _open_scope(q: types.PurposeOpen, state: State) -> Scope:
    start, end = _span(q)
    return Scope(
        cameras=common.camera_scope(state, q.cameras),
        start_utc_ns=start,
        end_utc_ns=end,
        purpose=q.purpose,
        incident=q.incident.strip(),
    )


def register(registry: ActionRegistry, looks: Looks) -> None:
    """All acts of this module. ``looks``: whose scopes the policy is asked about."""

    def of_grant[Q: types.GrantAsk | types.PurposeWiden](
        known: Callable[[Grant, Q, State], Scope],
    ) -> Callable[[Q, State], Scope]:
        def scope(q: Q, state: State) -> Scope:
            return known(looks.peek(q.grant), q, state)

        return scope

    def widened(grant: Grant, q: types.PurposeWiden, state: State) -> Scope:
        cameras, start, end = _widened(grant, q, common.camera_scope(state, q.cameras))
        return Scope(
            cameras=cameras,
            start_utc_ns=start,
            end_utc_ns=end,
            purpose=grant.purpose,
            incident=grant.incident,
            break_glass=grant.kind == BREAK_GLASS,
        )

    def shared(q: types.ShareOpen, state: State) -> Scope:
        share = state.shares.get(q.share)
        if share is None:
            return Scope(target=q.share)
        return Scope(
            cameras=(share.camera,), start_utc_ns=share.start_utc_ns, end_utc_ns=share.end_utc_ns, target=share.id
        )

    registry.register(
        Action(
            "purpose.open",
            "purpose.open",
            types.PurposeOpen,
            types.GrantRow,
            _open,
            _open_scope,
            _open_form,
            changes=True,
        )
    )
    registry.register(
        Action(
            "break_glass",
            "break_glass",
            types.BreakGlass,
            types.GrantRow,
            _break_glass,
            lambda q, s: Scope(cameras=common.camera_scope(s, q.cameras), why=q.why, break_glass=True),
            lambda q: LogForm(
                cameras=tuple(camera[:64] for camera in q.cameras[:MAX_TYPED]),
                mode=LIVE,
                purpose=IMMINENT_DANGER,
                private={"note": q.why[:500]},
            ),
            changes=True,
        )
    )
    registry.register(
        Action(
            "purpose.widen",
            "purpose.widen",
            types.PurposeWiden,
            types.GrantRow,
            _widen,
            of_grant(widened),
            lambda q: LogForm(
                cameras=tuple(camera[:64] for camera in q.cameras[:MAX_TYPED]),
                start_utc_ns=q.start_utc_ns,
                end_utc_ns=q.end_utc_ns,
                subject=q.grant[:24],
            ),
            changes=True,
        )
    )
    registry.register(
        Action(
            "live.renew",
            "look.live",
            types.GrantAsk,
            types.GrantRow,
            _renew,
            of_grant(lambda grant, _q, _s: looks.scope(grant, grant.cameras, live=True)),
            lambda q: LogForm(subject=q.grant[:24], mode=LIVE),
        )
    )
    registry.register(
        Action(
            "purpose.close",
            "door",
            types.GrantAsk,
            Done,
            _close,
            lambda _q, _s: Scope(),
            lambda q: LogForm(subject=q.grant[:24]),
        )
    )
    registry.register(
        Action(
            "share.open",
            "share.view",
            types.ShareOpen,
            types.GrantRow,
            _open_share,
            shared,
            lambda q: LogForm(subject=q.share[:24], mode=ARCHIVE),
        )
    )
