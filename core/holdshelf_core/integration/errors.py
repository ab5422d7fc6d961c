"""What an integration raises, and nothing else. A library's own exceptions end at the integration's client."""

from __future__ import annotations

from holdshelf_core.errors import BadRequest, HoldshelfError, Unavailable


class EntryNotReady(Unavailable):
    """The device does not answer now; set-up is tried again with backoff."""


class EntryAuthFailed(HoldshelfError):
    """The device refuses these credentials; a person is asked for new ones, nothing is tried meanwhile."""

    status = 401


class EntryError(HoldshelfError):
    """It will not work like this, and trying again does not help."""

    status = 422


class FlowError(BadRequest):
    """One step of adding a device failed: ``field`` is what to correct (``address``, ``password``, ``name``, …)."""

    def __init__(self, field: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.field = field


__all__ = ["EntryAuthFailed", "EntryError", "EntryNotReady", "FlowError", "HoldshelfError"]
