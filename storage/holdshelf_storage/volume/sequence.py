"""MEDIA/sequence: numbers that a volume uses once and never again.

The file has a high-water mark, twenty digits and a newline; numbers below it may be in use. It is raised by a thousand at a time,
well before the block is used up, so that a full disk does not stop the numbering. When the file is lost or unreadable, every name
and journal of the volume is searched for the highest number in use.
"""

import logging
import os
import threading
from collections.abc import Iterator

from holdshelf_storage import layout
from holdshelf_storage.atomic import read_tail, sync, write_all, write_atomic
from holdshelf_storage.errors import DiskFull, DiskWriteError, translating
from holdshelf_storage.volume.journal import numbers_in

SEQUENCE = "sequence"
BLOCK = 1_000
_WIDTH = 20
_TAIL_BYTES = 256 * 1024
_BELIEVED = 10**15
"""A greater number in a name or journal is damage or an attack: following it would exhaust the numbering."""
_log = logging.getLogger(__name__)


class Sequence:
    """The numbering of one attached volume. Safe from several threads."""

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._lock = threading.Lock()
        self._next: int | None = None
        self._limit = 0

    def take(self) -> int:
        """Return the next number. Raises DiskFull, DiskWriteError, VolumeReadOnly when none is available."""
        with self._lock:
            self._start()
            assert self._next is not None
            if self._next + BLOCK // 2 >= self._limit:
                try:
                    self._raise_to(max(self._next, self._limit) + BLOCK)
                except DiskFull:
                    if self._next >= self._limit:
                        raise
            self._next += 1
            return self._next - 1

    def observe(self, seq: int) -> None:
        """Note that `seq` is in use: only greater numbers are returned from now on. Raises as `take`."""
        with self._lock:
            self._start()
            assert self._next is not None
            if seq < self._next or seq > _BELIEVED:
                return
            if seq + 1 > self._limit:
                self._raise_to(seq + 1 + BLOCK)
            self._next = seq + 1

    def close(self) -> None:
        """No number is given after this."""
        with self._lock:
            self._root_fd = -1
            self._next, self._limit = 0, -1

    def _start(self) -> None:
        if self._root_fd < 0:
            raise DiskWriteError("The volume is detached; attach it again before recording.")
        if self._next is not None:
            return
        mark = self._read()
        if mark is None:
            mark = highest_number(self._root_fd) + BLOCK
            if mark > BLOCK:
                _log.warning("the sequence file is lost; numbering goes on after the highest number found, at %d", mark)
            else:
                mark = 1
        self._next = self._limit = mark

    def _read(self) -> int | None:
        with translating("The volume's sequence file could not be read"):
            try:
                fd = os.open(SEQUENCE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self._root_fd)
            except FileNotFoundError:
                return None
            try:
                data = os.pread(fd, 64, 0)
            finally:
                os.close(fd)
        text = data.strip()
        return int(text) if data.endswith(b"\n") and text.isdigit() and len(text) == _WIDTH and int(text) > 0 else None

    def _raise_to(self, mark: int) -> None:
        data = sequence_bytes(mark)
        try:
            write_atomic(SEQUENCE, data, dir_fd=self._root_fd)
        except DiskFull as full:
            # 21 bytes over 21 bytes need no room, and lie in one sector, which is written whole.
            with translating("The volume's sequence file could not be written"):
                try:
                    fd = os.open(SEQUENCE, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root_fd)
                except FileNotFoundError:
                    raise full from None
                try:
                    write_all(fd, data)
                    sync(fd, "The volume's sequence file")
                finally:
                    os.close(fd)
        self._limit = mark


def sequence_bytes(mark: int) -> bytes:
    """The file's content for a high-water mark."""
    return b"%0*d\n" % (_WIDTH, mark)


def highest_number(root_fd: int) -> int:
    """The highest sequence or gap number in any name or journal below `footage`; 0 when there is none."""
    return max((number for number in _numbers(root_fd) if number <= _BELIEVED), default=0)


def _numbers(root_fd: int) -> Iterator[int]:
    for camera in filter(layout.is_camera, _list(root_fd, layout.FOOTAGE)):
        for name in _list(root_fd, f"{layout.camera_path(camera)}/{layout.OPEN}"):
            yield layout.parse_open_name(name) or 0
        for day in filter(layout.is_day, _list(root_fd, layout.camera_path(camera))):
            folder = layout.day_path(camera, day)
            for name in _list(root_fd, folder):
                yield (layout.parse_segment_name(name) or (0, 0))[0]
            try:
                fd = os.open(f"{folder}/{layout.JOURNAL}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)
            except OSError:
                continue
            try:
                yield from numbers_in(read_tail(fd, _TAIL_BYTES))
            finally:
                os.close(fd)


def _list(root_fd: int, path: str) -> list[str]:
    """Names in a folder below the root; none when it cannot be listed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)
    except OSError:
        return []
    try:
        return os.listdir(fd)  # noqa: PTH208 - a descriptor, not a path
    finally:
        os.close(fd)
