"""Who comes in: a key that the door has checked, or an account of this machine. Each log-in is an entry, refused ones too.

A part of the gate. Unknown keys leave no entry of their own: anybody in the world could fill the log with them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from holdshelf_core.actions import Change, LogForm
from holdshelf_core.admin_keys import LOGIN as ADMIN_LOGIN
from holdshelf_core.admin_keys import AdminKeys
from holdshelf_core.api.ports import Login
from holdshelf_core.caller import SERVICE, Caller
from holdshelf_core.errors import HoldshelfError, Refused, UnknownKey
from holdshelf_core.house import House
from holdshelf_core.policy.case import Decision, Scope

_LOGGER = logging.getLogger(__name__)


class Logins:
    """What the door and the local socket ask. ``Gate`` gives the rest."""

    house: House
    admin_keys: AdminKeys

    async def async_login(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Login:
        """Who logs in with that name and key; a seat's name is its holder. Raises Refused, written down first."""
        if login == ADMIN_LOGIN and self.admin_keys.knows(fingerprint) and not self._is_a_persons(fingerprint):
            return await self._admins_login(fingerprint, source, resumed=resumed)
        state = self.house.state
        person = state.people.get(state.person_id(login))
        owner = next((p for p in state.people.values() if any(key.fingerprint == fingerprint for key in p.keys)), None)
        caller = Caller(owner.id if owner else None, False, -1, "ssh", source)
        resuming = {"resumed": True} if resumed else {}
        form = LogForm(facts=resuming, private={"login": login[:64], "key": fingerprint[:80]})
        try:
            if owner is None and self.admin_keys.knows(fingerprint):
                raise UnknownKey("P11", f"This key does not belong to {login[:32]!r} (P11).", "Log in as 'admin'.")
            if owner is None:
                raise UnknownKey("P11", "This key is not known here (P11).", "Ask the Library Director to be enrolled.")
            if person is None or person.id != owner.id:
                raise UnknownKey(
                    "P11", f"This key does not belong to {login[:32]!r} (P11).", f"Log in as {owner.login!r}."
                )
            decision = self.decide(caller, "door", Scope())
            if not decision.allowed:
                raise Refused(decision.clause, decision.sentence, decision.who_can_help)
        except Refused as refusal:
            if owner is not None:
                # Unknown keys are the door's to count: anybody in the world could fill the log with them.
                refused_form = replace(form, facts={**resuming, "clause": refusal.clause})
                try:
                    await self.async_append("door.login", caller, "refused", refused_form)
                except HoldshelfError as error:
                    _LOGGER.warning("a refused log-in was not written down: %s", error)
            raise
        await self.async_append("door.login", caller, "done", form, acting_as=decision.acting_as)
        return Login(owner.id, owner.name)

    async def _admins_login(self, fingerprint: str, source: str, *, resumed: bool) -> Login:
        """An admin without an account on this machine. What they may do is what the admin may; pictures are not among it."""
        caller = Caller(None, True, -1, "ssh", source)
        facts = {"resumed": True} if resumed else {}
        form = LogForm(facts=facts, private={"login": ADMIN_LOGIN, "key": fingerprint[:80]})
        await self.async_append("door.login", caller, "done", form, acting_as="admin")
        return Login(ADMIN_LOGIN, "Admin", admin=True)

    def _is_a_persons(self, fingerprint: str) -> bool:
        return any(key.fingerprint == fingerprint for p in self.house.state.people.values() for key in p.keys)

    async def async_failed_logins(self, sources: Mapping[str, int], total: int) -> None:
        """Strangers tried: one entry for many, which the door sends seldom. Addresses are private texts."""
        told = ", ".join(f"{source[:64]}: {count}" for source, count in sources.items())[:1000]
        form = LogForm(facts={"attempts": total}, private={"sources": told})
        await self.async_append("door.strangers", SERVICE, "refused", form, acting_as="service")

    def key_is_known(self, fingerprint: str) -> bool:
        """Whether that key is one of anybody's, of people who left too: they are told so once it is proved."""
        return self.admin_keys.knows(fingerprint) or self._is_a_persons(fingerprint)

    def knows_admin_key(self, fingerprint: str) -> bool:
        """Whether an admin's session with that key may go on."""
        return self.admin_keys.knows(fingerprint) and not self._is_a_persons(fingerprint)

    def person_by_account(self, account: str) -> str | None:
        """The person who is that account of this machine; also one who left, whom it must not make an admin."""
        known = [p for p in self.house.state.people.values() if account and p.account == account]
        here = [p for p in known if p.left_utc_ns is None]
        return (here or known)[-1].id if known else None

    def knows_key(self, person: str, fingerprint: str) -> bool:
        """Whether that key is still one of the person's."""
        row = self.house.state.people.get(person)
        return row is not None and row.left_utc_ns is None and any(k.fingerprint == fingerprint for k in row.keys)

    def decide(self, caller: Caller, permission: str, scope: Scope) -> Decision:
        """The rules' word."""
        raise NotImplementedError

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
        """An entry of the access log."""
        raise NotImplementedError
