"""Asks the store for each object that it confirmed: is it there, whole, the newest of its name, and still held? Blocks.

What the store lost is noted in the hold's book, so that it stays known until it was put there anew. What is bad is named in a
file, too, and told by the page: a store may lose a month.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final

import msgspec

from holdshelf_core.offsite.book import Lost, path_of
from holdshelf_core.offsite.keeper import Keeper
from holdshelf_core.offsite.link import MOST_BAD
from holdshelf_core.offsite.proof import wrong
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.types import BadObject
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import StorageError

AGAIN: Final = "it is put there again"
NOT_HERE: Final = "it is no longer on the shelf here either, so it cannot be put there again"
MOST_LINE_BYTES: Final = 1 << 16


@dataclass
class Checked:
    """What the store has of what it confirmed. ``file``: where each bad object is named, too, a line each."""

    file: IO[bytes] | None = None
    objects: int = 0
    heads: int = 0
    bytes: int = 0
    bad_count: int = 0
    bad: list[BadObject] = field(default_factory=list)
    """The first ones."""
    after: int = 0
    """Where in the file the next ones begin; 0: these are all."""
    fault: str = ""

    def add(self, bad: BadObject) -> None:
        """Count and name a bad object. Raises StorageError."""
        self.bad_count += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(bad)
        elif not self.after and self.file is not None:
            self.after = self.file.tell()
        if self.file is not None:
            try:
                self.file.write(msgspec.json.encode(bad) + b"\n")
            except OSError as error:
                raise StorageError(
                    f"The list of bad objects in the store could not be saved: {error.strerror}."
                ) from None


class Named:
    """The bad objects of the last verification, in a file of the worker's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def begin(self, number: int) -> Iterator[IO[bytes]]:
        """Open the file of a verification, in the place of the one before. Raises StorageError."""
        try:
            for file in self._folder.glob("bad-*.jsonl"):
                file.unlink(missing_ok=True)
            with self._file(number).open("wb") as opened:
                yield opened
        except OSError as error:
            raise StorageError(f"The list of bad objects in the store could not be saved: {error.strerror}.") from None

    def page(self, number: int, after: int) -> tuple[tuple[BadObject, ...], int]:
        """Return (the bad objects from there on, where the next ones begin; 0: nowhere). Raises FileNotFoundError where the
        store was asked again since, StorageError."""
        found: list[BadObject] = []
        try:
            with self._file(number).open("rb") as file:
                file.seek(max(0, after))
                while len(found) < MOST_BAD and (line := file.readline(MOST_LINE_BYTES)):
                    found.append(decode_json(line, BadObject))
                at = file.tell()
                return tuple(found), at if file.read(1) else 0
        except FileNotFoundError:
            raise
        except (OSError, msgspec.MsgspecError):
            raise StorageError("What is bad in the store could not be read again.") from None

    def _file(self, number: int) -> Path:
        return self._folder / f"bad-{number}.jsonl"


def verify(
    keeper: Keeper, bucket: Bucket, *, full: bool, file: IO[bytes] | None = None, lifted: Container[str] = ()
) -> Checked:
    """Ask for each object of every hold that has a book, and for each head. ``full``: read each whole. ``lifted``: holds that
    are being taken out. What fails of one hold keeps no other from being asked for, unless the store is away."""
    found = Checked(file)
    for hold in keeper.holds_known():
        if hold not in lifted and not _asked(found, partial(_verify_hold, keeper, bucket, hold, found, full=full)):
            return found
    _asked(found, partial(_verify_heads, keeper, found))
    return found


def _asked(found: Checked, ask: Callable[[], None]) -> bool:
    """Have the first fault told. Returns False where nothing else can be asked either."""
    try:
        ask()
    except Fault as fault:
        found.fault = found.fault or fault.sentence
        return not fault.away
    except (StorageError, OSError) as error:
        said = (error.strerror if isinstance(error, OSError) else "") or str(error)
        found.fault = found.fault or f"On this machine: {said}"
        return False
    return True


def _verify_heads(keeper: Keeper, found: Checked) -> None:
    for head in keeper.heads.kept():
        found.heads += 1
        why = keeper.heads.wrong(head)
        if why:
            found.add(BadObject("", head.object.rpartition("/")[2], head.object, why))


def _verify_hold(keeper: Keeper, bucket: Bucket, hold: str, found: Checked, *, full: bool) -> None:
    own, began_utc_ns = keeper.book(hold), time.time_ns()
    keeper.find_again(own)
    latest = {one.key: (one.version, one.marker) for one in bucket.versions(keeper.prefix(hold)) if one.latest}

    def lost() -> Iterator[Lost]:
        for one in own.there():
            why, is_lost = wrong(bucket, one, full=full)
            if is_lost:
                yield Lost(one, why, began_utc_ns)
                continue
            found.objects += 1
            found.bytes += one.bytes
            newest, marker = latest.get(one.object, (one.version, False))
            if not why and newest != one.version:
                why = "a delete marker hides it" if marker else "another object was put over it"
                why += "; the one that is held is still there"
            if why:
                found.add(BadObject(hold, path_of(one), one.object, why))

    try:
        own.lose(lost())
    finally:
        for one in own.missing.values():
            found.objects += 1
            path = path_of(one.what)
            again = AGAIN if keeper.is_here(hold, path) else NOT_HERE
            found.add(BadObject(hold, path, one.what.object, f"{one.why}; {again}"))
