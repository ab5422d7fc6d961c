"""What F2 shows, asked once and at a stretch, for a command."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from holdshelf_core.access_log.types import LogHead, ReadHead
from holdshelf_core.api.client import Client
from holdshelf_core.people.types import LoginsRow, ReadLogins
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.session.waiting import Duty, async_gather


@dataclass(frozen=True, slots=True)
class Today:
    """Who asks, what waits for them, the access log's head, and when they were here before (None: the admin)."""

    who: Who
    duties: list[Duty]
    head: LogHead
    logins: LoginsRow | None


def ask_today(service: Client) -> Today:
    """Ask for all of it. Raises HoldshelfError."""
    return asyncio.run(_async_ask(service))


async def _async_ask(service: Client) -> Today:
    link = Link(service)
    try:
        who = await link.who()
        waiting = await async_gather(link, who, now_utc_ns=time.time_ns())
        logins = None if who.admin else await link.read(ReadLogins())
        return Today(who, waiting.duties, await link.read(ReadHead()), logins)
    finally:
        link.close()
