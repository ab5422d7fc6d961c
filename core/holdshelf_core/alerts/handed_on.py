"""An Apprise way as the sender has it: the service begins a process for each message (`by_apprise`), and says what came of it.

The sender itself may start no program, and Apprise with all that it loads would stay in its memory.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
from collections.abc import Callable

from holdshelf_core.alerts import link
from holdshelf_core.alerts.ways import DELIVER_S, NOT_TAKEN, Undelivered

type Answer = concurrent.futures.Future[link.Delivered]


class Deliveries:
    """What the sender asked the service to deliver, by number."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._asked: dict[int, Answer] = {}
        self._say: Callable[[link.ToService], None] = lambda _message: None
        self._loop: asyncio.AbstractEventLoop | None = None

    def ask_by(self, say: Callable[[link.ToService], None]) -> None:
        """Have ``say`` tell the service; it is called on the loop, which runs now."""
        self._say, self._loop = say, asyncio.get_running_loop()

    def ask(self, way: str, message: link.Message) -> tuple[int, Answer]:
        """Ask for a delivery, from any thread. Returns its number, by which it may be given up, and the answer to come."""
        assert self._loop is not None
        number = next(self._numbers)
        answer: Answer = concurrent.futures.Future()
        self._asked[number] = answer
        self._loop.call_soon_threadsafe(self._say, link.Deliver(way, number, message))
        return number, answer

    def answer(self, delivered: link.Delivered) -> None:
        """Take what the service says, or what counts in its place. Called on the loop."""
        answer = self._asked.pop(delivered.number, None)
        if answer is not None:
            answer.set_result(delivered)


class HandedOn:
    """The `Transport` of one Apprise way."""

    def __init__(self, name: str, deliveries: Deliveries) -> None:
        self._name, self._deliveries = name, deliveries
        self._number = 0

    def deliver(self, message: link.Message) -> str:
        """See `Transport`."""
        self._number, answer = self._deliveries.ask(self._name, message)
        try:
            # `give_up` comes first, unless the loop hangs.
            delivered = answer.result(2 * DELIVER_S)
        except TimeoutError:
            raise Undelivered(NOT_TAKEN) from None
        if delivered.sentence:
            raise Undelivered(delivered.sentence, refused=delivered.refused)
        return ""

    def give_up(self) -> None:
        """See `Transport`: its thread ends now. The service ends the process."""
        self._deliveries.answer(link.Delivered(self._number, NOT_TAKEN))
