"""The authorizer: every action passes here and leaves one entry in the access log before it takes effect.

Allowed → handler → ``call.record`` (entry on disk, then state) → answer. Refused → entry → the clause, in a sentence. An action
whose entry cannot be written does not happen, except for holds: they are placed, or shown to people who may place them, and the
entry waits. This module must never answer for a handler that recorded nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import msgspec
from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions.call import Call, Reading, Turn
from holdshelf_core.actions.caller import SERVICE, Caller
from holdshelf_core.actions.rate_limit import RateLimit
from holdshelf_core.actions.registry import Action, ActionRegistry, Change, LogForm
from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.acts import ADMIN, Act, Read
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound, NotPermitted, Refused, Unavailable
from holdshelf_core.frame import Frame
from holdshelf_core.integration.stream_url import shown_address
from holdshelf_core.policy.case import NO_LOOK, Decision, Scope, Subject
from holdshelf_core.policy.doubt import HOLDS_ONLY
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.rules import as_quoted, decide
from holdshelf_core.policy.standing import ask_seats, standing
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import check_entry
from holdshelf_storage.decoding import decode_request
from holdshelf_storage.errors import BadEntry, StorageError

_LOGGER = logging.getLogger(__name__)

LOG_REPAIR = "access_log"
_ROW_ID = re.compile(r"[A-Za-z](-\d{4}-)?\d{1,12}", re.ASCII)
"""The form of every row id: p4, H-2026-0004."""
_TYPED = {"asked_for", "cameras_asked", "subject_asked"}
STATE_REPAIR = "rights_unknown"
HOLDS_ONLY_READS = HOLDS_ONLY | {""}
"""What people limited to placing holds may still read: what holds cover, and their own records."""
QUEUE_RETRY_S = 5.0
MOST_QUEUED = 1_000
MOST_QUEUED_BY_READING = MOST_QUEUED // 4
"""Once this many entries wait, reads stop; the rest of the queue is for holds and the logins needed to place them."""
ENTRIES_AT_ONCE, ENTRIES_PER_S = 4_000, 1.0
"""Over SSH: enough for a thousand fetched files and a day's actions at once, then this many per second, so that no key fills a
disk."""


def _pace_key(action: Action | None, caller: Caller) -> str:
    """Return the rate limit's key: the person for actions that change nothing, the session for others, so that someone with a
    stolen key cannot keep its owner from revoking it."""
    return caller.session if action is not None and action.changes else f"person {caller.who}"


def _no_entry(error: BadEntry) -> BadRequest:
    """Return the error for what cannot be put into an entry, and so is not done."""
    return BadRequest("The access log cannot take this, so it was not done.", str(error))


class Listener(Protocol):
    """Queries and notifications that ``app`` implements, as it knows all subjects."""

    def async_owns_look(self, look: str, caller: Caller) -> bool:
        """Return whether this look belongs to the caller."""

    def async_state_changed(self, tables: set[str]) -> None:
        """Called when rows of these tables changed, with the entry already on disk."""

    def async_log_written(self) -> None:
        """Called when an entry is on disk."""


class Authorizer:
    """Authorizes, orders and logs actions. Methods run on the loop."""

    def __init__(self, frame: Frame, store: StateStore, log: AccessLog, told: Listener) -> None:
        self.frame, self._told = frame, told
        self.store = store
        self.log = log
        self.registry = ActionRegistry()
        self.order = asyncio.Lock()
        """Serializes the actions that change the state."""
        self.changing = asyncio.Lock()
        """Held while an entry that changes rows, or records a root over them, is being written. Taken after ``order``."""
        self._queue: list[tuple[dict[str, Any], dict[str, str], Sequence[Change]]] = []
        self.pace = RateLimit(ENTRIES_AT_ONCE, ENTRIES_PER_S)
        """Limits the entries that SSH users cause."""

    def now(self) -> Now:
        """Return wall clock and trusted time."""
        clock = self.frame.clock
        return Now(clock.utc_ns(), clock.trusted_utc_ns(), get_localzone())

    def decide(self, caller: Caller, permission: str, scope: Scope) -> Decision:
        """Return the policy's decision without doing or logging anything. Nobody has rights while the state is incomplete."""
        if self.store.problem and not caller.admin:
            return Decision(
                allowed=False,
                acting_as="",
                clause="P11",
                sentence="Nobody has any rights until the register and the access log are repaired (P11).",
                who_can_help="The admin can see what to do: `holdshelf status`.",
            )
        return decide(self.store.state, Subject(caller.person, caller.admin), permission, scope, self.now())

    # --- acting -----------------------------------------------------------------------------------------------

    async def async_act(self, name: str, caller: Caller, body: bytes) -> bytes:
        """Run one action: request bytes in, answer bytes out. Raises HoldshelfError."""
        action = self.registry.get(name)
        if action is None:
            raise NotFound(
                f"There is no action named {name[:60]!r}.",
                "Known: " + ", ".join(a.name for a in self.registry.all()) + ".",
            )
        request = decode_request(body or b"{}", action.request)
        return msgspec.json.encode(await self.async_do(request, caller))

    async def async_do[A](self, request: Act[A], caller: Caller) -> A:
        """Run one action from its typed request. Raises HoldshelfError."""
        action = self.registry.of(request)
        answer: A
        if action.changes:
            async with Turn(self.order) as turn:
                answer = await self._do(action, caller, request, turn)
        else:
            answer = await self._do(action, caller, request, None)
        return answer

    async def _do(self, action: Action, caller: Caller, request: Act[Any], turn: Turn | None) -> Any:
        self._check_pace(action, caller)
        form = action.log(request, self.store.state)
        version = self.store.version
        decision = self._decided(action, caller, request)
        call = Call(self, caller, action, request, decision, version, turn, form)
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
            raise HoldshelfError("The service could not record this in the access log, so it gave no answer.")
        return answer

    def _decided(self, action: Action, caller: Caller, request: Any) -> Decision:
        """Return the policy's decision. Another person's look is refused like one that does not exist."""
        grant = getattr(request, "grant", None)
        if isinstance(grant, str) and not self._told.async_owns_look(grant, caller):
            if caller.person is None:
                return self.decide(caller, action.permission, Scope())
            return as_quoted(self.store.state.policy, NO_LOOK)
        return self.decide(caller, action.permission, action.scope(request, self.store.state))

    def _check_pace(self, action: Action, caller: Caller) -> None:
        """Raise Conflict when over the rate limit; without an entry, as entries are what is limited."""
        wait_s = self.pace.wait_s(_pace_key(action, caller), self.frame.clock.boot_ns()) if caller.via == "ssh" else 0
        if wait_s:
            raise Conflict(
                "You are doing too much too quickly; every action goes into the access log.",
                f"Try again in {max(1, round(wait_s))} seconds.",
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
        """Remove typed text that names no camera and no row from the public part: it may be anything, even a name (P21)."""
        state = self.store.state
        cameras: list[str] = []
        typed: list[str] = []
        for camera in form.cameras:
            known = state.camera_id(camera)
            (cameras if known in state.cameras or known in state.commissions else typed).append(known)
        subject = form.subject if _ROW_ID.fullmatch(form.subject) else ""
        asked = {"cameras_asked": ", ".join(typed), "subject_asked": "" if subject else form.subject}
        return replace(form, cameras=tuple(cameras), subject=subject, private={**form.private, **asked})

    # --- who has standing ----------------------------------------------------------------------------------------

    async def async_may_speak(self, caller: Caller) -> str | None:
        """Return why this person has lost standing, in a sentence; None when they have it."""
        if caller.person is None:
            return None
        return standing(self.store.state, caller.person, self.now()).why_not or None

    def limited(self) -> str:
        """Return why people can only place holds now, in a sentence; '' when they are not limited."""
        if self.store.state.limited:
            return self.store.state.limited
        if self.log.problem is not None or self.log.unwritable is not None or self._queue:
            return "The access log cannot be written. Until it can, you can only place holds."
        return ""

    @property
    def has_room_to_read(self) -> bool:
        """Return whether the queue has room for the entry of a read."""
        return len(self._queue) < MOST_QUEUED_BY_READING

    @property
    def has_waiting(self) -> bool:
        """Return whether entries wait that the log could not take: what is recorded now comes after them."""
        return bool(self._queue)

    def waiting(self, table: str) -> set[str]:
        """Return the rows of a table whose entry still waits for the log."""
        return {change.key for _, _, changes in self._queue for change in changes if change.table == table}

    def may_read(self, request: type[Read[Any]], caller: Caller, camera: str | None = None) -> bool:
        """Return whether this caller may make that read, for that camera if given."""
        if caller.admin:
            return True
        permission = request.spec.permission
        if permission in (None, ADMIN) or (self.limited() and permission not in HOLDS_ONLY_READS):
            return False
        if not permission:
            return caller.person is not None
        cameras = (camera,) if camera is not None else ()
        return self.decide(caller, permission, Scope(cameras=cameras)).allowed

    def check_may_read(self, request: type[Read[Any]], caller: Caller, camera: str | None = None) -> None:
        """Raise Refused when this caller may not make that read, NotPermitted when only the admin may."""
        if self.may_read(request, caller, camera):
            return
        if request.spec.permission == ADMIN:
            raise NotPermitted("Only the admin of this server may do this.", "Ask the admin.")
        if camera is not None:
            raise Refused("P11", "You may not see this camera.", ask_seats(self.store.state, self.now()))
        policy = self.store.state.policy
        who = policy.whoever_may(request.spec.permission or "") or policy.titles()
        raise Refused("P11", "You may not see this.", f"Ask the {who}, or the admin.")

    async def async_read[A](self, request: Read[A], caller: Caller) -> A:
        """Return the answer to a read. Raises HoldshelfError."""
        kind = type(request)
        self.check_may_read(kind, caller)
        answer: A = await self.registry.reads[kind].handler(Reading(self, caller, request))
        return answer

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
        """Write one entry, then apply its changes. Returns its number, or -1 when it was queued.

        Raises Unavailable, and BadRequest for what the log takes in no entry.
        """
        if caller.via == "ssh":
            self.pace.take(_pace_key(self.registry.get(action), caller), self.frame.clock.boot_ns())
        if not (changes or self._queue):
            return await self.append_in_turn(action, caller, outcome, form, acting_as, changes, queue=queue)
        async with self.changing:
            return await self.append_in_turn(action, caller, outcome, form, acting_as, changes, queue=queue)

    async def append_in_turn(
        self,
        action: str,
        caller: Caller,
        outcome: str,
        form: LogForm,
        acting_as: str,
        changes: Sequence[Change] = (),
        *,
        queue: bool = False,
    ) -> int:
        """Like ``async_append``, but the caller must hold ``changing`` if there are changes or waiting entries."""
        public, private = self.entry_of(action, caller, outcome, form, acting_as)
        if changes:
            private["changes"] = msgspec.json.encode(list(changes)).decode()
        try:
            if self._queue:
                # Entries keep their order: none overtakes a waiting one.
                await self._drain_in_turn()
            seq = await asyncio.wrap_future(self.log.submit(public, private))
        except BadEntry as error:
            raise _no_entry(error) from None
        except (StorageError, Unavailable) as error:
            self._unwritable(str(error))
            if not queue or len(self._queue) >= MOST_QUEUED:
                raise Unavailable(
                    "The access log cannot be written, so this was not done.", f"{error} Recording continues."
                ) from None
            waiting = {**public, "outcome": "queued"}
            try:
                check_entry(waiting, private)  # one that the log will never take would hold up all others
            except BadEntry as error:
                raise _no_entry(error) from None
            self._queue.append((waiting, private, changes))
            self.store.apply_unwritten(changes)
            self.async_tell_changed({change.table for change in changes})
            self.frame.async_spawn(self._drain_later(), "access-log-queue")
            return -1
        self._is_written()
        if changes:
            self.store.apply(changes, seq)
            self.async_tell_changed({change.table for change in changes})
        return seq

    def async_tell_changed(self, tables: set[str]) -> None:
        """Notify everything that depends on these tables."""
        self._told.async_state_changed(tables)

    async def async_service_entry(
        self, action: str, form: LogForm, changes: Sequence[Change] = (), *, ordered: bool = False
    ) -> int:
        """Log an action of the service itself (an expiry, a replay). ``ordered``: the caller holds ``order``. Raises
        Unavailable."""
        if ordered:
            return await self.async_append(action, SERVICE, "done", form, acting_as="service", changes=changes)
        async with self.order:
            return await self.async_append(action, SERVICE, "done", form, acting_as="service", changes=changes)

    def entry_of(
        self, action: str, caller: Caller, outcome: str, form: LogForm, acting_as: str
    ) -> tuple[dict[str, Any], dict[str, str]]:
        now_utc_ns = self.frame.clock.utc_ns()
        state = self.store.state
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
            "policy_file": state.adopted.file_sha256 if state.adopted else "",
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
        for key in _TYPED & private.keys():
            # Instead of an id, somebody may have typed an address with a password in it.
            private[key] = shown_address(private[key]) if "://" in private[key] else private[key]
        if caller.source:
            private["source"] = caller.source
        if person is not None:
            private["name"] = person.name
        elif caller.account:
            private["name"] = caller.account
        return public, private

    def async_distrust_log(self, why: str) -> None:
        """Stop writing to a log that was found altered. ``why`` is a sentence."""
        self.log.distrust(why)
        self.async_tell_damaged_log()

    def async_tell_damaged_log(self) -> None:
        """Raise the repair of a log that has a problem."""
        self.frame.repairs.async_create(
            LOG_REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"The access log is damaged: {self.log.problem} Nobody can look or lift a hold. Recording continues.",
            next_step="Run `holdshelf log verify`; keep a copy of STATE/access; then `holdshelf log repair --why …`.",
        )

    def _unwritable(self, sentence: str) -> None:
        if self.log.problem is not None:
            self.async_tell_damaged_log()
            return
        self.frame.repairs.async_create(
            LOG_REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"The access log cannot be written: {sentence} Nobody can look or lift a hold. Recording continues.",
            next_step="Free space on the state disk or repair it. If the log itself is damaged, see `holdshelf log verify`.",
        )

    async def _drain_later(self) -> None:
        while self._queue:
            await asyncio.sleep(QUEUE_RETRY_S)
            try:
                async with self.order:
                    await self._drain()
            except Unavailable as error:
                _LOGGER.debug("%s", error)

    def _is_written(self) -> None:
        self.frame.repairs.async_delete(LOG_REPAIR)
        self._told.async_log_written()

    async def _drain(self) -> None:
        async with self.changing:
            await self._drain_in_turn()

    async def _drain_in_turn(self) -> None:
        """Write waiting entries, oldest first, removing each written one from the queue. Raises Unavailable."""
        while self._queue:
            public, private, changes = self._queue[0]
            try:
                seq = await asyncio.wrap_future(self.log.submit(public, private))
            except StorageError as error:
                raise Unavailable(str(error)) from None
            self._queue.pop(0)
            self.store.written(changes, seq)
            self._is_written()
