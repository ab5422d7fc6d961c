"""STATE/stamps: heads of the access log as they were stamped, the stamps, and the authority that each is of.

    stamps/AUTHORITY/ca.pem                         AUTHORITY: the first 16 hex digits of this file's SHA-256
    stamps/AUTHORITY/LOG-ENTRIES-TIME.txt           the head, byte for byte what was stamped
    stamps/AUTHORITY/LOG-ENTRIES-TIME.tsr           the stamp: a TimeStampResp (RFC 3161), DER

LOG is what the log's name ends in, ENTRIES twelve digits, TIME that of the stamp, 20261127T150000Z. In such a folder
`openssl ts -verify -data X.txt -in X.tsr -CAfile ca.pem` works as it stands. Names prove nothing. At most `MOST` are kept: the
newest `MOST_HOURS`, and before those the first of each day. Blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from holdshelf_core.times import NS
from holdshelf_core.timestamps.types import MAX_STAMP_BYTES, StampFiles
from holdshelf_storage.access_log.checkpoint import ORIGIN, Head
from holdshelf_storage.atomic import make_dir, write_atomic
from holdshelf_storage.errors import StorageError

FOLDER: Final = "stamps"
CA: Final = "ca.pem"
MOST_HOURS: Final = 1000
MOST: Final = 2000
_NAME: Final = re.compile(r"([0-9a-f]{16})-([0-9]{12})-([0-9]{8}T[0-9]{6}Z)\.tsr")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_MAX_HEAD_BYTES: Final = 4096
_MAX_CA_BYTES: Final = 128 << 10


class Kept(NamedTuple):
    """One stamped head, by its name. In order: by entries."""

    entries: int
    utc_s: int
    log: str
    authority: str

    @property
    def stem(self) -> str:
        """Return the name of its files, without what they end in."""
        return f"{self.log}-{self.entries:012d}-{datetime.fromtimestamp(self.utc_s, UTC).strftime(_TIME)}"


def log_part(origin: str) -> str:
    """Return what a log's name ends in."""
    return origin.removeprefix(ORIGIN)


def authority_of(ca: str) -> str:
    """Return the name of the folder of an authority: the first 16 hex digits of its certificates' SHA-256."""
    return hashlib.sha256(ca.encode()).hexdigest()[:16]


def write(state: Path, ca: str, note: str, head: Head, stamp: bytes, utc_ns: int) -> Kept:
    """Keep a stamped head. Raises StorageError."""
    authority = authority_of(ca)
    folder = state / FOLDER / authority
    make_dir(state / FOLDER)
    make_dir(folder)
    if not (folder / CA).exists():
        write_atomic(folder / CA, ca.encode())
    one = Kept(head.size, utc_ns // NS, log_part(head.origin), authority)
    write_atomic(folder / f"{one.stem}.txt", note.encode())
    write_atomic(folder / f"{one.stem}.tsr", stamp)
    return one


def names(state: Path) -> list[Kept]:
    """Return all that are kept, of whatever log."""
    found = []
    with contextlib.suppress(OSError):
        for folder in (state / FOLDER).iterdir():
            found += list(_in(folder))
    return sorted(found)


def _in(folder: Path) -> Iterator[Kept]:
    try:
        inside = [path.name for path in folder.iterdir()]
    except OSError:
        return
    for name in inside:
        if told := _NAME.fullmatch(name):
            with contextlib.suppress(ValueError):
                at = datetime.strptime(told[3], _TIME).replace(tzinfo=UTC)
                yield Kept(int(told[2]), int(at.timestamp()), told[1], folder.name)


def read(state: Path, one: Kept) -> StampFiles:
    """Return its files. Raises StorageError."""
    folder = state / FOLDER / one.authority
    try:
        head = _read(folder / f"{one.stem}.txt", _MAX_HEAD_BYTES)
        stamp = _read(folder / f"{one.stem}.tsr", MAX_STAMP_BYTES)
        ca = _read(folder / CA, _MAX_CA_BYTES)
        return StampFiles(head.decode(), stamp, ca.decode(), one.entries, one.utc_s * NS)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StorageError(f"The stamped head in {folder / one.stem} cannot be read: {reason}.") from None


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def thin(state: Path, most_hours: int = MOST_HOURS, most: int = MOST) -> list[Kept]:
    """Remove what is more than that; return those that stay."""
    known = sorted(names(state), key=lambda one: (one.utc_s, one.entries))
    hours, days = known[-most_hours:], first_of_days(known[:-most_hours])
    room = max(0, most - len(hours))
    stay = {*hours, *(days[-room:] if room else ())}
    for one in known:
        if one not in stay:
            for end in ("tsr", "txt"):
                with contextlib.suppress(OSError):
                    (state / FOLDER / one.authority / f"{one.stem}.{end}").unlink()
    return sorted(stay)


def first_of_days(known: Sequence[Kept]) -> list[Kept]:
    """Return of each UTC day the first one, in their order."""
    found: dict[int, Kept] = {}
    for one in known:
        found.setdefault(one.utc_s // 86_400, one)
    return list(found.values())
