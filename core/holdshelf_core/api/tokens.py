"""Sessions of people connected over SSH, each identified by a token that only its own process holds.

A token is 256 random bits. Only its SHA-256 is kept here, in memory, and it ends with its session: when the door says so, when
the door is gone, within a second or two of the end of the right or the removal of the key, and with this process. It is never
written to a disk or a log, nor into any answer but the door's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from holdshelf_core.actions.caller import Caller
from holdshelf_core.errors import Conflict, Unavailable

_LOGGER = logging.getLogger(__name__)

MAX_PER_PERSON = 8
MAX_SESSIONS = 256
TOKEN_BYTES = 32
WATCH_S = 1.0

type Ending = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Session:
    """One SSH session. ``caller`` is the identity of its requests."""

    id: str
    fingerprint: str
    """Fingerprint of the key that authenticated it."""
    opened_utc_ns: int
    caller: Caller
    digest: bytes
    ended: str = ""
    """'' while it is open; then the reason why it ended, in a sentence."""
    closers: set[Ending] = field(default_factory=set)
    """Called with the reason when it ends: its open event streams."""

    @property
    def person(self) -> str:
        """Return the person's id; ``admin`` for an admin's session."""
        return self.caller.who


class Tokens:
    """All open sessions. Methods run on the loop.

    ``utc_ns``: wall clock, to show when a session began; nothing is decided by it.
    """

    def __init__(
        self, utc_ns: Callable[[], int], *, per_person: int = MAX_PER_PERSON, total: int = MAX_SESSIONS
    ) -> None:
        self._utc_ns = utc_ns
        self._per_person = per_person
        self._total = total
        self._by_digest: dict[bytes, Session] = {}
        self._by_id: dict[str, Session] = {}
        self._listeners: list[Callable[[Session], None]] = []

    # --- life of a session ------------------------------------------------------------------------------------

    def mint(self, person: str, key_fingerprint: str, source: str, uid: int, *, admin: bool = False) -> tuple[str, str]:
        """Open a session and return (token, session id). Only connections of account ``uid`` may use it. Raises Conflict,
        Unavailable.

        ``admin``: not a person's session; ``person`` is then the key by which such sessions are counted.
        """
        if len(self._by_id) >= self._total:
            raise Unavailable(f"{self._total} sessions are open, which is the limit.", "Try again later.")
        if sum(session.person == person for session in self._by_id.values()) >= self._per_person:
            raise Conflict(
                f"You have {self._per_person} sessions open, which is the limit for one person.",
                "Close one of them, then log in again.",
            )
        token = secrets.token_urlsafe(TOKEN_BYTES)
        digest = _digest(token)
        # The id appears in the log's public part: it reveals nothing about the token.
        session_id = "s-" + secrets.token_hex(8)
        caller = Caller(None if admin else person, admin=admin, uid=uid, via="ssh", source=source, session=session_id)
        session = Session(session_id, key_fingerprint, self._utc_ns(), caller, digest)
        self._by_digest[digest] = session
        self._by_id[session_id] = session
        return token, session_id

    def check(self, token: str, uid: int) -> Session | None:
        """Return the open session of that token, if the connecting account is the one it was issued to; else None."""
        # Looked up by digest: timing reveals nothing about a token that is nearly right.
        session = self._by_digest.get(_digest(token))
        return session if session is not None and session.caller.uid == uid else None

    def get(self, session_id: str) -> Session | None:
        """Return an open session by its id."""
        return self._by_id.get(session_id)

    def revoke(self, session_id: str, reason: str = "The session was closed.") -> bool:
        """End one session and its streams now. Returns False when there is none of that id."""
        session = self._by_id.pop(session_id, None)
        if session is None:
            return False
        self._by_digest.pop(session.digest, None)
        session.ended = reason
        for close in tuple(session.closers):
            _tell(close, reason)
        session.closers.clear()
        for listener in tuple(self._listeners):
            try:
                listener(session)
            except Exception:  # one faulty listener must not keep the others from hearing it
                _LOGGER.exception("a listener of ended sessions failed")
        return True

    def revoke_all(self, reason: str) -> int:
        """End every session; return how many there were."""
        return sum(self.revoke(session.id, reason) for session in self.all())

    def all(self) -> list[Session]:
        """Return the open sessions, oldest first."""
        return list(self._by_id.values())

    def async_listen(self, listener: Callable[[Session], None]) -> Callable[[], None]:
        """Call the listener for each session that ended (``ended`` has the reason). Returns the function that unsubscribes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    # --- rights that end --------------------------------------------------------------------------------------

    async def async_check_all(self, why_not: Callable[[Session], Awaitable[str]]) -> None:
        """Ask for each session whether it may go on; end those that may not.

        ``why_not`` returns '' or the reason. If it raises, the session ends: a bug here must not let anyone go on viewing.
        """
        for session in self.all():
            try:
                reason = await why_not(session)
            except Exception:
                _LOGGER.exception("whether session %s may go on could not be told", session.id)
                reason = "The service could not tell whether your right still holds."
            if reason:
                self.revoke(session.id, reason)

    async def async_watch(self, why_not: Callable[[Session], Awaitable[str]]) -> None:
        """Run ``async_check_all`` each second, until canceled."""
        while True:
            await asyncio.sleep(WATCH_S)
            await self.async_check_all(why_not)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _tell(close: Ending, reason: str) -> None:
    try:
        close(reason)
    except Exception:
        _LOGGER.exception("a stream did not close")
