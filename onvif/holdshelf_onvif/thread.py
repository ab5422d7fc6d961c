"""One thread with its own event loop for all ONVIF work of all cameras: parsing never blocks the service's loop.

It starts with its first user and ends with the last. Nothing in it may call back into the service, which awaits the results.
Interpreter time is still shared, so answers are limited before they are parsed.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any

_JOIN_S = 5.0


class OnvifThread:
    """A daemon thread that runs one event loop until ``stop``."""

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._main, name="holdshelf-onvif", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            for task in (tasks := asyncio.all_tasks(self._loop)):
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_default_executor(_JOIN_S))
            self._loop.close()

    async def run[T](self, coro: Coroutine[Any, Any, T]) -> T:
        """Run ``coro`` there and await it here; cancelling the caller cancels it there.

        Raises what ``coro`` raises, and ConnectionAbortedError when the thread ends under it.
        """
        future = asyncio.run_coroutine_threadsafe(coro, self._loop)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if future.cancelled() and caller is not None and not caller.cancelling():
                raise ConnectionAbortedError("the ONVIF thread ended") from None
            raise

    def stop(self) -> None:
        """Stop the thread; blocks briefly until its tasks are canceled."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_JOIN_S)


_lock = threading.Lock()
_shared: OnvifThread | None = None
_users = 0


def acquire() -> OnvifThread:
    """Return the shared thread, starting it if needed. Each ``acquire`` needs one ``async_release``."""
    global _shared, _users  # noqa: PLW0603
    with _lock:
        if _shared is None:
            _shared = OnvifThread()
        _users += 1
        return _shared


async def async_release() -> None:
    """Release the shared thread; the last user ends it."""
    global _shared, _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        ended, _shared = (None, _shared) if _users else (_shared, None)
    if ended is not None:
        await asyncio.to_thread(ended.stop)


@contextlib.asynccontextmanager
async def onvif_thread() -> AsyncIterator[OnvifThread]:
    """Use the shared thread for the length of a block."""
    thread = acquire()
    try:
        yield thread
    finally:
        await asyncio.shield(async_release())
