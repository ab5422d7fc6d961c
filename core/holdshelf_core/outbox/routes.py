"""GET /outbox/read: the bytes of a fetch. The right is checked for each chunk."""

from __future__ import annotations

from aiohttp import web

from holdshelf_core.api.exchange import caller_of, whole_number
from holdshelf_core.outbox.fetches import Fetches


class OutboxRoutes:
    """The outbox's one answer that is not JSON."""

    def __init__(self, fetches: Fetches) -> None:
        self._fetches = fetches

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [web.get("/outbox/read", self._read)]

    async def _read(self, request: web.Request) -> web.Response:
        query = request.query
        offset, length = (
            whole_number(query.get(name, ""), "A piece of a file is given by two whole numbers.")
            for name in ("offset", "length")
        )
        data = await self._fetches.async_read(caller_of(request), query.get("handle", "")[:64], offset, length)
        return web.Response(body=data, content_type="application/octet-stream", headers={"Cache-Control": "no-store"})
