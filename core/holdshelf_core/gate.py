"""The gate: every act passes here, and leaves one entry in the access log before anything comes of it.

allowed → handler → ``call.record`` (entry on disk, then state) → answer; refused → entry → the clause, in a sentence. An
act whose entry cannot be written does not happen, a hold excepted: it is placed and its entry waits. This module
must never answer a handler that recorded nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, Change, LogForm
from holdshelf_core.admin_keys import AdminKeys
from holdshelf_core.caller import SERVICE, Caller
from holdshelf_core.errors import Conflict, HoldshelfError, NotFound, Refused, Unavailable
from holdshelf_core.house import put, row_of
from holdshelf_core.logins import Logins
from holdshelf_core.pace import Pace
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Decision, Scope, Subject
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.standing import standing
from holdshelf_core.policy.state import State
from holdshelf_storage.access_log import AccessLog
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_LOGGER = logging.getLogger(__name__)

LOG_REPAIR = "access_log"
_ROW_ID = re.compile(r"[A-Za-z](-\d{4}-)?\d{1,12}", re.ASCII)
"""The form of every row's id: p4, H-2026-0004."""
VIEW_PERMISSIONS = {
    "status": "camera.see",
    "footage": "camera.see",
    "gaps": "camera.see",
    "entrances": "camera.see",
    "commissions": "camera.see",
    "checklist": "camera.see",
    "people": "person.see",
    "seats": "person.see",
    "appointments": "person.see",
    "shares": "person.see",
    "flags": "person.see",
    "may": "person.see",
    "reports": "report.see",
    "me": "",
    "board": "",
    "policy": "",
    "head": "",
    "clock": "",
    "looks": "",
    "exports": "release.see",
    "release_keys": "",
    "outbox": "outbox",
    "printers": "print",
    "purposes": "",
    "shared": "",
    "logins": "",
    "door": "",
    "events": "",
}
"""What a person may read without an act: the permission behind it, '' for whoever may speak at all."""
STATE_REPAIR = "rights_unknown"
QUEUE_RETRY_S = 5.0
ENTRIES_AT_ONCE, ENTRIES_PER_S = 4_000, 1.0
"""By the door: a thousand files fetched and a day's acts at once, then so many a second: no key fills a disk."""


@dataclass(slots=True)
class Call[Q: msgspec.Struct]:
    """One act under way, as its handler sees it."""

    gate: Gate
    action: Action[Q, Any]
    caller: Caller
    request: Q
    decision: Decision
    version: int
    form: LogForm = field(default_factory=LogForm)
    seq: int = 0
    """Number of the entry, once recorded."""
    refusal_recorded: bool = False
    """The handler itself wrote that this is refused, with what it changes: it is not written a second time."""

    @property
    def holdshelf(self) -> Holdshelf:
        """The root object."""
        return self.gate.holdshelf

    @property
    def state(self) -> State:
        """The house now."""
        return self.gate.house.state

    @property
    def now(self) -> Now:
        """Both clocks."""
        return self.gate.now()

    @property
    def person(self) -> model.Person | None:
        """Who acts; None for the admin."""
        return self.state.people.get(self.caller.person) if self.caller.person else None

    def refuse(self, clause: str, sentence: str, who: str = "") -> NoReturn:
        """The rules say no at a point that only the handler knows; logged as a refusal."""
        raise Refused(clause, sentence, who)

    async def record(
        self,
        changes: Sequence[Change] = (),
        *,
        subject: str = "",
        facts: Mapping[str, Any] | None = None,
        private: Mapping[str, str] | None = None,
        outcome: str = "done",
        form: LogForm | None = None,
    ) -> int:
        """Write the act's entry; it is on disk, and its changes are in the state, when this returns its number.

        Raises Unavailable when the log cannot be written (then nothing happened), Refused when the right ended meanwhile.
        """
        base = form or self.form
        merged = replace(
            base,
            subject=subject or base.subject,
            facts={**base.facts, **(facts or {})},
            private={**base.private, **(private or {})},
        )
        self.seq = await self.gate.async_append(
            self.action.name,
            self.caller,
            outcome,
            merged,
            acting_as=self.decision.acting_as,
            changes=[*changes, *(self.flags(changes) if outcome == "done" else ())],
            queue=self.action.queued_when_unwritable,
        )
        self.refusal_recorded = outcome == "refused"
        if not self.action.changes and self.gate.house.version != self.version:
            # The right may have ended while the entry was on its way to the disk: nothing leaves on an old decision.
            again = self.gate.decide(
                self.caller, self.action.permission, self.action.scope(self.request, self.gate.house.state)
            )
            if not again.allowed:
                raise Refused(again.clause, again.sentence, again.who_can_help)
        return self.seq

    def unrecorded(self, why: str) -> None:
        """The few answers that are due without an entry, each with its reason: the log itself is what is broken."""
        _LOGGER.warning("%s was answered without an entry: %s", self.action.name, why)
        self.seq = -1

    def flags(self, changes: Sequence[Change] = ()) -> list[Change]:
        """What the policy wants a second person to look at afterwards. Such acts are registered as changing state.

        ``changes``: the act's own, which tell whom a key or a seat was given to.
        """
        if not self.decision.flag:
            return []
        key = self.gate.house.next_id("flags", "f")
        row = model.Flag(
            key,
            self.decision.flag,
            0,
            self.caller.who,
            self.now.utc_ns,
            self.decision.flag_needs or 1,
            about=_favored(self.action.name, changes),
        )
        return [put("flags", key, row)]


def _favored(action: str, changes: Sequence[Change]) -> str:
    """Who has a new key or a seat by an act: whoever did it may be the one who speaks as that person from now on."""
    if action == "person.key":
        return next((change.key for change in changes if change.table == "people"), "")
    if action == "seat.name":
        # The row of the new term comes last, after those that it ends.
        seats = [change.row for change in changes if change.table == "seats" and change.row is not None]
        return str(seats[-1]["person"]) if seats else ""
    return ""


def _pace_key(action: Action[Any, Any] | None, caller: Caller) -> str:
    """Acts that change nothing are counted by person; those that do by session, so that nobody who has somebody's key
    can keep its owner from taking it away."""
    return caller.session if action is not None and action.changes else f"person {caller.who}"


class Gate(Logins):
    """Owns the order of acts. Methods run on the loop."""

    def __init__(self, holdshelf: Holdshelf, log: AccessLog) -> None:
        self.holdshelf = holdshelf
        self.house = holdshelf.house
        self.log = log
        self.admin_keys = AdminKeys(holdshelf.paths.state / "keys" / "admin_keys")
        """Who comes in by the door as the admin; none until the file is loaded."""
        self.registry = ActionRegistry()
        self.order = asyncio.Lock()
        """The order of acts that change the state: one at a time."""
        self._queue: list[tuple[dict[str, Any], dict[str, str], Sequence[Change]]] = []
        self.pace = Pace(ENTRIES_AT_ONCE, ENTRIES_PER_S)
        """Of the entries that those who come by the door cause."""

    def now(self) -> Now:
        """Wall clock and trusted time."""
        clock = self.holdshelf.clock
        return Now(clock.utc_ns(), clock.trusted_utc_ns(), get_localzone())

    def decide(self, caller: Caller, permission: str, scope: Scope) -> Decision:
        """What the policy says, without doing or writing anything. Nobody has rights while the state is not whole."""
        if self.house.problem and not caller.admin:
            return Decision(
                allowed=False,
                acting_as="",
                clause="P11",
                sentence="Nobody has rights until the register and the access log are mended (P11).",
                who_can_help="The admin sees what to do: `holdshelf status`.",
            )
        return decide(self.house.state, Subject(caller.person, caller.admin), permission, scope, self.now())

    # --- acting -----------------------------------------------------------------------------------------------

    async def async_act(self, name: str, caller: Caller, body: bytes) -> bytes:
        """One act, from the bytes of its request to the bytes of its answer. Raises HoldshelfError."""
        action = self.registry.get(name)
        if action is None:
            raise NotFound(
                f"There is no action {name[:60]!r}.", "Known: " + ", ".join(a.name for a in self.registry.all()) + "."
            )
        request = msgspec.json.decode(body or b"{}", type=action.request)
        return msgspec.json.encode(await self.async_do(action, caller, request))

    async def async_do[Q: msgspec.Struct, A](self, action: Action[Q, A], caller: Caller, request: Q) -> A:
        """One act by its typed request."""
        if not action.changes:
            return await self._do(action, caller, request)
        async with self.order:
            return await self._do(action, caller, request)

    async def _do[Q: msgspec.Struct, A](self, action: Action[Q, A], caller: Caller, request: Q) -> A:
        self._check_pace(action, caller)
        form = action.log(request)
        version = self.house.version
        decision = self.decide(caller, action.permission, action.scope(request, self.house.state))
        call = Call(self, action, caller, request, decision, version, form)
        try:
            if not decision.allowed:
                raise Refused(decision.clause, decision.sentence, decision.who_can_help)
            answer = await action.handler(call)
        except Refused as refusal:
            if not call.refusal_recorded:
                await self._refused(call, refusal)
            raise
        if not call.seq:
            _LOGGER.error("%s answered without an entry in the access log", action.name)
            raise HoldshelfError("The service failed at this: nothing was written down, so nothing is answered.")
        return answer

    def _check_pace(self, action: Action[Any, Any], caller: Caller) -> None:
        """Raises Conflict, without an entry: that is what there are too many of."""
        wait_s = (
            self.pace.wait_s(_pace_key(action, caller), self.holdshelf.clock.boot_ns()) if caller.via == "ssh" else 0
        )
        if wait_s:
            raise Conflict(
                "You have done very much in a short time, and each act is in the access log.",
                f"Go on in {max(1, round(wait_s))} seconds.",
            )

    async def _refused(self, call: Call[Any], refusal: Refused) -> None:
        form = self._public(replace(call.form, facts={**call.form.facts, "clause": refusal.clause}))
        try:
            await self.async_append(
                call.action.name, call.caller, "refused", form, acting_as=call.decision.acting_as, changes=()
            )
        except HoldshelfError as error:
            _LOGGER.warning("a refusal was not written down: %s", error)

    def _public(self, form: LogForm) -> LogForm:
        """What was typed and names no camera and no row may be anything, a name too: it leaves the public part (P21)."""
        state = self.house.state
        cameras: list[str] = []
        typed: list[str] = []
        for camera in form.cameras:
            known = state.camera_id(camera)
            (cameras if known in state.cameras or known in state.commissions else typed).append(known)
        subject = form.subject if _ROW_ID.fullmatch(form.subject) else ""
        asked = {"cameras_asked": ", ".join(typed), "subject_asked": "" if subject else form.subject}
        return replace(form, cameras=tuple(cameras), subject=subject, private={**form.private, **asked})

    # --- who may speak ----------------------------------------------------------------------------------------

    async def async_may_speak(self, caller: Caller) -> str | None:
        """Why this person has no standing any more; None when they have."""
        if caller.person is None:
            return None
        return standing(self.house.state, caller.person, self.now()).why_not or None

    def view_allowed(self, name: str, caller: Caller, camera: str | None = None) -> bool:
        """Whether this caller may see that view. The machine's own (jobs, doctor) are the admin's."""
        if caller.admin:
            return True
        permission = VIEW_PERMISSIONS.get(name)
        if permission is None:
            return False
        if not permission:
            return caller.person is not None
        cameras = (camera,) if camera is not None else ()
        return self.decide(caller, permission, Scope(cameras=cameras)).allowed

    # --- the log ----------------------------------------------------------------------------------------------

    async def async_append(
        self,
        action: str,
        caller: Caller,
        outcome: str,
        form: LogForm,
        *,
        acting_as: str = "",
        changes: Sequence[Change] = (),
        queue: bool = False,
    ) -> int:
        """One entry; then its changes. Returns its number; -1 when it was queued. Raises Unavailable."""
        if caller.via == "ssh":
            self.pace.take(_pace_key(self.registry.get(action), caller), self.holdshelf.clock.boot_ns())
        public, private = self._entry(action, caller, outcome, form, acting_as)
        if changes:
            private["changes"] = msgspec.json.encode(list(changes)).decode()
        try:
            if self._queue and changes:
                # Entries keep their order: nothing overtakes one that waits.
                await self._drain()
            seq = await asyncio.wrap_future(self.log.submit(public, private))
        except (StorageError, Unavailable) as error:
            self._unwritable(str(error))
            if not queue:
                raise Unavailable(
                    "The access log cannot be written, so this was not done.", f"{error} Recording goes on meanwhile."
                ) from None
            self._queue.append(({**public, "outcome": "queued"}, private, changes))
            self.house.apply_unwritten(changes)
            self.holdshelf.async_house_changed({change.table for change in changes})
            self.holdshelf.async_spawn(self._drain_later(), "access-log-queue")
            return -1
        self.holdshelf.repairs.async_delete(LOG_REPAIR)
        if changes:
            self.house.apply(changes, seq)
            self.holdshelf.async_house_changed({change.table for change in changes})
        return seq

    async def async_service_entry(
        self, action: str, form: LogForm, changes: Sequence[Change] = (), *, ordered: bool = False
    ) -> int:
        """An act of the service itself (a right's end, a replay). ``ordered``: the caller holds ``order``. Raises Unavailable."""
        if ordered:
            return await self.async_append(action, SERVICE, "done", form, acting_as="service", changes=changes)
        async with self.order:
            return await self.async_append(action, SERVICE, "done", form, acting_as="service", changes=changes)

    def _entry(
        self, action: str, caller: Caller, outcome: str, form: LogForm, acting_as: str
    ) -> tuple[dict[str, Any], dict[str, str]]:
        now_utc_ns = self.holdshelf.clock.utc_ns()
        state = self.house.state
        person = state.people.get(caller.person) if caller.person else None
        optional = {
            "session": caller.session,
            "purpose": form.purpose,
            "incident": form.incident,
            "cameras": sorted(form.cameras),
            "start": times.rfc3339(form.start_utc_ns) if form.start_utc_ns is not None else "",
            "end": times.rfc3339(form.end_utc_ns) if form.end_utc_ns is not None else "",
            "mode": form.mode,
            "subject": form.subject,
            "facts": {k: v for k, v in form.facts.items() if k != "clause" and v not in ("", None, [], ())},
            "clause": form.facts.get("clause", ""),
        }
        public = {
            "at": times.rfc3339(now_utc_ns),
            "offset_s": times.offset_s(now_utc_ns),
            "action": action,
            "outcome": outcome,
            "person": caller.who,
            "seat": acting_as,
            "via": caller.via,
            "policy": state.adopted.sha256 if state.adopted else "",
            **{key: value for key, value in optional.items() if value},
        }
        private = {key: value for key, value in form.private.items() if value}
        if caller.source:
            private["source"] = caller.source
        if person is not None:
            private["name"] = person.name
        elif caller.account:
            private["name"] = caller.account
        return public, private

    async def async_continue_log(self, call: Call[Any], why: str) -> None:
        """After damage: the broken log is set aside, and a new one begins by naming it and everything that is known.

        The caller holds the order of acts (a changing act). Raises Conflict when the log is whole.
        """
        problem = self.log.problem
        if problem is None and not self.house.problem:
            raise Conflict("The access log is whole; there is nothing to repair.", "See `holdshelf log verify`.")
        snapshot = [
            Change(table, key, row_of(row)) for table, rows in self.house.rows.items() for key, row in rows.items()
        ]
        flags = call.flags()
        snapshot += flags
        form = LogForm(facts={"problem": str(problem or self.house.problem)[:300]}, private={"why": why})
        if problem is None:
            # The log itself can be written; it only lacks what the register knows.
            self.house.problem = ""
            call.seq = await self.async_append(
                call.action.name, call.caller, "done", form, acting_as=call.decision.acting_as, changes=snapshot
            )
            self.house.restart_at(self.log, call.seq)
            self.holdshelf.repairs.async_delete(STATE_REPAIR)
            return
        public, private = self._entry(call.action.name, call.caller, "done", form, call.decision.acting_as)
        private["changes"] = msgspec.json.encode(snapshot).decode()
        try:
            call.seq = await asyncio.to_thread(self.log.continue_after, str(problem), public, private)
        except StorageError as error:
            raise Unavailable("The new log could not be begun.", str(error)) from None
        self.house.restart_at(self.log, call.seq)
        self.house.apply(flags, call.seq)
        self.holdshelf.repairs.async_delete(LOG_REPAIR)
        self.holdshelf.repairs.async_delete(STATE_REPAIR)

    def async_distrust_log(self, why: str) -> None:
        """The log was found not to be what was written: nothing is written to it any more. ``why`` is a sentence."""
        self.log.distrust(why)
        self.async_tell_damaged_log()

    def async_tell_damaged_log(self) -> None:
        """The repair of a log that has a problem."""
        self.holdshelf.repairs.async_create(
            LOG_REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"The access log is damaged: {self.log.problem} Nobody can look or lift a hold; recording goes on.",
            next_step="Run `holdshelf log verify`; keep a copy of STATE/access; then `holdshelf log repair --why …`.",
        )

    def _unwritable(self, sentence: str) -> None:
        if self.log.problem is not None:
            self.async_tell_damaged_log()
            return
        self.holdshelf.repairs.async_create(
            LOG_REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"The access log cannot be written: {sentence} Nobody can look or lift a hold; recording goes on.",
            next_step="Make room on the state disk or mend it; if the log itself is damaged, see `holdshelf log verify`.",
        )

    async def _drain_later(self) -> None:
        while self._queue:
            await asyncio.sleep(QUEUE_RETRY_S)
            try:
                async with self.order:
                    await self._drain()
            except Unavailable as error:
                _LOGGER.debug("%s", error)

    async def _drain(self) -> None:
        """Write waiting entries, oldest first. Raises Unavailable; what was written is gone from the queue."""
        while self._queue:
            public, private, changes = self._queue[0]
            try:
                seq = await asyncio.wrap_future(self.log.submit(public, private))
            except StorageError as error:
                raise Unavailable(str(error)) from None
            self._queue.pop(0)
            self.house.written(changes, seq)
            self.holdshelf.repairs.async_delete(LOG_REPAIR)
