"""Acts that are under way. When the service stops, none of them delays it for long, and each is answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from holdshelf_core.errors import Unavailable
from holdshelf_core.frame import STOPPING

_LOGGER = logging.getLogger(__name__)


class Acting:
    """Used on the loop."""

    def __init__(self) -> None:
        self._acts: dict[asyncio.Task[Any], str] = {}
        self._cut_off: set[asyncio.Task[Any]] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()

    @contextlib.contextmanager
    def one(self, name: str) -> Iterator[None]:
        """While an act of that name is done, in the current task. Raises Unavailable where it is cut off."""
        task = asyncio.current_task()
        assert task is not None
        self._acts[task] = name
        self._none_left.clear()
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut_off:
                raise
            task.uncancel()
            raise Unavailable(STOPPING) from None
        finally:
            del self._acts[task]
            self._cut_off.discard(task)
            if not self._acts:
                self._none_left.set()

    async def async_stop(self, most_s: float) -> None:
        """Wait until they have ended, at most so long; then cut off those that have not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._none_left.wait()
        for task, name in self._acts.items():
            _LOGGER.warning("%s did not end, and was cut off", name)
            self._cut_off.add(task)
            task.cancel()
