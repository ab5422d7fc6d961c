"""Heads of the access log in the store: each kept until a date that nobody there can bring nearer. Blocks.

A head waits as a file of the worker's folder until the store has it. What is there stands in ``heads.book``.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_storage.atomic import append_file, whole_lines, write_atomic
from holdshelf_storage.decoding import decode_json

MOST_WAITING: Final = 2000
"""Beyond these the oldest are given up: a newer head vouches for the same entries."""
BOOK: Final = "heads.book"
_NAME: Final = re.compile(r"[0-9A-Za-z:.-]{1,80}", re.ASCII)


class Kept(msgspec.Struct, frozen=True):
    """A head that is in the store. ``until``: seconds of Unix time."""

    object: str
    version: str
    until: int


class HeadsKept:
    """The heads of one recorder."""

    def __init__(self, bucket: Bucket, prefix: str, folder: Path, days: int) -> None:
        self._bucket, self._prefix, self._folder, self._days = bucket, prefix, folder, days

    def waiting(self) -> list[Path]:
        """The heads that the store does not have yet, oldest first."""
        return sorted(self._folder.glob("head-*.txt"))

    def take(self, name: str, head: str) -> None:
        """Have a head wait, durably. Raises StorageError."""
        if not _NAME.fullmatch(name):
            raise ValueError("not a head's name")
        write_atomic(self._folder / f"head-{name}.txt", head.encode())
        for file in self.waiting()[:-MOST_WAITING]:
            file.unlink(missing_ok=True)

    def put(self, file: Path) -> None:
        """Put one that waits. Raises Fault, StorageError."""
        key = self._prefix + file.name.removeprefix("head-")
        until = dt.datetime.now(dt.UTC) + dt.timedelta(days=self._days)
        version = self._bucket.put_until(key, file.read_bytes(), until)
        line = msgspec.json.encode(Kept(key, version, int(until.timestamp()))) + b"\n"
        append_file(str(self._folder / BOOK), line, "The book of heads")
        file.unlink(missing_ok=True)

    def kept(self) -> list[Kept]:
        """The heads whose date is yet to come."""
        try:
            lines = whole_lines((self._folder / BOOK).read_bytes())
        except FileNotFoundError:
            return []
        now, found = dt.datetime.now(dt.UTC).timestamp(), []
        for line in lines:
            try:
                one = decode_json(line, Kept)
            except msgspec.MsgspecError:
                continue
            if one.until > now:
                found.append(one)
        return found

    def wrong(self, one: Kept) -> str:
        """Return what is wrong with a head that must be there; '' nothing. Raises Fault when it cannot be asked."""
        try:
            self._bucket.facts(one.object, one.version)
        except Fault as fault:
            if fault.missing:
                return "it is gone"
            raise
        until = self._bucket.retained_until(one.object, one.version)
        if until is None:
            return "it is not kept in compliance mode"
        return "its date is nearer than was set" if until.timestamp() < one.until - 2 else ""
