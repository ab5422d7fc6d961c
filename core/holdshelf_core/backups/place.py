"""A folder that backups are taken to, as the process that carries them meets it; and one of this machine."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

from holdshelf_core.backups.link import Fault

CHUNK_BYTES = 1 << 20
MOST_NAMES = 100_000


class Failed(Exception):
    """It was not done."""

    def __init__(self, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence)
        self.fault = Fault(sentence, next_step)


class Place(Protocol):
    """A folder somewhere. Each call raises Failed."""

    async def names(self) -> dict[str, int]:
        """Return the plain files there, with their bytes."""

    async def write(self, name: str, source: int) -> None:
        """Write what the descriptor holds to a new file of that name, and have it on disk."""

    async def read(self, name: str, most_bytes: int) -> AsyncIterator[bytes]:
        """Give the bytes of a file, ``most_bytes`` and a chunk at most."""
        yield b""

    async def rename(self, old: str, new: str) -> None:
        """Give a file another name, which nothing has."""

    async def remove(self, name: str) -> None:
        """Delete a file, if it is there."""


class FolderPlace:
    """A folder of this machine. It may hang for as long as its disk does."""

    def __init__(self, path: str) -> None:
        self._path, self._shown = Path(path), path
        with self._told("opened"):
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    async def names(self) -> dict[str, int]:
        """See `Place`."""
        with self._told("read"), os.scandir(self._fd) as found:
            return {
                one.name: one.stat(follow_symlinks=False).st_size for one in found if one.is_file(follow_symlinks=False)
            }

    async def write(self, name: str, source: int) -> None:
        """See `Place`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._told("written"):
            fd = os.open(name, flags, 0o600, dir_fd=self._fd)
            try:
                at = 0
                while data := os.pread(source, CHUNK_BYTES, at):
                    at += len(data)
                    view = memoryview(data)
                    while view:
                        view = view[os.write(fd, view) :]
                os.fsync(fd)
                # Otherwise reading back would only check the page cache.
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)
            self._sync()

    async def read(self, name: str, most_bytes: int) -> AsyncIterator[bytes]:
        """See `Place`."""
        with self._told("read back"):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self._fd)
        try:
            at = 0
            while at <= most_bytes:
                with self._told("read back"):
                    data = os.pread(fd, CHUNK_BYTES, at)
                if not data:
                    return
                at += len(data)
                yield data
        finally:
            os.close(fd)

    async def rename(self, old: str, new: str) -> None:
        """See `Place`."""
        with self._told("written"):
            if new in await self.names():
                raise Failed(f"{self._shown} has a file {new} already.", "See who else writes there.")
            os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            self._sync()

    async def remove(self, name: str) -> None:
        """See `Place`."""
        with self._told("written"), contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def _sync(self) -> None:
        with contextlib.suppress(OSError):  # not every file system knows it of a folder
            os.fsync(self._fd)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Failed(*_words(self._shown, what, error)) from None


def _words(path: str, what: str, error: OSError) -> tuple[str, str]:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{path} has no room for a backup.", "Make room there, or choose a larger disk."
    if error.errno == errno.EROFS:
        return (
            f"{path} cannot be written: it is read-only for the service.",
            "Let the service write there: docs/backup.md, *A folder*, has the lines.",
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{path} is not there.", "Mount its disk, or create the folder."
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{path} cannot be {what}: the service's user may not.",
            f"Give it to that user: `chown holdshelf: {path}`.",
        )
    return f"{path} cannot be {what} ({error.strerror}).", "See to its disk."
