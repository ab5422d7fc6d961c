"""Logins: by a key that the service verified, or by a local account. Each login is an entry; refused ones are folded, and
those of one key are rate-limited (``login_rate``).

Unknown keys leave no entry of their own: anybody in the world could fill the log with them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import SERVICE, Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.api.ports import Login
from holdshelf_core.errors import HoldshelfError, Refused, UnknownKey
from holdshelf_core.people.admin_keys import LOGIN as ADMIN_LOGIN
from holdshelf_core.people.admin_keys import AdminKeys
from holdshelf_core.people.locked_out import STRANGERS, LockedOut
from holdshelf_core.people.login_rate import ATTEMPTS_MOST, LoginPace, TooOften
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.instants import end_words
from holdshelf_core.policy.standing import may_place_holds, right_end, right_state
from holdshelf_core.policy.state import State

_LOGGER = logging.getLogger(__name__)


class Logins:
    """Answers the SSH server and the local socket."""

    def __init__(self, authorizer: Authorizer, admin_keys: AdminKeys, rate: LoginPace) -> None:
        self._authorizer, self.admin_keys, self.rate = authorizer, admin_keys, rate
        self._locked_out = LockedOut(authorizer.frame.repairs, authorizer.frame.clock.boot_ns)

    @property
    def _state(self) -> State:
        return self._authorizer.store.state

    async def async_login(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Login:
        """Return who logs in with that name and key; a seat's name means its holder. Raises Refused, after logging it."""
        if login == ADMIN_LOGIN and self.admin_keys.knows(fingerprint) and not self._is_a_persons(fingerprint):
            return await self._admins_login(fingerprint, source, resumed=resumed)
        state = self._state
        person = state.people.get(state.person_id(login))
        owner = next((p for p in state.people.values() if any(key.fingerprint == fingerprint for key in p.keys)), None)
        caller = Caller(owner.id if owner else None, False, -1, "ssh", source)
        resuming = {"resumed": True} if resumed else {}
        form = LogForm(facts=resuming, private={"login": login[:64], "key": fingerprint[:80]})
        try:
            if owner is None and self.admin_keys.knows(fingerprint):
                raise UnknownKey("P11", f"This key does not belong to {login[:32]!r} (P11).", "Log in as 'admin'.")
            if owner is None:
                first = state.policy.role_words(state.policy.first_seat)
                raise UnknownKey(
                    "P11",
                    "This key is not enrolled here (P11).",
                    f"Ask the {first} to enroll you.",
                )
            past_holder = self._held_before(owner.id, login)
            if (person is None or person.id != owner.id) and past_holder is None:
                raise UnknownKey(
                    "P11", f"This key does not belong to {login[:32]!r} (P11).", f"Log in as {owner.login!r}."
                )
            decision = self._authorizer.decide(caller, "door", Scope())
            if decision.allowed and past_holder is not None:
                # Another right of theirs stands, under their own name only.
                raise Refused("P11", f"{past_holder} (P11).", f"Log in as {owner.login!r}.")
            if not decision.allowed:
                raise Refused(decision.clause, decision.sentence, decision.who_can_help)
            self.rate.take(fingerprint)
        except Refused as refusal:
            if owner is not None:
                # The door counts unknown keys: anybody in the world could fill the log with them.
                await self._refused_login(caller, replace(form, facts={**resuming, "clause": refusal.clause}))
            raise
        # A log that cannot be written now must not keep people from placing holds: the entry waits, like the hold's own. People
        # who may not place one, and everyone while the log is damaged, are refused.
        waits = self._authorizer.log.problem is None and may_place_holds(state, owner.id, self._authorizer.now())
        await self._authorizer.async_append(
            "door.login", caller, "done", form, acting_as=decision.acting_as, queue=waits
        )
        self._locked_out.came_in(owner.id)
        return Login(owner.id, owner.name, limited=self._authorizer.limited())

    async def _admins_login(self, fingerprint: str, source: str, *, resumed: bool) -> Login:
        """Return the login of an admin without a local account. They may do what the admin may, which excludes pictures."""
        caller = Caller(None, True, -1, "ssh", source)
        facts = {"resumed": True} if resumed else {}
        form = LogForm(facts=facts, private={"login": ADMIN_LOGIN, "key": fingerprint[:80]})
        try:
            self.rate.take(fingerprint)
        except TooOften:
            await self._refused_login(caller, form)
            raise
        await self._authorizer.async_append("door.login", caller, "done", form, acting_as="admin")
        self._locked_out.came_in(caller.who)
        return Login(ADMIN_LOGIN, "Admin", admin=True)

    def _held_before(self, person: str, login: str) -> str | None:
        """Return e.g. 'Your term as Library Director ended on …' for somebody who comes by the name of a seat that they held
        and hold no longer, else None."""
        now, key = self._authorizer.now(), login.strip().lower()
        terms = [seat for seat in self._state.seats_of(person) if seat.key == key]
        if not terms or any(right_state(self._state, seat, now) != "ended" for seat in terms):
            return None
        ends = [end for seat in terms if (end := right_end(self._state, seat)) is not None]
        when = f" on {end_words(max(ends), now.zone)}" if ends else ""
        return f"Your term as {self._state.policy.role_words(key)} ended{when}"

    def _is_a_persons(self, fingerprint: str) -> bool:
        return any(key.fingerprint == fingerprint for p in self._state.people.values() for key in p.keys)

    async def _refused_login(self, caller: Caller, form: LogForm) -> None:
        self.rate.refused("door.login", caller, form)
        self._locked_out.refused(caller.who)
        await self.async_write_refused()

    async def async_failed_logins(self, sources: Mapping[str, int], total: int) -> None:
        """Log failed attempts of strangers: one entry for many, however often the door reports. Addresses are private texts."""
        self.rate.strangers(SERVICE, sources, total)
        self._locked_out.refused(STRANGERS, min(max(total, 1), ATTEMPTS_MOST))
        await self.async_write_refused()

    async def async_write_refused(self, *, everything: bool = False) -> None:
        """Write the due entries about refused logins, and have who is locked out as repairs; called each second.

        What cannot be written waits. ``everything``: all, before shutdown.
        """
        store = self._authorizer.store
        state = None if store.problem or store.differences else store.state
        self._locked_out.async_tell(state, self._authorizer.now(), self.admin_keys.problem)
        for row, attempts, form in self.rate.take_due(everything=everything):
            acting_as = row.caller.who if row.caller.who in ("admin", "service") else ""
            try:
                await self._authorizer.async_append(row.action, row.caller, "refused", form, acting_as=acting_as)
            except HoldshelfError as error:
                row.attempts += attempts
                _LOGGER.warning("refused log-ins were not written down: %s", error)

    def knows_admin_key(self, fingerprint: str) -> bool:
        """Return whether an admin's session with that key may go on."""
        return self.admin_keys.knows(fingerprint) and not self._is_a_persons(fingerprint)

    def person_by_account(self, account: str) -> str | None:
        """Return the person with that local account, even one who left, as leaving must not make them an admin."""
        known = [p for p in self._state.people.values() if account and p.account == account]
        here = [p for p in known if p.left_utc_ns is None]
        return (here or known)[-1].id if known else None

    def knows_key(self, person: str, fingerprint: str) -> bool:
        """Return whether that key still belongs to the person."""
        row = self._state.people.get(person)
        return row is not None and row.left_utc_ns is None and any(k.fingerprint == fingerprint for k in row.keys)
