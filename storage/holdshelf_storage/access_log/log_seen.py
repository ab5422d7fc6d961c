"""MEDIA/log-seen: the highest signed head of the access log that this volume has seen.

    {"at_utc_ns":…,"head":"holdshelf.local/…\\n1234\\n…\\n\\n— holdshelf.local/… …\\n"}

It is on another disk than the log, so that an older STATE copied back is detected. Replaced as a whole, and only by a higher head
of the same log, unless a person accepted the present state. This module compares; it decides nothing.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey, parse_note
from holdshelf_storage.access_log.files import list_months, read_pairs, to_entry
from holdshelf_storage.access_log.lines import Entry
from holdshelf_storage.access_log.start import ACCESS, read_small
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError, translating
from holdshelf_storage.volume.journal import UNREADABLE

NAME: Final = "log-seen"


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content. ``at_utc_ns``: when it was written, by the wall clock."""

    at_utc_ns: int
    head: str


@dataclass(frozen=True)
class Mismatch:
    """What a volume has seen and this log lacks.

    ``kind``: missing (the log is shorter) | changed (another root at that size) | other (of a log that this one does not name) |
    unreadable. ``entries``: the number missing, as far as known.
    """

    kind: str
    entries: int = 0
    size: int = 0
    root: str = ""
    at_utc_ns: int = 0

    @property
    def short(self) -> str:
        """Return NUMBER:ROOT, by which an acceptance names what was seen; '' for an unreadable file."""
        return f"{self.size}:{self.root}" if self.root else ""


class Log(Protocol):
    """What `compare` asks of a log: the open one, or one that was verified from its files."""

    @property
    def size(self) -> int:
        """Number of entries."""
        ...

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies its heads."""
        ...

    def root_at(self, size: int) -> bytes:
        """Return the root at `size` entries. Raises StorageError."""
        ...

    def read(self, first_seq: int = 1, last_seq: int | None = None) -> Iterator[Entry]:
        """Yield entries. Raises StorageError."""
        ...


@dataclass(frozen=True)
class VerifiedLog:
    """A state folder's log as `verify_log` found it, without opening it. Its `report` has the root at the size that was seen."""

    state: Path
    report: LogReport

    @property
    def size(self) -> int:
        """Number of entries, those included that the head does not count yet."""
        return self.report.entries

    @property
    def public_key(self) -> PublicKey:
        """The key that it was verified with. Raises BadHead when none was found."""
        return PublicKey.parse(self.report.key)

    def root_at(self, size: int) -> bytes:
        """Return the root at `size`; b"" when the report has none."""
        return self.report.roots.get(size, b"")

    def read(self, first_seq: int = 1, last_seq: int | None = None) -> Iterator[Entry]:
        """Yield entries, without their private texts. Raises StorageError."""
        folder = self.state / ACCESS
        with translating(f"{folder} could not be opened"):
            dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            last = self.size if last_seq is None else min(last_seq, self.size)
            for pair in read_pairs(dir_fd, list_months(dir_fd), first_seq, last) if first_seq <= last else ():
                yield to_entry(pair, may_lack=True)
        finally:
            os.close(dir_fd)


def read_seen(root_fd: int) -> bytes:
    """Return the file's content; b"" when the volume has seen no log yet. Raises StorageError."""
    return read_small(root_fd, NAME)


def head_seen(seen: bytes) -> Head | None:
    """Return the head in that content; None when there is none to be read. Its signature is not checked: nothing is proven."""
    try:
        return parse_note(_decoded(seen).head).head if seen else None
    except BadHead:
        return None


def roots_to_compare(seen: bytes) -> list[int]:
    """Return the sizes at which `verify_log` is to keep the root, for `compare` with that content."""
    head = head_seen(seen)
    return [head.size] if head is not None else []


def _decoded(seen: bytes) -> Seen:
    try:
        return msgspec.json.decode(seen, type=Seen)
    except UNREADABLE as error:
        raise BadHead("is not readable") from error


def write_seen(root_fd: int, head: str, at_utc_ns: int) -> None:
    """Replace the file durably. Raises StorageError."""
    write_atomic(NAME, msgspec.json.encode(Seen(at_utc_ns, head)) + b"\n", dir_fd=root_fd)


def compare(content: bytes, log: Log) -> Mismatch | None:
    """Compare the log with what the volume has seen (`read_seen`); None: it has all of that. Blocks. Raises StorageError."""
    if not content:
        return None
    try:
        seen = _decoded(content)
        head = parse_note(seen.head).head
    except BadHead:
        return Mismatch("unreadable")
    known = Mismatch("other", 0, head.size, head.root.hex(), seen.at_utc_ns)
    if head.origin != log.public_key.origin:
        return None if _follows(log, head.origin, head.size) else known
    try:
        log.public_key.check(seen.head)
    except BadHead:
        return Mismatch("unreadable")
    if head.size > log.size:
        return Mismatch("missing", head.size - log.size, known.size, known.root, known.at_utc_ns)
    return (
        None if log.root_at(head.size) == head.root else Mismatch("changed", 0, known.size, known.root, known.at_utc_ns)
    )


def _follows(log: Log, origin: str, size: int) -> bool:
    """Whether this log began after that one was found broken, with at least as many of its entries known."""
    try:
        first = next(log.read(1, 1), None)
    except StorageError:
        return False
    before = first.public.get("facts", {}).get("before", {}) if first is not None else {}
    if not isinstance(before, dict):
        return False
    named = str(before.get("head", "")).partition("\n")[0]
    return named == origin and isinstance(before.get("entries"), int) and before["entries"] >= size
