"""Acts on the time stamps of the access log's head: set, remove, stamp now; and the reads of them."""

from __future__ import annotations

from cryptography.x509 import ObjectIdentifier

from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.timestamps import types
from holdshelf_core.timestamps.authority import checked_authority, fingerprints
from holdshelf_core.timestamps.timestamps import Timestamps, server_name
from holdshelf_core.witnesses.client import checked_address

EXAMPLE = "https://tsa.example/tsr"


class TimestampActs:
    """Handlers of these acts."""

    def __init__(self, timestamps: Timestamps) -> None:
        self._timestamps = timestamps

    @handles(types.TimestampSet)
    async def set(self, call: Call[types.TimestampSet]) -> types.TimestampDone:
        url = checked_address(call.request.url, "a time stamp server", EXAMPLE)
        ca = checked_authority(call.request.ca)
        server = types.StampServer(url, ca, fingerprints(ca), checked_policy(call.request.policy))
        facts = {"url": url, "certificates": list(server.certificates)}
        if server.policy:
            facts["by_policy"] = server.policy
        seq = await call.record(subject=server_name(url), facts=facts)
        await self._timestamps.async_put(server)
        return types.TimestampDone(
            seq, f"{server_name(url)} is asked to stamp the access log's head each hour", server.certificates
        )

    @handles(types.TimestampRemove)
    async def remove(self, call: Call[types.TimestampRemove]) -> types.TimestampDone:
        server = self._server()
        seq = await call.record(subject=server_name(server.url))
        await self._timestamps.async_put(None)
        return types.TimestampDone(seq, f"{server_name(server.url)} is no longer asked; what it stamped stays")

    @handles(types.TimestampNow)
    async def now(self, call: Call[types.TimestampNow]) -> types.TimestampView:
        await call.record(subject=server_name(self._server().url))
        return await self._timestamps.async_now()

    def _server(self) -> types.StampServer:
        server = self._timestamps.server
        if server is None:
            raise NotFound("No time stamp server is set up.", "Set one: `holdshelf timestamp set URL --ca FILE`.")
        return server

    @handles(types.ReadTimestamp)
    async def read(self, _asked: Reading[types.ReadTimestamp]) -> types.TimestampView:
        """Return who stamps, and what is stamped."""
        return self._timestamps.view()

    @handles(types.ReadStamp)
    async def read_stamp(self, asked: Reading[types.ReadStamp]) -> types.StampFiles:
        """Return a stamped head."""
        return await self._timestamps.async_files(asked.request.entry)


def checked_policy(text: str) -> str:
    """Return the object identifier of a policy, '' for none. Raises BadRequest."""
    policy = text.strip()
    try:
        return ObjectIdentifier(policy).dotted_string if policy else ""
    except ValueError:
        raise BadRequest(
            f"{policy[:40]!r} is not the number of a policy.", "Give it as 1.2.3.4, as the server's own page says it."
        ) from None
