"""What the store has confirmed of one hold: HOLD.jsonl in the worker's folder, a line each, on disk before it counts.

It spares work and is no proof: a book that is lost is made anew by putting everything again. Blocks; one process writes it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from holdshelf_storage.atomic import append_file
from holdshelf_storage.decoding import decode_json

SUFFIX = ".jsonl"


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


type Line = Key | Begun | Put | Manifest | Gone
type There = Key | Put | Manifest
_LINE = Key | Begun | Put | Manifest | Gone
_ENCODER = msgspec.json.Encoder()


class Puts:
    """The newest line of each path. Of a hold of a month that is 43,200 lines: only where each stands is kept in memory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, path: str) -> bool:
        return path in self._at

    def put(self, path: str, offset: int) -> None:
        """Have the line at that offset count."""
        self._at[path] = offset

    def drop(self, path: str) -> None:
        """Have none count."""
        self._at.pop(path, None)

    def get(self, path: str) -> Put | None:
        """Return the line of a path."""
        offset = self._at.get(path)
        if offset is None:
            return None
        with self._file.open("rb") as file:
            return _read(file, offset)

    def values(self) -> Iterator[Put]:
        """Yield all, by path."""
        if not self._at:
            return
        with self._file.open("rb") as file:
            for _path, offset in sorted(self._at.items()):
                yield _read(file, offset)


def _read(file: IO[bytes], offset: int) -> Put:
    file.seek(offset)
    line: Put = decode_json(file.readline(), Put)
    return line


class Book:
    """One hold's book. ``fresh``: there was none."""

    def __init__(self, folder: Path, hold: str) -> None:
        self.hold, self._file = hold, folder / f"{hold}{SUFFIX}"
        self.key: Key | None = None
        self.puts = Puts(self._file)
        self.unlisted = False
        """Whether the manifest does not say what ``puts`` does."""
        self.manifest: Manifest | None = None
        self.stale: dict[tuple[str, str], There] = {}
        """Replaced, and not taken out yet."""
        self.begun: set[str] = set()
        """Objects that were begun and are not confirmed."""
        self.keys: list[Key] = []
        self.fresh = not self._file.exists()
        for offset, line in self._lines():
            self._take(line, offset)

    def add(self, line: Line) -> None:
        """Write a line durably, then let it count. Raises StorageError."""
        durable = not isinstance(line, Begun)
        data = _ENCODER.encode(line) + b"\n"
        append_file(str(self._file), data, f"The book of {self.hold}", durable=durable)
        self.fresh = False
        self._take(line, self._file.stat().st_size - len(data))

    def there(self) -> Iterator[There]:
        """All that must be in the store."""
        yield from self.keys
        yield from self.puts.values()
        if self.manifest is not None:
            yield self.manifest

    def lost(self, one: There) -> None:
        """The store has it no more: forget it, in memory alone, so that it is put again."""
        match one:
            case Put():
                self.puts.drop(one.path)
            case Manifest():
                self.manifest = None
            case Key():
                self.keys = [key for key in self.keys if key is not one]
                self.key = self.keys[-1] if self.keys else None

    def remove(self) -> None:
        """Remove the file."""
        self._file.unlink(missing_ok=True)

    def _take(self, line: Line, offset: int) -> None:
        match line:
            case Key():
                self.keys.append(line)
                self.key = line
            case Begun():
                self.begun.add(line.object)
            case Put():
                before = self.puts.get(line.path)
                self._replace(before, line)
                self.unlisted |= before is None or before.object != line.object
                self.puts.put(line.path, offset)
            case Manifest():
                self._replace(self.manifest, line)
                self.manifest, self.unlisted = line, False
            case Gone():
                self.stale.pop((line.object, line.version), None)

    def _replace(self, before: Put | Manifest | None, line: Put | Manifest) -> None:
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


def holds_in(folder: Path) -> set[str]:
    """The holds that have a book."""
    return {name.removesuffix(SUFFIX) for name in os.listdir(folder) if name.startswith("H") and name.endswith(SUFFIX)}  # noqa: PTH208
