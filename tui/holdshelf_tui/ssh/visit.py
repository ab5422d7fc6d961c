"""One person's visit: who they are since their signature verified, their session at the service, what runs for them.

The identity never changes again. The token does, with each restart of the service; every process of the visit gets the new one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.api.session_types import Minted
from holdshelf_tui.ssh.link import AWAY, ServiceLink, Signed

_LOGGER = logging.getLogger(__name__)

RESUME_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Frozen the moment a signature verified. The service takes name and key from ``signed`` alone."""

    login: str
    fingerprint: str
    source: str
    signed: Signed


class Running(Protocol):
    """A terminal or a command of a visit."""

    def tell(self, **message: str) -> None:
        """Pass a line to its process."""
        ...

    def end(self, reason: str) -> None:
        """End it, with a sentence to the person."""
        ...


class Visit:
    """Methods run on the loop. ``minted`` None: there is no session at the service (now)."""

    def __init__(self, identity: Identity, minted: Minted, link: ServiceLink) -> None:
        self.identity = identity
        self.person = minted.person
        self._ticket = minted.ticket
        self._minted: Minted | None = minted
        self._link = link
        self._running: set[Running] = set()
        self.ended = ""
        self.on_end: Callable[[str], None] = lambda _reason: None

    @property
    def session(self) -> str:
        """The session's id at the service; '' while it is away."""
        return self._minted.session if self._minted is not None else ""

    @property
    def busy(self) -> bool:
        """Something runs for it."""
        return bool(self._running)

    def add(self, running: Running) -> None:
        """One more process; it is told the token, or that the service is away."""
        self._running.add(running)
        if self.ended:
            running.end(self.ended)
        elif self._minted is not None:
            running.tell(token=self._minted.token)
        else:
            running.tell(away=AWAY)

    def discard(self, running: Running) -> None:
        """What ran is over: nothing more is told to it."""
        self._running.discard(running)

    def away(self) -> None:
        """The service is gone, and its sessions with it."""
        self._minted = None
        for running in tuple(self._running):
            running.tell(away=AWAY)

    async def async_resume(self) -> None:
        """The service is back: the session is taken up again. A person who may no longer come in is told so."""
        while not self.ended and self._minted is None:
            try:
                minted = await self._link.async_resume(self._ticket)
            except Unavailable as error:
                _LOGGER.info("a session waits to be taken up again: %s", error)
                await asyncio.sleep(RESUME_AGAIN_S)
                continue
            except HoldshelfError as error:
                self.end(str(error))
                return
            if self.ended:  # meanwhile
                await self._link.async_end(minted.session)
                return
            self._minted, self._ticket = minted, minted.ticket
            for running in tuple(self._running):
                running.tell(token=minted.token)

    def end(self, reason: str) -> None:
        """It is over, for all that runs."""
        if self.ended:
            return
        self.ended = reason
        for running in tuple(self._running):
            running.end(reason)
        self.on_end(reason)

    async def async_leave(self) -> None:
        """The connection is gone: so is the session."""
        self.ended = self.ended or "The connection was closed."
        minted, self._minted = self._minted, None
        if minted is not None:
            await self._link.async_end(minted.session)
