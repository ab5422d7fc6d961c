"""The files of a bundle being checked, in a folder or an untrusted zip. Only reads, unpacks nothing.

Anything that is not a proper file (a link, a name that leads out of the folder, a duplicate name) is reported and never opened.
Memory does not depend on what a zip claims to contain.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import threading
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, cast

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.releases import zip_form
from holdshelf_core.releases.writing import SUMS

MAX_SMALL_BYTES = 1 << 20
MAX_FILES = 20_000
"""For a bundle, folders included: an hour of one camera is about sixty."""
_MAX_LIST_BYTES = 8 << 20
"""Maximum size of a zip's directory."""
_MAX_GROWTH = 3
"""A zip may unpack to this many times its size, plus a few papers: video does not compress."""
_PAPERS_BYTES = 64 << 20
_SPARSE_BYTES = 4 << 30
"""A larger file that occupies almost no disk space is not a recording."""
_LOCAL_BYTES = 30
_SHOWN = 120
_UNPACK = "Get another copy, or unpack it and check the folder."
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError),
    *(ValueError, OverflowError, struct.error),
)
"""Errors raised when reading a file from a damaged zip."""


class TooLarge(BadRequest):
    """A file is larger than the limit for its kind."""


class BundleSource:
    """Files of a folder or zip. ``names``: those that may be opened; ``strangers``: a sentence for everything else."""

    names: set[str]
    strangers: list[str]
    stop: threading.Event | None = None

    def go_on(self) -> None:
        """Called during long reads. Raises Unavailable to stop."""
        if self.stop is not None and self.stop.is_set():
            raise Unavailable("The service is stopping.", "Check the bundle again later.")

    def open(self, name: str) -> IO[bytes]:
        """Open a file to be read once. Raises OSError; opening and reading may raise DAMAGED."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file or folder. May be called twice."""

    def drop(self, file: IO[bytes], start: int, end: int) -> None:
        """Drop that part of the file from the page cache, as it is not read again."""

    def small(self, name: str, limit: int = MAX_SMALL_BYTES) -> bytes | None:
        """Return a small file; None when there is none. Raises TooLarge, and BadRequest when it is damaged."""
        if name not in self.names:
            return None
        try:
            with self.open(name) as file:
                data = file.read(limit + 1)
        except DAMAGED:
            raise BadRequest(
                f"{name} in the zip is damaged: what is there is not what its own checksum says.", "Get another copy."
            ) from None
        if len(data) > limit:
            raise TooLarge(f"{name} in the bundle is larger than it can be.", "Check that it is a Holdshelf bundle.")
        return data


class _Folder(BundleSource):
    def __init__(self, path: Path) -> None:
        self._path = path
        self.names, self.strangers = set(), []
        for shown, found in _everything(path):
            status = found.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                if status.st_size > _SPARSE_BYTES and status.st_size > 512 * _MAX_GROWTH * status.st_blocks:
                    raise BadRequest(
                        f"{path} is not a bundle: {cut(shown)} claims {status.st_size / 1e6:.0f} MB, and the disk holds "
                        f"{512 * status.st_blocks / 1e6:.1f} MB of it.",
                        "Get another copy.",
                    )
                self.names.add(shown)
            elif stat.S_ISLNK(status.st_mode):
                self.strangers.append(f"{cut(shown)} is here and was not released: it is a link to another place.")
            elif not stat.S_ISDIR(status.st_mode):
                self.strangers.append(f"{cut(shown)} is here and was not released: it is neither file nor folder.")
        if SUMS not in self.names:
            inner = [p.name for p in path.iterdir() if p.is_dir() and not p.is_symlink() and (p / SUMS).is_file()]
            if inner:
                raise BadRequest(
                    f"{path} is not a bundle, but has one in it.", f"Use that folder: {path / sorted(inner)[0]}"
                )

    def open(self, name: str) -> IO[bytes]:
        fd = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        # Check what is on the disk, not in the page cache.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        return os.fdopen(fd, "rb", buffering=0)

    def drop(self, file: IO[bytes], start: int, end: int) -> None:
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


def _everything(path: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything in a folder, by relative path. Raises BadRequest as soon as it is too much for a bundle."""
    count, waiting = 0, [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(path / below) as entries:
            for entry in entries:
                count += 1
                if count > MAX_FILES:
                    raise BadRequest(f"{path} has more files than a bundle can have.", "Give the bundle's own folder.")
                shown = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(shown)
                yield shown, entry


class _ZipFile:
    """An open zip for `zipfile`, its directory limited to a bundle's size: `zipfile` creates an object for every line before
    anybody can count them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_LIST_BYTES:
            raise _TooMany
        data = self._file.read(size)
        if data.startswith(b"PK\1\2") and data.count(b"PK\1\2") > MAX_FILES:
            raise _TooMany
        return data


class _TooMany(Exception):
    pass


class _Zip(BundleSource):
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._read(path)
        except BaseException:
            self._file.close()
            raise

    def _read(self, path: Path) -> None:
        self._zip = _open_zip(path, self._file)
        every = self._zip.infolist()
        infos = [one for one in every if not one.filename.endswith("/") or one.file_size]
        self._check_size(path, infos)
        tops = sorted({one.filename.removesuffix(SUMS) for one in infos if _is_top(one.filename)})
        if len(tops) > 1:
            raise BadRequest(f"{path} holds more than one bundle.", "Unpack it, then give the folder of each bundle.")
        top = tops[0] if tops else ""
        self._by_name: dict[str, zipfile.ZipInfo] = {}
        self.strangers = []
        many = Counter(one.filename for one in infos)
        for info in infos:
            problem = _trick(info)
            if not problem and many[info.filename] > 1:
                problem = "it is in the zip more than once, and different programs may open different copies."
            if not problem and not info.filename.startswith(top):
                problem = "it lies beside the bundle's folder."
            if problem:
                self.strangers.append(f"{cut(info.filename)} is here and was not released: {problem}")
            else:
                self._by_name[info.filename[len(top) :]] = info
        for info in every:
            is_folder = info.filename.endswith("/") and not info.file_size
            if is_folder and (problem := _trick_of(info.filename.rstrip("/")) or _trick_inside(info)):
                self.strangers.append(f"{cut(info.filename)} is here and was not released: {problem}")
        self.strangers = list(dict.fromkeys(self.strangers))
        self.names = set(self._by_name)
        with path.open("rb") as file:
            odd, places = zip_form.two_ways(file, every)
            more = len(places) == len(every) and zip_form.has_more(file, places, self._zip.start_dir, len(every))
        self.strangers += [
            f"The zip says two things of {cut(name)}, and programs differ in which one they go by. {_UNPACK}"
            for name in dict.fromkeys(one.filename for one in odd)
        ]
        if more:
            self.strangers.append(
                f"In the zip there is more than its files: bytes before, between or behind them. {_UNPACK}"
            )

    def _check_size(self, path: Path, infos: Sequence[zipfile.ZipInfo]) -> None:
        """Refuse a zip that unpacks to an implausible size, or whose files overlap."""
        size = path.stat().st_size
        ends = sorted((one.header_offset, one.header_offset + _LOCAL_BYTES + one.compress_size) for one in infos)
        overlap = any(after[0] < before[1] for before, after in pairwise(ends))
        unpacked = sum(one.file_size for one in infos)
        if overlap or unpacked > _MAX_GROWTH * size + _PAPERS_BYTES:
            raise BadRequest(
                f"{path} is not a zip of a bundle: it has {size / 1e6:.1f} MB and claims to unpack to {unpacked / 1e6:.0f} MB"
                f"{', and files in it lie over one another' if overlap else ''}.",
                "Do not unpack it.",
            )

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._by_name[name])

    def close(self) -> None:
        self._file.close()


def _open_zip(path: Path, file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(cast(IO[bytes], _ZipFile(file)))
    except _TooMany:
        raise BadRequest(
            f"{path} has more files than a bundle can have, or a list of them without end.",
            "Check that it is a Holdshelf bundle.",
        ) from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error):
        file.seek(0)
        begins = file.read(4)
    if begins == b"PK\3\4":
        raise BadRequest(
            f"{path} is cut off or damaged: it begins as a zip, and the list of files at its end is not there.",
            "The copy is probably incomplete. Copy or fetch it again, and compare the size.",
        )
    raise BadRequest(f"{path} is not a zip of a bundle.", "Give the bundle's folder or its zip.")


def _is_top(name: str) -> bool:
    return name == SUMS or (name.count("/") == 1 and name.endswith(f"/{SUMS}"))


def _trick(info: zipfile.ZipInfo) -> str:
    """Return what is wrong with an entry before it is opened; '' for nothing."""
    # ``filename`` ends at a NUL, or is replaced (extra field 0x7075); the name in the file is ``orig_filename``.
    if info.filename != info.orig_filename.partition("\0")[0] and info.orig_filename.isascii():
        return "it has two names, and programs differ in which one they take."
    return _trick_of(info.orig_filename) or _trick_of(info.filename) or _trick_inside(info)


def _trick_of(name: str) -> str:
    if "\0" in name or any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in name):
        return "its name has characters in it that cannot be seen."
    parts = name.replace("\\", "/").split("/")
    if (
        "\\" in name
        or name.startswith("/")
        or ".." in parts
        or "." in parts
        or "" in parts
        or re.match("^[A-Za-z]:", name)
    ):
        return "its name points outside the folder."
    return ""


def _trick_inside(info: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link to another place."
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is encrypted, or packed in a way that is not read here."
    return ""


def cut(name: str) -> str:
    """Return a name shortened for display."""
    return repr(name[:_SHOWN])


@contextmanager
def opened(path: Path) -> Iterator[BundleSource]:
    """Open a bundle's folder or zip. Raises BadRequest."""
    source: BundleSource | None = None
    try:
        if path.is_dir():
            source = _Folder(path)
        elif path.is_file():
            source = _Zip(path)
        else:
            raise BadRequest(f"There is no bundle at {path}.", "Give the bundle's folder or its zip.")
        yield source
    except OSError as error:
        raise BadRequest(f"The bundle at {path} cannot be read: {error.strerror or error}.") from None
    finally:
        if source is not None:
            source.close()
