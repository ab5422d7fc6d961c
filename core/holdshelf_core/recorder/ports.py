"""What the recorder needs from its neighbours, so that it imports none of them: ``app`` ties them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Room(Protocol):
    """Who decides what space may be written to (core.keeping)."""

    async def async_reserve(self, camera: str, seq: int, size_bytes: int) -> str:
        """Set room aside for a segment that is about to open; says why there is none, '' when there is."""

    async def async_grow(self, seq: int, size_bytes: int) -> str:
        """Make an open segment's reservation this large; says why it cannot be, '' when it is."""

    def async_written(self, seq: int, size_bytes: int) -> None:
        """How much of its reservation an open segment has used: that part is no longer free on the disk."""

    def async_release(self, seq: int) -> None:
        """The segment is closed (counted by what it takes on disk from now on) or was never used."""

    async def async_relieve(self) -> None:
        """The disk is full although room was reserved: make some, for what must be written now."""


class Disk(Protocol):
    """Runs blocking storage calls off the loop."""

    async def __call__[T](self, func: Callable[..., T], *args: object) -> T:
        """Await the function's answer; its StorageError comes through."""
