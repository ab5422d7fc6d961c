"""Lets a loop's timers be due: a test waits for the event that a limit is about, and then for nothing."""

from __future__ import annotations

import asyncio


def leap(seconds: float) -> None:
    """Set the running loop's clock ahead: what was to be waited for until then is due now."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + seconds  # type: ignore[method-assign]
