"""An unnamed file for temporary data too large for memory: it disappears when closed."""

import contextlib
import os
import tempfile
from types import TracebackType
from typing import Self

from holdshelf_storage.atomic import write_all
from holdshelf_storage.errors import translating

_BLOCK = 256 * 1024


class Scratch:
    """Bytes are appended, and read through its descriptor after `flush`. Each call raises StorageError on a disk error.

    Use as a context manager, or `close` it: unwritten data is dropped, and nothing is raised.
    """

    def __init__(self, folder: str) -> None:
        with translating("What is kept aside meanwhile could not be written"):
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by `close`
        self.fd = self._file.fileno()
        self._waiting = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Appends bytes. They can be read after `flush`. Raises StorageError when the disk takes no more."""
        self._waiting += data
        if len(self._waiting) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Writes out what waits, so that `read` sees it. Raises as `write`."""
        waiting = bytes(self._waiting)
        self._waiting.clear()
        with translating("What is kept aside meanwhile could not be written"):
            write_all(self.fd, waiting)

    def read(self, size: int, at: int) -> bytes:
        """At most `size` bytes from `at` on."""
        with translating("What is kept aside meanwhile could not be read"):
            return os.pread(self.fd, size, at)

    def close(self) -> None:
        """Closes and so deletes it."""
        with contextlib.suppress(OSError):
            self._file.close()
