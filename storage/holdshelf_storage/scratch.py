"""A nameless file for what is too long for memory while something is made: it goes with whoever has it open."""

import contextlib
import os
import tempfile
from types import TracebackType
from typing import Self

from holdshelf_storage.atomic import write_all
from holdshelf_storage.errors import translating

_BLOCK = 256 * 1024


class Scratch:
    """Bytes are put at its end, and read by its descriptor after `flush`. Each call raises StorageError when the disk refuses.

    Use as a context manager, or `close` it: what was not written yet is dropped, and nothing is raised.
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
        """The next bytes."""
        self._waiting += data
        if len(self._waiting) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """All of them can be read now."""
        waiting = bytes(self._waiting)
        self._waiting.clear()
        with translating("What is kept aside meanwhile could not be written"):
            write_all(self.fd, waiting)

    def read(self, size: int, at: int) -> bytes:
        """At most `size` bytes from `at` on."""
        with translating("What is kept aside meanwhile could not be read"):
            return os.pread(self.fd, size, at)

    def close(self) -> None:
        """Gives it up."""
        with contextlib.suppress(OSError):
            self._file.close()
