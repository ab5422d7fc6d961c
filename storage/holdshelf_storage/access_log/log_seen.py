"""MEDIA/log-seen: the highest signed head of the access log that this volume has seen.

    {"at_utc_ns":…,"head":"holdshelf.local/…\\n1234\\n…\\n\\n— holdshelf.local/… …\\n"}

It is on another disk than the log, so that an older STATE copied back is detected. Replaced as a whole, and only by a higher head
of the same log, unless a person accepted the present state. This module compares; it decides nothing.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import BadHead, parse_note
from holdshelf_storage.access_log.start import read_small
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError
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


def read_seen(root_fd: int) -> Seen | None:
    """Return what the volume has seen; None when it has seen no log yet. Raises BadHead when unreadable, StorageError."""
    data = read_small(root_fd, NAME)
    if not data:
        return None
    try:
        return msgspec.json.decode(data, type=Seen)
    except UNREADABLE as error:
        raise BadHead("is not readable") from error


def write_seen(root_fd: int, head: str, at_utc_ns: int) -> None:
    """Replace the file durably. Raises StorageError."""
    write_atomic(NAME, msgspec.json.encode(Seen(at_utc_ns, head)) + b"\n", dir_fd=root_fd)


def compare(root_fd: int, log: AccessLog) -> Mismatch | None:
    """Compare the log with what the volume has seen; None: it has all of that. Blocks. Raises StorageError."""
    try:
        seen = read_seen(root_fd)
        if seen is None:
            return None
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


def _follows(log: AccessLog, origin: str, size: int) -> bool:
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
