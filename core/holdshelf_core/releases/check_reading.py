"""Reads a bundle's files for their checksums; a video once, for its checksum and for its frames at the same time.

A video is most of a bundle. Its SHA-256 is taken in a thread of its own while the frames are hashed, so that an hour is read from
the disk once and not twice.
"""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from collections.abc import Buffer, Callable, Iterable
from typing import IO, Protocol, cast

from holdshelf_core.releases.check_source import DAMAGED, BundleSource

READ_BYTES = 256 << 10
DROP_EVERY_BYTES = 16 << 20
_AHEAD = 16
"""Blocks that wait to be hashed."""


class _Reads(Protocol):
    """What files of folders and of zips have, and `IO` does not tell."""

    def readinto(self, block: Buffer, /) -> int:
        """Fill the block as far as there are bytes, and return how many; 0 at the end."""


def hash_of(source: BundleSource, name: str) -> tuple[str, int]:
    """Return SHA-256 and size of a file; '' when it is damaged."""
    digest, size, behind = hashlib.sha256(), 0, 0
    block = memoryview(bytearray(READ_BYTES))
    try:
        with source.open(name) as file:
            while got := cast(_Reads, file).readinto(block):
                source.go_on()
                digest.update(block[:got])
                size += got
                if size - behind >= DROP_EVERY_BYTES:
                    source.drop(file, behind, size)
                    behind = size
    except DAMAGED:
        return "", size
    return digest.hexdigest(), size


class HashingSource(BundleSource):
    """Another source, some of whose files are hashed while somebody else reads them from start to end."""

    def __init__(self, source: BundleSource, names: Iterable[str]) -> None:
        self._source = source
        self._to_hash = frozenset(names)
        self._found: dict[str, tuple[str, int]] = {}
        self.names, self.strangers, self.stop = source.names, source.strangers, source.stop

    def open(self, name: str) -> IO[bytes]:
        file = self._source.open(name)
        if name not in self._to_hash or name in self._found:
            return file
        return cast(IO[bytes], _Hashed(file, lambda digest, size: self._found.update({name: (digest, size)})))

    def drop(self, file: IO[bytes], start: int, end: int) -> None:
        self._source.drop(cast(_Hashed, file).file if isinstance(file, _Hashed) else file, start, end)

    def hash_of(self, name: str) -> tuple[str, int]:
        """Return SHA-256 and size; read now if nobody has read it to its end."""
        return self._found.get(name) or hash_of(self._source, name)


class _Hashed(io.RawIOBase):
    """A file that is read once. ``told``: gets SHA-256 and size when it was read to its end."""

    def __init__(self, file: IO[bytes], told: Callable[[str, int], None]) -> None:
        super().__init__()
        self.file = file
        self._told = told
        self._size = 0
        self._is_whole = False
        self._digest = hashlib.sha256()
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._hash, name="hash", daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        return True

    def readinto(self, block: Buffer, /) -> int:
        got = cast(_Reads, self.file).readinto(block)
        if got:
            self._size += got
            self._blocks.put(bytes(memoryview(block)[:got]))
        else:
            self._is_whole = True
        return got

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        self._blocks.put(None)
        self._thread.join()
        self.file.close()
        if self._is_whole:
            self._told(self._digest.hexdigest(), self._size)

    def _hash(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._digest.update(block)
