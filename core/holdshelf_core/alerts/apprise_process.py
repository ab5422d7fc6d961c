"""A delivery by Apprise as the service sees it: a process that is begun for one message, and ended after a minute."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import msgspec

from holdshelf_core.alerts import link
from holdshelf_core.alerts.ways import DELIVER_S, NOT_TAKEN
from holdshelf_core.processes.online_link import Ready, line_of
from holdshelf_core.processes.online_process import async_spawn

_LOGGER = logging.getLogger(__name__)

MODULE: Final = "holdshelf_core.alerts.by_apprise"


async def async_deliver(task: link.Task, confined: Callable[[Ready], None] = lambda _ready: None) -> link.Delivered:
    """Have it delivered; return what came of it. The process has ended when this returns or is canceled.

    ``confined`` is called with how it was confined, before it talks to anybody.
    """
    try:
        # A second area would reserve more address space than the process may take, and what then takes its place is larger.
        process = await async_spawn(MODULE, arenas=1)
    except OSError as error:
        _LOGGER.error("a delivery by Apprise cannot be started: %s", error.strerror)
        return link.Delivered(task.number, "The process that delivers by Apprise cannot be started.")
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(DELIVER_S):
            process.stdin.write(line_of(task))
            if isinstance(ready := await _async_next(process.stdout), Ready):
                confined(ready)
                if isinstance(answer := await _async_next(process.stdout), link.Delivered):
                    return msgspec.structs.replace(answer, number=task.number)
    except TimeoutError:
        return link.Delivered(task.number, NOT_TAKEN)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        pass  # nonsense, or nothing: the kernel refused it memory where Python cannot say so
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    words = "The delivery by Apprise ended before it was done: what its service answers may have no end."
    return link.Delivered(task.number, words)


async def _async_next(stdout: asyncio.StreamReader) -> Ready | link.Delivered:
    """Return what it says next. Raises ValueError, MsgspecError or RecursionError where that is nonsense, or nothing."""
    said: Ready | link.Delivered = link.from_delivery.decode(await stdout.readline())
    return said
