"""What lies on the shelf here of each hold, as the off-site store is to have it. Blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from holdshelf_storage import layout


class File(NamedTuple):
    """A file on the shelf. ``since_utc_ns``: when it was put on hold."""

    path: str
    segment: bool
    bytes: int
    stamp: int
    since_utc_ns: int


class Shelf:
    """The shelf of the media disk, which is only read."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.unread: dict[str, None] = {}
        """Files and folders that could not be read since that was cleared, by hold and path; a folder's ends in '/'."""

    def open(self, hold: str, path: str) -> IO[bytes]:
        """Open a file of a hold. Raises OSError."""
        fd = os.open(f"{self._root}/{hold}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return os.fdopen(fd, "rb")

    def has(self, hold: str, path: str) -> bool:
        """Return whether it lies there; what cannot be told may."""
        try:
            os.lstat(f"{self._root}/{hold}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            pass
        return True

    def files(self, hold: str) -> Iterator[File]:
        """Yield what lies on the shelf of a hold, a day's segments before its lists. What cannot be read is noted and passed
        over."""
        root = f"{self._root}/{hold}"
        yield from self._in(hold, "", {layout.HOLD_FILE, layout.ARCHIVE_FILE})
        for camera in self._names(root, hold, layout.is_camera):
            yield from self._in(hold, f"{camera}/", {layout.GONE_FILE})
            for day in self._names(f"{root}/{camera}", f"{hold}/{camera}", layout.is_day):
                yield from self._in(hold, f"{camera}/{day}/", {layout.JOURNAL, layout.SUMS})

    def _in(self, hold: str, below: str, lists: set[str]) -> Iterator[File]:
        segments: list[File] = []
        others: list[File] = []
        try:
            with os.scandir(f"{self._root}/{hold}/{below}") as entries:
                for entry in entries:
                    segment = layout.parse_segment_name(entry.name) is not None and below.count("/") == 2
                    if segment or entry.name in lists:
                        file = self._file(entry, hold, below, segment=segment)
                        if file is not None:
                            (segments if segment else others).append(file)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:
            self.unread[f"{hold}/{below}"] = None
        yield from sorted(segments)
        yield from sorted(others)

    def _file(self, entry: os.DirEntry[str], hold: str, below: str, *, segment: bool) -> File | None:
        try:
            if not entry.is_file(follow_symlinks=False):
                return None
            said = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError:
            self.unread[f"{hold}/{below}{entry.name}"] = None
            return None
        return File(below + entry.name, segment, said.st_size, said.st_mtime_ns, said.st_ctime_ns)

    def _names(self, folder: str, words: str, wanted: Callable[[str], bool]) -> list[str]:
        try:
            return sorted(filter(wanted, os.listdir(folder)))  # noqa: PTH208 - names alone
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:
            self.unread[f"{words}/"] = None
        return []
