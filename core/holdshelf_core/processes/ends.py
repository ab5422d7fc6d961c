"""Processes that end by themselves one after another: since when, so that somebody is told.

One that ends now and then is begun anew, and that is all. Used on the loop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

GOOD_LIFE_S: Final = 60.0
"""One that was there for so long counts as one that works."""
ENDS: Final = 3
"""So many in a row, none of which worked, are told as a failure."""


class Ends:
    """Of processes of one kind, or of one place among them."""

    def __init__(self) -> None:
        self._count, self._first_utc_ns = 0, 0
        self._up_since_s: float | None = None

    @property
    def failing_since_utc_ns(self) -> int:
        """Since when one after another ends; 0 while none does, or one has lasted."""
        return 0 if self._count < ENDS or self._has_lasted() else self._first_utc_ns

    def began(self) -> None:
        """One is ready."""
        self._up_since_s = asyncio.get_running_loop().time()

    def worked(self) -> None:
        """It did what it is for, or another kind is begun now: those before count no more."""
        self._count = 0

    def ended(self) -> bool:
        """It ended by itself, or could not be started. Returns whether this one makes it a failure."""
        if self._count == 0 or self._has_lasted():
            self._count, self._first_utc_ns = 0, time.time_ns()
        self._count += 1
        self._up_since_s = None
        return self._count == ENDS

    def _has_lasted(self) -> bool:
        """Whether the one that is there, or has just ended, counts as one that works."""
        up_s = self._up_since_s
        return up_s is not None and asyncio.get_running_loop().time() - up_s >= GOOD_LIFE_S
