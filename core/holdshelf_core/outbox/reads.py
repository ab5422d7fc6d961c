"""Reads of an outbox and the printers, and the end of a fetch.

A fetch begins with the action outbox.fetch, which logs it; ``routes`` sends its chunks.
"""

from __future__ import annotations

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.errors import Refused
from holdshelf_core.outbox import types
from holdshelf_core.outbox.actions import allowed_printers
from holdshelf_core.outbox.outboxes import Outboxes
from holdshelf_core.outbox.printing import async_printers


class OutboxReads:
    """Reads of an outbox and of printers, and the end of a fetch."""

    def __init__(self, outboxes: Outboxes) -> None:
        self._outboxes = outboxes

    @handles(types.ReadOutbox)
    async def tree(self, asked: Reading[types.ReadOutbox]) -> types.OutboxTree:
        if asked.caller.person is None:
            raise Refused("P11", "The admin has no outbox.", "Print to a file or to a printer.")
        return await self._outboxes.async_tree(asked.caller)

    @handles(types.CloseFetch)
    async def close(self, asked: Reading[types.CloseFetch]) -> types.Closed:
        return types.Closed(self._outboxes.fetches.close(asked.caller, asked.request.handle))

    @handles(types.ReadPrinters)
    async def printers(self, asked: Reading[types.ReadPrinters]) -> types.Printers:
        return await async_printers(allowed_printers(asked.state))
