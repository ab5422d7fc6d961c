"""Where the bytes of a file that is fetched come from: memory, a file, a bundle's zip that lies nowhere. They block."""

from __future__ import annotations

import os
from typing import Protocol

from holdshelf_storage.errors import translating


class Source(Protocol):
    """Random access. Used by one thread at a time."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """At most so many bytes from there; b'' behind the end. Raises StorageError."""
        ...

    def close(self) -> None:
        """No more of it."""
        ...


class InMemory:
    """A text that was made for this."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        return self._data[offset : offset + length]

    def close(self) -> None:
        """See ``Source``."""


class InFile:
    """A descriptor, which is closed here."""

    def __init__(self, fd: int, what: str) -> None:
        self._fd = fd
        self._what = what
        self.size = os.fstat(fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """See ``Source``."""
        if offset >= self.size:
            return b""
        with translating(f"{self._what} could not be read"):
            return os.pread(self._fd, min(length, self.size - offset), offset)

    def close(self) -> None:
        """See ``Source``."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
