"""What an integration may ask of the service (``hass`` in Home Assistant). The service itself is ``core.app``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from holdshelf_core.bus import EventBus
from holdshelf_core.clock import Clock

from .entry import ConfigEntry
from .models import StreamSource
from .repairs import RepairRegistry


class Holdshelf(Protocol):
    """The root object, as integrations see it."""

    bus: EventBus
    clock: Clock
    repairs: RepairRegistry

    def async_set_stream(self, entry: ConfigEntry[Any], source: StreamSource | None, *, reason: str = "") -> None:
        """Have this stream recorded; the same source again changes nothing, None withdraws it.

        ``reason``: why there is none, of ``holdshelf_core.reasons``; the gap carries it. Empty: it comes back soon.
        """

    def async_update_entry(
        self, entry: ConfigEntry[Any], *, data: dict[str, Any] | None = None, title: str | None = None
    ) -> None:
        """Change what is stored for an entry; written off the loop."""

    async def async_add_executor_job[T](self, func: Callable[..., T], *args: Any) -> T:
        """Run something that blocks, in a thread."""

    def async_create_task(
        self, entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None]:
        """A background task that ends with the entry. Its EntryAuthFailed puts the entry into reauth."""

    def async_set_entry_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        """Tell how a loaded entry fares: None is well, EntryAuthFailed asks for a password, EntryNotReady is away."""
