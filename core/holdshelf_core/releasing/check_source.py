"""The files of a bundle that is being checked, in a folder or in a zip that anybody may have made. Reads only, unpacks nothing.

What is no file of a bundle (a link, a name that leads out of the folder, a name that stands there twice) is told as a stranger
and never opened. Memory does not grow with what a zip claims to hold.
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
from typing import IO

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.releasing import zip_form
from holdshelf_core.releasing.writing import SUMS

MAX_SMALL_BYTES = 1 << 20
MAX_FILES = 50_000
_MAX_GROWTH = 100
"""A packed file may be so many times larger than its zip: video cannot be packed at all."""
_LOCAL_BYTES = 30
_SHOWN = 120
_UNPACK = "Get another copy, or unpack it and check the folder."
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError),
    *(ValueError, OverflowError, struct.error),
)
"""What reading a file out of a zip raises when that is not as it was made."""


class Source:
    """Files, wherever they lie. ``names``: those that may be opened; ``strangers``: a sentence for each other thing."""

    names: set[str]
    strangers: list[str]
    stop: threading.Event | None = None

    def go_on(self) -> None:
        """Asked while something long is read. Raises Unavailable when it is not to be read on."""
        if self.stop is not None and self.stop.is_set():
            raise Unavailable("The service is stopping.", "Check the bundle again later.")

    def open(self, name: str) -> IO[bytes]:
        """One of them, to be read once. Raises OSError; it and its reading DAMAGED."""
        raise NotImplementedError

    def drop(self, file: IO[bytes], start: int, end: int) -> None:
        """That part of it was read, and is not read again: memory is kept for others."""

    def small(self, name: str, limit: int = MAX_SMALL_BYTES) -> bytes | None:
        """A small file; None when there is none. Raises BadRequest when it is too large to be one, or damaged."""
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
            raise BadRequest(f"{name} in the bundle is larger than it can be.", "Is it a bundle of Holdshelf?")
        return data


class _Folder(Source):
    def __init__(self, path: Path) -> None:
        self._path = path
        self.names, self.strangers = set(), []
        for folder, folders, files in os.walk(path, followlinks=False):
            below = Path(folder).relative_to(path)
            for name in [*files, *folders]:
                shown = str(below / name)
                mode = (path / shown).lstat().st_mode
                if stat.S_ISREG(mode):
                    self.names.add(shown)
                elif stat.S_ISLNK(mode):
                    self.strangers.append(f"{cut(shown)} is here and was not released: it is a link to another place.")
                elif not stat.S_ISDIR(mode):
                    self.strangers.append(f"{cut(shown)} is here and was not released: it is neither file nor folder.")
            if len(self.names) > MAX_FILES:
                raise BadRequest(f"{path} has more files than a bundle can have.", "Give the bundle's own folder.")
        if SUMS not in self.names:
            inner = [p.name for p in path.iterdir() if p.is_dir() and not p.is_symlink() and (p / SUMS).is_file()]
            if inner:
                raise BadRequest(
                    f"{path} is not a bundle, but has one in it.", f"Give that one's folder: {path / sorted(inner)[0]}"
                )

    def open(self, name: str) -> IO[bytes]:
        fd = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        # What is checked is what the disk holds, not what memory does.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        return os.fdopen(fd, "rb", buffering=0)

    def drop(self, file: IO[bytes], start: int, end: int) -> None:
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)


class _Zip(Source):
    def __init__(self, path: Path) -> None:
        self._zip = _open_zip(path)
        every = self._zip.infolist()
        infos = [one for one in every if not one.filename.endswith("/") or one.file_size]
        if len(every) > MAX_FILES:
            raise BadRequest(f"{path} has more files than a bundle can have.", "Is it a bundle of Holdshelf?")
        self._check_size(path, infos)
        tops = sorted({one.filename.removesuffix(SUMS) for one in infos if _is_top(one.filename)})
        if len(tops) > 1:
            raise BadRequest(f"{path} holds more than one bundle.", "Unpack it, and give each one's folder.")
        top = tops[0] if tops else ""
        self._by_name: dict[str, zipfile.ZipInfo] = {}
        self.strangers = []
        many = Counter(one.filename for one in infos)
        for info in infos:
            problem = _trick(info)
            if not problem and many[info.filename] > 1:
                problem = "it stands in the zip more than once, and programs differ in which one they take."
            if not problem and not info.filename.startswith(top):
                problem = "it lies beside the bundle's folder."
            if problem:
                self.strangers.append(f"{cut(info.filename)} is here and was not released: {problem}")
            else:
                self._by_name[info.filename[len(top) :]] = info
        for info in every:
            if info not in infos and (problem := _trick_of(info.filename.rstrip("/")) or _trick_inside(info)):
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
        """Of a zip that unpacks to more than can be meant, or whose files lie over one another, nothing is read."""
        size = path.stat().st_size
        ends = sorted((one.header_offset, one.header_offset + _LOCAL_BYTES + one.compress_size) for one in infos)
        overlap = any(after[0] < before[1] for before, after in pairwise(ends))
        unpacked = sum(one.file_size for one in infos)
        if overlap or unpacked > _MAX_GROWTH * max(size, MAX_SMALL_BYTES):
            raise BadRequest(
                f"{path} is no zip of a bundle: it has {size / 1e6:.1f} MB and claims to unpack to {unpacked / 1e6:.0f} MB"
                f"{', and files in it lie over one another' if overlap else ''}.",
                "Do not unpack it.",
            )

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(self._by_name[name])


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error):
        with path.open("rb") as file:
            begins = file.read(4)
    if begins == b"PK\3\4":
        raise BadRequest(
            f"{path} is cut off or damaged: it begins as a zip, and the list of files at its end is not there.",
            "It was probably not copied to its end. Copy or fetch it again, and compare its size.",
        )
    raise BadRequest(f"{path} is no zip of a bundle.", "Give the bundle's folder or its zip.")


def _is_top(name: str) -> bool:
    return name == SUMS or (name.count("/") == 1 and name.endswith(f"/{SUMS}"))


def _trick(info: zipfile.ZipInfo) -> str:
    """What is wrong with an entry before it is opened; '' nothing."""
    # ``filename`` ends at a NUL, or is another one (extra field 0x7075); what stands in the file is ``orig_filename``.
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
        return "its name leads out of the folder."
    return ""


def _trick_inside(info: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link to another place."
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is encrypted, or packed in a way that is not read here."
    return ""


def cut(name: str) -> str:
    """A name as it is shown."""
    return repr(name[:_SHOWN])


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A bundle's folder or zip. Raises BadRequest."""
    try:
        if path.is_dir():
            yield _Folder(path)
        elif path.is_file():
            yield _Zip(path)
        else:
            raise BadRequest(f"There is no bundle at {path}.", "Give the bundle's folder or its zip.")
    except OSError as error:
        raise BadRequest(f"The bundle at {path} cannot be read: {error.strerror or error}.") from None
