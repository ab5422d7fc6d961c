"""Both ends of the socket between door and service, in this process, before a house that knows one person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdshelf_core.actions.caller import Caller
from holdshelf_core.acts import Read
from holdshelf_core.api.ports import HasReads, Login
from holdshelf_core.api.session_types import Minted
from holdshelf_core.api.ssh.host_key import ensure_host_key
from holdshelf_core.api.ssh.host_signer import HostSigner
from holdshelf_core.api.ssh.link import DoorLink, make_pair
from holdshelf_core.api.ssh.mint import MintSocket
from holdshelf_core.api.ssh.session_slots import SessionSlots
from holdshelf_core.api.tokens import Tokens
from holdshelf_core.errors import HoldshelfError, Refused, Unavailable, UnknownKey
from holdshelf_core.paths import DataPaths
from tests import keys
from tests.exchange import exchange, session_of
from tests.rig.hang import HANG_S


def tokens(**bounds: int) -> Tokens:
    return Tokens(lambda: 1, **bounds)


GOOD, OTHER, NOBODY, LATER = (keys.new_key()[1] for _ in range(4))


class House:
    """Knows one person and one key, as the gate says it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.failed: list[tuple[Mapping[str, int], int]] = []
        self.resumed: list[bool] = []
        self.problem: HoldshelfError | None = None
        self.person = "p1"
        self.stuck: asyncio.Event | None = None

    async def async_login(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Login:
        self.asked.append((login, fingerprint, source))
        self.resumed.append(resumed)
        if self.stuck is not None:
            await self.stuck.wait()
        if self.problem is not None:
            raise self.problem
        if fingerprint == NOBODY:
            raise UnknownKey("P11", "This key is not enrolled here.", "Ask the Library Director.")
        if fingerprint == LATER:
            raise Unavailable("The access log cannot be written.", "Try again.")
        if (login, fingerprint) != ("director", GOOD):
            raise Refused("P11", "Your appointment ended on 2026-11-24.", "Ask the Library Director.")
        return Login(self.person, "Ada")

    async def async_failed_logins(self, sources: Mapping[str, int], total: int) -> None:
        self.failed.append((sources, total))

    async def async_act(self, name: str, caller: Caller, body: bytes) -> bytes:
        raise NotImplementedError

    async def async_may_speak(self, caller: Caller) -> str | None:
        return None

    def person_by_account(self, account: str) -> str | None:
        return None

    def knows_key(self, person: str, fingerprint: str) -> bool:
        return True

    def may_read(self, request: type[Read[Any]], caller: Caller, camera: str | None = None) -> bool:
        return True

    def check_may_read(self, request: type[Read[Any]], caller: Caller, camera: str | None = None) -> None:
        return

    async def async_read[A](self, request: Read[A], caller: Caller) -> A:
        raise NotImplementedError

    @property
    def registry(self) -> HasReads:
        raise NotImplementedError


class Desk:
    """Both ends of the socket, running. ``memory``: a descriptor that outlives them."""

    def __init__(self, data: Path, memory: int | None = None) -> None:
        self.house = House()
        self.tokens = tokens()
        self.uids: list[int] = []
        self.gone: dict[str, str] = {}
        self.door_end, service_end = make_pair()
        DataPaths(data).state.mkdir(parents=True, exist_ok=True)
        ensure_host_key(data)
        slots = SessionSlots(None if memory is None else os.dup(memory))
        self.mint = MintSocket(service_end.detach(), self.tokens, self.house, HostSigner(data), slots, self.uids.append)
        self.door = DoorLink(self.door_end, lambda session, reason: self.gone.update({session: reason}))

    async def __aenter__(self) -> Desk:
        self.serving = asyncio.create_task(self.mint.async_run())
        self.reading = asyncio.create_task(self.door.async_run())
        self.host_key = await self.door.async_hello()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.serving.cancel()
        self.reading.cancel()
        await asyncio.gather(self.serving, self.reading, return_exceptions=True)
        self.door_end.close()

    async def new_exchange(self) -> bytes:
        """One that may be signed as a new session."""
        return exchange(self.host_key, await self.door.async_cookie())

    async def new_session(self) -> bytes:
        """The id of an SSH session that the service has signed."""
        exchanged = await self.new_exchange()
        await self.door.async_sign("sha256", exchanged, rekey=False)
        return session_of(exchanged)

    async def log_in(self, login: str, fingerprint: str, source: str = "192.0.2.7", session: bytes = b"") -> Minted:
        """As somebody with that key does."""
        session = session or await self.new_session()
        return await self.door.async_mint(session, *keys.sign_login(keys.private(fingerprint), session, login), source)


async def until(what: Mapping[str, str] | list[int], size: int = 1) -> None:
    async with asyncio.timeout(HANG_S):
        while len(what) < size:
            await asyncio.sleep(0.005)
