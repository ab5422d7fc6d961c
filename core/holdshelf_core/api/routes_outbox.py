"""GET /outbox, GET /outbox/read, POST /outbox/close, GET /printers: what lies ready, and the bytes of what is being
fetched.

A fetch begins with the act outbox.fetch, which writes it down. Here its pieces are given out: each one is asked about
anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from holdshelf_core.acts.outbox import allowed_printers
from holdshelf_core.api.exchange import answer, body, caller_of
from holdshelf_core.api.types_outbox import Closed, HandleAsk
from holdshelf_core.caller import Caller
from holdshelf_core.errors import BadRequest, Refused
from holdshelf_core.outbox.printing import async_printers

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf


class OutboxRoutes:
    """outbox, printers."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf

    def routes(self) -> list[web.RouteDef]:
        """To be mounted."""
        return [
            web.get("/outbox", self._tree),
            web.get("/outbox/read", self._read),
            web.post("/outbox/close", self._close),
            web.get("/printers", self._printers),
        ]

    def _check(self, view: str, caller: Caller) -> None:
        if caller.person is None and view == "outbox":
            raise Refused("P11", "The admin has no outbox.", "Print to a file or to a printer.")
        if not self._holdshelf.gate.view_allowed(view, caller):
            raise Refused("P11", "This is not among what you may see.", "Ask the Library Director, or the admin.")

    async def _tree(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        self._check("outbox", caller)
        return answer(await self._holdshelf.outboxes.async_tree(caller))

    async def _read(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            offset, length = int(query.get("offset", "")[:20]), int(query.get("length", "")[:20])
        except ValueError:
            raise BadRequest("A piece of a file is given by two whole numbers.") from None
        data = await self._holdshelf.outboxes.fetches.async_read(
            caller_of(request), query.get("handle", "")[:64], offset, length
        )
        return web.Response(body=data, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})

    async def _close(self, request: web.Request) -> web.Response:
        asked = body(request, HandleAsk)
        return answer(Closed(self._holdshelf.outboxes.fetches.close(caller_of(request), asked.handle)))

    async def _printers(self, request: web.Request) -> web.Response:
        self._check("printers", caller_of(request))
        return answer(await async_printers(allowed_printers(self._holdshelf.house.state)))
