"""Pictures and holes of one stream in order: after a loss nothing is taken up to the next key frame."""

from __future__ import annotations

import time
from collections.abc import Iterator

from holdshelf_core.integration.reasons import FRAMES_LOST, NO_FRAMES
from holdshelf_core.recorder.worker.source import READ_TIMEOUT_S, Hole, Picture, SourceError

KEY_WAIT_S = 45.0  # cameras that save on key frames send one every 10 s to 20 s


class Order:
    """Orders pictures and holes: after a loss everything up to the next key frame is dropped, as it depends on what is
    missing."""

    def __init__(self) -> None:
        self.seen = False
        self._waits_since_s = 0.0
        self._key_due_s: float | None = time.monotonic() + KEY_WAIT_S

    def follow(self, units: list[Picture], holes: list[int]) -> Iterator[Picture | Hole]:
        """``holes``: before which of the units something is missing. Raises SourceError when no key frame comes."""
        if self._key_due_s is None and not holes and not self._waits_since_s:
            yield from units
            return
        for number, unit in enumerate(units):
            if number in holes:
                yield from self._lose()
            if self._waits_since_s and not unit.is_key:
                continue
            self._waits_since_s = 0.0
            self.seen = True
            if unit.is_key:
                self._key_due_s = None
            yield unit
        if holes and holes[-1] >= len(units):
            yield from self._lose()
        if self._waits_since_s and time.monotonic() - self._waits_since_s > 3 * READ_TIMEOUT_S:
            raise SourceError(FRAMES_LOST, "pictures were lost, and no key frame has come since")
        if self._key_due_s is not None and time.monotonic() > self._key_due_s:
            raise SourceError(NO_FRAMES, "pictures come, but never a key frame; set a key frame interval at the camera")

    def _lose(self) -> Iterator[Hole]:
        if self.seen and not self._waits_since_s:
            self._waits_since_s = time.monotonic()
            yield Hole(lasting=False)
