"""Connections of a small HTTP server for other programs: few at a time, and each for a while."""

from __future__ import annotations

import asyncio
from typing import cast


class Bounded(asyncio.Protocol):
    """One connection, of ``most`` and for ``most_s`` seconds; what is spoken on it is ``inner``'s.

    ``open_ones``: those that are open, the oldest first; the connections of one server share it.
    """

    def __init__(
        self, open_ones: dict[asyncio.Transport, None], inner: asyncio.Protocol, most: int, most_s: float
    ) -> None:
        self._open, self._inner, self._most, self._most_s = open_ones, inner, most, most_s
        self._over: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if len(self._open) >= self._most:  # who comes now is answered, whoever else only holds connections open
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.abort()
        self._open[self._transport] = None
        self._over = asyncio.get_running_loop().call_later(self._most_s, self._transport.abort)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.pop(self._transport, None)
        if self._over is not None:
            self._over.cancel()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
