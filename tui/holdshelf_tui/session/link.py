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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from holdshelf_core.acts import Act, Read
from holdshelf_core.api import types
from holdshelf_core.api.client import Client, Events
from holdshelf_core.api.door_name import DEFAULT_DOOR_PORT
from holdshelf_core.api.errors import HoldshelfError, NotFound, NotPermitted, Refused, Unavailable, Unreachable
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.operations.types import Reached, ReadReached
from holdshelf_core.people.board_types import PolicyLists, ReadPolicyLists
from holdshelf_core.people.types import PersonRow, ReadMe
from holdshelf_core.policy import date_forms, governing, numbering

_LOGGER = logging.getLogger(__name__)

THREADS = 6
RETRY_S = 0.5
EARLY_S = 0.25
"""Longer than that nobody looks at an empty terminal."""
# Without a door nobody renews a session: a local account's is found in the first answer again.
RENEWAL_S = 20.0


RIGHTS = {
    "live": "look.live",
    "archive": "look.archive",
    "hold": "hold.place",
    "share": "share.make",
    "release": "release.request",
    "commission": "commission.edit",
}
"""Rights, and the act of each that a role has which has the right."""
NOT_REACHED = Reached("SERVER", DEFAULT_DOOR_PORT, "")


@dataclass(frozen=True, slots=True)
class Who:
    """Who sits at the terminal. It decides what is offered; what is allowed, the service decides each time.

    ``person`` None: the admin of this machine, who is shown no picture.
    """

    person: PersonRow | None
    reached: Reached = NOT_REACHED
    """How they reach this server over SSH, for lines that they type themselves; its login '' at the server itself."""

    @property
    def admin(self) -> bool:
        """Whether it is the admin."""
        return self.person is None

    @property
    def seat(self) -> bool:
        """Whether they hold a seat of the policy now."""
        return self.person is not None and any(r.state == "active" and not r.rights for r in self.person.roles)

    def may(self, act: str) -> bool:
        """Whether a role, a letter or a share of theirs gives that act of the policy. The admin's are not asked here."""
        return self.person is not None and act in self.person.acts

    def may_read(self, read: type[Read[Any]]) -> bool:
        """Whether it is theirs to be read, or the admin's."""
        return self.admin or self.may(read.spec.permission or "")

    @property
    def rights(self) -> frozenset[str]:
        """What their role or their letters of appointment give."""
        roles = self.person.roles if self.person is not None else []
        screen = {"screen"} if any(role.state == "active" and "screen" in role.rights for role in roles) else set()
        return frozenset({right for right, act in RIGHTS.items() if self.may(act)} | screen)

    @property
    def may_look_live(self) -> bool:
        """Whether live pictures are theirs, and so a look at once in imminent danger."""
        return "live" in self.rights

    @property
    def designee(self) -> bool:
        """Whether a letter of appointment is all they have."""
        return bool(self.rights - {"screen"}) and not self.seat

    @property
    def words(self) -> str:
        """'Dora Reed, Library Director'; of somebody with whom something is shared and nothing else, 'Zoe Li, guest'."""
        if self.person is None:
            return "Admin of this server"
        roles = [role.words for role in self.person.roles if role.state == "active"]
        return ", ".join([self.person.name, *roles]) if roles else f"{self.person.name}, guest"


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
        self.policy = PolicyLists()
        """What the policy in force lists, known with who this session is."""
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

    async def act[A](self, request: Act[A]) -> A:
        """Do what is asked for. Raises HoldshelfError."""
        return await self._ask(lambda: self._client.act(request))

    async def read[A](self, request: Read[A], *, timeout_s: float | None = None) -> A:
        """Read what is asked for. Raises HoldshelfError."""
        return await self._ask(lambda: self._client.read(request, timeout_s=timeout_s))

    async def status(self) -> types.Status:
        """Everything at one glance. Raises HoldshelfError."""
        return await self._ask(self._client.status)

    async def who(self) -> Who:
        """Who this session is. Raises HoldshelfError."""
        return await self._ask(self._ask_who)

    def ask_early(self) -> None:
        """Ask for the first things before there is a loop: the answers come while the app is made."""
        self._early = self._pool.submit(self._ask_who), self._pool.submit(self._client.status)

    def known_early(self) -> tuple[Who, types.Status] | None:
        """What was asked for early, waited for a moment; None: it has to be asked again."""
        if self._early is None:
            return None
        who, status = self._early
        asked: list[Future[Any]] = [who, status]
        if len(wait(asked, EARLY_S).done) < len(asked) or who.exception() is not None or status.exception() is not None:
            return None
        self._early = None
        return who.result(), status.result()

    async def first(self) -> tuple[Who, types.Status]:
        """Who this session is, and everything at one glance. Raises HoldshelfError."""
        early, self._early = self._early, None
        if early is None:
            return await asyncio.gather(self.who(), self.status())
        who, status = early
        return await asyncio.gather(self._heed(asyncio.wrap_future(who)), self._heed(asyncio.wrap_future(status)))

    def _ask_who(self) -> Who:
        try:
            person = self._client.read(ReadMe())
        except NotFound:
            person = None
        self.policy = self._client.read(ReadPolicyLists())
        date_forms.use(self.policy.date_form)
        numbering.use(self.policy.numbers)
        governing.use(self.policy.board)
        return Who(person, self._client.read(ReadReached()))

    async def _ask[T](self, ask: Callable[[], T]) -> T:
        if self._closed.is_set():
            raise Unavailable("This session is over.", "Log in again.")
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
                raise Unreachable("The recording service just restarted.", "Try again in a moment.") from None
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
