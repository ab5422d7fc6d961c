"""Sources of a fetched file's bytes: memory, a file, or a bundle's zip built on the fly. They block."""

from __future__ import annotations

import os
from typing import Protocol

from holdshelf_storage.errors import translating


class ByteSource(Protocol):
    """Random access. Used by one thread at a time."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return up to that many bytes from there; b'' beyond the end. Raises StorageError."""
        ...

    def close(self) -> None:
        """Close what it has open. Nothing is read afterward."""
        ...


class InMemory:
    """Content held in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """See ``ByteSource``."""
        return self._data[offset : offset + length]

    def close(self) -> None:
        """See ``ByteSource``."""


class InFile:
    """A file descriptor, which is closed here."""

    def __init__(self, fd: int, what: str) -> None:
        self._fd = fd
        self._what = what
        self.size = os.fstat(fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """See ``ByteSource``."""
        if offset >= self.size:
            return b""
        with translating(f"{self._what} could not be read"):
            return os.pread(self._fd, min(length, self.size - offset), offset)

    def close(self) -> None:
        """See ``ByteSource``."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
