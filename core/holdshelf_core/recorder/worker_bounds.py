"""What one camera may cost its worker: bytes, processor time, new segments. Far beyond what a real one needs.

The sixteen cameras of a worker share a core and an interpreter: whoever pours garbage would take both from the others. A camera
that passes a bound is left alone for a while, as one that cannot be recorded, and a person is told.
"""

from __future__ import annotations

import time
from collections import deque

from holdshelf_core.reasons import FRAMES_LOST, NO_FRAMES, NOT_RECORDABLE
from holdshelf_core.recorder.worker_source import READ_TIMEOUT_S, SourceError

WINDOW_S = 4.0
MAX_BYTES_PER_S = 25_000_000
MAX_CPU_SHARE = 0.35
"""Of a core, by this camera's thread. A busy 4K camera takes 2 %."""
MINUTE_NS = 60_000_000_000
MAX_SEGMENT_BYTES = 2 << 30


class Budget:
    """Bytes and processor time of one connection. For its own thread: that is whose time is counted."""

    def __init__(self) -> None:
        self._began_s, self._began_cpu_s, self._bytes = time.monotonic(), time.thread_time(), 0
        self._picture_s = self._began_s

    def spend(self, received_bytes: int) -> None:
        """So many bytes were just read. Raises SourceError when it is too much, or when no picture comes of them."""
        self._bytes += received_bytes
        now_s = time.monotonic()
        if now_s - self._picture_s > 3 * READ_TIMEOUT_S:
            raise SourceError(NO_FRAMES, "it sends, and no picture comes of it")
        elapsed_s = now_s - self._began_s
        if elapsed_s < WINDOW_S:
            return
        cpu_s = time.thread_time()
        if self._bytes > MAX_BYTES_PER_S * elapsed_s:
            raise SourceError(NOT_RECORDABLE, f"it sends {self._bytes / elapsed_s / 1e6:.0f} MB a second")
        if cpu_s - self._began_cpu_s > MAX_CPU_SHARE * elapsed_s:
            raise SourceError(
                NOT_RECORDABLE, "reading what it sends takes more of the processor than a camera may have"
            )
        self._began_s, self._began_cpu_s, self._bytes = now_s, cpu_s, 0

    def saw_picture(self) -> None:
        """A picture came."""
        self._picture_s = time.monotonic()


class SegmentRate:
    """How often a camera's stream makes a new segment necessary (a new size, a jump of its clock)."""

    def __init__(self, segment_s: float) -> None:
        self._most = 30 + int(180 / segment_s)
        # A line that loses packets ends one with each group of pictures that it tears.
        self._most_lost = self._most + 60
        self._opened_ns: deque[int] = deque()

    def opens(self, boot_ns: int, *, lost: bool = False) -> None:
        """One more; ``lost``: because frames were lost before it. Raises SourceError: too many in the last minute."""
        opened = self._opened_ns
        while opened and boot_ns - opened[0] > MINUTE_NS:
            opened.popleft()
        if lost and len(opened) >= self._most_lost:
            raise SourceError(FRAMES_LOST, "the line loses more than can be recorded around")
        if not lost and len(opened) >= self._most:
            raise SourceError(NOT_RECORDABLE, "its format or its clock changes all the time")
        opened.append(boot_ns)
