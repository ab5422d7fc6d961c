"""What F2 shows, asked once and at a stretch, for a command."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from holdshelf_core.access_log.types import LogHead, ReadHead
from holdshelf_core.api.client import Client
from holdshelf_core.people.types import LoginsRow, ReadLogins, ReadShared
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.session.waiting import Duty, async_gather
from holdshelf_tui.text.holds import camera_names
from holdshelf_tui.text.people import shared_lines


@dataclass(frozen=True, slots=True)
class Today:
    """Who asks, what waits for them, the access log's head, when they were here before (None: the admin), and what is shared
    with a guest."""

    who: Who
    duties: list[Duty]
    head: LogHead
    logins: LoginsRow | None
    shared: list[str]


def ask_today(service: Client) -> Today:
    """Ask for all of it. Raises HoldshelfError."""
    return asyncio.run(_async_ask(service))


async def async_shared(link: Link, who: Who) -> list[str]:
    """What is shared with a guest, a line each; nobody else is told. Raises HoldshelfError."""
    if who.admin or who.rights:
        return []
    names = camera_names((await link.status()).cameras)
    return shared_lines(await link.read(ReadShared()), names)


async def _async_ask(service: Client) -> Today:
    link = Link(service)
    try:
        who = await link.who()
        waiting = await async_gather(link, who, now_utc_ns=time.time_ns())
        logins = None if who.admin else await link.read(ReadLogins())
        return Today(who, waiting.duties, await link.read(ReadHead()), logins, await async_shared(link, who))
    finally:
        link.close()
