"""The line under the head: what waits for this person, and the access log's head. F2 opens it.

It asks at log-in, again after something happened that may have put something on the list, and for the head each minute and
when it is opened: what is written down should hold all that came before.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import work
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.types_board import LogHead
from holdshelf_core.api.types_session import EventRow, LoginsRow
from holdshelf_tui.duties import Duty, async_gather
from holdshelf_tui.link import Link, Who
from holdshelf_tui.log_head import short_head
from holdshelf_tui.screens.dialogs.today import TodayDialog
from holdshelf_tui.words import counted, inert

if TYPE_CHECKING:
    from holdshelf_tui.app import HoldshelfApp

SOON_S = 0.3
HEAD_EVERY_S = 60.0
HEAD_AT_MOST_S = 2.0
# Tables of the register whose changes may put something on somebody's list.
TABLES = frozenset(("holds", "flags", "entrances", "checks", "releases", "reports", "seats", "appointments"))


class WelcomeLine(Static):
    """Posts `Gathered` when it knows."""

    DEFAULT_CSS = """
    WelcomeLine { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    WelcomeLine.waits { color: $text-warning; }
    """

    @dataclass
    class Gathered(Message):
        """What waits, anew."""

        duties: list[Duty]

    def __init__(self, who: Who, *, id: str = "welcome") -> None:
        super().__init__("", id=id)
        self.who = who
        self.duties: list[Duty] = []
        self.head: LogHead | None = None
        self.head_utc_ns = 0
        """When it was asked for."""
        self.logins: LoginsRow | None = None
        self._greeted = False
        self._asked = False

    def on_mount(self) -> None:
        """Ask, once there is something to be seen."""
        self.call_after_refresh(self.load)
        self.set_interval(HEAD_EVERY_S, self._load_head)

    def heard(self, row: EventRow) -> None:
        """Something happened."""
        if row.type == "house_changed" and TABLES.intersection(row.data.get("tables", ())) and not self._asked:
            self._asked = True
            self.set_timer(SOON_S, self.load)

    @property
    def _link(self) -> Link:
        return cast("HoldshelfApp", self.app).link

    @work(exclusive=True, group="welcome")
    async def load(self) -> None:
        """Ask now. While the service is away, what is shown stays."""
        self._asked = False
        try:
            if not self.who.admin:
                self.who = await self._link.who()
            self.duties = await async_gather(self._link, self.who, now_utc_ns=time.time_ns())
            await self._async_head()
            if self.logins is None and not self.who.admin:
                self.logins = await self._link.get("/rules/logins", LoginsRow)
        except Unreachable:
            return
        except HoldshelfError as error:
            self.update(Content(inert(str(error), 200)))
            return
        self._show()
        self.post_message(self.Gathered(list(self.duties)))
        if not self._greeted:
            self._greeted = True
            if self.is_first:
                self.open(first=True)

    async def _async_head(self) -> None:
        asked_utc_ns = time.time_ns()
        self.head = await self._link.get("/rules/head", LogHead)
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
        head = short_head(self.head.head) if self.head is not None else None
        log = f"Log {head.short}" if head is not None else ""
        if self.head is not None and self.head.problem:
            log = f"! Access log: {self.head.problem}"
        parts = [f"▲ F2: {waits}" if waits else "F2 Today: nothing waits for you", log]
        self.update(Content(inert(" · ".join(part for part in parts if part), 200)))
        self.set_class(bool(waits), "waits")

    def open(self, *, first: bool = False) -> None:
        """The whole of it, in front."""
        self._open(first)

    @work(exclusive=True, group="today")
    async def _open(self, first: bool) -> None:
        with suppress(HoldshelfError, TimeoutError):  # then it says of when the one is that is known
            async with asyncio.timeout(HEAD_AT_MOST_S):
                await self._async_head()
            self._show()
        dialog = TodayDialog(self.who, self.duties, self.head, self.logins, at_utc_ns=self.head_utc_ns, first=first)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            self.post_message(self.Answered(answer))

    @dataclass
    class Answered(Message):
        """Where they want to go: a duty, or ``compare``."""

        answer: Duty | str
