"""Writes a bundle under a temporary name, renamed when complete (``storage.outbox.bundles`` says where).

All paths are relative to the media root's descriptor. Each byte is written once, hashed on the way in a parallel thread, and each
file synced; its zip is not stored (``zipping``). Must never touch anything outside ``bundles/``. Blocks.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import queue
import threading
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from holdshelf_core.releases.derive import Cancelled
from holdshelf_storage.atomic import fsync_dir, make_dir, sync, write_all
from holdshelf_storage.errors import BadMp4, DiskFull, translating
from holdshelf_storage.outbox.bundles import BUNDLES, MAKING, discard, folder_of, parts_of

SUMS, SIGNATURE, SIGNATURE_SUM = "SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.sig.sha256"
UNLISTED = frozenset({SUMS, SIGNATURE, SIGNATURE_SUM})
"""What SHA256SUMS cannot list: itself, and what is derived from it."""
LOOK_EVERY_BYTES = 64 << 20
FLUSH_EVERY_BYTES = 32 << 20
FORM = 1
_BLOCK_BYTES = 1 << 20
_BLOCKS = 6
_BEGIN_WRITING, _END_WRITING = 2, 7  # sync_file_range(2)
_sync_file_range = ctypes.CDLL(None).sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

type Room = Callable[[], int]
"""Returns how many bytes may be written now without taking room from recording."""


class Part(msgspec.Struct, frozen=True):
    """A file of a bundle, with what its zip needs to know."""

    path: str
    bytes: int
    crc32: int


class Parts(msgspec.Struct, frozen=True):
    """RELEASE.parts: all files of a bundle, by path."""

    form: int
    release: str
    made_utc_ns: int
    files: list[Part]


class Writing:
    """A bundle being written. Leaving it without ``finish`` leaves nothing behind."""

    def __init__(self, root_fd: int, release: str, room: Room, stop: threading.Event) -> None:
        self.release = release
        self.root_fd = root_fd
        self.sums: dict[str, str] = {}
        """SHA-256 by path."""
        self.parts: list[Part] = []
        self.bytes = 0
        self.blocks: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        """Free memory blocks: all that a bundle uses, whatever its length."""
        self._room = room
        self._stop = stop
        self._unlooked = LOOK_EVERY_BYTES

    def __enter__(self) -> Self:
        make_dir(BUNDLES, dir_fd=self.root_fd)
        discard(self.root_fd)
        make_dir(MAKING, dir_fd=self.root_fd)
        for name in ("pins", "bundle"):
            make_dir(f"{MAKING}/{name}", dir_fd=self.root_fd)
        for _ in range(_BLOCKS):
            self.blocks.put(bytearray(_BLOCK_BYTES))
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        discard(self.root_fd)

    @property
    def scratch(self) -> str:
        """Return a folder for unnamed files, as a path that any library can use."""
        return f"/proc/self/fd/{self.root_fd}/{MAKING}"

    @property
    def pins(self) -> str:
        """Return where footage files get a second link, below the media root."""
        return f"{MAKING}/pins"

    def go_on(self, size: int = 0) -> None:
        """Check before writing ``size`` bytes. Raises Cancelled, DiskFull."""
        if self._stop.is_set():
            raise Cancelled("The bundle was not made because it was canceled.")
        self._unlooked += size
        if self._unlooked >= LOOK_EVERY_BYTES:
            self._unlooked = 0
            if self._room() <= 0:
                raise DiskFull("The media disk has no room for the bundle.")

    def file(self, path: str) -> File:
        """Return a new file of the bundle, to be written from start to end; use it as a context manager."""
        return File(self, path)

    def text(self, path: str, text: str) -> None:
        """Write a small file at once."""
        with self.file(path) as file:
            file.write(text.encode())

    def finish(self, made_utc_ns: int) -> None:
        """Give the complete folder and list their names. Both exist afterwards, or neither. Raises StorageError."""
        made, parts = f"{MAKING}/bundle", f"{MAKING}/bundle.parts"
        listed = Parts(FORM, self.release, made_utc_ns, sorted(self.parts, key=lambda part: part.path))
        with translating("The bundle could not be finished"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(parts, flags, 0o600, dir_fd=self.root_fd)
            try:
                write_all(fd, msgspec.json.encode(listed))
                sync(fd, "The list of the bundle's files")
            finally:
                os.close(fd)
        for name in sorted({os.path.dirname(path) for path in self.sums}, reverse=True):  # noqa: PTH120
            fsync_dir(f"{made}/{name}", dir_fd=self.root_fd)
        fsync_dir(made, dir_fd=self.root_fd)
        with translating("The bundle could not be finished"):
            # The register names finished bundles: one in place but not named there is deleted at start.
            targets = folder_of(self.release), parts_of(self.release)
            discard(self.root_fd, *(target.removeprefix(f"{BUNDLES}/") for target in targets))
            for source, target in zip((made, parts), targets, strict=True):
                os.rename(source, target, src_dir_fd=self.root_fd, dst_dir_fd=self.root_fd)
        fsync_dir(BUNDLES, dir_fd=self.root_fd)


class File:
    """One file of the bundle: input is written, and hashed in a parallel thread.

    The file is created with its first byte: no bytes, no file.
    """

    def __init__(self, writing: Writing, path: str) -> None:
        self.path = path
        self.bytes = 0
        self.sha256 = ""
        self._writing = writing
        self._digest = hashlib.sha256()
        self._crc32 = 0
        self._block = writing.blocks.get()
        self._view = memoryview(self._block)
        self._used = 0
        self._full: queue.SimpleQueue[tuple[bytearray, int] | None] = queue.SimpleQueue()
        self._fd = -1
        self._thread: threading.Thread | None = None
        self._flushed = 0

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        """Write the next bytes. Raises StorageError, Cancelled."""
        left = memoryview(data)
        while left:
            size = min(len(left), _BLOCK_BYTES - self._used)
            self._view[self._used : self._used + size] = left[:size]
            left = left[size:]
            self._filled(size)

    def copy(self, fd: int, offset: int, size: int) -> None:
        """Write the next bytes from another file, which must have that many. Raises StorageError, Cancelled."""
        while size:
            part = self._view[self._used : self._used + size]
            got = read_into(fd, part, offset)
            offset, size = offset + got, size - got
            self._filled(got)

    def _filled(self, size: int) -> None:
        self._used += size
        if self._used == _BLOCK_BYTES:
            self._put()

    def _put(self) -> None:
        """Write the block, which is full or the last one."""
        block, view, size = self._block, self._view[: self._used], self._used
        self._writing.go_on(size)
        if self._fd < 0:
            self._begin()
        if self._thread is None and size == _BLOCK_BYTES:
            self._thread = threading.Thread(target=self._beside, name="bundle", daemon=True)
            self._thread.start()
        if self._thread is not None:
            self._full.put((block, size))
        else:
            self._digest.update(view)
        with translating(f"{self.path} could not be written"):
            write_all(self._fd, view)
        self._crc32 = zlib.crc32(view, self._crc32)
        self.bytes += size
        if self.bytes - self._flushed >= FLUSH_EVERY_BYTES:
            self._flush()
        if self._thread is not None:
            self._block = self._writing.blocks.get()
            self._view = memoryview(self._block)
        self._used = 0

    def _flush(self) -> None:
        """Start writing these bytes to disk while the next are produced, and drop earlier ones from the page cache.

        An error shows when the file is synced.
        """
        size = self.bytes - self._flushed
        _sync_file_range(self._fd, self._flushed, size, _BEGIN_WRITING)
        if self._flushed:
            before = max(0, self._flushed - FLUSH_EVERY_BYTES - _BLOCK_BYTES)
            _sync_file_range(self._fd, before, self._flushed - before, _END_WRITING)
            os.posix_fadvise(self._fd, before, self._flushed - before, os.POSIX_FADV_DONTNEED)
        self._flushed = self.bytes

    def _begin(self) -> None:
        root = f"{MAKING}/bundle"
        folder = os.path.dirname(self.path)  # noqa: PTH120
        if folder:
            make_dir(f"{root}/{folder}", dir_fd=self._writing.root_fd)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with translating(f"{self.path} could not be written"):
            self._fd = os.open(f"{root}/{self.path}", flags, 0o600, dir_fd=self._writing.root_fd)

    def _beside(self) -> None:
        while (full := self._full.get()) is not None:
            block, size = full
            self._digest.update(memoryview(block)[:size])
            self._writing.blocks.put(block)

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        try:
            if kind is None and self._used:
                self._put()
        except BaseException as error:
            kind = type(error)
            raise
        finally:
            if self._thread is not None:
                self._full.put(None)
                self._thread.join()
            self._writing.blocks.put(self._block)
            if self._fd >= 0:
                self._close(whole=kind is None)

    def _close(self, *, whole: bool) -> None:
        try:
            if whole:
                sync(self._fd, self.path)
        finally:
            os.close(self._fd)
        if whole:
            self.sha256 = self._digest.hexdigest()
            self._writing.bytes += self.bytes
            self._writing.sums[self.path] = self.sha256
            self._writing.parts.append(Part(self.path, self.bytes, self._crc32))


class Digest:
    """Takes the same input as a ``File``, and only hashes it."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._digest = hashlib.sha256()
        self._block = memoryview(bytearray(_BLOCK_BYTES))

    def write(self, data: bytes) -> None:
        """Hash the next bytes. Raises Cancelled."""
        self._writing.go_on()
        self._digest.update(data)

    def copy(self, fd: int, offset: int, size: int) -> None:
        """Hash the next bytes, from another file. Raises StorageError, Cancelled."""
        while size:
            got = read_into(fd, self._block[:size], offset)
            self.write(self._block[:got])  # type: ignore[arg-type]
            offset, size = offset + got, size - got

    @property
    def sha256(self) -> str:
        """Return the hash of all input so far."""
        return self._digest.hexdigest()


def read_into(fd: int, view: memoryview, offset: int) -> int:
    """Read at least one byte. Raises BadMp4 when there is none, DiskWriteError."""
    with translating("A file could not be read"):
        got = os.preadv(fd, [view], offset)
    if not got:
        raise BadMp4("A file of footage became shorter while it was copied.")
    return got


def sums_text(sums: dict[str, str]) -> str:
    """Return SHA256SUMS: by path, as `sha256sum -c` reads it."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))


def read_file(root_fd: int, path: str, limit_bytes: int = 1 << 20) -> bytes:
    """Return a small file of a bundle. Raises StorageError."""
    with translating(f"{path} could not be read"):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)
        try:
            return os.pread(fd, limit_bytes, 0)
        finally:
            os.close(fd)
