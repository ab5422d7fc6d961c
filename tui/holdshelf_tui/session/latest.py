"""Ask for what is wanted now, and never for what was wanted a moment ago: one question at a time, the newest one next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from textual.widget import Widget


class Latest[K]:
    """``ask`` is awaited with the newest key, after it has stood for ``rest_s``. Runs in workers of ``owner``, on the loop."""

    def __init__(self, owner: Widget, ask: Callable[[K], Awaitable[None]], *, rest_s: float) -> None:
        self._owner, self._ask, self._rest_s = owner, ask, rest_s
        self._wanted: K | None = None
        self._asked: K | None = None
        self._running = False

    @property
    def wanted(self) -> K | None:
        """What is wanted now; None: nothing."""
        return self._wanted

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._running

    def want(self, key: K | None, *, anew: bool = False) -> None:
        """From now on this. ``anew``: also when it was asked for last."""
        self._wanted = key
        if anew:
            self._asked = None
        if key is not None and key != self._asked and not self._running:
            self._running = True
            self._owner.run_worker(self._run(), exit_on_error=True)

    async def _run(self) -> None:
        try:
            while self._wanted is not None and self._wanted != self._asked:
                key = self._wanted
                await asyncio.sleep(self._rest_s)
                if key != self._wanted:
                    continue
                self._asked = key
                await self._ask(key)
        finally:
            self._running = False
