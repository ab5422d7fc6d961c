"""The project's own clock: it stands still until a test moves it, and the loop goes by it (ADR 71).

What is real answers in real time meanwhile: sockets, processes and threads never race against a limit, since no limit comes
nearer while a test waits for them. A test moves the clock when it has seen what it waited for.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, tzinfo
from types import ModuleType
from typing import Any

import pytest

from holdshelf_core.clock import Clock
from holdshelf_storage.volume.gap_lines import Moment
from tests.rig.hang import HANG_S

NS = 1_000_000_000
ROUNDING_NS = 100
"""The loop counts in floats, from the start of the machine: what is due "in 0.5 s" may be due some nanoseconds later."""
MOST_TURNS = 1_000
"""Then something waits for such a nanosecond to pass, which on a machine it would."""


class HandClock(Clock):
    """Stands still unless it is moved. ``step`` sets the wall clock alone."""

    def __init__(self) -> None:
        super().__init__()
        self.boot = "boot-1"
        self.now_ns = 1_000 * NS
        self.offset_ns = 1_795_000_000 * NS

    def boot_ns(self) -> int:
        return self.now_ns

    def utc_ns(self) -> int:
        return self.now_ns + self.offset_ns

    def moment(self) -> Moment:
        return Moment(self.utc_ns(), self.now_ns, self.boot)

    def forward(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS)

    def step(self, seconds: float) -> None:
        self.offset_ns += round(seconds * NS)

    def rule(self, patch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        """Modules that ask the machine for the time (``time``, ``datetime``) ask this clock."""
        for module in modules:
            names = {"time": _Time(self), "datetime": _datetime(self)}
            given = {name: stand_in for name, stand_in in names.items() if hasattr(module, name)}
            assert given, f"{module.__name__} asks for no time"
            for name, stand_in in given.items():
                patch.setattr(module, name, stand_in)


class _Time:
    """``time``, with the clocks of a HandClock; processor time and the rest are the machine's."""

    def __init__(self, clock: HandClock) -> None:
        self.monotonic_ns = clock.boot_ns
        self.time_ns = clock.utc_ns
        self.monotonic: Callable[[], float] = lambda: clock.boot_ns() / NS
        self.time: Callable[[], float] = lambda: clock.utc_ns() / NS
        self.clock_gettime_ns: Callable[[int], int] = lambda _which: clock.boot_ns()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _datetime(clock: HandClock) -> type[datetime]:
    class HandDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(clock.utc_ns() / NS, tz)

    return HandDatetime


class HandTime:
    """A running loop that goes by a HandClock."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self._loop: Any = asyncio.get_running_loop()
        self._began_s, self._began_ns = self._loop.time(), clock.now_ns
        self._at_work: set[asyncio.Future[Any]] = set()
        self._run_in_executor = self._loop.run_in_executor

    def time(self) -> float:
        """The loop's: it goes on from where the machine's stood."""
        return float(self._began_s + (self.clock.now_ns - self._began_ns) / NS)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        work: asyncio.Future[Any] = self._run_in_executor(executor, func, *args)
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)
        return work

    async def forward(self, seconds: float) -> None:
        """So much time passes. What falls due runs at its own moment, in order, and to its end, as far as it waits for nothing
        but time and ``asyncio.to_thread``."""
        ends_ns = self.clock.now_ns + round(seconds * NS)
        await self.settled()
        while (due_ns := self._due_ns()) <= ends_ns + ROUNDING_NS:
            self.clock.now_ns = max(self.clock.now_ns, int(due_ns))
            await self.settled()
        self.clock.now_ns = max(self.clock.now_ns, ends_ns)
        await self.settled()

    async def settled(self) -> None:
        """Until nothing is left to do without time passing."""
        assert asyncio.get_running_loop() is self._loop, "the fixture and the test run in two loops: see its loop_scope"
        quiet = turns = 0
        while quiet < 2:  # what the last turn wrote to a socket is seen by the next
            await asyncio.sleep(0)
            turns += 1
            if turns > MOST_TURNS:
                self.clock.now_ns += ROUNDING_NS
            quiet = 0 if self._loop._ready or self._at_work else quiet + 1
            if self._at_work:
                await asyncio.wait(self._at_work)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait for what is real: no time passes for the loop."""
        ends_s = time.monotonic() + HANG_S
        while not is_so():
            assert time.monotonic() < ends_s, "it hangs"
            await asyncio.to_thread(time.sleep, 0.002)
        await self.settled()

    def _due_ns(self) -> float:
        timers = (timer.when() for timer in self._loop._scheduled if not timer.cancelled())
        due_s = min(timers, default=math.inf)
        return math.inf if due_s == math.inf else self._began_ns + math.ceil((due_s - self._began_s) * NS)


@asynccontextmanager
async def hand_time(patch: pytest.MonkeyPatch, *modules: ModuleType) -> AsyncIterator[HandTime]:
    """The running loop, and the modules, by a clock that the test moves."""
    hand = HandTime(HandClock())
    hand.clock.rule(patch, *modules)
    loop = asyncio.get_running_loop()
    # On the loop itself: its fixtures and the test share one, which pytest-asyncio makes.
    vars(loop).update(time=hand.time, run_in_executor=hand.run_in_executor)
    try:
        yield hand
    finally:
        del vars(loop)["time"], vars(loop)["run_in_executor"]
