"""The sender as the service sees it: it runs while there is a way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core.alerts import link
from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.turns import Turns
from holdshelf_core.alerts.types import AnyWay, AppriseWay, Health
from holdshelf_core.errors import Unavailable
from holdshelf_core.processes.online_link import Ready
from holdshelf_core.processes.online_process import Ended, OnlineProcess

TEST_S: Final = 130.0
"""Two deliveries: the test waits for the one that is under way."""


class SenderProcess(OnlineProcess[link.Does | link.Tested | link.Deliver]):
    """Not running while there are no ways. What goes by Apprise is delivered by a process for each message, which it asks for."""

    def __init__(self, folder: Path, changed: Callable[[], None]) -> None:
        """``folder``: its own, which exists. ``changed`` is called when the health of a way changes."""
        super().__init__("holdshelf_core.alerts.sender", "sends alerts", link.to_service.decode)
        self._folder, self._changed = folder, changed
        self._ways: Sequence[AnyWay] = ()
        self._latest: Report | None = None
        """For a new process: nothing older than the last ten seconds, while there are ways."""
        self.health: dict[str, Health] = {}
        self._deliveries = Turns(self._tell)

    @property
    def delivery_ready(self) -> Ready | None:
        """How the last process of one delivery by Apprise was confined; None before the first."""
        return self._deliveries.ready

    async def async_use(self, ways: Sequence[AnyWay]) -> None:
        """Have a sender with these ways, in the place of the one that runs; none without ways."""
        await self.async_stop()  # what it has not sent waits in its folder
        self._ways = ways
        self.health = {way.name: self.health.get(way.name, Health()) for way in ways}
        if ways:
            self._begin()
        else:
            self._latest = None

    def put(self, report: Report) -> None:
        """Give it a report, unless it has not even read the last one."""
        self._latest = report
        self._tell(link.Latest(report), most_waiting_bytes=0)

    async def async_stop(self) -> None:
        """See `OnlineProcess`."""
        await super().async_stop()
        if left := self._deliveries.leave():
            await asyncio.wait(left)

    async def async_test(self, way: str, *, leave: bool = False) -> str:
        """Have it send a test, or take back what it left with others. Returns why it failed; '' when not. Raises Unavailable."""
        if not self.is_wanted:
            raise Unavailable("No alerts are sent now.", "`holdshelf doctor` says why.")
        try:
            async with asyncio.timeout(TEST_S):
                return str(await self._async_ask(lambda number: link.TryWay(way, number, leave), TEST_S))
        except Ended:
            return "The process that sends alerts ended meanwhile."
        except TimeoutError:
            raise Unavailable(
                "The process that sends alerts does not answer.", "`holdshelf doctor` shows its state."
            ) from None

    def _set_up(self) -> link.Setup:
        ways = (msgspec.structs.replace(way, secret="") if isinstance(way, AppriseWay) else way for way in self._ways)
        return link.Setup(str(self._folder), tuple(ways))

    def _began(self) -> None:
        if self._latest is not None:
            self.put(self._latest)
        self._changed()

    def _ended(self) -> None:
        self._deliveries.leave()  # its successor asks anew, by numbers of its own
        self._changed()

    def _heard(self, message: link.Does | link.Tested | link.Deliver) -> None:
        match message:
            case link.Does() if message.way in self.health:
                self.health[message.way] = message.health
                self._changed()
            case link.Tested():
                self._answer(message.number, message.sentence)
            case link.Deliver():
                self._deliver(message)

    def _deliver(self, asked: link.Deliver) -> None:
        """Have it delivered by one of the ways that the admin has set up."""
        way = next((way for way in self._ways if way.name == asked.way and isinstance(way, AppriseWay)), None)
        if isinstance(way, AppriseWay):
            self._deliveries.ask(link.Task(way, asked.number, asked.message))
        else:
            self._tell(link.Delivered(asked.number, "There is no such channel."))
