"""The terminal's word with the service: asked off the loop, heard as it happens, and outlived when it restarts.

A screen awaits `Link.act` or `Link.get` and meets HoldshelfError only. While no service answers, the link is *away*: it
tries again by itself and says when it is *back*; nothing that a screen shows is thrown away for that.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec

from holdshelf_core.api import types
from holdshelf_core.api.client import Client, Events
from holdshelf_core.api.errors import HoldshelfError, NotFound, NotPermitted, Refused, Unreachable
from holdshelf_core.api.types_people import PersonRow
from holdshelf_core.api.types_session import EventRow

_LOGGER = logging.getLogger(__name__)

THREADS = 6
RETRY_S = 0.5
# Without a door nobody renews a session: a local account's is found in the first answer again.
RENEWAL_S = 20.0


@dataclass(frozen=True, slots=True)
class Who:
    """Who sits at the terminal. It decides what is offered; what is allowed, the service decides each time.

    ``person`` None: the admin of this machine, who is shown no picture.
    """

    person: PersonRow | None

    @property
    def admin(self) -> bool:
        """Whether it is the admin."""
        return self.person is None

    @property
    def seat(self) -> bool:
        """Whether they hold a seat of the policy now."""
        return self.person is not None and any(r.state == "active" and not r.rights for r in self.person.roles)

    @property
    def rights(self) -> frozenset[str]:
        """What letters of appointment give; all of it to a seat."""
        if self.seat:
            return frozenset(("live", "archive", "hold", "share", "release", "commission"))
        roles = self.person.roles if self.person is not None else []
        return frozenset(right for role in roles if role.state == "active" for right in role.rights)

    @property
    def designee(self) -> bool:
        """Whether a letter of appointment is all they have."""
        return bool(self.rights) and not self.seat

    @property
    def words(self) -> str:
        """'Dora Reed, Library Director'."""
        if self.person is None:
            return "Admin of this machine"
        roles = [role.words for role in self.person.roles if role.state == "active"]
        return ", ".join([self.person.name, *roles]) if roles else f"{self.person.name}, shared with"


class Link:
    """One terminal's link. Its methods are awaited on the app's loop; callbacks are called on that loop.

    ``has_door``: an SSH door stands behind it and renews its session when the service was restarted.

    ``on_away(sentence)``, ``on_back()``: the service went and came. ``on_event(row)``: what happens. ``on_end(reason)``: the
    right behind this session has ended; nothing more is answered.
    """

    def __init__(self, client: Client, *, has_door: bool = False) -> None:
        self._client = client
        self._has_door = has_door
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="link")
        self._loop: asyncio.AbstractEventLoop | None = None
        # Of the app: what is called from the listening thread must find itself in it, or its timers fail.
        self._context: contextvars.Context | None = None
        self._events: Events | None = None
        self._closed = threading.Event()
        self._renewed = threading.Event()
        self._last_words = ""
        self._early: tuple[Future[Who], Future[types.Status]] | None = None
        self.away = ""
        """Why nothing is answered now, '' while the service is there."""
        self.on_away: Callable[[str], None] = lambda _sentence: None
        self.on_back: Callable[[], None] = lambda: None
        self.on_event: Callable[[EventRow], None] = lambda _row: None
        self.on_end: Callable[[str], None] = lambda _reason: None

    @property
    def has_door(self) -> bool:
        """Whether an SSH door stands behind it."""
        return self._has_door

    # --- asking -----------------------------------------------------------------------------------------------

    async def act[T](self, name: str, body: msgspec.Struct | None, answer: type[T], *, timeout_s: float = 60.0) -> T:
        """Does an action. Raises HoldshelfError."""
        return await self._ask(lambda: self._client.act(name, body, answer, timeout_s=timeout_s))

    async def get[T](self, path: str, answer: type[T], **query: Any) -> T:
        """Reads a view. Raises HoldshelfError."""
        return await self._ask(lambda: self._client.get(path, answer, **query))

    async def post[T](self, path: str, body: msgspec.Struct | None, answer: type[T], *, timeout_s: float = 60.0) -> T:
        """POST. Raises HoldshelfError."""
        return await self._ask(lambda: self._client.post(path, body, answer, timeout_s=timeout_s))

    async def status(self) -> types.Status:
        """Everything at one glance. Raises HoldshelfError."""
        return await self._ask(self._client.status)

    async def who(self) -> Who:
        """Who this session is. Raises HoldshelfError."""
        return await self._ask(self._ask_who)

    def ask_early(self) -> None:
        """Ask for the first things before there is a loop: the answers come while the app is made."""
        self._early = self._pool.submit(self._ask_who), self._pool.submit(self._client.status)

    @property
    def knows_early(self) -> bool:
        """Whether the first things are here already."""
        return self._early is not None and all(one.done() and one.exception() is None for one in self._early)

    async def first(self) -> tuple[Who, types.Status]:
        """Who this session is, and everything at one glance. Raises HoldshelfError."""
        early, self._early = self._early, None
        if early is None:
            return await asyncio.gather(self.who(), self.status())
        who, status = early
        return await asyncio.gather(self._heed(asyncio.wrap_future(who)), self._heed(asyncio.wrap_future(status)))

    def _ask_who(self) -> Who:
        try:
            return Who(self._client.get("/rules/me", PersonRow))
        except NotFound:
            return Who(None)

    async def _ask[T](self, ask: Callable[[], T]) -> T:
        return await self._heed(asyncio.get_running_loop().run_in_executor(self._pool, ask))

    async def _heed[T](self, asked: asyncio.Future[T]) -> T:
        try:
            answer = await asked
        except Unreachable as error:
            self._went(str(error))
            raise
        except NotPermitted as error:
            # After a restart no session is known there until the door has opened it anew.
            if self.away and not isinstance(error, Refused):
                raise Unreachable("The recording service is just back.", "One moment.") from None
            raise
        self._came()
        return answer

    # --- hearing ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to listen. To be called on the loop."""
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        threading.Thread(target=self._listen, name="link-events", daemon=True).start()

    def renew(self, token: str) -> None:
        """The door's word, from any thread: the session goes on with this token."""
        self._client.renew(token)
        self._renewed.set()

    def close(self) -> None:
        """Ends it; does not wait for answers that nobody awaits any more."""
        self._closed.set()
        self._renewed.set()
        if self._events is not None:
            self._events.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear()
            except Unreachable as error:
                self._call(self._went, str(error))
                self._closed.wait(RETRY_S)
            except Refused as error:
                self._call(self.on_end, str(error))
                return
            except NotPermitted as error:
                # The session is not known: the service was restarted. The door renews it or ends this process.
                if not self._has_door or not self._renewed.wait(RENEWAL_S):
                    self._call(self.on_end, self._last_words or str(error))
                    return
            except HoldshelfError as error:
                _LOGGER.warning("events: %s", error)
                self._closed.wait(RETRY_S)

    def _hear(self) -> None:
        self._renewed.clear()  # before the token is used: one that comes from here on is another
        with self._client.events() as events:
            self._events = events
            self._call(self._came)
            for row in events:
                if row.type == "hello":
                    continue
                if row.type in ("end", "lagged"):
                    self._last_words = str(row.data.get("reason", "")) if row.type == "end" else ""
                    break
                self._call(self.on_event, row)
        if self._closed.is_set():
            return
        # Whether the right has ended or the service stops, the next question tells.
        self._closed.wait(RETRY_S / 2)

    def _call(self, call: Callable[..., None], *args: Any) -> None:
        if self._loop is not None and not self._closed.is_set():
            try:
                self._loop.call_soon_threadsafe(call, *args, context=self._context)
            except RuntimeError:  # the loop has ended meanwhile
                self._closed.set()

    def _went(self, sentence: str) -> None:
        if not self.away:
            self.away = sentence
            self.on_away(sentence)

    def _came(self) -> None:
        if self.away:
            self.away = ""
            self.on_back()
