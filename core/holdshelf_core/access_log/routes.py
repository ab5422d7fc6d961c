"""POST /log/export: streams a copy of the access log.

It starts with the action log.export, which logs it. The right to continue is checked before each chunk.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from holdshelf_core.access_log.types import LogExport
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.api.exchange import body, caller_of
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.policy.case import Scope
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

COPIES_AT_ONCE = 4
"""Each uses a thread part of the time; none while a slow reader reads."""


class LogRoutes:
    """The access log's one answer that is too large for memory."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._copies = asyncio.Semaphore(COPIES_AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [web.post("/log/export", self._export)]

    async def _export(self, request: web.Request) -> web.StreamResponse:
        caller, asked, gate = caller_of(request), body(request, LogExport), self._authorizer
        if self._copies.locked():
            raise Conflict(
                f"{COPIES_AT_ONCE} copies of the access log are already being made.", "Try again in a moment."
            )
        async with self._copies:
            done = await gate.async_do(asked, caller)
            go_on = gate.frame.go_on
            blocks = gate.log.export_blocks(public=asked.public, first=done.first, last=done.last, go_on=go_on)
            try:
                # The first chunk may take long; its failure is answered like any other.
                block = await asyncio.to_thread(next, blocks, None)
            except (StorageError, ValueError) as error:  # a new log was begun meanwhile
                raise Unavailable("The access log cannot be copied.", str(error)) from None
            response = web.StreamResponse(headers={"Cache-Control": "no-store"})
            response.content_type = "application/jsonl"
            await response.prepare(request)
            try:
                while block is not None:
                    decision = gate.decide(caller, "log.export", Scope(private=not asked.public))
                    if not decision.allowed:
                        raise Unavailable(decision.sentence)
                    await response.write(block)
                    block = await asyncio.to_thread(next, blocks, None)
                await response.write_eof()
            except (HoldshelfError, StorageError, ConnectionError) as error:
                # The stream breaks off without a proper end, so its reader knows that it is incomplete.
                _LOGGER.warning("a copy of the access log was broken off: %s", error)
                if request.transport is not None:
                    request.transport.abort()
            return response
