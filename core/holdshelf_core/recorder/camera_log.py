"""What the service's log says of cameras: when one is no longer recorded and why, and when it is again. Once each, both ways."""

from __future__ import annotations

import logging

from holdshelf_core.clock import Clock
from holdshelf_core.integration import reasons
from holdshelf_core.times import NS

_LOGGER = logging.getLogger(__name__)
_NO_LOSS = frozenset({reasons.CONNECTING, reasons.SERVICE_STOPPED, reasons.CAMERA_REMOVED})
"""Of a camera that is being started or ended: nothing to look at."""
RECORDING = "recording"


class CameraLog:
    """Remembers what was told of each camera last: it dials every few seconds, and is away for the same reason."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, str] = {}
        """By camera: why it is not recorded; '' while it is."""
        self._since_ns: dict[str, int] = {}

    def async_note(self, camera: str, state: str, reason: str, detail: str, sentence: str) -> None:
        """Write a line if this is news. ``sentence`` stands in for a detail that is not known."""
        told = self._told.get(camera)
        if state == RECORDING:
            if told != "":
                self._write_recorded(camera, told)
            self._told[camera] = ""
        elif reason and reason != told and reason not in _NO_LOSS:
            if not told:
                self._since_ns[camera] = self._clock.boot_ns()
            self._told[camera] = reason
            _LOGGER.warning("camera %s: %s (%s)", camera, reason, detail or sentence)

    def async_forget(self, camera: str) -> None:
        """Forget a camera that was removed: nothing more is told of it."""
        self._told.pop(camera, None)
        self._since_ns.pop(camera, None)

    def _write_recorded(self, camera: str, told: str | None) -> None:
        if told is None:
            _LOGGER.info("camera %s: recorded", camera)
            return
        away_s = (self._clock.boot_ns() - self._since_ns[camera]) / NS
        _LOGGER.info("camera %s: recorded again after %.0f s (%s)", camera, away_s, told)
