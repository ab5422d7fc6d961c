"""Limits on what one camera may cost its worker: bytes, CPU time, new segments. Far beyond what a real one needs.

The sixteen cameras of a worker share a core and an interpreter: one that floods garbage would take both from the others. A camera
that exceeds a limit is disconnected for a while, as not recordable, and a person is told.
"""

from __future__ import annotations

import time
from collections import deque

from holdshelf_core.integration.reasons import FRAMES_LOST, NO_FRAMES, NOT_RECORDABLE
from holdshelf_core.recorder.worker.source import READ_TIMEOUT_S, SourceError
from holdshelf_core.times import MINUTE_NS

WINDOW_S = 4.0
MAX_BYTES_PER_S = 25_000_000
MAX_CPU_SHARE = 0.35
"""Of a core, for reading this camera. A busy 4K camera takes 2%."""
MAX_SEGMENT_BYTES = 2 << 30


class Budget:
    """Bytes and CPU time of one connection."""

    def __init__(self) -> None:
        self._began_s, self._cpu_s, self._bytes = time.monotonic(), 0.0, 0
        self._picture_s = self._began_s
        self._patience_s = 3 * READ_TIMEOUT_S

    def spend(self, received_bytes: int, cpu_s: float) -> None:
        """Count bytes just read, and what that took; none is a turn, too. Raises SourceError when it is too much, or when no
        pictures come of it: reports and answers to keepalives are none."""
        if time.monotonic() - self._picture_s > self._patience_s:
            raise SourceError(NO_FRAMES, "it sends, and no picture comes of it")
        if received_bytes:
            self._bytes += received_bytes
            self.charge(cpu_s)

    def charge(self, cpu_s: float) -> None:
        """Count what reading or recording took. Raises SourceError when it is too much."""
        self._cpu_s += cpu_s
        now_s = time.monotonic()
        elapsed_s = now_s - self._began_s
        if elapsed_s < WINDOW_S:
            return
        if self._bytes > MAX_BYTES_PER_S * elapsed_s:
            raise SourceError(NOT_RECORDABLE, f"it sends {self._bytes / elapsed_s / 1e6:.0f} MB a second")
        if self._cpu_s > MAX_CPU_SHARE * elapsed_s:
            raise SourceError(
                NOT_RECORDABLE, "reading what it sends takes more of the processor than a camera may have"
            )
        self._began_s, self._cpu_s, self._bytes = now_s, 0.0, 0

    def saw_picture(self) -> None:
        """Note that a picture arrived: the next one must come before the camera counts as silent (`Recorder.async_watch`)."""
        self._picture_s = time.monotonic()
        self._patience_s = 2 * READ_TIMEOUT_S


class SegmentRate:
    """How often a camera's stream requires a new segment (a new size, a jump of its clock)."""

    def __init__(self, segment_s: float) -> None:
        self._most = 30 + int(180 / segment_s)
        # A line that loses packets ends one with each damaged group of pictures.
        self._most_lost = self._most + 60
        self._opened_ns: deque[int] = deque()

    def opens(self, boot_ns: int, *, lost: bool = False) -> None:
        """Count one more; ``lost``: because frames were lost before it. Raises SourceError when there were too many in the
        last minute."""
        opened = self._opened_ns
        while opened and boot_ns - opened[0] > MINUTE_NS:
            opened.popleft()
        if lost and len(opened) >= self._most_lost:
            raise SourceError(FRAMES_LOST, "the line loses more than can be recorded around")
        if not lost and len(opened) >= self._most:
            raise SourceError(NOT_RECORDABLE, "its format or its clock changes all the time")
        opened.append(boot_ns)
