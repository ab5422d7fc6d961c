"""Writing a bundle: beside its place, and renamed when it is whole (``storage.bundles`` says where).

All paths are resolved below the media root's descriptor. Each file is written once, to folder and zip at the same time, hashed on
the way and synced. Must never touch anything outside ``bundles/``. Blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
import zipfile
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from holdshelf_core.releasing.derive import Cancelled
from holdshelf_storage.atomic import fsync_dir, make_dir, sync, write_all
from holdshelf_storage.bundles import BUNDLES, MAKING, discard, folder_of, zip_of
from holdshelf_storage.errors import DiskFull, translating

SUMS, SIGNATURE, SIGNATURE_SUM = "SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.sig.sha256"
UNLISTED = frozenset({SUMS, SIGNATURE, SIGNATURE_SUM})
"""What SHA256SUMS cannot list: itself, and what is made of it."""
LOOK_EVERY_BYTES = 64 << 20
FLUSH_EVERY_BYTES = 32 << 20
_QUEUED = 8

type Room = Callable[[], int]
"""How many bytes may be written now without taking room from recording."""


class Writing:
    """A bundle that is being written. Leaving it without ``finish`` leaves nothing behind."""

    def __init__(self, root_fd: int, release: str, room: Room, stop: threading.Event) -> None:
        self.release = release
        self.root_fd = root_fd
        self.sums: dict[str, str] = {}
        """SHA-256 by path."""
        self.bytes = 0
        self._room = room
        self._stop = stop
        self._unlooked = LOOK_EVERY_BYTES
        self._zip_flushed = 0
        self._zip: zipfile.ZipFile | None = None
        self._zip_file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        make_dir(BUNDLES, dir_fd=self.root_fd)
        discard(self.root_fd)
        make_dir(MAKING, dir_fd=self.root_fd)
        for name in ("pins", "bundle"):
            make_dir(f"{MAKING}/{name}", dir_fd=self.root_fd)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with translating("The bundle could not be begun"):
            self._zip_file = os.fdopen(os.open(f"{MAKING}/bundle.zip", flags, 0o600, dir_fd=self.root_fd), "w+b")
        self._zip = zipfile.ZipFile(self._zip_file, "w", zipfile.ZIP_STORED)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        # Closing a zip writes its list, for which there may be no room: it goes in any case.
        with contextlib.suppress(OSError, ValueError):
            if self._zip_file is not None:
                self._zip_file.close()
        discard(self.root_fd)

    @property
    def scratch(self) -> str:
        """A folder for nameless files, as a path that any library can use."""
        return f"/proc/self/fd/{self.root_fd}/{MAKING}"

    @property
    def pins(self) -> str:
        """Where files of footage get a second name, below the media root."""
        return f"{MAKING}/pins"

    def go_on(self, size: int = 0) -> None:
        """``size`` bytes are about to be written. Raises Cancelled, DiskFull."""
        if self._stop.is_set():
            raise Cancelled("The bundle is not made: it was called off.")
        self._unlooked += size
        if self._unlooked >= LOOK_EVERY_BYTES:
            self._unlooked = 0
            if self._room() <= 0:
                raise DiskFull("The media disk has no room for the bundle.")

    def begin_flush(self) -> None:
        """Have the zip's new bytes begin their way to the disk, so that not all of it waits for the end."""
        assert self._zip_file is not None
        fd = self._zip_file.fileno()
        size = os.fstat(fd).st_size
        _begin_flush(fd, self._zip_flushed, size)
        self._zip_flushed = size

    def file(self, path: str) -> File:
        """A new file of the bundle, to be written from its beginning to its end; use it as a context manager."""
        assert self._zip is not None
        return File(self, self._zip, path)

    def text(self, path: str, text: str) -> None:
        """A small file at once."""
        with self.file(path) as file:
            file.write(text.encode())

    def finish(self) -> tuple[str, str]:
        """Everything is in: closes the zip, and gives both their names. Returns folder and zip, below the media root.

        Both are there afterwards, or neither. Raises StorageError.
        """
        assert self._zip is not None
        assert self._zip_file is not None
        zip_file, made = self._zip_file, f"{MAKING}/bundle"
        with translating("The bundle could not be finished"):
            self._zip.close()
            zip_file.flush()
        sync(zip_file.fileno(), "The bundle's zip")
        zip_file.close()
        for name in sorted({os.path.dirname(path) for path in self.sums}, reverse=True):  # noqa: PTH120
            fsync_dir(f"{made}/{name}", dir_fd=self.root_fd)
        fsync_dir(made, dir_fd=self.root_fd)
        folder, zipped = folder_of(self.release), zip_of(self.release)
        with translating("The bundle could not be finished"):
            # The register names what is finished: what has its place and is not named there is cleared at start.
            discard(self.root_fd, self.release, f"{self.release}.zip")
            for source, target in ((made, folder), (f"{MAKING}/bundle.zip", zipped)):
                os.rename(source, target, src_dir_fd=self.root_fd, dst_dir_fd=self.root_fd)
        fsync_dir(BUNDLES, dir_fd=self.root_fd)
        return folder, zipped


class File:
    """One file of a bundle: to the folder, to the zip, and through SHA-256; the latter two in a thread beside the first.

    Nothing is there until its first byte: of what was never written there is no file.
    """

    def __init__(self, writing: Writing, zipped: zipfile.ZipFile, path: str) -> None:
        self.path = path
        self.bytes = 0
        self.sha256 = ""
        self._writing = writing
        self._zip = zipped
        self._digest = hashlib.sha256()
        self._parts: queue.Queue[bytes | None] = queue.Queue(_QUEUED)
        self._failed: BaseException | None = None
        self._fd = -1
        self._entry: IO[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._block = bytearray()
        self._flushed = 0

    def __enter__(self) -> Self:
        return self

    def _begin(self) -> None:
        root = f"{MAKING}/bundle"
        folder = os.path.dirname(self.path)  # noqa: PTH120
        if folder:
            make_dir(f"{root}/{folder}", dir_fd=self._writing.root_fd)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with translating(f"{self.path} could not be written"):
            self._fd = os.open(f"{root}/{self.path}", flags, 0o600, dir_fd=self._writing.root_fd)
            about = zipfile.ZipInfo(f"{self._writing.release}/{self.path}")
            about.external_attr = 0o644 << 16
            self._entry = self._zip.open(about, "w", force_zip64=True)
        self._thread = threading.Thread(target=self._beside, name="bundle", daemon=True)
        self._thread.start()

    def _beside(self) -> None:
        assert self._entry is not None
        while (part := self._parts.get()) is not None:
            if self._failed is None:
                try:
                    self._digest.update(part)
                    self._entry.write(part)
                except (OSError, ValueError) as error:
                    self._failed = error

    def write(self, data: bytes) -> None:
        """The next bytes. Raises StorageError, Cancelled."""
        if len(data) < 1 << 16:
            self._block += data
            if len(self._block) < 1 << 18:
                return
            data = b""
        if self._block:
            data = bytes(self._block) + data
            self._block.clear()
        self._put(data)

    def _put(self, data: bytes) -> None:
        self._writing.go_on(2 * len(data))
        if self._fd < 0:
            self._begin()
        self._parts.put(data)
        with translating(f"{self.path} could not be written"):
            write_all(self._fd, data)
            if self._failed is not None:
                raise self._failed
        self.bytes += len(data)
        if self.bytes - self._flushed >= FLUSH_EVERY_BYTES:
            _begin_flush(self._fd, self._flushed, self.bytes)
            self._flushed = self.bytes
            self._writing.begin_flush()

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        try:
            if kind is None and self._block:
                self._put(bytes(self._block))
        finally:
            if self._thread is not None:
                self._parts.put(None)
                self._thread.join()
            if self._fd >= 0:
                self._close(whole=kind is None and self._failed is None)

    def _close(self, *, whole: bool) -> None:
        try:
            with translating(f"{self.path} could not be written"):
                if self._failed is not None:
                    raise self._failed
                if self._entry is not None:
                    self._entry.close()
            if whole:
                sync(self._fd, self.path)
        finally:
            os.close(self._fd)
        if whole:
            self.sha256 = self._digest.hexdigest()
            self._writing.bytes += self.bytes
            self._writing.sums[self.path] = self.sha256


def _begin_flush(fd: int, start: int, end: int) -> None:
    # The kernel begins to write what is dirty there, and does not wait; an error shows when the file is synced.
    os.posix_fadvise(fd, start, end - start, os.POSIX_FADV_DONTNEED)


def sums_text(sums: dict[str, str]) -> str:
    """SHA256SUMS: by path, as `sha256sum -c` reads it."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))


def read_file(root_fd: int, path: str, limit_bytes: int = 1 << 20) -> bytes:
    """A small file of a bundle. Raises StorageError."""
    with translating(f"{path} could not be read"):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)
        try:
            return os.pread(fd, limit_bytes, 0)
        finally:
            os.close(fd)
