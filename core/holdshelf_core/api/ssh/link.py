"""The SSH door's end of the socket pair on which sessions are opened (``api.ssh.mint`` is the other end).

The door forwards what a client signed, and passes the token that it gets to the session's process: through a pipe, never in an
argument, the environment or a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Callable
from typing import Any

import msgspec

from holdshelf_core.api.errors import BadRequest, HoldshelfError, NotPermitted, Unavailable, UnknownKey, refused_there
from holdshelf_core.api.link_pair import make_pair
from holdshelf_core.api.session_types import DoorConfined, Minted
from holdshelf_storage.decoding import decode_json

__all__ = ["DoorLink", "make_pair", "token_pipe"]

MAX_MESSAGE_BYTES = 16 << 10
ANSWER_TIMEOUT_S = 40.0
_GONE = "The recording service is down; it is being restarted."


def token_pipe(token: str) -> int:
    """Return a descriptor from which the session's process reads its token once. Pass it on, then close it here."""
    reading, writing = os.pipe()
    try:
        os.write(writing, token.encode())  # far less than a pipe holds
    finally:
        os.close(writing)
    return reading


class DoorLink:
    """Requests sessions. ``on_gone(session, reason)``: the service ended one. ``async_run`` returns when the service is gone."""

    def __init__(self, link: socket.socket, on_gone: Callable[[str, str], None]) -> None:
        link.setblocking(False)
        self._link = link
        self._on_gone = on_gone
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        # Not from 1: an answer meant for an earlier door on the same pair must not match here.
        self._last_id = secrets.randbits(48)
        self._order = asyncio.Lock()
        self._closed = False

    async def async_run(self) -> None:
        """Read answers until the service closes its end. All sessions are over then."""
        loop = asyncio.get_running_loop()
        try:
            while raw := await loop.sock_recv(self._link, MAX_MESSAGE_BYTES):
                with contextlib.suppress(msgspec.MsgspecError):
                    self._told(decode_json(raw, dict[str, Any]))
        except OSError:
            pass  # gone too
        finally:
            self._closed = True
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(Unavailable(_GONE, "Try again in a moment."))

    def _told(self, answer: dict[str, Any]) -> None:
        if "gone" in answer:
            self._on_gone(str(answer["gone"]), str(answer.get("reason", "")))
            return
        waiting = self._asked.get(answer.get("id", -1))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def async_hello(self, confined: DoorConfined | None = None) -> bytes:
        """Announce the door and its confinement first; this ends what an earlier door left.

        Returns the public host key, in wire form. Raises HoldshelfError.
        """
        said = {} if confined is None else {"confined": confined}
        return _bytes((await self._ask({"hello": said}))["hello"]["host_key"])

    async def async_cookie(self) -> bytes:
        """Return a cookie that marks a connection's first key exchange as new. Raises HoldshelfError."""
        return _bytes((await self._ask({"cookie": {}}))["cookie"])

    async def async_sign(self, hash_name: str, exchange: bytes, *, rekey: bool) -> bytes:
        """Return the host key's signature over a key exchange, in wire form. Raises HoldshelfError."""
        asked = {"hash": hash_name, "exchange": exchange, "rekey": rekey}
        return _bytes((await self._ask({"sign": asked}))["signature"])

    async def async_mint(self, session: bytes, request: bytes, signature: bytes, source: str) -> Minted:
        """Open a session for what a client signed: the SSH session's id, the request up to its signature, the signature.

        Raises UnknownKey, Refused with the sentence to show, Unavailable (retry later), HoldshelfError.
        """
        asked = {"session": session, "request": request, "signature": signature, "source": source}
        return msgspec.convert(await self._ask({"mint": asked}), Minted)

    async def async_resume(self, ticket: str) -> Minted:
        """Resume a session after a restart of the service. Raises as ``async_mint`` does."""
        return msgspec.convert(await self._ask({"resume": ticket}), Minted)

    async def async_failed(self, sources: dict[str, int], total: int) -> None:
        """Have failed logins written to the access log: count by address (the most active ones). Raises HoldshelfError."""
        await self._ask({"failed": {"sources": sources, "total": total}})

    async def async_stuck(self, stuck: bool) -> None:
        """Say whether the processes from which sessions come end again and again. Raises HoldshelfError."""
        await self._ask({"stuck": stuck})

    async def async_end(self, session: str) -> None:
        """Report that a session ended. Raises HoldshelfError."""
        await self._ask({"end": session})

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._closed:
            raise Unavailable(_GONE, "Try again in a moment.")
        self._last_id += 1
        asked_id = self._last_id
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[asked_id] = waiting
        try:
            raw = msgspec.json.encode({**message, "id": asked_id})
            if len(raw) > MAX_MESSAGE_BYTES:
                raise BadRequest("This request is too long for the recording service.")
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                async with self._order:
                    await asyncio.get_running_loop().sock_sendall(self._link, raw)
                answer = await waiting
        except TimeoutError:
            raise Unavailable("The recording service does not answer.", "Try again in a moment.") from None
        except OSError:
            raise Unavailable(_GONE, "Try again in a moment.") from None
        finally:
            del self._asked[asked_id]
        if "refused" in answer:
            raise _refusal(answer)
        return answer


def _bytes(text: object) -> bytes:
    return msgspec.convert(text, bytes)


def _refusal(answer: dict[str, Any]) -> HoldshelfError:
    sentence, step, clause = (str(answer.get(name, "")) for name in ("refused", "next_step", "clause"))
    if answer.get("why") == "unknown":
        return UnknownKey("", sentence, step)
    if answer.get("why") == "unavailable":
        return Unavailable(sentence, step)
    return refused_there(clause, sentence, step, step) if clause else NotPermitted(sentence, step)
