"""How long a camera's thread waits before it connects again."""

from __future__ import annotations

import random

from holdshelf_core.integration.reasons import (
    AUTH_REFUSED,
    CERTIFICATE_CHANGED,
    NOT_RECORDABLE,
    STREAM_MOVED,
    TRANSPORT_REFUSED,
)

BACKOFF_FIRST_S = 1.0
BACKOFF_CAP_S = 10.0
JITTER = 0.25
LONGEST_S = BACKOFF_CAP_S * (1 + JITTER)
"""No camera that needs no person waits longer for its next connection."""
# Cameras lock accounts after a few wrong passwords, and a try every ten seconds would keep them locked.
REFUSED_FIRST_S = 30.0
REFUSED_CAP_S = 120.0
GOOD_SESSION_S = 10.0
SHORT_SESSIONS, SHORT_WITHIN_S = 5, 60.0
"""So many connections a minute that brought pictures and were short: a camera that restarts its encoder does not wait for it."""


class Backoff:
    """Capped exponential backoff with ± 25% jitter, so that cameras behind one switch do not reconnect in step."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_FIRST_S
        self._short_s: list[float] = []

    def next_s(self, reason: str) -> float:
        """Return the wait before the next attempt: short for problems that resolve themselves, long for ones that need a
        person."""
        needs_person = reason in (AUTH_REFUSED, CERTIFICATE_CHANGED, NOT_RECORDABLE, STREAM_MOVED, TRANSPORT_REFUSED)
        first_s, cap_s = (REFUSED_FIRST_S, REFUSED_CAP_S) if needs_person else (BACKOFF_FIRST_S, BACKOFF_CAP_S)
        wait_s = min(cap_s, max(first_s, self._next_s))
        self._next_s = wait_s * 2
        return wait_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  (jitter, not a secret)

    def recorded(self, began_s: float, ended_s: float) -> None:
        """Note a connection that brought pictures, by a clock that is never set: the next wait is the shortest one again, after
        short connections for a few times a minute.
        """
        if ended_s - began_s <= GOOD_SESSION_S:
            self._short_s = [short_s for short_s in self._short_s if ended_s - short_s < SHORT_WITHIN_S]
            if len(self._short_s) >= SHORT_SESSIONS:
                return
            self._short_s.append(ended_s)
        self._next_s = BACKOFF_FIRST_S
