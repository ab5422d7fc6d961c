"""The screens, shown once to nobody in the fork server: what is found out at the first time, sessions find done."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

from holdshelf_core.api.client import Client
from holdshelf_core.api.types import DiskRow, Status
from holdshelf_core.people.types import PersonRow, RoleRow
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.session.link import RIGHTS, Who

_LOGGER = logging.getLogger(__name__)

NOWHERE = Path("/nonexistent")
ENOUGH_S = 0.1
ENDS_S = 2.0


def warm() -> None:
    """Takes half a second. Leaves no thread and no loop behind; a fault here is no session's."""
    try:
        asyncio.run(_show())
    except Exception as error:
        _LOGGER.warning("the screens could not be shown in advance, so the first session starts slower: %r", error)
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(ENDS_S)


async def _show() -> None:
    app = HoldshelfApp(Client(NOWHERE, token=""))
    async with app.run_test(size=(80, 24), tooltips=True, notifications=True) as pilot:
        seat = RoleRow("", "", "active", 0, None)
        who = Who(
            PersonRow("", "", "", [], "", "", [seat], "", acts=[*RIGHTS.values(), "hold.see", "release.see", "log.see"])
        )
        home = HomeScreen(who, Status("", 0, [], 0, 0, DiskRow("", "", 0, 0, 0, 0, 0, True, None), [], []))
        await app.push_screen(home)
        ends_s = time.monotonic() + ENDS_S
        while home.front is None and time.monotonic() < ends_s:
            await pilot.pause(0.01)
        await home.go("cameras")
        await pilot.pause(ENOUGH_S)
        app.exit()
