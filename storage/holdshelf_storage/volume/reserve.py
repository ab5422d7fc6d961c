"""STATE/reserve: room kept back so that register, ledger and access log can still be written when the disk is full.

They are small, but without them nothing may be erased, and without erasing a full disk stays full. `Reserve.release` frees the
room for code that must write now; `restore` takes it back once there is room.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from holdshelf_storage.atomic import fsync_dir
from holdshelf_storage.errors import DiskFull, translating

RESERVE_BYTES = 64 * 1024 * 1024


class Reserve:
    """The reserve file of one state folder. Safe from several threads."""

    def __init__(self, state: Path, size_bytes: int | None = None) -> None:
        self._path = state / "reserve"
        self._size_bytes = RESERVE_BYTES if size_bytes is None else size_bytes
        self._lock = threading.Lock()

    @property
    def is_whole(self) -> bool:
        """Whether the reserve is fully allocated."""
        try:
            status = self._path.stat()
        except OSError:
            return False
        return status.st_size >= self._size_bytes and status.st_blocks * 512 >= self._size_bytes

    def restore(self) -> bool:
        """Allocates the reserve without holes. False when the disk has no room for it."""
        with self._lock:
            if self.is_whole:
                return True
            try:
                with translating(f"The reserve {self._path} could not be made"):
                    fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                    try:
                        try:
                            os.posix_fallocate(fd, 0, self._size_bytes)
                        except OSError:
                            os.ftruncate(fd, 0)  # a partial reserve is useless
                            raise
                        os.fsync(fd)
                    finally:
                        os.close(fd)
                fsync_dir(self._path.parent)
            except DiskFull:
                return False
            return True

    def release(self) -> bool:
        """Frees the room at once. False when there was none."""
        with self._lock, translating(f"The reserve {self._path} could not be released"):
            try:
                fd = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            try:
                had = os.fstat(fd).st_blocks > 0
                os.ftruncate(fd, 0)
                os.fsync(fd)
            finally:
                os.close(fd)
            return had

    def spend_on[T](self, write: Callable[[], T]) -> T:
        """Calls `write`; when the disk is full, releases the reserve and calls it once more. Raises as `write` does."""
        try:
            return write()
        except DiskFull:
            if not self.release():
                raise
            return write()
