"""The line under the head: what waits for this person, and the step of a need that is next. F2 opens what waits.

It asks at log-in, again after something happened that may have put something on the list, and when it is opened: what is told
then is as of then. For the log's head it asks each minute, too, because a log that cannot be written is told here. The head
itself stands on the first screen, in what waits (F2) and on paper.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from textual import work
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from holdshelf_core.access_log.types import LogHead, ReadHead
from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.people.types import LoginsRow, ReadLogins
from holdshelf_tui.screens.dialogs.today import TodayDialog
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.session.today import async_shared
from holdshelf_tui.session.waiting import NOTHING, Duty, async_gather
from holdshelf_tui.text.words import counted, inert

SOON_S = 0.3
AGAIN_S = 2.0
"""After part of it could not be asked for."""
HEAD_EVERY_S = 60.0
KNOWN_AT_MOST_S = 2.0
# Tables of the register whose changes may put something on somebody's list.
TABLES = frozenset(
    (
        "holds",
        "flags",
        "entrances",
        "checks",
        "releases",
        "reports",
        "seats",
        "appointments",
        "shares",
        "board",
        "policy",
    )
)


class WelcomeLine(Static):
    """Posts `Gathered` when it knows."""

    DEFAULT_CSS = """
    WelcomeLine { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    WelcomeLine.waits { color: $text-warning; }
    """

    @dataclass
    class Gathered(Message):
        """What waits, anew; the log's head, and when it was asked for."""

        duties: list[Duty]
        head: LogHead | None
        head_utc_ns: int

    def __init__(self, who: Who, *, id: str = "welcome") -> None:
        super().__init__("", id=id)
        self.who = who
        self.duties: list[Duty] = []
        self.head: LogHead | None = None
        self.head_utc_ns = 0
        """When it was asked for."""
        self.logins: LoginsRow | None = None
        self.shared: list[str] = []
        """What is shared with who sits here, in words."""
        self._greeted = False
        self._asked = False
        self._guide = ""
        self._known = NOTHING
        self._has_asked = asyncio.Event()
        """The last asking is over, whatever came of it."""

    def on_mount(self) -> None:
        """Ask, once there is something to be seen."""
        self.call_after_refresh(self.load)
        self.set_interval(HEAD_EVERY_S, self._load_head)

    def heard(self, row: EventRow) -> None:
        """Ask anew what waits, when the event may have changed it."""
        if row.type == "house_changed" and TABLES.intersection(row.data.get("tables", ())):
            self._ask_later(SOON_S)

    def _ask_later(self, seconds: float) -> None:
        if not self._asked:
            self._asked = True
            self.set_timer(seconds, self.load)

    @property
    def _link(self) -> Link:
        return cast(SessionApp, self.app).link

    @work(exclusive=True, group="welcome")
    async def load(self) -> None:
        """Ask now. While the service is away, what is shown stays."""
        self._asked = False
        self._has_asked.clear()
        try:
            self.who = await self._link.who()  # and what the policy in force lists
            known = await async_gather(self._link, self.who, now_utc_ns=time.time_ns(), known=self._known)
            await self._async_head()
            if self.logins is None and not self.who.admin:
                self.logins = await self._link.read(ReadLogins())
            self.shared = await async_shared(self._link, self.who)
        except Unreachable:
            self._has_asked.set()
            return
        except HoldshelfError as error:
            self._has_asked.set()
            self.update(Content(inert(str(error), 200)))
            return
        self._known, self.duties = known, known.duties
        self._has_asked.set()
        if not known.complete:
            self._ask_later(AGAIN_S)
        self._show()
        self.post_message(self.Gathered(list(self.duties), self.head, self.head_utc_ns))
        if not self._greeted:
            self._greeted = True
            if self.is_first:
                self.open(first=True)

    async def _async_head(self) -> None:
        asked_utc_ns = time.time_ns()
        self.head = await self._link.read(ReadHead())
        self.head_utc_ns = asked_utc_ns

    @work(exclusive=True, group="head")
    async def _load_head(self) -> None:
        if self.head is None or self._link.away:
            return
        with suppress(HoldshelfError):
            await self._async_head()
            self._show()

    @property
    def is_first(self) -> bool:
        """Whether this person logs in through the door for the first time."""
        return self._link.has_door and self.logins is not None and self.logins.before is None and self.logins.whole_log

    def _show(self) -> None:
        number = len(self.duties)
        waits = f"{counted(number, 'thing')} {'waits' if number == 1 else 'wait'} for you" if number else ""
        log = f"! Access log: {self.head.problem}" if self.head is not None and self.head.problem else ""
        guide = f"▸ {self._guide}" if self._guide else ""
        today = f"▲ F2: {waits}" if waits else "F2 Today: nothing waiting"
        if guide:  # there is room for little beside it
            today = f"▲ F2 ({number})" if waits else ""
        parts = [log, guide, today]
        self.update(Content(inert(" · ".join(part for part in parts if part), 200)))
        self.set_class(bool(waits), "waits")

    def guide(self, words: str) -> None:
        """What is next on somebody's way; '' nobody is on one."""
        if words != self._guide:
            self._guide = words
            if self._greeted:
                self._show()

    def on_click(self) -> None:
        """It is the button of F2."""
        self.open()

    def open(self, *, first: bool = False) -> None:
        """The whole of it, in front."""
        self._open(first)

    @work(exclusive=True, group="today")
    @in_turn
    async def _open(self, first: bool) -> None:
        if not first:
            self._has_asked.clear()
            self.load()
            with suppress(TimeoutError):  # then it says what is known, and of when the head is
                async with asyncio.timeout(KNOWN_AT_MOST_S):
                    await self._has_asked.wait()
        dialog = TodayDialog(
            self.who,
            self.duties,
            self.head,
            self.logins,
            at_utc_ns=self.head_utc_ns,
            first=first,
            shared=self.shared,
        )
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            self.post_message(self.Answered(answer))

    @dataclass
    class Answered(Message):
        """Where they want to go: a duty, or ``compare``."""

        answer: Duty | str
