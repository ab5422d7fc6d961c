"""The SSH door's end of the socket pair on which sessions are opened (``api.mint`` is the other end).

The door says whose key it has checked, and hands the token that it is answered to the session's own process: through a pipe,
never in an argument, the environment or a file.
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

from holdshelf_core.api.errors import HoldshelfError, NotPermitted, Unavailable, UnknownKey, refused_there
from holdshelf_core.api.link_pair import make_pair
from holdshelf_core.api.types_session import Minted

__all__ = ["DoorLink", "make_pair", "token_pipe"]

MAX_MESSAGE_BYTES = 16 << 10
ANSWER_TIMEOUT_S = 40.0
_GONE = "The recording service is not there; it is being started again."


def token_pipe(token: str) -> int:
    """A descriptor from which the session's process reads its token, once. To be passed on, then closed here."""
    reading, writing = os.pipe()
    try:
        os.write(writing, token.encode())  # far less than a pipe holds
    finally:
        os.close(writing)
    return reading


class DoorLink:
    """Asks for sessions. ``on_gone(session, reason)``: the service ended one; ``async_run`` returns when it is gone itself."""

    def __init__(self, link: socket.socket, on_gone: Callable[[str, str], None]) -> None:
        link.setblocking(False)
        self._link = link
        self._on_gone = on_gone
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        # Not from 1: what was answered to a door before this one, on the same pair, is nobody's answer here.
        self._last_id = secrets.randbits(48)
        self._order = asyncio.Lock()
        self._closed = False

    async def async_run(self) -> None:
        """Read answers until the service closes its end. Every session is over then."""
        loop = asyncio.get_running_loop()
        try:
            while raw := await loop.sock_recv(self._link, MAX_MESSAGE_BYTES):
                with contextlib.suppress(msgspec.MsgspecError):
                    self._told(msgspec.json.decode(raw, type=dict[str, Any]))
        except OSError:
            pass  # gone as well
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

    async def async_hello(self) -> str:
        """Say first that the door is there: what an earlier one left ends. The service's version. Raises HoldshelfError."""
        return str((await self._ask({"hello": {}}))["hello"]["version"])

    async def async_mint(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Minted:
        """A session for a key that was checked. ``resumed``: it goes on after a restart of the service.

        Raises UnknownKey, Refused with the sentence to show, Unavailable (ask again), HoldshelfError.
        """
        asked = {"login": login, "fingerprint": fingerprint, "source": source, "resumed": resumed}
        return msgspec.convert(await self._ask({"mint": asked}), Minted)

    async def async_known(self, fingerprint: str) -> bool:
        """Whether a key is anybody's, before its signature is asked for. Raises HoldshelfError."""
        return bool((await self._ask({"known": fingerprint})).get("known", False))

    async def async_failed(self, sources: dict[str, int], total: int) -> None:
        """Have failed log-ins written into the access log: how many, by address (the most active ones). Raises HoldshelfError."""
        await self._ask({"failed": {"sources": sources, "total": total}})

    async def async_end(self, session: str) -> None:
        """A session is over. Raises HoldshelfError."""
        await self._ask({"end": session})

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._closed:
            raise Unavailable(_GONE, "Try again in a moment.")
        self._last_id += 1
        asked_id = self._last_id
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[asked_id] = waiting
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                async with self._order:
                    raw = msgspec.json.encode({**message, "id": asked_id})
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


def _refusal(answer: dict[str, Any]) -> HoldshelfError:
    sentence, step, clause = (str(answer.get(name, "")) for name in ("refused", "next_step", "clause"))
    if answer.get("why") == "unknown":
        return UnknownKey("", sentence, step)
    if answer.get("why") == "unavailable":
        return Unavailable(sentence, step)
    return refused_there(clause, sentence, step, step) if clause else NotPermitted(sentence, step)
