"""Waiting for tasks that are kept in a set, and that may begin others while one waits."""

from __future__ import annotations

import asyncio
from typing import Any


async def async_settled(tasks: set[asyncio.Task[Any]]) -> None:
    """Until none of them is left; errors stay in the tasks. They are taken out of the set.

    Of tasks that are all done `gather` gives no turn to the loop, on which their own callbacks would discard them: a
    `while tasks` around it alone goes round for ever, and with it the whole service.
    """
    while waiting := tuple(tasks):
        await asyncio.gather(*waiting, return_exceptions=True)
        tasks.difference_update(waiting)
