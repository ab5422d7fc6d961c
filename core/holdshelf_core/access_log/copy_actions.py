"""Actions that export the access log: streamed to the caller (``routes``), or into the caller's outbox.

The entry, which names the exported range, is on disk before the first byte is sent. A copy is never held in memory as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from holdshelf_core.access_log import types
from holdshelf_core.access_log.actions import within
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import handles
from holdshelf_core.errors import BadRequest, Conflict, NotFound, Unavailable
from holdshelf_core.outbox import names
from holdshelf_core.outbox.contents import AboutLog
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.state import State
from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox import outbox as disk

SEARCHES_AT_ONCE = 2
"""Recording comes first for threads."""


def _facts(call: Call[types.LogExport] | Call[types.OutboxLog], first: int, last: int | None) -> dict[str, Any]:
    return {"public": call.request.public, "first": first, "last": last if last is not None else "newest"}


def _private(q: types.LogExport | types.OutboxLog, _s: State) -> Scope:
    return Scope(private=not q.public)


class LogCopyActs:
    """Actions that export the access log."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes
        self._turns, self._copies = asyncio.Semaphore(SEARCHES_AT_ONCE), asyncio.Semaphore(1)

    async def _stretch(self, call: Call[types.LogExport] | Call[types.OutboxLog]) -> tuple[int, int | None]:
        """Return first and last entry; None: the newest at that time. Raises BadRequest, NotFound, Unavailable."""
        asked, log = call.request, call.authorizer.log
        size = log.size
        last = size if asked.last is None else asked.last
        if not 1 <= asked.first <= last <= size:
            raise BadRequest(
                f"The access log does not have those entries: it has {size} in all.",
                "Use a different --first or --last.",
            )
        if asked.since_utc_ns is None and asked.until_utc_ns is None:
            return asked.first, asked.last
        go_on = call.frame.go_on

        def is_wanted(since_utc_ns: int | None, until_utc_ns: int | None) -> Callable[[Mapping[str, Any]], bool]:
            def wanted(entry: Mapping[str, Any]) -> bool:
                go_on()
                return within(entry, since_utc_ns, until_utc_ns)

            return wanted

        def search() -> tuple[int, int] | None:
            # A clock that was wrong for an hour left entries out of order: the range is long enough to include all of them.
            begins = next(log.read(asked.first, last, is_wanted(asked.since_utc_ns, None)), None)
            if begins is None:
                return None
            ends = next(log.read_back(begins.seq, last, is_wanted(None, asked.until_utc_ns)), None)
            return None if ends is None else (begins.seq, ends.seq)

        async with self._turns:
            try:
                found = await asyncio.to_thread(search)
            except StorageError as error:
                raise Unavailable("The access log cannot be read.", str(error)) from None
        if found is None:
            raise NotFound("The access log has no entries for that time.", "Use a different --from or --to.")
        return found

    @handles(types.LogExport, scope=_private)
    async def export(self, call: Call[types.LogExport]) -> types.LogExported:
        first, last = await self._stretch(call)
        seq = await call.record(facts=_facts(call, first, last))
        size = call.authorizer.log.size
        return types.LogExported(seq, first, size if last is None else last, size)

    @handles(types.OutboxLog, scope=_private)
    async def to_outbox(self, call: Call[types.OutboxLog]) -> types.LogExported:
        person = call.caller.person
        if person is None:
            call.refuse("P11", "The admin has no outbox.", "`holdshelf log export --public FILE` writes a file.")
        if self._copies.locked():
            raise Conflict("Another copy of the access log is already being made.", "Try again in a moment.")
        async with self._copies:
            first, last = await self._stretch(call)
            log, public, go_on = call.authorizer.log, call.request.public, call.frame.go_on
            size = log.size
            last = size if last is None else last

            def fill(write: Callable[[bytes], object]) -> None:
                for block in log.export_blocks(public=public, first=first, last=last, go_on=go_on):
                    write(block)

            async def record(sha256: str, name: str, count: int) -> int:
                facts = {**_facts(call, first, last), "size": count, "sha256": sha256}
                return await call.record(facts=facts, private={"file": f"/{disk.PRINTS}/{name}"})

            about = msgspec.json.encode(AboutLog(not public, first, last))
            stem = "Access log, public form" if public else "Access log, with names"
            seq, where = await self._outboxes.async_put_filled(
                person, disk.PRINTS, names.stem_of(stem, "Access log"), names.LOG, fill, record, about
            )
        return types.LogExported(seq, first, last, size, where)
