"""Open sessions, kept over a restart of the service in memory that the supervisor holds and passes to each service it starts.

One slot per session, written before its token is issued and cleared when it ends, so the memory always shows who is logged in.
The next service lets the same door process resume exactly these sessions, each once, with a ticket that only that door was given.
A slot holds no token and no ticket, only the ticket's SHA-256. ADR 0026 has the reasons.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable

import msgspec

from holdshelf_core.api.tokens import MAX_SESSIONS
from holdshelf_core.errors import Unavailable

SLOT_BYTES = 1024
"""Four per page: a slot is written whole or not at all, however the service ends."""
RESUME_WITHIN_S = 120.0
_CHECK_BYTES, _LENGTH_BYTES = 32, 4


class SavedSession(msgspec.Struct, frozen=True):
    """One logged-in session. ``door``: process id and account of the door, by kernel credentials."""

    ticket_sha256: str
    person: str
    login: str
    fingerprint: str
    source: str
    door: tuple[int, int]


class SessionSlots:
    """``fd``: the memory, from the supervisor; None for private memory, which ends with this process. Raises Unavailable.

    Methods run on the loop.
    """

    def __init__(self, fd: int | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._fd = os.memfd_create("sessions") if fd is None else fd
        self._now_s = now_s
        size = MAX_SESSIONS * SLOT_BYTES
        try:
            found = os.fstat(self._fd)
            if (
                not stat.S_ISREG(found.st_mode) or found.st_nlink
            ):  # a file with a name belongs to somebody: never truncate it
                raise OSError(22, os.strerror(22))
            os.set_inheritable(self._fd, False)
            os.ftruncate(self._fd, size)
            raw = os.pread(self._fd, size, 0)
        except OSError as error:
            raise Unavailable(
                f"Descriptor {fd} keeps no sessions: {error.strerror}.", "Leave --sessions-fd out."
            ) from None
        self._slots: dict[str, int] = {}
        self._former: dict[str, tuple[int, SavedSession, float]] = {}
        """Sessions of the previous run by the ticket's digest, and until when they can be resumed."""
        for slot in range(MAX_SESSIONS):
            kept = _decoded(raw[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES])
            if kept is not None:
                self._former[kept.ticket_sha256] = (slot, kept, float("inf"))

    def keep(self, session: str, person: str, login: str, fingerprint: str, source: str, door: tuple[int, int]) -> str:
        """Store a session that is opened now; return the ticket to resume it with, '' when it cannot be stored."""
        ticket = secrets.token_urlsafe(32)
        slot = self._write(SavedSession(_digest(ticket), person, login, fingerprint, source, door))
        if slot is None:
            return ""
        self._slots[session] = slot
        return ticket

    def ended(self, session: str) -> None:
        """Clear the slot of a session that ended, so that no later service resumes it."""
        slot = self._slots.pop(session, None)
        if slot is not None:
            self._empty(slot)

    def door_is(self, door: tuple[int, int]) -> None:
        """A door said hello: end the sessions of any other door, and give this one two minutes to resume its own."""
        for digest, (slot, kept, _) in tuple(self._former.items()):
            if kept.door == door:
                self._former[digest] = (slot, kept, self._now_s() + RESUME_WITHIN_S)
            else:
                self._drop(digest)

    def take(self, ticket: str, door: tuple[int, int]) -> SavedSession | None:
        """Return the previous run's session for that ticket, removing it so that it is resumed only once; None if there is
        none."""
        self.drop_late()
        digest = _digest(ticket)
        found = self._former.get(digest)
        if found is None or found[1].door != door:
            return None
        self._drop(digest)
        return found[1]

    def put_back(self, kept: SavedSession) -> None:
        """Keep a session that could not be resumed now (the log cannot be written): it can be asked for again, for two
        minutes."""
        slot = self._write(kept)
        if slot is not None:
            self._former[kept.ticket_sha256] = (slot, kept, self._now_s() + RESUME_WITHIN_S)

    def drop_late(self) -> None:
        """Forget sessions that nobody resumed in time. Call it now and then."""
        for digest, (_, _, until_s) in tuple(self._former.items()):
            if self._now_s() > until_s:
                self._drop(digest)

    def clear(self) -> None:
        """Clear all slots: the door is gone, so every session is over."""
        for session in tuple(self._slots):
            self.ended(session)
        for digest in tuple(self._former):
            self._drop(digest)

    def close(self) -> None:
        """Close the memory; its contents stay for the next service."""
        os.close(self._fd)

    def _write(self, kept: SavedSession) -> int | None:
        """Write to a free slot and return its index; None when none is free, or the session does not fit."""
        raw = _encoded(kept)
        used = {*self._slots.values(), *(slot for slot, _, _ in self._former.values())}
        slot = next((free for free in range(MAX_SESSIONS) if free not in used), None)
        if raw is None or slot is None:
            return None
        os.pwrite(self._fd, raw, slot * SLOT_BYTES)
        return slot

    def _drop(self, digest: str) -> None:
        self._empty(self._former.pop(digest)[0])

    def _empty(self, slot: int) -> None:
        os.pwrite(self._fd, bytes(SLOT_BYTES), slot * SLOT_BYTES)


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogateescape")).hexdigest()


def _encoded(kept: SavedSession) -> bytes | None:
    raw = msgspec.json.encode(kept)
    if len(raw) > SLOT_BYTES - _CHECK_BYTES - _LENGTH_BYTES:
        return None
    whole = hashlib.sha256(raw).digest() + len(raw).to_bytes(_LENGTH_BYTES, "big") + raw
    return whole.ljust(SLOT_BYTES, b"\0")


def _decoded(raw: bytes) -> SavedSession | None:
    """Decode a slot; None for an empty one, and for a damaged one, which should not occur."""
    start = _CHECK_BYTES + _LENGTH_BYTES
    body = raw[start : start + int.from_bytes(raw[_CHECK_BYTES:start], "big")]
    if not body or hashlib.sha256(body).digest() != raw[:_CHECK_BYTES]:
        return None
    try:
        return msgspec.json.decode(body, type=SavedSession)
    except msgspec.MsgspecError:
        return None
