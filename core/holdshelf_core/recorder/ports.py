"""Interfaces that the recorder needs from its neighbors, so that it imports none of them; ``app`` connects them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Room(Protocol):
    """Manages the space for segments (``buffer.retention``)."""

    async def async_reserve(self, camera: str, seq: int, size_bytes: int) -> str:
        """Reserve room for a segment about to be opened; return why there is none, '' on success."""

    async def async_grow(self, seq: int, size_bytes: int) -> str:
        """Enlarge an open segment's reservation to this size; return why that failed, '' on success."""

    def async_written(self, seq: int, size_bytes: int) -> None:
        """Report how much of its reservation an open segment has used: that part is no longer free on the disk."""

    def async_release(self, seq: int) -> None:
        """Release the reservation: the segment is closed (from now on counted by its size on disk) or was never used."""

    async def async_relieve(self) -> None:
        """Free some room for what must be written now, as the disk is full despite reservations."""


class Disk(Protocol):
    """Runs blocking storage calls off the loop."""

    async def __call__[T](self, func: Callable[..., T], *args: object) -> T:
        """Run the function in a thread and return its result; its StorageError is raised."""
