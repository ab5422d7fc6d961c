"""A camera's PullPoint: subscribing to its events, pulling, renewing, giving back (ONVIF Core Specification, events)."""

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
    """Where it is asked, what the camera wants echoed in each header, and how long it lasts unrenewed."""

    address: str
    headers: tuple[Any, ...]
    lease_s: float


class PullPoint:
    """Speaks through an open client; each method raises the client's errors."""

    def __init__(self, client: OnvifClient) -> None:
        self._client = client

    async def async_subscribe(self) -> Subscription | None:
        """To all events; None when the device has no event service."""
        try:
            return await self._client.async_run(_WHAT, self._subscribe({"InitialTerminationTime": f"PT{LEASE_S}S"}))
        except RequestRefused:
            # Some makes take no relative time: theirs is as long as they like then.
            return await self._client.async_run(_WHAT, self._subscribe({}))

    async def async_pull(self, subscription: Subscription, wait_s: float, most: int) -> tuple[list[Message], int]:
        """What happened since, waiting up to ``wait_s`` for it; and how many messages were broken."""
        params = {"Timeout": timedelta(seconds=int(wait_s)), "MessageLimit": most}
        return await self._client.async_run(_WHAT, self._pull(subscription, params))

    async def async_renew(self, subscription: Subscription) -> float:
        """Have it last on; for how many seconds."""
        asked = self._ask("subscription", subscription, "Renew", {"TerminationTime": f"PT{LEASE_S}S"})
        return parsers.lease_s(await self._client.async_run(_WHAT, asked))

    async def async_unsubscribe(self, subscription: Subscription) -> None:
        """Give it back."""
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
