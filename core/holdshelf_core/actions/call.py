"""The context that the handler of an action or a read gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import Action, Change, LogForm, favored
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Read
from holdshelf_core.errors import Refused
from holdshelf_core.frame import Frame
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Decision
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.second import FLAG_PAPER
from holdshelf_core.policy.standing import may_place_holds
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy

if TYPE_CHECKING:
    from holdshelf_core.actions.authorizer import Authorizer

_LOGGER = logging.getLogger(__name__)


def _of_what(flag: str, form: LogForm, policy: Policy) -> str:
    """'H-2026-0001, on paper of the Chair of the Library Board': which hold or release was flagged, and whose paper it was."""
    if flag != FLAG_PAPER:
        return form.subject if form.subject.startswith(("H-", "R-")) else ""
    seat = str(form.facts.get("approved_by", ""))
    paper = f"on paper of the {policy.role_words(seat)}" if seat in policy.roles else ""
    return ", ".join(part for part in (form.subject, paper) if part)


class Turn:
    """An act's turn among those that change the state (``Authorizer.order``). It may leave before it has ended."""

    def __init__(self, order: asyncio.Lock) -> None:
        self._order = order
        self._is_ours = False

    async def __aenter__(self) -> Turn:
        await self._order.acquire()
        self._is_ours = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Let the next act decide. Idempotent."""
        if self._is_ours:
            self._is_ours = False
            self._order.release()


@dataclass(slots=True)
class _Asked:
    """What a handler of either kind reaches."""

    authorizer: Authorizer
    caller: Caller

    @property
    def frame(self) -> Frame:
        """Return the service's frame: folders, clocks, repairs, background tasks."""
        return self.authorizer.frame

    @property
    def state(self) -> State:
        """The register as last committed: what an act may rely on until it awaits."""
        return self.authorizer.store.state

    @property
    def now(self) -> Now:
        """The wall clock and trusted time at this moment; read it once for one decision."""
        return self.authorizer.now()


@dataclass(slots=True)
class Call[Q: msgspec.Struct](_Asked):
    """One act under way, as its handler sees it."""

    action: Action
    request: Q
    decision: Decision
    version: int
    turn: Turn | None
    """None for an action that changes nothing."""
    form: LogForm = field(default_factory=LogForm)
    seq: int = 0
    """Number of the entry, once recorded."""
    refusal_recorded: bool = False
    """The handler itself wrote that this is refused, with what it changes: it is not written a second time."""

    @property
    def person(self) -> model.Person | None:
        """Return the person who acts; None for the admin."""
        return self.state.people.get(self.caller.person) if self.caller.person else None

    def refuse(self, clause: str, sentence: str, who: str = "") -> NoReturn:
        """Refuse by a rule that only the handler can check; logged as a refusal. Always raises Refused."""
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
        apart: bool = False,
    ) -> int:
        """Write the action's entry. Returns its number once it is on disk and its changes are in the state.

        ``apart``: no other act depends on what this one does, nor this one on them but for the right, which is checked again. So
        others need not wait for its entry, and entries that come meanwhile share a sync. Without effect if there are changes.
        Raises Unavailable when the log cannot be written (nothing happened then), Refused when the right ended meanwhile.
        """
        base = form or self.form
        merged = replace(
            base,
            subject=subject or base.subject,
            facts={**base.facts, **(facts or {})},
            private={**base.private, **(private or {})},
        )
        changes = [*changes, *(self.flags(changes, merged) if outcome == "done" else ())]
        apart = self.turn is None or (apart and not changes and not self.authorizer.has_waiting)
        if apart and self.turn is not None:
            self.turn.leave()  # the next act runs once this one waits: the log has the entry by then, so they keep their order
        self.seq = await self.authorizer.async_append(
            self.action.name,
            self.caller,
            outcome,
            merged,
            acting_as=self.decision.acting_as,
            changes=changes,
            queue=self._may_wait(),
        )
        self.refusal_recorded = outcome == "refused"
        if apart and self.authorizer.store.version != self.version:
            # The right may have ended while the entry was being written: nothing is sent on an outdated decision.
            again = self.authorizer.decide(
                self.caller, self.action.permission, self.action.scope(self.request, self.authorizer.store.state)
            )
            if not again.allowed:
                raise Refused(again.clause, again.sentence, again.who_can_help)
        return self.seq

    def _may_wait(self) -> bool:
        """Return whether the action may proceed with its entry queued; a read only for people who may place holds, while the
        queue is short."""
        if not self.action.spec.queued_when_unwritable or self.action.changes:
            return self.action.spec.queued_when_unwritable
        person = self.caller.person
        return person is not None and may_place_holds(self.state, person, self.now) and self.authorizer.has_room_to_read

    def unrecorded(self, why: str) -> None:
        """Allow this answer without an entry, for the given reason, e.g. because the log itself is damaged."""
        _LOGGER.warning("%s was answered without an entry: %s", self.action.name, why)
        self.seq = -1

    def flags(self, changes: Sequence[Change] = (), form: LogForm | None = None) -> list[Change]:
        """Return changes that flag this action for review by a second person, where the policy asks for it. Such actions must
        be registered as changing state.

        ``changes``: the action's own, which show who was given a key or a seat. ``form``: its entry, which says of what it is and
        whose paper it was.
        """
        if not self.decision.flag:
            return []
        key = self.authorizer.store.next_id("flags", "f")
        row = model.Flag(
            key,
            self.decision.flag,
            0,
            self.caller.who,
            self.now.utc_ns,
            self.decision.flag_needs or 1,
            note=_of_what(self.decision.flag, form or self.form, self.state.policy),
            about=favored(self.action.name, changes),
        )
        return [put("flags", key, row)]


@dataclass(slots=True)
class Reading[Q: Read[Any]](_Asked):
    """One read, as its handler sees it."""

    request: Q
