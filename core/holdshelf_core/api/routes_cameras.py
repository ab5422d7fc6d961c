"""Looking for cameras on the network: the admin's. What is done with them then are acts (``acts.cameras``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from holdshelf_core.api import types
from holdshelf_core.api.exchange import answer, body, caller_of, only_admin
from holdshelf_core.errors import BadRequest

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf


class CameraRoutes:
    """discover."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf

    def routes(self) -> list[web.RouteDef]:
        """To be mounted."""
        return [web.post("/discover", self._discover)]

    async def _discover(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        asked = body(request, types.DiscoverRequest)
        if not 0.1 <= asked.timeout_s <= 30:
            raise BadRequest("Discovery waits between 0.1 and 30 seconds.", "Give another --timeout.")
        entries = self._holdshelf.entries
        found = await entries.async_discover(asked.addresses, asked.timeout_s)
        rows = [
            types.DiscoveredRow(
                c.unique_id, c.domain, c.name, c.address, c.hardware, c.location, entries.async_added_as(c.unique_id)
            )
            for c in found
        ]
        return answer(rows)
