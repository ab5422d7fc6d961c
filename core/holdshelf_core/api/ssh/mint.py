"""The socket pair over which the SSH door opens sessions: whoever inherited its other end is the door.

Messages are JSON, one per packet (SOCK_SEQPACKET); bytes are base64. The door forwards what a client signed. This module checks
that the signature matches the key, that it was made for an SSH session which began in this run and has had no login yet, whose
key it is, and whether they may log in. The session is bound to the account that the kernel reports as the sender of the message.
A message's ``id``, if any, is returned with its answer::

    {"hello": {"confined"}}                                  → {"hello": {"version", "host_key"}}
    {"cookie": {}}                                           → {"cookie"}
    {"sign": {"hash", "exchange", "rekey"}}                  → {"signature"}
    {"mint": {"session", "request", "signature", "source"}}  → {"token", "session", "person", "name", "ticket"}
    {"resume": ticket}                                       → the same, with another ticket
                                                             or {"refused": sentence, "next_step", "clause", "why"}
    {"end": session}                                         → {"ended": true | false}
    {"failed": {"sources": {address: count}, "total"}}       → {"noted": true}
    {"stuck": true | false}  (whether it cannot begin any)   → {"noted": true}
    (unasked, when a session ends on this side)              ← {"gone": session, "reason": sentence}
    {"closed": exit code}  (from the door's parent process)    (no answer: nobody would receive it)

A refusal's ``why``: `unknown` (the key's owner was not proven), `unavailable` (retry later), else ''. When the other end is
closed, or a new door says hello on it, all sessions end, as nobody would report their end any more. When this service stops, the
socket just closes: the door asks the next service to resume the sessions then open (``session_slots``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from holdshelf_core.api.identity import overflow_uid
from holdshelf_core.api.ports import Login, Logins
from holdshelf_core.api.session_types import DoorConfined
from holdshelf_core.api.ssh import user_signature
from holdshelf_core.api.ssh.host_signer import HostSigner
from holdshelf_core.api.ssh.session_slots import RESUME_WITHIN_S, SessionSlots
from holdshelf_core.api.tokens import Session, Tokens
from holdshelf_core.errors import HoldshelfError, NotPermitted, Refused, Unavailable, UnknownKey
from holdshelf_core.version import VERSION
from holdshelf_storage.decoding import decode_json

_LOGGER = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 16 << 10
# More than a door has connections, so that logins that wait for a slow disk do not block key exchanges.
MAX_AT_ONCE, MAX_LOGINS_AT_ONCE = 160, 16
# A login waits for the account database, the log and the disk.
MINT_TIMEOUT_S = 30.0
MAX_WAITING = 1024
FAILED_EVERY_S = 30.0
CLOSED = b'{"closed":'
MAX_SOURCE_CHARS = 64
"""More than an IPv6 address with its interface has."""
_UCRED = struct.Struct("3i")


class MintAsked(msgspec.Struct, frozen=True):
    """A login as the client sent it: id of the SSH session, the request up to its signature, the signature.

    ``source``: the client's network address, as the door claims. It decides nothing, and goes into the entry of all that is
    done in the session.
    """

    session: bytes
    request: bytes
    signature: bytes
    source: str


class SignAsked(msgspec.Struct, frozen=True):
    """A key exchange to sign with the host key. ``rekey``: not a connection's first."""

    hash: str
    exchange: bytes
    rekey: bool = False


class FailedLogins(msgspec.Struct, frozen=True):
    """Failed logins: the most active addresses, and the total."""

    sources: dict[str, int]
    total: int


class Hello(msgspec.Struct, frozen=True):
    """A door announces itself and its confinement; None: not stated."""

    confined: DoorConfined | None = None


class MintMessage(msgspec.Struct, frozen=True):
    """A message from the door: exactly one field is set."""

    id: int | None = None
    hello: Hello | None = None
    cookie: dict[str, Any] | None = None
    sign: SignAsked | None = None
    mint: MintAsked | None = None
    resume: str | None = None
    end: str | None = None
    failed: FailedLogins | None = None
    stuck: bool | None = None
    """Whether the processes from which its sessions come end again and again."""


class MintSocket:
    """Serves the inherited end. ``on_door`` gets the door's uid, with the first message of each new account.

    ``on_open`` gets True when a door says hello, which it does once it listens, and False when it has ended. ``confined``: the
    confinement that it reports. ``sessions_fail``: it says that it cannot begin any.
    """

    confined: DoorConfined | None = None
    sessions_fail = False

    def __init__(
        self,
        fd: int,
        tokens: Tokens,
        logins: Logins,
        signer: HostSigner,
        slots: SessionSlots,
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
        # The pair's own credentials are its creator's; each message's are its sender's.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        os.set_inheritable(fd, False)
        self._link = link
        self._tokens = tokens
        self._logins = logins
        self._signer = signer
        self._slots = slots
        self._on_door = on_door
        self._on_open = on_open
        self._door_uid: int | None = None
        self._overflow_uid = overflow_uid()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outgoing: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._to_write = asyncio.Event()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._login_turns = asyncio.Semaphore(MAX_LOGINS_AT_ONCE)
        self._failed_s = -FAILED_EVERY_S
        self._stopping = False
        self._unsubscribe = tokens.async_listen(self._session_ended)

    async def async_run(self) -> None:
        """Serve until the other end is closed, then end every session. When canceled, sessions are left to be resumed."""
        writer = asyncio.create_task(self._write(), name="mint-write")
        try:
            while True:
                await _readable(self._link)
                await self._turns.acquire()
                try:
                    raw, pid, uid = self._receive()
                except BlockingIOError:
                    self._turns.release()
                    continue
                if not raw and uid is None:
                    break
                if raw.startswith(CLOSED):  # not from the door itself: its account is not the door's
                    self._turns.release()
                    self._tokens.revoke_all("The SSH door closed.")
                    self._slots.clear()
                    self.sessions_fail = False
                    self._on_open(False)
                    continue
                if uid is not None and uid != self._door_uid:
                    self._door_uid = uid
                    self._on_door(uid)
                task = asyncio.create_task(self._answer(raw, pid, uid))
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
            if not self._stopping:
                self._slots.clear()
                if ended := self._tokens.revoke_all("The SSH door closed."):
                    _LOGGER.warning("the SSH door is gone: %d sessions ended", ended)
            self._slots.close()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._turns.release()

    def _receive(self) -> tuple[bytes, int, int | None]:
        """Return (message, pid and uid of its sender, None where the kernel does not say). (b'', …, None): closed.

        A message sent before this end asked for credentials has none: it carries the overflow uid.
        """
        room = socket.CMSG_SPACE(_UCRED.size)
        raw, ancillary, flags, _ = self._link.recvmsg(MAX_MESSAGE_BYTES, room)
        pid, uid = 0, None
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid, uid, _gid = _UCRED.unpack(data[: _UCRED.size])
                if uid in (-1, self._overflow_uid):
                    uid = None
                    raw = raw or b"empty"
        if flags & socket.MSG_TRUNC:
            raw = b"too long"  # not JSON: answered as not understood
        return raw, pid, uid

    async def _answer(self, raw: bytes, pid: int, uid: int | None) -> None:
        asked_id: int | None = None
        answer: dict[str, Any]
        try:
            asked = decode_json(raw, MintMessage)
            asked_id = asked.id
            if uid is None:
                raise Unavailable("The message was sent before the service was running.", "Send it again.")
            answer = await self._do(asked, (pid, uid))
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

    async def _do(self, asked: MintMessage, door: tuple[int, int]) -> dict[str, Any]:
        if asked.cookie is not None:
            return {"cookie": self._signer.cookie()}
        if asked.sign is not None:
            sign = asked.sign
            return {"signature": self._signer.sign(sign.hash, sign.exchange, rekey=sign.rekey)}
        if asked.mint is not None:
            return await self._mint(asked.mint, door)
        if asked.resume is not None:
            return await self._resume(asked.resume, door)
        if asked.failed is not None:
            await self._failed(asked.failed)
            return {"noted": True}
        if asked.stuck is not None:
            self.sessions_fail = asked.stuck
            return {"noted": True}
        if asked.end is not None:
            return {"ended": self._tokens.revoke(asked.end)}
        if asked.hello is not None:
            return {"hello": await self._hello(asked.hello, door)}
        raise NotPermitted("The message asks for something that does not exist.")

    async def _hello(self, said: Hello, door: tuple[int, int]) -> dict[str, Any]:
        host_key = await asyncio.to_thread(self._signer.load)
        if said.confined is not None:
            self.confined = msgspec.structs.replace(said.confined, own_account=door[1] == os.getuid())
        self._tokens.revoke_all("The SSH door was started again.")
        self._slots.door_is(door)
        asyncio.get_running_loop().call_later(RESUME_WITHIN_S + 1, self._slots.drop_late)
        self._on_open(True)
        return {"version": VERSION, "host_key": host_key}

    async def _failed(self, told: FailedLogins) -> None:
        """Log failed logins. A proper door reports once a minute at most; more are not logged, so that none can fill the log."""
        now_s = time.monotonic()
        if now_s - self._failed_s < FAILED_EVERY_S:
            raise Unavailable("Failed log-ins were recorded moments ago.", "Report more in a minute.")
        self._failed_s = now_s
        await self._logins.async_failed_logins(told.sources, told.total)

    async def _mint(self, asked: MintAsked, door: tuple[int, int]) -> dict[str, Any]:
        if len(asked.source) > MAX_SOURCE_CHARS:
            raise NotPermitted("The client's address is longer than an address can be.")
        proof = user_signature.verify(asked.session, asked.request, asked.signature)
        # Taken before the first await: of two logins with the same proof, only one succeeds.
        if not self._signer.take(asked.session):
            raise UnknownKey("", "This connection did not begin here, or was logged in to already.", "Connect again.")
        came = False
        try:
            async with asyncio.timeout(MINT_TIMEOUT_S), self._login_turns:
                login = await self._logins.async_login(proof.login, proof.fingerprint, asked.source)
            came = True
        except UnknownKey:
            raise
        except Refused:
            came = True
            raise
        finally:
            if not came:
                self._signer.put_back(asked.session)
        return self._opened(login, proof.login, proof.fingerprint, asked.source, door)

    async def _resume(self, ticket: str, door: tuple[int, int]) -> dict[str, Any]:
        """Resume a session that was open when the previous service ended. Rights are checked again."""
        kept = self._slots.take(ticket, door)
        if kept is None:
            raise NotPermitted("This session is over.", "Log in again.")
        try:
            async with asyncio.timeout(MINT_TIMEOUT_S), self._login_turns:
                login = await self._logins.async_login(kept.login, kept.fingerprint, kept.source, resumed=True)
        except (Unavailable, TimeoutError):
            self._slots.put_back(kept)
            raise
        if login.person != kept.person:
            # The name now belongs to another person, who did not sign here.
            raise NotPermitted("This log-in is no longer yours.", "Log in again.")
        return self._opened(login, kept.login, kept.fingerprint, kept.source, door)

    def _opened(self, login: Login, name: str, fingerprint: str, source: str, door: tuple[int, int]) -> dict[str, Any]:
        token, session = self._tokens.mint(login.person, fingerprint, source, door[1], admin=login.admin)
        ticket = self._slots.keep(session, login.person, name, fingerprint, source, door)
        return {"token": token, "session": session, "person": login.person, "name": login.name, "ticket": ticket}

    def _session_ended(self, session: Session) -> None:
        self._slots.ended(session.id)
        self._send({"gone": session.id, "reason": session.ended})

    def _send(self, message: dict[str, Any]) -> None:
        self._outgoing.append(msgspec.json.encode(message))
        self._to_write.set()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # closed: the reader notices it too
            while True:
                await self._to_write.wait()
                self._to_write.clear()
                while self._outgoing:
                    await loop.sock_sendall(self._link, self._outgoing.popleft())


async def _readable(link: socket.socket) -> None:
    """Wait until the socket is readable."""
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
