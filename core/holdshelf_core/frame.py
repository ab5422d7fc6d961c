"""What every subject needs from the service: folders, clocks, events, repairs and background tasks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any

from holdshelf_core.clock import Clock
from holdshelf_core.errors import Unavailable
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.paths import DataPaths

_LOGGER = logging.getLogger(__name__)

STOPPING = "The service is stopping."


async def async_settled(tasks: set[asyncio.Task[Any]]) -> None:
    """Wait until none of the tasks is left, removing them from the set; their errors stay in the tasks.

    `gather` over finished tasks never yields to the loop, so their own callbacks that would discard them do not run: with only
    `while tasks` around it, this would spin forever and block the service.
    """
    while waiting := tuple(tasks):
        await asyncio.gather(*waiting, return_exceptions=True)
        tasks.difference_update(waiting)


class Frame:
    """Created once, by ``app``. Depends on no subject."""

    def __init__(self, paths: DataPaths) -> None:
        self.paths = paths
        self.clock = Clock()
        self.bus = EventBus(self.clock.utc_ns)
        self.repairs = RepairRegistry(self.bus, self.clock.utc_ns)
        self.started_utc_ns = self.clock.utc_ns()
        self.stop_threads = threading.Event()
        """Set at shutdown, so that a thread that reads a whole archive does not delay it."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def go_on(self) -> None:
        """Called by long-running threads between two steps. Raises Unavailable when the service is stopping."""
        if self.stop_threads.is_set():
            raise Unavailable(STOPPING)

    def async_spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        """Run a coroutine in the background; a failure is logged and affects nothing else."""

        async def logged() -> None:
            try:
                await coro
            except Exception:
                _LOGGER.exception("%s failed", name)

        task = asyncio.create_task(logged(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def async_cancel(self) -> None:
        """Cancel all background tasks."""
        for task in list(self._tasks):
            task.cancel()
