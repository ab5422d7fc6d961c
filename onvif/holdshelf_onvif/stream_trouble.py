"""When to ask the camera again because its stream cannot be had: its address may be another by now.

At once when the recorder says so, then every few seconds, as a camera may tell a new address only a moment later. The number of
such queries is limited, however often the stream comes and goes.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress

from holdshelf_core.integration import Event, reasons

ASK_EVERY_S = 3.0
MAX_AT_ONCE, MAX_UNANSWERED = 1200, 40
"""An hour of them, and two minutes while the camera answers nothing at all."""
REFILL_S = 30.0
"""One more may be sent every so often."""

# What a camera that knows better answers: another path, port, account or way of sending.
ASKED_ABOUT = frozenset(
    {
        reasons.NOT_FOUND,
        reasons.STREAM_MOVED,
        reasons.UNREACHABLE,
        reasons.NOT_RECORDABLE,
        reasons.TRANSPORT_REFUSED,
    }
)


class StreamTrouble:
    """The state of one camera's stream, as the recorder tells it. ``time_s`` is a clock that is never set."""

    def __init__(self, camera: str, time_s: Callable[[], float] = time.monotonic) -> None:
        self._camera, self._time_s = camera, time_s
        self._news = asyncio.Event()
        self._lasts = False
        self._refused = self._refusal_is_new = False
        self._most, self._sent = MAX_AT_ONCE, 0.0
        """How many may be sent before they become rare, and how many count as sent: those of long ago do not."""
        self._asked_s = time_s()

    def async_note(self, event: Event) -> None:
        """Take in a ``camera_state`` event; those of other cameras change nothing."""
        if event.data.get("camera") != self._camera:
            return
        reason = event.data.get("reason")
        if event.data.get("state") == "recording":
            self._lasts = self._refused = self._refusal_is_new = False
        elif reason == reasons.AUTH_REFUSED and not self._refused:
            # Asked about once: a camera may lock its account after a few failed logins.
            self._refused = self._refusal_is_new = True
        elif reason in ASKED_ABOUT:
            self._lasts = True
            self._most = MAX_UNANSWERED if reason == reasons.UNREACHABLE else MAX_AT_ONCE
        self._news.set()

    async def async_wait(self, usual_s: float) -> None:
        """Wait for the time of the next query: ``usual_s`` from now, sooner while the stream cannot be had."""
        ends_s = self._time_s() + usual_s
        while (left_s := min(ends_s - self._time_s(), self.due_in_s())) > 0:
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left_s)
        self.async_asking()

    def due_in_s(self) -> float:
        """Return in how many seconds the camera is to be asked because of its stream; infinite while that is well."""
        if not (self._lasts or self._refusal_is_new):
            return math.inf
        return self._asked_s + (ASK_EVERY_S if self._sent < self._most else REFILL_S) - self._time_s()

    def async_asking(self) -> None:
        """Count a query that is sent now, for this reason or another."""
        self._refusal_is_new = False
        now_s = self._time_s()
        self._sent = max(0.0, self._sent - (now_s - self._asked_s) / REFILL_S) + 1
        self._asked_s = now_s
