"""Looking for cameras, the words of the steps in which one is added, and diagnostics: the admin's.

What is done with cameras then are acts (``acts.cameras``, ``acts.camera_flow``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from holdshelf_core.address_ranges import hosts_of, search_s
from holdshelf_core.api import types
from holdshelf_core.api import types_flow as asking
from holdshelf_core.api.exchange import answer, body, caller_of, only_admin
from holdshelf_core.diagnostics import async_diagnostics
from holdshelf_core.errors import BadRequest

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf


class CameraRoutes:
    """discover, flow, flows, diagnostics."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf

    def routes(self) -> list[web.RouteDef]:
        """To be mounted."""
        return [
            web.post("/discover", self._discover),
            web.post("/flow", self._flow),
            web.get("/flows", self._flows),
            web.get("/diagnostics", self._diagnostics),
        ]

    async def _flow(self, request: web.Request) -> web.Response:
        """The first step of a flow. Nothing is dialled by it."""
        only_admin(caller_of(request))
        asked = body(request, asking.FlowStart)
        entries = self._holdshelf.entries
        if asked.kind == "user":
            return answer(entries.flows.async_begin(asked.target))
        if asked.kind not in ("reauth", "reconfigure"):
            raise BadRequest(f"There are no steps named {asked.kind[:40]!r}.", "Known: user, reauth, reconfigure.")
        return answer(entries.flows.async_change(asked.kind, entries.async_get(asked.camera)))

    async def _flows(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        return answer(self._holdshelf.entries.flows.async_open())

    async def _diagnostics(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        entry = self._holdshelf.entries.async_get(request.query.get("camera", ""))
        return answer(asking.Diagnostics(entry.entry_id, await async_diagnostics(self._holdshelf, entry)))

    async def _discover(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        asked = body(request, types.DiscoverRequest)
        if not 0.1 <= asked.timeout_s <= 30:
            raise BadRequest("Discovery waits between 0.1 and 30 seconds.", "Give another --timeout.")
        entries = self._holdshelf.entries
        addresses, timeout_s = asked.addresses, asked.timeout_s
        if asked.ranges:
            hosts = hosts_of(asked.ranges)
            addresses, timeout_s = [*(addresses or []), *hosts], max(timeout_s, search_s(len(hosts)))
        found = await entries.async_discover(addresses, timeout_s)
        rows = [
            types.DiscoveredRow(
                c.unique_id, c.domain, c.name, c.address, c.hardware, c.location, entries.async_added_as(c.unique_id)
            )
            for c in found
        ]
        return answer(rows)
