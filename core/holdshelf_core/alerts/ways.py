"""What an alert channel is, in the sender process: mail, Apprise, MQTT (ADR 56).

A way is a task on the sender's loop. It takes reports, and says how it does. What blocks (`smtplib`) it gives to a thread of its
own; a way that hangs, or fails, holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol, runtime_checkable

from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.types import Health

DELIVER_S: Final = 60.0
"""For one delivery altogether; then it counts as failed, whatever still waits for an answer."""
NOT_TAKEN: Final = f"The message was not taken within {DELIVER_S:.0f} s."


class Undelivered(Exception):
    """Why something could not be delivered: one sentence in our words, never what the other side said, never a secret.

    ``refused``: the other side answered, and will not take it however often it is tried (a login, an address).
    """

    def __init__(self, sentence: str, *, refused: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.refused = refused


class Reports(AsyncIterator[Report]):
    """The reports as one way sees them: always the newest, each at most once; those that came while it was busy are left out."""

    def __init__(self) -> None:
        self._newest: Report | None = None
        self._came = asyncio.Event()

    def put(self, report: Report) -> None:
        """Give it a report; never blocks."""
        self._newest = report
        self._came.set()

    async def __anext__(self) -> Report:
        """Wait for the next report. It never ends: the task is canceled."""
        await self._came.wait()
        self._came.clear()
        assert self._newest is not None
        return self._newest


class Way(Protocol):
    """An alert channel. ``sender`` imports the module of a way only when one is configured."""

    async def run(self, reports: Reports, tell: Callable[[Health], None]) -> None:
        """Tell what the reports say, until canceled; then finish within 2 s.

        ``tell`` is called on the loop, whenever its health changes. An exception is logged, and the way begins anew after a
        pause that doubles up to five minutes; one that fails in the usual manner (relay away) says so by ``tell`` and goes on.
        """

    async def test(self) -> None:
        """Tell that this is a test, at once, beside ``run``. Raises Undelivered when it did not arrive."""


@runtime_checkable
class Leaving(Protocol):
    """A way that leaves something with the other side."""

    async def leave(self) -> None:
        """Take it back, before the way is removed; ``run`` does nothing more. Raises Undelivered."""
