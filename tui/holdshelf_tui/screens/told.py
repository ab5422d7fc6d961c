"""Asking the service from a screen on which something is being drawn: it is said when that takes long, and when it fails."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from textual.screen import Screen

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_tui.screens.dialogs.form import TOLD_AFTER_S, in_words
from holdshelf_tui.session.app import SessionApp


async def async_told[T](
    screen: Screen[Any], say: Callable[[str, bool], None], what: str, kept: str, doing: Awaitable[T]
) -> T | None:
    """Return the answer; None when it failed, which was said.

    ``say``: gets a text and whether it is a fault. ``what``: 'Saving the masks'. ``kept``: what stays on the screen
    while the service is away, 'drawing is'.
    """
    began_s = time.monotonic()
    timer = screen.set_interval(TOLD_AFTER_S, lambda: say(f"{what} … {int(time.monotonic() - began_s)} s", False))
    try:
        return await doing
    except Unreachable:
        say(f"The recording service is restarting. Your {kept} still here; try again in a moment.", True)
    except HoldshelfError as error:
        say(in_words(error), True)
    finally:
        timer.stop()
    cast(SessionApp, screen.app).forget_typed()
    return None
