"""Has a process of its own carry a backup, for a bounded time: whatever its target does, the service goes on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec

from holdshelf_core.backups import link
from holdshelf_core.errors import Unavailable
from holdshelf_core.frame import STOPPING
from holdshelf_core.processes.online_link import line_of
from holdshelf_core.processes.online_process import async_spawn

MODULE: Final = "holdshelf_core.backups.carrier"
ASK_S: Final = 120.0
"""For a task that carries nothing large."""
LEAST_BYTES_PER_S: Final = 50_000
MOST_S: Final = 3 * 3600.0
KILL_S: Final = 5.0


class Refused(Exception):
    """It was not done; ``fault`` says why."""

    def __init__(self, fault: link.Fault) -> None:
        super().__init__(fault.sentence)
        self.fault = fault


def time_for(size_bytes: int) -> float:
    """Return how long a backup of that size may take there and back, in seconds."""
    return min(MOST_S, ASK_S + 2 * size_bytes / LEAST_BYTES_PER_S)


class Carriers:
    """One at a time. One that hangs in the kernel, at a dead disk, cannot be ended: no other is begun until it has gone."""

    def __init__(self) -> None:
        self._hung: asyncio.subprocess.Process | None = None
        self._running: set[asyncio.subprocess.Process] = set()
        self._is_stopping = False

    def async_stop(self) -> None:
        """End what is being carried, for good: whoever waits for it is told that the service stops."""
        self._is_stopping = True
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def async_do(self, task: link.Task, most_s: float = ASK_S) -> link.Answer:
        """Return what came of the task. Raises Refused, and Unavailable once it is stopped."""
        if self._is_stopping:
            raise Unavailable(STOPPING)
        shown = task.target.words
        if self._hung is not None and self._hung.returncode is None:
            raise Refused(
                link.Fault(f"{shown} has still not answered the last attempt.", "Check its disk or its mount.")
            )
        try:
            process = await async_spawn(MODULE)
        except OSError as error:
            raise Refused(link.Fault(f"The backup cannot be carried: {error.strerror}.")) from None
        answer = None
        self._running.add(process)
        try:
            if not self._is_stopping:
                answer = await self._async_ask(process, task, most_s)
        except TimeoutError:
            raise Refused(
                link.Fault(f"{shown} did not take a backup in {int(most_s)} seconds.", "Check whether it works.")
            ) from None
        finally:
            self._running.discard(process)
            await self._async_end(process)
        if answer is None and self._is_stopping:
            raise Unavailable(STOPPING)
        if answer is None:
            raise Refused(link.Fault("The process that carries backups ended early.", "See the service's own log."))
        if isinstance(answer, link.Fault):
            raise Refused(answer)
        return answer

    async def _async_ask(
        self, process: asyncio.subprocess.Process, task: link.Task, most_s: float
    ) -> link.Answer | link.Fault | None:
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(ValueError, msgspec.MsgspecError, RecursionError, ConnectionError):
            async with asyncio.timeout(most_s):
                process.stdin.write(line_of(task))
                line = await process.stdout.readline()
            return link.answer.decode(line) if line else None
        return None

    async def _async_end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # it has answered, or is not to go on
        try:
            async with asyncio.timeout(KILL_S):
                await process.wait()
        except TimeoutError:
            self._hung = process


def as_unavailable(refused: Refused) -> Unavailable:
    """Return it as an act's error."""
    return Unavailable(refused.fault.sentence, refused.fault.next_step)
