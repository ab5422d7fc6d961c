"""The socket pair over which the SSH door asks for sessions: whoever inherited its other end is the door.

Messages are JSON, one a packet (SOCK_SEQPACKET). The door says which key it has checked; the house says whose that is and
whether they may come in; the session is bound to the account that the kernel names as the writer of the message. A
message's ``id``, if any, comes back with its answer::

    {"hello": {}}                                            → {"hello": {"version": …}}
    {"known": fingerprint}                                   → {"known": true | false}
    {"mint": {"login", "fingerprint", "source", "resumed"}}  → {"token", "session", "person", "name"}
                                                             or {"refused": sentence, "next_step", "clause", "why"}
    {"end": session}                                         → {"ended": true | false}
    {"failed": {"sources": {address: count}, "total"}}       → {"noted": true}
    (unasked, when a session ends on this side)              ← {"gone": session, "reason": sentence}
    {"closed": exit code}  (whoever runs the door: it ended)   (no answer: there is nobody to hear it)

A refusal's ``why``: `unknown` (whose key it is was not proved), `unavailable` (ask again later), else ''. When the other end is
closed, or a new door says hello on it, all sessions end: nobody would tell us of theirs any more. When this service stops, the
socket just closes: the door asks for its sessions again at the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from holdshelf_core.api.identity import overflow_uid
from holdshelf_core.api.ports import Gate
from holdshelf_core.api.tokens import Session, Tokens
from holdshelf_core.errors import HoldshelfError, NotPermitted, Unavailable, UnknownKey
from holdshelf_core.version import VERSION

_LOGGER = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 16 << 10
MAX_AT_ONCE = 16
# The account data base, the log and the disk stand between a log-in and its answer.
MINT_TIMEOUT_S = 30.0
MAX_WAITING = 1024
CLOSED = b'{"closed":'
_UCRED = struct.Struct("3i")


class MintAsked(msgspec.Struct, frozen=True):
    """A log-in that the door has authenticated. ``source``: network address of the client."""

    login: str
    fingerprint: str
    source: str
    resumed: bool = False


class FailedLogins(msgspec.Struct, frozen=True):
    """Log-ins that came to nothing: the most active addresses, and how many in all."""

    sources: dict[str, int]
    total: int


class MintMessage(msgspec.Struct, frozen=True):
    """What the door sends: one of these."""

    id: int | None = None
    hello: dict[str, Any] | None = None
    known: str | None = None
    mint: MintAsked | None = None
    end: str | None = None
    failed: FailedLogins | None = None


class MintSocket:
    """Serves the inherited end. ``on_door`` is told the door's uid, with each first message of another account.

    ``on_open`` is told True when a door says hello, which it does once it listens, and False when it has ended.
    """

    def __init__(
        self,
        fd: int,
        tokens: Tokens,
        gate: Gate,
        on_door: Callable[[int], None],
        on_open: Callable[[bool], None] = lambda _open: None,
    ) -> None:
        try:
            link = socket.socket(fileno=fd)
            fits = link.family == socket.AF_UNIX and link.type == socket.SOCK_SEQPACKET
            if not fits:
                link.detach()
                raise OSError(22, os.strerror(22))
        except OSError as error:
            raise Unavailable(
                f"Descriptor {fd} is not the socket of an SSH door: {error.strerror}.", "Leave --mint-fd out."
            ) from None
        link.setblocking(False)
        # The pair's own credentials are those of whoever made it. Each message's are its writer's.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        os.set_inheritable(fd, False)
        self._link = link
        self._tokens = tokens
        self._gate = gate
        self._on_door = on_door
        self._on_open = on_open
        self._door_uid: int | None = None
        self._overflow_uid = overflow_uid()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outgoing: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._to_write = asyncio.Event()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._stopping = False
        self._unsubscribe = tokens.async_listen(self._session_ended)

    async def async_run(self) -> None:
        """Serve until the other end is closed; then every session ends. Cancelled: the service stops, sessions are its affair."""
        writer = asyncio.create_task(self._write(), name="mint-write")
        try:
            while True:
                await _readable(self._link)
                await self._turns.acquire()
                try:
                    raw, uid = self._receive()
                except BlockingIOError:
                    self._turns.release()
                    continue
                if not raw and uid is None:
                    break
                if raw.startswith(CLOSED):  # not the door's own word: its account is not the door's
                    self._turns.release()
                    self._tokens.revoke_all("The SSH door is gone.")
                    self._on_open(False)
                    continue
                if uid is not None and uid != self._door_uid:
                    self._door_uid = uid
                    self._on_door(uid)
                task = asyncio.create_task(self._answer(raw, uid))
                self._tasks.add(task)
                task.add_done_callback(self._done)
        except asyncio.CancelledError:
            self._stopping = True
            raise
        except OSError as error:
            _LOGGER.error("the SSH door's socket failed: %s", error.strerror)
        finally:
            self._unsubscribe()
            writer.cancel()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(writer, *self._tasks, return_exceptions=True)
            self._link.close()
            if not self._stopping and (ended := self._tokens.revoke_all("The SSH door is gone.")):
                _LOGGER.warning("the SSH door is gone: %d sessions ended", ended)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._turns.release()

    def _receive(self) -> tuple[bytes, int | None]:
        """(message, uid of its writer or None where the kernel does not say). (b'', None): closed.

        A message that was sent before this end asked for credentials carries nobody's: the overflow uid.
        """
        room = socket.CMSG_SPACE(_UCRED.size)
        raw, ancillary, flags, _ = self._link.recvmsg(MAX_MESSAGE_BYTES, room)
        uid = None
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                uid = _UCRED.unpack(data[: _UCRED.size])[1]
                if uid in (-1, self._overflow_uid):
                    uid = None
                    raw = raw or b"empty"
        if flags & socket.MSG_TRUNC:
            raw = b"too long"  # no JSON: answered as not understood
        return raw, uid

    async def _answer(self, raw: bytes, uid: int | None) -> None:
        asked_id: int | None = None
        answer: dict[str, Any]
        try:
            asked = msgspec.json.decode(raw, type=MintMessage)
            asked_id = asked.id
            if uid is None:
                raise Unavailable("The message was sent before the service was there.", "Send it again.")
            answer = await self._do(asked, uid)
        except (msgspec.MsgspecError, RecursionError):
            answer = {"refused": "The message is not understood.", "next_step": "", "clause": ""}
        except HoldshelfError as error:
            clause = getattr(error, "clause", "")
            why = (
                "unknown" if isinstance(error, UnknownKey) else "unavailable" if isinstance(error, Unavailable) else ""
            )
            answer = {"refused": error.sentence, "next_step": error.next_step, "clause": clause, "why": why}
        except TimeoutError:
            words = "The service did not answer in time."
            answer = {"refused": words, "next_step": "Try again.", "clause": "", "why": "unavailable"}
        except Exception:
            _LOGGER.exception("a log-in failed")
            answer = {"refused": "The service failed at this.", "next_step": "Its log says more.", "clause": ""}
        self._send(answer if asked_id is None else {**answer, "id": asked_id})

    async def _do(self, asked: MintMessage, uid: int) -> dict[str, Any]:
        if asked.mint is not None:
            return await self._mint(asked.mint, uid)
        if asked.known is not None:
            return {"known": self._gate.key_is_known(asked.known)}
        if asked.failed is not None:
            await self._gate.async_failed_logins(asked.failed.sources, asked.failed.total)
            return {"noted": True}
        if asked.end is not None:
            return {"ended": self._tokens.revoke(asked.end)}
        if asked.hello is not None:
            self._tokens.revoke_all("The SSH door was started again.")
            self._on_open(True)
            return {"hello": {"version": VERSION}}
        raise NotPermitted("The message asks for nothing that there is.")

    async def _mint(self, asked: MintAsked, uid: int) -> dict[str, Any]:
        async with asyncio.timeout(MINT_TIMEOUT_S):
            login = await self._gate.async_login(asked.login, asked.fingerprint, asked.source, resumed=asked.resumed)
        token, session = self._tokens.mint(login.person, asked.fingerprint, asked.source, uid, admin=login.admin)
        return {"token": token, "session": session, "person": login.person, "name": login.name}

    def _session_ended(self, session: Session) -> None:
        self._send({"gone": session.id, "reason": session.ended})

    def _send(self, message: dict[str, Any]) -> None:
        self._outgoing.append(msgspec.json.encode(message))
        self._to_write.set()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # closed: the reader sees it, too
            while True:
                await self._to_write.wait()
                self._to_write.clear()
                while self._outgoing:
                    await loop.sock_sendall(self._link, self._outgoing.popleft())


async def _readable(link: socket.socket) -> None:
    """Wait until something can be read."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(link.fileno(), tell)
    try:
        await ready
    finally:
        loop.remove_reader(link.fileno())
