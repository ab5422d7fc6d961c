"""Segments granted to a camera that it has not begun to write."""

from __future__ import annotations

import threading
from collections import deque

from holdshelf_core.times import NS

ASK_AGAIN_NS = 2 * NS


class Spares:
    """Granted, unused segments, and the last answer. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._granted: deque[tuple[int, int]] = deque()
        self._asked_boot_ns = 0
        self._waiting = False
        self.denied = ""

    @property
    def available(self) -> bool:
        """Return whether one is ready to write to."""
        return bool(self._granted)

    def may_ask(self, boot_ns: int) -> bool:
        """Return whether to request one: not while one is ready or an answer is pending, and not right after a refusal."""
        if self._granted or self._waiting:
            return False
        return not self.denied or boot_ns - self._asked_boot_ns >= ASK_AGAIN_NS

    def asked(self, boot_ns: int) -> None:
        """Note that one was just requested."""
        with self._changed:
            self._waiting, self._asked_boot_ns = True, boot_ns

    def put(self, seq: int, fd: int) -> None:
        """Store a granted segment until it is taken."""
        with self._changed:
            self._granted.append((seq, fd))
            self._waiting, self.denied = False, ""
            self._changed.notify_all()

    def deny(self, reason: str) -> None:
        """Note that no segment is granted for now, and why."""
        with self._changed:
            self._waiting, self.denied = False, reason
            self._changed.notify_all()

    def take(self) -> tuple[int, int] | None:
        """Return the oldest one; None when there is none."""
        with self._changed:
            return self._granted.popleft() if self._granted else None

    @property
    def awaited(self) -> bool:
        """Return whether none is ready and an answer is pending."""
        return self._waiting and not self._granted

    def wait(self, timeout_s: float) -> None:
        """Wait for a pending answer."""
        with self._changed:
            self._changed.wait_for(lambda: not self.awaited, timeout_s)

    def forget(self) -> None:
        """Reset for a new session."""
        with self._changed:
            self._waiting, self.denied = False, ""
