"""The only errors that an integration may raise. A library's own exceptions must not leave the integration's client."""

from __future__ import annotations

from holdshelf_core.errors import BadRequest, HoldshelfError, Unavailable


class EntryNotReady(Unavailable):
    """The device does not answer now; set-up is retried with backoff."""


class EntryAuthFailed(HoldshelfError):
    """The device rejects these credentials; a person is asked for new ones, and nothing is retried meanwhile."""

    status = 401


class EntryError(HoldshelfError):
    """This configuration cannot work, and retrying does not help."""

    status = 422


class FlowError(BadRequest):
    """A step of adding a device failed: ``field`` is what to correct (``address``, ``password``, ``name``, …)."""

    def __init__(self, field: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.field = field


__all__ = ["EntryAuthFailed", "EntryError", "EntryNotReady", "FlowError", "HoldshelfError"]
