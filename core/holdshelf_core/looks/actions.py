"""Actions of looking at footage (P2, P9, P12, P14): open a purpose, widen, renew, close; break glass; view a share.

A look is logged when it opens, and each lease of it before its first picture. ``looks.looks`` decides which pictures a look
yields; the actions that request them are in ``picture_actions``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest
from holdshelf_core.looks import types
from holdshelf_core.looks.grants import (
    ARCHIVE,
    BREAK_GLASS,
    GRANT_S,
    GRANTS_PER_PERSON,
    LIVE,
    LOOK,
    SHARE,
    Grant,
    holder_of,
)
from holdshelf_core.looks.looks import Looks
from holdshelf_core.policy import model
from holdshelf_core.policy.clauses import name_warning
from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.policy.purposes import incident_problem
from holdshelf_core.policy.rights import NEVER
from holdshelf_core.policy.rules import Scope
from holdshelf_core.policy.screens import cameras_of, end_utc_ns
from holdshelf_core.policy.state import State
from holdshelf_core.policy.steps import consulted, tell_words
from holdshelf_core.policy.tables import IMMINENT_DANGER
from holdshelf_core.policy.widening import (
    WANDERING_NS,
    break_glass_span,
    default_span,
    live_ends_ns,
    wanders,
    widened,
    widenings_so_far,
)
from holdshelf_core.times import NS

WANDERING = "wandering"
RENEWALS = 5
"""Confirmations in a row; then a purpose must be given again (P9: live pictures must not be left running)."""
MAX_TYPED = 16


# --- opening --------------------------------------------------------------------------------------------------------


def _span(q: types.PurposeOpen | types.PurposeWiden) -> tuple[int | None, int | None]:
    """Return the requested span: as given, or 15 minutes before and after a time."""
    at = getattr(q, "at_utc_ns", None)
    if q.start_utc_ns is None and q.end_utc_ns is None and at is not None:
        return default_span(at)
    return q.start_utc_ns, q.end_utc_ns


def _past_span(call: Call[Any], start_utc_ns: int | None, end_utc_ns: int | None) -> tuple[int, int]:
    """Return a span of recordings, cut at now: later than that is live, and live ends by itself. Raises BadRequest."""
    if start_utc_ns is None or end_utc_ns is None:
        raise BadRequest("Which time?", "Use --at TIME, or --from and --to.")
    now = call.now.utc_ns
    if start_utc_ns >= now:
        raise BadRequest(f"{times.local_words(start_utc_ns)} has not come yet.", "Give a past time, or look live.")
    common.check_span(start_utc_ns, end_utc_ns)
    return start_utc_ns, min(end_utc_ns, now)


def _go_live(call: Call[Any], grant: Grant) -> None:
    """Allow live pictures from now until they end by themselves: never beyond the look's own end."""
    clock, boot_ns = call.frame.clock, call.frame.clock.boot_ns()
    until_ns = grant.ends_boot_ns if grant.goes_on else live_ends_ns(call.state.board, boot_ns)
    grant.live_until_boot_ns = min(until_ns, grant.ends_boot_ns)
    grant.live_until_utc_ns = clock.utc_ns() + grant.live_until_boot_ns - boot_ns


def _form(grant: Grant, **facts: object) -> LogForm:
    return LogForm(
        cameras=grant.cameras,
        start_utc_ns=grant.start_utc_ns,
        end_utc_ns=grant.end_utc_ns,
        mode=grant.mode,
        purpose=grant.purpose,
        incident=grant.incident,
        subject=grant.id,
        facts={
            "kind": grant.kind,
            "share": grant.share,
            **({"consulted": list(grant.consulted)} if grant.consulted else {}),
            **facts,
        },
    )


# --- changing and ending -----------------------------------------------------------------------------------------------


def _wandering(call: Call[Any], grant: Grant) -> list[Change]:
    """Return a flag for the spot check when this widening exceeds the limit; else nothing."""
    if not wanders(grant.widenings, call.state.board):
        return []
    key = call.authorizer.store.next_id("flags", "f")
    note = f"{grant.widenings} widenings under {grant.purpose} {grant.incident}".strip()
    grant.flag = key
    # The entry that contains the flag sets its number.
    return [put("flags", key, model.Flag(key, WANDERING, 0, grant.person, call.now.utc_ns, 1, (), note))]


def _open_form(q: types.PurposeOpen, state: State) -> LogForm:
    start, end = _span(q)
    # Only text from the list goes into the public part as typed: anything else may contain names.
    listed, numbered = state.policy.is_purpose(q.purpose), incident_problem(q.incident.strip()) is None
    private = {} if listed else {"purpose_asked": q.purpose[:80]}
    roles = [role for role in q.consulted if role in state.policy.roles]
    return LogForm(
        cameras=tuple(camera[:64] for camera in q.cameras[:MAX_TYPED]),
        start_utc_ns=start,
        end_utc_ns=end,
        mode=q.mode if q.mode in (LIVE, ARCHIVE) else "",
        purpose=q.purpose if listed else "",
        incident=q.incident.strip() if numbered else "",
        facts={"consulted": roles} if roles else {},
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
        done=consulted(q.consulted),
    )


def _shared(q: types.ShareOpen, state: State) -> Scope:
    share = state.shares.get(q.share)
    if share is None:
        return Scope(cameras=("",), start_utc_ns=0, end_utc_ns=0, target=q.share)
    if share.kind == "live":
        screen = state.policy.screens.get(share.screen)
        return Scope(cameras=(screen is not None and cameras_of(state, screen)) or ("",), target=share.id)
    return Scope(cameras=(share.camera,), start_utc_ns=share.start_utc_ns, end_utc_ns=share.end_utc_ns, target=share.id)


def _shared_form(q: types.ShareOpen, state: State) -> LogForm:
    share = state.shares.get(q.share)
    return LogForm(subject=q.share[:24], mode=LIVE if share is not None and share.kind == "live" else ARCHIVE)


class LookActs:
    """The actions that open, widen, renew and close a look. ``looks``: the open ones."""

    def __init__(self, looks: Looks, cameras: common.KnownCameras) -> None:
        self._looks, self._known_cameras = looks, cameras

    def _scope_of_more(self, q: types.PurposeWiden, state: State) -> Scope:
        grant = self._looks.peek(q.grant)
        cameras, start, end = widened(grant, common.camera_scope(state, q.cameras), q.start_utc_ns, q.end_utc_ns)
        return Scope(
            cameras=cameras,
            start_utc_ns=start,
            end_utc_ns=end,
            purpose=grant.purpose,
            incident=grant.incident,
            break_glass=grant.kind == BREAK_GLASS,
        )

    def _scope_of_live(self, q: types.LiveRenew, _state: State) -> Scope:
        grant = self._looks.peek(q.grant)
        return self._looks.scope(grant, grant.cameras, live=True)

    def _cameras(self, typed: Iterable[str]) -> tuple[str, ...]:
        cameras = common.camera_ids(self._known_cameras, typed)
        if not cameras:
            raise BadRequest("Which camera?", "Use --camera.")
        return cameras

    def _check_right(self, call: Call[Any], grant: Grant) -> None:
        """Refuse a purpose whose pictures would be refused afterwards."""
        live = grant.mode == LIVE
        decision = self._looks.decide(grant, call.caller, grant.cameras, live=live)
        if not decision.allowed:
            call.refuse(decision.clause, decision.sentence, decision.who_can_help)

    def _new(self, call: Call[Any], kind: str, mode: str, cameras: tuple[str, ...], lasts_s: int) -> Grant:
        clock = call.frame.clock
        now, boot_ns = clock.utc_ns(), clock.boot_ns()
        person = call.caller.person
        assert person is not None, "the admin may not see pictures"
        if self._looks.count_of(person) >= GRANTS_PER_PERSON:
            call.refuse(
                "P2",
                f"You already have {GRANTS_PER_PERSON} looks open.",
                "Close one of them: `holdshelf look close ID`.",
            )
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

    async def _begin(self, call: Call[Any], grant: Grant, changes: list[Change], note: str) -> types.GrantRow:
        """Log the look, then start it. Its id contains its entry's number, so no id occurs twice."""
        facts = {"until": times.rfc3339(grant.ends_utc_ns), "widenings": grant.widenings or None}
        form = _form(grant, **facts)
        with self._looks.opening(grant):
            # A person's live looks exclude each other: the next is decided when this one is open.
            apart = grant.mode == ARCHIVE
            grant.seq = await call.record(changes, form=form, private={"note": note}, apart=apart)
        grant.id = f"L-{call.now.year}-{grant.seq:06d}"
        if grant.mode == LIVE:
            _go_live(call, grant)
        if note and (name := name_warning(note)):
            grant.warning = renumbered(f"{name!r} looks like a name. Keep patrons' names out of the record (P21).")
        row = call.state.policy.look_purposes.get(grant.purpose)
        if row is not None and (tell := tell_words(call.state, row.steps, call.now)):
            grant.warning = f"{grant.warning} {tell}".strip()
        self._looks.async_add(grant)
        return grant.row()

    @handles(types.PurposeOpen, scope=_open_scope, log_in=_open_form)
    async def open(self, call: Call[types.PurposeOpen]) -> types.GrantRow:
        asked = call.request
        if asked.mode not in (LIVE, ARCHIVE):
            raise BadRequest(f"{asked.mode[:20]!r} is not a way to look.", "Use live or archive.")
        note = common.words(asked.note, "The note")
        shift_ns = call.state.policy.shift_ns(call.decision.acting_as) if asked.mode == LIVE else 0
        grant = self._new(call, LOOK, asked.mode, self._cameras(asked.cameras), shift_ns // NS or GRANT_S)
        grant.is_shift = bool(shift_ns)
        grant.purpose, grant.incident = asked.purpose, asked.incident.strip()
        looks = self._looks
        if asked.mode == ARCHIVE:
            grant.start_utc_ns, grant.end_utc_ns = _past_span(call, *_span(asked))
        else:
            for other in looks.all():
                if other.person == grant.person and other.kind == LOOK and other.is_live_now(grant.opened_boot_ns):
                    names = ", ".join(call.state.camera_words(camera) for camera in other.cameras)
                    call.refuse(
                        "P9",
                        f"You are already looking at {names} live ({other.id}).",
                        f"Widen it, or close it: `holdshelf look close {other.id}`.",
                    )
        self._check_right(call, grant)
        grant.consulted = tuple(role for role in asked.consulted if role in call.state.policy.roles)
        recent = (g for g in looks.recent_of(grant.person, grant.opened_boot_ns - WANDERING_NS) if g.kind == LOOK)
        grant.widenings = widenings_so_far(grant, recent)
        return await self._begin(call, grant, _wandering(call, grant), note)

    @handles(
        types.BreakGlass,
        scope=lambda q, s: Scope(cameras=common.camera_scope(s, q.cameras), why=q.why, break_glass=True),
        log=lambda q: LogForm(
            cameras=tuple(camera[:64] for camera in q.cameras[:MAX_TYPED]),
            mode=LIVE,
            purpose=IMMINENT_DANGER,
            private={"note": q.why[:500]},
        ),
    )
    async def break_glass(self, call: Call[types.BreakGlass]) -> types.GrantRow:
        why = common.words(call.request.why, "What the danger is", needed=True)
        minutes = call.state.board.break_glass_minutes
        cameras = self._cameras(call.request.cameras)
        most = call.state.board.cameras_per_purpose
        if len(cameras) > most:
            call.refuse("P2", f"One look names at most {most} cameras.", "Name the cameras that may show the danger.")
        grant = self._new(call, BREAK_GLASS, LIVE, cameras, minutes * 60)
        grant.purpose, grant.incident = IMMINENT_DANGER, call.request.incident.strip()
        if grant.incident and (problem := incident_problem(grant.incident)):
            raise BadRequest(problem, "Leave it out, or give the report's number.")
        # The last minutes, and the time of the look itself as it is recorded.
        grant.start_utc_ns, grant.end_utc_ns = break_glass_span(call.state.board, grant.opened_utc_ns)
        return await self._begin(call, grant, [], why)

    @handles(types.ShareOpen, scope=_shared, log_in=_shared_form)
    async def open_share(self, call: Call[types.ShareOpen]) -> types.GrantRow:
        share = common.find_row(dict(call.state.shares), call.request.share, "share")
        if share.kind == "live":
            return await self._open_screen(call, share)
        grant = self._new(call, SHARE, ARCHIVE, (share.camera,), GRANT_S)
        grant.start_utc_ns, grant.end_utc_ns, grant.share = share.start_utc_ns, share.end_utc_ns, share.id
        self._check_right(call, grant)
        return await self._begin(call, grant, [], "")

    async def _open_screen(self, call: Call[types.ShareOpen], share: model.Share) -> types.GrantRow:
        state, screen = call.state, call.state.policy.screens[share.screen]
        cameras, ends_utc_ns = cameras_of(state, screen), end_utc_ns(state, screen, call.now)
        if not cameras or ends_utc_ns is None:
            call.refuse("P9", "No camera of this screen's classes is in use.", "Ask who put it up.")
        for other in self._looks.of(call.caller):
            if other.share == share.id:
                await self._looks.async_close(other, "it was opened again")
        grant = self._new(call, SHARE, LIVE, cameras, 0)
        grant.share, grant.ends_utc_ns = share.id, ends_utc_ns
        grant.ends_boot_ns = grant.opened_boot_ns + ends_utc_ns - grant.opened_utc_ns
        self._check_right(call, grant)
        return await self._begin(call, grant, [], "")

    @handles(
        types.PurposeWiden,
        scope=_scope_of_more,
        log=lambda q: LogForm(
            cameras=tuple(camera[:64] for camera in q.cameras[:MAX_TYPED]),
            start_utc_ns=q.start_utc_ns,
            end_utc_ns=q.end_utc_ns,
            subject=q.grant[:24],
        ),
    )
    async def widen(self, call: Call[types.PurposeWiden]) -> types.GrantRow:
        asked, looks = call.request, self._looks
        grant = looks.get(asked.grant, call.caller)
        if grant.kind == SHARE:
            call.refuse(
                "P14", "A share covers one span of one camera.", "Ask the person who shared it for another share."
            )
        if grant.kind == BREAK_GLASS:
            call.refuse(
                "P12",
                "A look opened in imminent danger cannot be widened.",
                "Open the other camera the same way, or open a purpose.",
            )
        more = common.camera_ids(self._known_cameras, asked.cameras)
        cameras, start, end = widened(grant, more, asked.start_utc_ns, asked.end_utc_ns)
        if grant.mode == LIVE and (start is not None or end is not None):
            raise BadRequest("A live look has no start and end.", "Open a look at recordings.")
        if grant.mode == ARCHIVE:
            start, end = _past_span(call, start, end)
        if (cameras, start, end) == (grant.cameras, grant.start_utc_ns, grant.end_utc_ns):
            raise BadRequest("The look already covers that time.", "You do not need to widen it.")
        # Nothing of the added part is shown before its entry is on disk.
        wider = replace(grant, cameras=cameras, start_utc_ns=start, end_utc_ns=end, widenings=grant.widenings + 1)
        self._check_right(call, wider)
        await call.record(_wandering(call, wider), form=_form(wider, widenings=wider.widenings))
        grant.cameras, grant.start_utc_ns, grant.end_utc_ns = cameras, start, end
        grant.widenings, grant.flag = wider.widenings, wider.flag
        looks.async_widened(grant)
        return grant.row()

    @handles(types.LiveRenew, scope=_scope_of_live, log=lambda q: LogForm(subject=q.grant[:24], mode=LIVE))
    async def renew(self, call: Call[types.LiveRenew]) -> types.GrantRow:
        grant = self._looks.get(call.request.grant, call.caller)
        if grant.mode != LIVE:
            raise BadRequest(f"{grant.id} is not a live look.", "There is nothing to renew.")
        if grant.goes_on:
            raise BadRequest(f"{grant.id} goes on until its end.", "There is nothing to renew.")
        if grant.renewals >= RENEWALS:
            never = NEVER["live.unattended"]
            call.refuse(never.clause, never.sentence, "Open a new look with its purpose.")
        grant.renewals += 1
        await call.record(form=_form(grant, renewal=grant.renewals, live_ms=grant.live_ns // 1_000_000))
        _go_live(call, grant)
        return grant.row()

    @handles(types.PurposeClose, log=lambda q: LogForm(subject=q.grant[:24]))
    async def close(self, call: Call[types.PurposeClose]) -> Done:
        looks = self._looks
        grant = looks.peek(call.request.grant)
        if grant.closed:
            raise BadRequest(f"The look {grant.id} has already ended: {grant.closed}.")
        seq = await call.record(form=_form(grant, pictures=grant.delivered, live_ms=grant.live_ns // 1_000_000 or None))
        await looks.async_close(grant, "it was closed")
        return Done(seq, grant.id)
