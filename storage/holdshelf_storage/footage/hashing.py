"""Computes checksums of recovered segments in the background: reading whole files would delay the start."""

import collections
import hashlib
import logging
import os
import threading
from collections.abc import Iterator

from holdshelf_storage import layout
from holdshelf_storage.access_log import merkle
from holdshelf_storage.errors import FootageError, StorageError, VolumeError, translating
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.mp4.boxes import read_exactly
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.query import open_file

_CHUNK = 1024 * 1024
_log = logging.getLogger(__name__)


def sha256_of(fd: int, stop: threading.Event | None = None) -> str | None:
    """SHA-256 of a whole file, in hex; None when `stop` was set meanwhile. Raises DiskWriteError."""
    digest = hashlib.sha256()
    position = 0
    with translating("A segment could not be read"):
        while data := os.pread(fd, _CHUNK, position):
            if stop is not None and stop.is_set():
                return None
            digest.update(data)  # lets other threads run
            position += len(data)
    return digest.hexdigest()


def frame_hashes(fd: int) -> Iterator[bytes]:
    """The hash of each frame as a leaf, in decoding order. Raises BadMp4, DiskWriteError."""
    for sample in fmp4.samples(fd):
        yield merkle.leaf_hash(read_exactly(fd, sample.size, sample.offset))


def frames_tree(fd: int) -> merkle.Tree:
    """The tree over a file's frames. Raises BadMp4, DiskWriteError."""
    tree = merkle.Tree()
    for leaf in frame_hashes(fd):
        tree.append(leaf)
    return tree


class Hashing:
    """The segments that still need a checksum. Thread-safe."""

    def __init__(self, days: Days) -> None:
        self._days = days
        self._guard = threading.Lock()
        self._running = threading.Lock()
        self._queue: collections.deque[tuple[str, str, int]] = collections.deque()
        self._seen: set[tuple[str, str, int]] = set()

    def want(self, camera: str, day: str, seq: int) -> None:
        """Queues a segment, once."""
        with self._guard:
            if (camera, day, seq) not in self._seen:
                self._seen.add((camera, day, seq))
                self._queue.append((camera, day, seq))

    def run(self, stop: threading.Event) -> int:
        """Hashes everything queued; returns how many. Stops early, losing nothing, when `stop` is set.

        Raises VolumeError, DiskFull; a file that cannot be read is logged and left to `verify`.
        """
        done = 0
        with self._running:
            while not stop.is_set():
                with self._guard:
                    if not self._queue:
                        break
                    item = self._queue[0]
                try:
                    done += self._hash(*item, stop)
                except VolumeError:
                    raise
                except StorageError as error:
                    if not isinstance(error, FootageError):  # erased meanwhile: nothing to hash or report
                        _log.warning("no checksum for segment %d of %s: %s", item[2], item[0], error)
                if not stop.is_set():
                    with self._guard:
                        self._queue.popleft()
        return done

    def _hash(self, camera: str, day: str, seq: int, stop: threading.Event) -> int:
        data = self._days.read_journal(camera, day)
        segment = journal.find_segment(data, seq)
        if segment is None or segment.sha256 or b'"kind":"hash","seq":%d,' % seq in data:
            return 0
        if layout.day_of(segment.start_utc_ns) != day:
            raise FootageError(f"Segment {seq} of {camera} is in the journal of another day.")
        fd = open_file(self._days, camera, segment)
        try:
            sha256 = sha256_of(fd, stop)
            frames_root = frames_tree(fd).root().hex() if sha256 is not None else ""
        finally:
            os.close(fd)
        if sha256 is None:
            return 0
        with self._days.lock(camera):
            if day not in self._days.days(camera):
                return 0
            self._days.append(camera, day, journal.Hash(seq=seq, sha256=sha256, frames_root=frames_root))
            self._days.add_sum(camera, day, segment.name, sha256)
        return 1
