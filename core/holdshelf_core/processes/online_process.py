"""A process that talks to others, as the service sees it: fed without waiting, begun anew when it ends.

Shared by the sender of alerts and the keeper of holds elsewhere. It gets its set-up as the first line on its standard input,
says `Ready` once it is confined, and ends when its standard input closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec

from holdshelf_core.processes.ends import GOOD_LIFE_S, Ends
from holdshelf_core.processes.online_link import MAX_LINE_BYTES, Ready, line_of

_LOGGER = logging.getLogger(__name__)

RESPAWN_FIRST_S: Final = 0.5
RESPAWN_CAP_S: Final = 60.0
QUIT_S: Final = 5.0
_STEP: Final = "`journalctl -u holdshelf -p warning` may say why. Please report this."


class Ended(Exception):
    """The process ended before it answered."""


async def async_spawn(module: str, *, arenas: int = 2) -> asyncio.subprocess.Process:
    """Begin ``python -m MODULE`` with two pipes. ``arenas``: areas that its threads take memory from. Raises OSError."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the folder that the service was started in must not shadow a module
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        env={**os.environ, "MALLOC_ARENA_MAX": str(arenas)},
    )


async def async_end(process: asyncio.subprocess.Process) -> None:
    """See it end: it does so by itself once its standard input is closed, and is killed where it does not."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(QUIT_S):
            await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class OnlineProcess[M]:
    """Used on the loop. A subclass says what its process is told first, and what comes of what that says."""

    def __init__(self, module: str, work: str, decode: Callable[[bytes], M | Ready]) -> None:
        """``work``: what it does, as in 'the process that *sends alerts*'. ``decode`` raises MsgspecError."""
        self._module, self._work, self._decode = module, work, decode
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._up = asyncio.Event()
        self._ends = Ends()
        self.ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def is_wanted(self) -> bool:
        """Whether it is to run."""
        return self._task is not None

    @property
    def failing_since_utc_ns(self) -> int:
        """Since when one after another ends by itself; 0 while none does, or one has lasted."""
        return self._ends.failing_since_utc_ns

    @property
    def ends_sentence(self) -> str:
        """What to say of it then."""
        return f"The process that {self._work} ends again and again; {_STEP}"

    async def async_stop(self) -> None:
        """End it, for good."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    # --- what a subclass says -----------------------------------------------------------------------------------------

    def _set_up(self) -> msgspec.Struct:
        """Return what it is told first."""
        raise TypeError("a subclass says it")

    def _began(self) -> None:
        """It is confined and hears."""

    def _heard(self, message: M) -> None:
        """Take a message that answers nothing; the default ignores it."""

    def _ended(self) -> None:
        """It has ended by itself, and is begun anew in a moment."""

    # --- what a subclass uses -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Have it from now on."""
        self._ends.worked()
        self._task = asyncio.create_task(self._keep(), name=self._module)

    def _tell(self, message: msgspec.Struct, *, most_waiting_bytes: int = MAX_LINE_BYTES) -> bool:
        """Tell it something, unless it has not yet read more than that of what it was told. False: it does not hear now."""
        stdin = self._process.stdin if self._process is not None and self._up.is_set() else None
        if stdin is None or stdin.is_closing() or stdin.transport.get_write_buffer_size() > most_waiting_bytes:
            return False
        stdin.write(line_of(message))
        return True

    async def _async_ask(self, question: Callable[[int], msgspec.Struct], up_s: float) -> Any:
        """Return its answer to what ``question`` makes of a number. Raises TimeoutError when it does not hear within ``up_s``
        seconds, Ended."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            async with asyncio.timeout(up_s):
                while not self._tell(question(number)):
                    await self._up.wait()
                    await asyncio.sleep(0.05)  # it may have ended since, or be behind with what it was told
            return await answer
        finally:
            self._asked.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # looked at, so that nobody complains of one that came too late

    def _answer(self, number: int, answer: object) -> None:
        """Give the question of that number its answer, unless nobody waits for it any more."""
        asked = self._asked.get(number)
        if asked is not None and not asked.done():
            asked.set_result(answer)

    # --- its life -----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        wait_s, loop = RESPAWN_FIRST_S, asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._live()
            except OSError as error:
                _LOGGER.error("the process that %s cannot be started: %s", self._work, error.strerror)
            if self._ends.ended():
                _LOGGER.error("the process that %s ends again and again", self._work)
            self._ended()
            if loop.time() - began_s >= GOOD_LIFE_S:
                wait_s = RESPAWN_FIRST_S
            await asyncio.sleep(wait_s)
            wait_s = min(RESPAWN_CAP_S, wait_s * 2)

    async def _live(self) -> None:
        """One process, from its start to its end."""
        process = await async_spawn(self._module)
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        try:
            process.stdin.write(line_of(self._set_up()))
            await self._hear(process.stdout)
        finally:
            self._up.clear()
            self._process = None
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(Ended())
            await async_end(process)

    async def _hear(self, stdout: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stdout.readline()
                message = self._decode(line) if line else None
            except (ValueError, msgspec.MsgspecError, RecursionError):
                _LOGGER.error("the process that %s said nonsense and is ended", self._work)
                return
            if message is None:
                return
            if isinstance(message, Ready):
                if not (message.landlock_abi and message.seccomp) and self.ready is None:
                    _LOGGER.warning("this kernel confines the process that %s only in part", self._work)
                self.ready = message
                self._up.set()
                self._ends.began()
                self._began()
            else:
                self._heard(message)
