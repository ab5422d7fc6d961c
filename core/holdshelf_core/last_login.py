"""When a person was here before: shown at each log-in, so that a stranger with their key is noticed.

Read from the access log's end backwards; whoever was last here longer ago than that reaches is told nothing, never wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdshelf_core import times
from holdshelf_core.api.types_session import LoginRow, LoginsRow
from holdshelf_core.caller import Caller
from holdshelf_core.errors import Unavailable
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

WINDOW = 500
MOST_ENTRIES = 20_000


async def async_logins(holdshelf: Holdshelf, caller: Caller, _query: Mapping[str, str]) -> LoginsRow:
    """The caller's own log-in before this one. Raises Unavailable."""
    log = holdshelf.gate.log

    def read() -> LoginsRow:
        found: list[LoginRow] = []
        last = log.size
        oldest = max(0, last - MOST_ENTRIES)
        while last > oldest and len(found) < 2:
            first = max(oldest, last - WINDOW) + 1
            window = [
                LoginRow(times.parse_rfc3339(entry.public["at"]), (entry.private or {}).get("source", ""))
                for entry in log.read(first, last)
                if _is_login(entry.public, caller.who)
            ]
            found += reversed(window)
            last = first - 1
        return LoginsRow(found[1] if len(found) > 1 else None, oldest == 0)

    try:
        return await asyncio.to_thread(read)
    except StorageError as error:
        raise Unavailable("The access log cannot be read.", str(error)) from None


def _is_login(entry: Mapping[str, Any], person: str) -> bool:
    """By themselves: not the door opening a session anew that was there before a restart."""
    return (
        entry.get("action") == "door.login"
        and entry.get("outcome") == "done"
        and entry.get("person") == person
        and not entry.get("facts", {}).get("resumed")
    )
