"""A person's previous login: shown at each login, so that use of their key by someone else is noticed.

Found by reading the access log backwards, up to a limit; beyond it nothing is shown, rather than something wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from holdshelf_core import times
from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.errors import Unavailable
from holdshelf_core.people.types import LoginRow, LoginsRow, ReadLogins
from holdshelf_storage.errors import StorageError

WINDOW = 500
MOST_ENTRIES = 20_000


@handles(ReadLogins)
async def async_logins(asked: Reading[ReadLogins]) -> LoginsRow:
    """Return the caller's login before this one. Raises Unavailable."""
    log, caller = asked.authorizer.log, asked.caller

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
    """Return whether an entry is a real login, not a session resumed after a restart."""
    return (
        entry.get("action") == "door.login"
        and entry.get("outcome") == "done"
        and entry.get("person") == person
        and not entry.get("facts", {}).get("resumed")
    )
