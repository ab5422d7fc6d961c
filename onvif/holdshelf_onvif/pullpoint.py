"""A camera's PullPoint: subscribe to its events, pull, renew, unsubscribe (ONVIF Core Specification, events)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import parsers
from .address import service_address
from .client import OnvifClient
from .const import LEASE_S
from .errors import RequestRefused
from .messages import Message, read_messages

_WHAT = "its events"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Its address, the parameters to repeat in each header, and how long it lasts without renewal."""

    address: str
    headers: tuple[Any, ...]
    lease_s: float


class PullPoint:
    """Uses an open client; each method raises the client's errors."""

    def __init__(self, client: OnvifClient) -> None:
        self._client = client

    async def async_subscribe(self) -> Subscription | None:
        """Subscribe to all events; None when the device has no event service."""
        try:
            return await self._client.async_run(_WHAT, self._subscribe({"InitialTerminationTime": f"PT{LEASE_S}S"}))
        except RequestRefused:
            # Some makers accept no relative time: then the duration is theirs.
            return await self._client.async_run(_WHAT, self._subscribe({}))

    async def async_pull(self, subscription: Subscription, wait_s: float, most: int) -> tuple[list[Message], int]:
        """Return new messages, waiting up to ``wait_s`` for them; and how many were broken."""
        params = {"Timeout": timedelta(seconds=int(wait_s)), "MessageLimit": most}
        return await self._client.async_run(_WHAT, self._pull(subscription, params))

    async def async_renew(self, subscription: Subscription) -> float:
        """Renew a subscription; return its duration in seconds."""
        asked = self._ask("subscription", subscription, "Renew", {"TerminationTime": f"PT{LEASE_S}S"})
        return parsers.lease_s(await self._client.async_run(_WHAT, asked))

    async def async_unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription at the camera, which else keeps it until its lease is over. Raises as every request."""
        await self._client.async_run(_WHAT, self._ask("subscription", subscription, "Unsubscribe", {}))

    async def _subscribe(self, params: dict[str, Any]) -> Subscription | None:
        events = await self._client.told_service("events")
        if events is None:
            return None
        raw = await self._client.call(events, "CreatePullPointSubscription", params)
        address, headers = parsers.subscription(raw)
        return Subscription(service_address(address, self._client.address), headers, parsers.lease_s(raw))

    async def _pull(self, subscription: Subscription, params: dict[str, Any]) -> tuple[list[Message], int]:
        reply = await self._ask("pullpoint", subscription, "PullMessages", params)
        return read_messages(reply.content)

    async def _ask(self, name: str, subscription: Subscription, operation: str, params: dict[str, Any]) -> Any:
        service = await self._client.service_at(name, subscription.address)
        return await self._client.call(service, operation, {**params, "_soapheaders": list(subscription.headers)})
