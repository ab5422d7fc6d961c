"""What the store has confirmed of one hold: HOLD.jsonl in the worker's folder, a line each, on disk before it counts.

It spares work and is no proof: a book that is lost is made anew by putting everything again. Blocks; one process writes it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from holdshelf_storage.atomic import append_file
from holdshelf_storage.decoding import decode_json

SUFFIX = ".jsonl"
KEY_PATH: Final = "the key of the hold"
MANIFEST_PATH: Final = "the manifest"
KEY_GONE: Final = "the key that opens it is gone"
LINES_AT_ONCE: Final = 500
"""So many losses are written at once: a store may lose a month, and each write waits for the disk."""


class Key(msgspec.Struct, tag="key", frozen=True):
    """The hold's own key, for the recovery key ``recovery``."""

    recipient: str
    recovery: str
    object: str
    version: str
    bytes: int
    sha256: str


class Begun(msgspec.Struct, tag="begun", frozen=True):
    """About to be put: a version of this name that is not confirmed is ours."""

    object: str


class Put(msgspec.Struct, tag="put", frozen=True):
    """A file of the hold that is there, held, and read back."""

    path: str
    plain_sha256: str
    plain_bytes: int
    stamp: int
    """Of a list: mtime_ns of the file; it grows."""
    object: str
    version: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, tag="manifest", frozen=True):
    """A manifest that is there, held, and read back."""

    number: int
    at_utc_ns: int
    object: str
    version: str
    bytes: int
    sha256: str


class Gone(msgspec.Struct, tag="gone", frozen=True):
    """A version that was replaced and taken out of the store."""

    object: str
    version: str


type There = Key | Put | Manifest


class Lost(msgspec.Struct, tag="lost", frozen=True):
    """What was confirmed and is no more as it was put: missing there until a line of its kind and path comes after this one."""

    what: Key | Put | Manifest
    why: str
    at_utc_ns: int
    """When that was found."""


type Line = Key | Begun | Put | Manifest | Gone | Lost
_LINE = Key | Begun | Put | Manifest | Gone | Lost
_ENCODER = msgspec.json.Encoder()


def path_of(one: There) -> str:
    """How people know it: a path below the hold, or what it is."""
    match one:
        case Put():
            return one.path
        case Key():
            return KEY_PATH
        case Manifest():
            return MANIFEST_PATH


class Newest[L: (Put, Lost)]:
    """The newest line of each path. Of a hold of a month that is 43,200 lines: only where each stands is kept in memory."""

    def __init__(self, file: Path, kind: type[L]) -> None:
        self._file = file
        self._kind: type[L] = kind
        self._at: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, path: str) -> bool:
        return path in self._at

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def put(self, path: str, offset: int) -> None:
        """Have the line at that offset count."""
        self._at[path] = offset

    def drop(self, path: str) -> None:
        """Have no line of a path count."""
        self._at.pop(path, None)

    def get(self, path: str) -> L | None:
        """Return the line of a path."""
        offset = self._at.get(path)
        if offset is None:
            return None
        with self._file.open("rb") as file:
            return self._read(file, offset)

    def values(self) -> Iterator[L]:
        """Yield all, by path, as they are now: what is dropped or put meanwhile changes nothing in that."""
        if not self._at:
            return
        with self._file.open("rb") as file:
            for _path, offset in sorted(self._at.items()):
                yield self._read(file, offset)

    def _read(self, file: IO[bytes], offset: int) -> L:
        file.seek(offset)
        line: L = decode_json(file.readline(), self._kind)
        return line


class Book:
    """One hold's book. ``fresh``: there was none."""

    def __init__(self, folder: Path, hold: str) -> None:
        self.hold, self._file = hold, folder / f"{hold}{SUFFIX}"
        self.key: Key | None = None
        """What is put now is sealed for it; None: one is to be made."""
        self.puts = Newest(self._file, Put)
        self.missing = Newest(self._file, Lost)
        """What the store lost and does not have anew, by path: never also in ``puts``, ``keys`` or ``manifest``."""
        self.unlisted = False
        """Whether the manifest does not say what ``puts`` and ``missing`` do."""
        self.manifest: Manifest | None = None
        self.stale: dict[tuple[str, str], There] = {}
        """Replaced, and not taken out yet."""
        self.begun: set[str] = set()
        """Objects that were begun and are not confirmed."""
        self.repeated: set[str] = set()
        """Objects that were begun again, as the time before was not confirmed: a store may finish that one late."""
        self.refused: set[str] = set()
        """Paths that the store did not take when they were sent last: in memory alone, so that others come first."""
        self.keys: list[Key] = []
        self.fresh = not self._file.exists()
        for offset, line in self._lines():
            self._take(line, offset)

    def add(self, line: Line) -> None:
        """Write a line durably, then let it count. Raises StorageError."""
        self._write([line], durable=not isinstance(line, Begun))

    def _write(self, lines: Iterable[Line], *, durable: bool = True) -> None:
        encoded = [(line, _ENCODER.encode(line) + b"\n") for line in lines]
        data = b"".join(text for _line, text in encoded)
        append_file(str(self._file), data, f"The book of {self.hold}", durable=durable)
        self.fresh = False
        offset = self._file.stat().st_size - len(data)
        for line, text in encoded:
            self._take(line, offset)
            offset += len(text)

    def there(self) -> Iterator[There]:
        """All that must be in the store, but for what is known to be missing."""
        yield from self.keys
        yield from self.puts.values()
        if self.manifest is not None:
            yield self.manifest

    def listed(self) -> Iterator[Put]:
        """What a manifest names, by path: a file that is missing, too, so that who restores is told that it is not there."""
        puts, missing = iter(self.puts.values()), iter(self.missing.values())
        put, lost = next(puts, None), _next_put(missing)
        while put is not None or lost is not None:
            if lost is None or (put is not None and put.path < lost.path):
                assert put is not None
                yield put
                put = next(puts, None)
            else:
                yield lost
                lost = _next_put(missing)

    def lose(self, lost: Iterable[Lost]) -> None:
        """Have all of that as missing from now on, durably. With a key, what is sealed for it: nobody can open that.

        What was found before ``lost`` raised counts. Raises StorageError, and what ``lost`` raises."""
        batch: list[Lost] = []
        try:
            for one in lost:
                if isinstance(one.what, Key):  # last, so that it is found again by who did not get to the end of this
                    closed = (Lost(sealed, KEY_GONE, one.at_utc_ns) for sealed in self._sealed_for(one.what))
                    for some in itertools.batched(closed, LINES_AT_ONCE):
                        self._write(some)
                batch.append(one)
                if len(batch) == LINES_AT_ONCE:
                    self._write(batch)
                    batch.clear()
        finally:
            if batch:
                self._write(batch)

    def _sealed_for(self, key: There) -> Iterator[Put | Manifest]:
        """Yield what is there and was put while this key was the newest: rare, so the book is read through for it."""
        newest: Key | None = None
        sealed: dict[str, tuple[str, bool]] = {}
        manifest = False
        for _offset, line in self._lines():
            match line:
                case Key():
                    newest = line
                case Put() if sealed.get(line.path, ("", False))[0] != line.version:  # else the same one, noted again
                    sealed[line.path] = line.version, newest == key
                case Manifest():
                    manifest = newest == key
        for put in self.puts.values():
            if sealed.get(put.path) == (put.version, True):
                yield put
        if manifest and self.manifest is not None:
            yield self.manifest

    def remove(self) -> None:
        """Remove the file."""
        self._file.unlink(missing_ok=True)

    def _take(self, line: Line, offset: int) -> None:
        match line:
            case Key():
                self.keys.append(line)
                self.key = line
                self.missing.drop(KEY_PATH)
            case Begun():
                if line.object in self.begun:
                    self.repeated.add(line.object)
                self.begun.add(line.object)
            case Put():
                before: There | None = self.puts.get(line.path)
                if before is None and (lost := self.missing.get(line.path)) is not None:
                    before = lost.what
                self._replace(before, line)
                self.unlisted |= before is None or before.object != line.object
                self.puts.put(line.path, offset)
                self.missing.drop(line.path)
            case Manifest():
                self._replace(self.manifest, line)
                self.manifest, self.unlisted = line, False
                self.missing.drop(MANIFEST_PATH)
            case Gone():
                self.stale.pop((line.object, line.version), None)
            case Lost():
                self._take_lost(line, offset)

    def _take_lost(self, line: Lost, offset: int) -> None:
        match line.what:
            case Put() as put:
                known = self.puts.get(put.path)
                if known is None or known.version != put.version:
                    return
                self.puts.drop(put.path)
            case Manifest():
                if self.manifest != line.what:
                    return
                self.manifest = None
            case Key():
                # Whichever it was, what was sealed for it is put again, for a new one.
                self.keys, self.key = [key for key in self.keys if key != line.what], None
        self.missing.put(path_of(line.what), offset)

    def _replace(self, before: There | None, line: Put | Manifest) -> None:
        self.begun.discard(line.object)
        if before is not None and before.object != line.object:
            self.stale[before.object, before.version] = before

    def _lines(self) -> Iterator[tuple[int, Line]]:
        offset = 0
        with contextlib.suppress(FileNotFoundError), self._file.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # the last one may be torn
                    with contextlib.suppress(msgspec.MsgspecError):
                        yield offset, decode_json(line, _LINE)
                offset += len(line)


def _next_put(missing: Iterator[Lost]) -> Put | None:
    return next((one.what for one in missing if isinstance(one.what, Put)), None)


def holds_in(folder: Path) -> set[str]:
    """The holds that have a book."""
    return {name.removesuffix(SUFFIX) for name in os.listdir(folder) if name.startswith("H") and name.endswith(SUFFIX)}  # noqa: PTH208 - names alone
