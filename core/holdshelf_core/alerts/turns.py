"""Deliveries by Apprise take turns: one process at a time, however many ways there are, so all take as much memory as one.

A way whose last message was taken goes before one whose was not. While others wait, a delivery has a third of its time: so one
whose service hangs holds the others up for no longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from holdshelf_core.alerts import link
from holdshelf_core.alerts.apprise_process import async_deliver
from holdshelf_core.alerts.ways import DELIVER_S, NOT_TAKEN
from holdshelf_core.processes.online_link import Ready

_LOGGER = logging.getLogger(__name__)

SHARED_S: Final = 20.0
"""For a delivery, from its begin, while others wait."""
WAITS_S: Final = DELIVER_S - SHARED_S
"""One that has waited for longer is not begun: the sender gives up after `DELIVER_S`, and would have it sent twice."""
NOT_IN_TURN: Final = (
    "Its turn did not come: messages are delivered by Apprise one after the other, and the services behind others hang."
)
STILL: Final = "An earlier message is still on its way, and is not answered."
HURRIED: Final = f"The message was not taken within {SHARED_S:.0f} s, and others waited."


class Turns:
    """Used on the loop. ``answer`` is called with what came of each delivery that was asked for."""

    def __init__(self, answer: Callable[[link.Delivered], object]) -> None:
        self._answer = answer
        self._asked: dict[str, tuple[link.Task, float]] = {}
        """By way, in the order in which they were asked for; and when, by the loop's time."""
        self._under_way = ""
        self._began_s = 0.0
        self._limit: asyncio.Timeout | None = None
        """Of the delivery under way."""
        self._failing: set[str] = set()
        self._run: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.ready: Ready | None = None
        """How the last process was confined."""

    def ask(self, task: link.Task) -> None:
        """Have a message delivered in its turn, unless the last one by this way has not ended."""
        name = task.way.name
        if name in self._asked or name == self._under_way:
            self._answer(link.Delivered(task.number, STILL))
            return
        self._asked[name] = (task, asyncio.get_running_loop().time())
        if self._run is None or self._run.done():
            self._run = asyncio.create_task(self._async_run(), name="deliveries by Apprise")
        else:
            self._hurry()

    def leave(self) -> set[asyncio.Task[None]]:
        """Forget what waits, and cancel what is under way. Returns what has to end: no other delivery begins before."""
        self._asked.clear()
        self._under_way = ""  # what asks now is a successor
        if self._run is not None:
            self._run.cancel()
            self._ending.add(self._run)
            self._run.add_done_callback(self._ending.discard)
            self._run = None
        return set(self._ending)

    async def _async_run(self) -> None:
        if self._ending:
            await asyncio.wait(self._ending)
        while self._asked:
            name = min(self._asked, key=self._failing.__contains__)
            task, asked_s = self._asked.pop(name)
            waited_s = asyncio.get_running_loop().time() - asked_s
            if waited_s > WAITS_S:
                self._answer(link.Delivered(task.number, NOT_IN_TURN))
                continue
            self._under_way = name
            try:
                delivered = await self._async_deliver(task, DELIVER_S - waited_s)
            finally:
                self._under_way = ""
            if delivered.sentence:
                self._failing.add(name)
            else:
                self._failing.discard(name)
            self._answer(delivered)

    async def _async_deliver(self, task: link.Task, within_s: float) -> link.Delivered:
        self._began_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(within_s) as self._limit:
                self._hurry()
                return await async_deliver(task, self._note)
        except TimeoutError:
            return link.Delivered(task.number, HURRIED if self._asked else NOT_TAKEN)
        finally:
            self._limit = None

    def _hurry(self) -> None:
        """Others wait, or none does: what is under way has so much time."""
        if self._asked and self._limit is not None and not self._limit.expired():
            ends_s = self._limit.when()
            assert ends_s is not None
            self._limit.reschedule(min(ends_s, self._began_s + SHARED_S))

    def _note(self, ready: Ready) -> None:
        if self.ready is None and not (ready.landlock_abi and ready.seccomp):
            _LOGGER.warning("this kernel confines the process that delivers by Apprise only in part")
        self.ready = ready
