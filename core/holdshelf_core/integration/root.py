"""What an integration may ask of the service (like ``hass`` in Home Assistant). Implemented by ``holdshelf_core.app``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

# For types alone: the recorder's workers import this package, and have no event loop.
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from holdshelf_core.clock import Clock
    from holdshelf_core.integration.bus import EventBus

    from .entry import ConfigEntry
    from .models import StreamSource
    from .repairs import RepairRegistry


class Holdshelf(Protocol):
    """The root object, as integrations see it."""

    bus: EventBus
    clock: Clock
    repairs: RepairRegistry

    def async_set_stream(self, entry: ConfigEntry[Any], source: StreamSource | None, *, reason: str = "") -> None:
        """Have this stream recorded; the same source again changes nothing, None stops it.

        ``reason``: why there is none, from ``holdshelf_core.integration.reasons``; stored in the gap. Empty: it will be back
        soon.
        """

    def async_update_entry(
        self, entry: ConfigEntry[Any], *, data: dict[str, Any] | None = None, title: str | None = None
    ) -> None:
        """Change the stored data of an entry; written off the loop."""

    async def async_add_executor_job[T](self, func: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a thread and return its result."""

    def async_create_task(
        self, entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None]:
        """Start a background task that ends with the entry. If it raises EntryAuthFailed, the entry goes into reauth."""

    def async_set_entry_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        """Report the state of a loaded entry: None works, EntryAuthFailed needs a password, EntryNotReady is unreachable."""
