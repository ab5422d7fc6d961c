"""Makes the report: every ten seconds while somebody listens, and when a repair opens or closes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.alerts.allowed import Condition, Report
from holdshelf_core.alerts.conditions import conditions_of, waiting_of
from holdshelf_core.alerts.report import report_of
from holdshelf_core.operations.views import StatusReader
from holdshelf_storage.access_log.checkpoint import Head

_LOGGER = logging.getLogger(__name__)

EVERY_S: Final = 10.0
AT_MOST_EVERY_S: Final = 1.0
"""40 repairs that open at once are one report."""
STATUS_S: Final = 5.0
"""A disk that hangs holds its figures up, not the news that it does."""


class Reporter:
    """Of the whole service; listeners are called on the loop, and must not block."""

    def __init__(
        self, authorizer: Authorizer, status: StatusReader, coverage: Callable[[], Mapping[str, float]]
    ) -> None:
        """``coverage``: of yesterday, by camera, in percent."""
        self._authorizer, self._status, self._coverage = authorizer, status, coverage
        self._listeners: list[Callable[[Report], None]] = []
        self._wake = asyncio.Event()
        self._latest: Report | None = None
        self._waiting_since_utc_ns: int | None = None

    def async_listen(self, listener: Callable[[Report], None]) -> Callable[[], None]:
        """Call ``listener`` with each report, the first one at once. Returns the function that unsubscribes it."""
        self._listeners.append(listener)
        self._wake.set()
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def async_run(self) -> None:
        """Make reports, until canceled."""
        bus = self._authorizer.frame.bus
        for event in ("repair_opened", "repair_closed"):
            bus.async_listen(event, lambda _event: self._wake.set())
        while True:
            while not self._listeners:
                self._wake.clear()
                await self._wake.wait()
            self._wake.clear()
            try:
                report = await self.async_report()
            except Exception:
                _LOGGER.exception("a report failed")
            else:
                self._tell(report)
            await asyncio.sleep(AT_MOST_EVERY_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), EVERY_S - AT_MOST_EVERY_S)

    async def async_report(self) -> Report:
        """Return the report of now. Where figures are not to be had in time, those of the last one."""
        authorizer = self._authorizer
        frame, log = authorizer.frame, authorizer.log
        conditions = (*conditions_of(frame.repairs.async_all()), *self._waiting())
        try:
            async with asyncio.timeout(STATUS_S if self._latest is not None else None):
                status = await self._status.async_status(authorizer.store.state)
        except TimeoutError:
            assert self._latest is not None
            return msgspec.structs.replace(self._latest, at_utc_ns=frame.clock.utc_ns(), conditions=conditions)
        head = "" if log.problem is not None else Head("", log.size, log.root).short
        self._latest = report_of(status, conditions, log_size=log.size, log_head=head, coverage=self._coverage())
        return self._latest

    def _tell(self, report: Report) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(report)
            except Exception:  # a name that may not leave by one way holds up no other
                _LOGGER.exception("a report was not passed on")

    def _waiting(self) -> tuple[Condition, ...]:
        """Return what waits for a second person, since when it was first seen: rows do not tell when a lift was asked for."""
        found = waiting_of(
            self._authorizer.store.state, self._waiting_since_utc_ns or self._authorizer.frame.clock.utc_ns()
        )
        self._waiting_since_utc_ns = found[0].since_utc_ns if found else None
        return found
