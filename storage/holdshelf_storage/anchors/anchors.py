"""Anchors: each hour, the access log gets a root over every new journal line.

A leaf is a journal's path below MEDIA, a space, and one line of it exactly as stored. A batch is a file of leaves,
`MEDIA/anchors/ROOT.txt`, named after the root of its tree (RFC 6962), and one entry `footage.root` of the access log, with that
root and, as a private text, how far each journal was read, and the SHA-256 of each ledger file so far. So without the log's key
or an older head, nobody can change a journal line, a file that it names, or an older ledger line unnoticed. File first, then
entry: a batch without an entry does not count, and the next one includes its lines.

This module has the format, and takes batches; `anchors.book` proves. It must never count a line as anchored that no log entry
covers.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.lines import Entry, time_ns
from holdshelf_storage.atomic import make_dir, whole_lines, write_atomic
from holdshelf_storage.errors import BadEntry, StorageError, translating
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days

FOLDER = "anchors"
ACTION = "footage.root"
TEXT = "papers"
MAX_LINES = 4096
"""Per batch: a larger backlog takes several."""
_CHUNK = 1 << 20


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive lines of one journal in a batch."""

    path: str
    lines: int
    end_bytes: int
    """Size of the journal up to and including them."""


class LedgerState(msgspec.Struct, frozen=True, array_like=True):
    """The state of one ledger file: its content up to a size."""

    name: str
    bytes: int
    sha256: str


class Papers(msgspec.Struct, frozen=True):
    """The private text of an entry `footage.root`."""

    volume: str
    journals: list[Stretch]
    """In the order of the leaves."""
    ledger: list[LedgerState]
    """Those that have grown."""


class Batch(msgspec.Struct, frozen=True):
    """An entry `footage.root`."""

    seq: int
    """Its number in the log."""
    at_utc_ns: int
    root: str
    lines: int
    papers: Papers
    is_whole: bool = True
    """False: settled parts were left out of `papers`."""


_papers: msgspec.json.Decoder[Papers] = msgspec.json.Decoder(Papers)


def journal_path(camera: str, day: str) -> str:
    """Return the path of a day's journal below MEDIA, as used in leaves."""
    return f"{layout.day_path(camera, day)}/{layout.JOURNAL}"


def camera_day(path: str) -> tuple[str, str] | None:
    """Return camera and day of a journal's path; None for another path."""
    parts = path.split("/")
    if len(parts) != 4 or (parts[0], parts[3]) != (layout.FOOTAGE, layout.JOURNAL):
        return None
    return (parts[1], parts[2]) if layout.is_camera(parts[1]) and layout.is_day(parts[2]) else None


def leaf_data(path: str, line: bytes) -> bytes:
    """Return the data hashed for one line (without its newline)."""
    return path.encode() + b" " + line


def batch_path(root: str) -> str:
    """Return the path of a batch's file below MEDIA."""
    return f"{FOLDER}/{root}.txt"


def tree_root(leaves: Iterable[bytes]) -> str:
    """Return the root over leaves, in hex."""
    tree = merkle.Tree()
    for leaf in leaves:
        tree.append(merkle.leaf_hash(leaf))
    return tree.root().hex()


def root_of(public: Mapping[str, Any]) -> tuple[str, int] | None:
    """Return root and number of leaves from the public part of such an entry; None when unreadable."""
    facts = public.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    root, lines = facts.get("root"), facts.get("lines")
    return (root, lines) if isinstance(root, str) and type(lines) is int and _is_sha256(root) else None


def batch_of(entry: Entry) -> Batch | None:
    """Return the batch of a log entry, None for other entries. Raises BadEntry when it cannot be read."""
    if entry.public.get("action") != ACTION:
        return None
    told, text = root_of(entry.public), (entry.private or {}).get(TEXT)
    if told is None or text is None:
        raise BadEntry(f"Entry {entry.seq} of the access log, a root over footage, cannot be read.")
    try:
        papers = _papers.decode(text)
    except journal.UNREADABLE:
        raise BadEntry(f"Entry {entry.seq} of the access log, a root over footage, cannot be read.") from None
    return Batch(entry.seq, time_ns(str(entry.public["at"])), *told, papers)


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and not text.strip("0123456789abcdef")


class Known:
    """How far the log's entries reach, for taking the next batch."""

    def __init__(self, volume: str) -> None:
        self.volume = volume
        self.ends: dict[str, int] = {}
        """By journal: its size when it was last anchored."""
        self.shrunk: set[str] = set()
        """Journals that were once shorter than before."""
        self.ledger: dict[str, int] = {}
        """By ledger file: its size then."""

    def add(self, batch: Batch) -> None:
        """Add the next entry, in the log's order."""
        if batch.papers.volume != self.volume:
            return
        self.shrunk.update(one.path for one in batch.papers.journals if one.end_bytes < self.ends.get(one.path, 0))
        self.ends.update((one.path, one.end_bytes) for one in batch.papers.journals)
        self.ledger.update((one.name, one.bytes) for one in batch.papers.ledger)


class Taken(msgspec.Struct):
    """The next batch, not written yet."""

    leaves: list[bytes]
    papers: Papers
    segments: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    more: bool = False
    """Whether more is left than one batch takes."""

    @property
    def root(self) -> str:
        """Return the root over the leaves, in hex."""
        return tree_root(self.leaves)

    def facts(self) -> dict[str, Any]:
        """Return the public facts of its entry."""
        return {
            "root": self.root,
            "lines": len(self.leaves),
            "segments": self.segments,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
        }

    def text(self) -> str:
        """Return the private text of its entry."""
        return msgspec.json.encode(self.papers).decode()


def take(
    days: Days,
    ledger: Ledger,
    known: Known,
    anchored: Callable[[str], Sequence[bytes] | None],
    *,
    limit: int = MAX_LINES,
) -> Taken | None:
    """Return the lines that no entry covers, None when there are none and no ledger file has grown. Writes nothing.

    `anchored(path)` returns a journal's anchored lines, None when unknown: called only for a journal that has become shorter, of
    which the lines after the last anchored one are taken. Raises StorageError.
    """
    taken = Taken([], Papers(known.volume, [], []))
    for camera in days.cameras():
        for day in days.days(camera):
            if len(taken.leaves) >= limit:
                taken.more = True
                break
            _take_journal(days, camera, day, known, anchored, limit, taken)
    for path in _ledger_files(ledger.folder):
        if path.stat().st_size > known.ledger.get(path.name, 0):
            with ledger.write_lock:  # lines that could not be synced are removed under it
                state = _state_of(path)
            if state.bytes > known.ledger.get(path.name, 0):
                taken.papers.ledger.append(state)
    if not taken.leaves and not taken.papers.ledger:
        return None
    return taken


def _take_journal(
    days: Days,
    camera: str,
    day: str,
    known: Known,
    anchored: Callable[[str], Sequence[bytes] | None],
    limit: int,
    taken: Taken,
) -> None:
    path = journal_path(camera, day)
    end = known.ends.get(path, 0)
    if _size(days, path) == end:
        return
    with days.lock(camera):  # a line that is seen under the lock is on disk
        data = days.read_journal(camera, day)
    whole = data.rfind(b"\n") + 1
    if whole == end:
        return
    if end < whole and (not end or data[end - 1 : end] == b"\n"):
        fresh = whole_lines(data[end:])
    else:
        before = anchored(path)
        if before is None:
            return
        fresh = behind(before, whole_lines(data))
    if not fresh:
        return
    room = limit - len(taken.leaves)
    if len(fresh) > room:
        taken.more = True
        cut = fresh[room:]
        fresh = fresh[:room]
        whole -= sum(len(line) + 1 for line in cut)
    taken.leaves += [leaf_data(path, line) for line in fresh]
    taken.papers.journals.append(Stretch(path, len(fresh), whole))
    for line, _ in (journal.decode(one + b"\n") for one in fresh):
        for segment in line:
            if isinstance(segment, journal.Segment):
                taken.segments += 1
                taken.first_seq = min(segment.seq, taken.first_seq or segment.seq)
                taken.last_seq = max(segment.seq, taken.last_seq or segment.seq)


def behind(anchored: Sequence[bytes], lines: Sequence[bytes]) -> list[bytes]:
    """Return the lines after the last anchored one, for a journal that has lost some."""
    known = set(anchored)
    last = max((number for number, line in enumerate(lines) if line in known), default=-1)
    return list(lines[last + 1 :])


def _size(days: Days, path: str) -> int:
    try:
        return os.stat(path, dir_fd=days.volume.root_fd, follow_symlinks=False).st_size
    except OSError:
        return 0


def write_batch(root_fd: int, taken: Taken) -> None:
    """Write a batch's file durably. Raises StorageError."""
    make_dir(FOLDER, dir_fd=root_fd)
    path = batch_path(taken.root)
    if taken.leaves:
        write_atomic(path, b"".join(leaf + b"\n" for leaf in taken.leaves), 0o400, dir_fd=root_fd)


def read_batch(root_fd: int, root: str) -> list[bytes] | None:
    """Return a batch's leaves, checked against its root; None when there is no such file. Raises StorageError when it differs."""
    path = batch_path(root)
    with translating(f"{path} could not be read"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=root_fd)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_LINES << 15:
                raise StorageError(f"{path} is not the list that the access log holds the root of.")
            parts = []
            while part := os.read(fd, _CHUNK):
                parts.append(part)
        finally:
            os.close(fd)
    data = b"".join(parts)
    leaves = data.split(b"\n")[:-1]
    if not data.endswith(b"\n") or tree_root(leaves) != root:
        raise StorageError(f"{path} is not the list that the access log holds the root of.")
    return leaves


def batch_files(days: Days) -> Iterator[str]:
    """Yield the roots of all batch files."""
    for name in days.list_folder(FOLDER):
        root = name.removesuffix(".txt")
        if name.endswith(".txt") and _is_sha256(root):
            yield root


# -- the ledger -----------------------------------------------------------------------------------------------------


def _ledger_files(folder: Path) -> list[Path]:
    with translating(f"{folder} could not be listed"):
        return sorted(folder.glob("*.jsonl"))


def _state_of(path: Path) -> LedgerState:
    with translating(f"{path} could not be read"):
        data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    return LedgerState(path.name, len(whole), hashlib.sha256(whole).hexdigest())


def check_ledger(folder: Path, states: Mapping[str, Sequence[LedgerState]]) -> Iterator[str]:
    """Yield a sentence for each ledger file that differs from its anchored state."""
    for name, known in sorted(states.items()):
        shown = f"ledger/{name}"
        if not (folder / name).exists():
            yield f"{shown} is gone, while the access log anchored {max(one.bytes for one in known)} bytes of it."
            continue
        try:
            with translating(f"{shown} could not be read"), (folder / name).open("rb") as file:
                digest, at = hashlib.sha256(), 0
                for state in sorted(known, key=lambda one: one.bytes):
                    while at < state.bytes and (part := file.read(min(_CHUNK, state.bytes - at))):
                        digest.update(part)
                        at += len(part)
                    if at < state.bytes or digest.hexdigest() != state.sha256:
                        yield f"{shown} was changed: its first {state.bytes} bytes are not those that the access log anchored."
                        break
        except StorageError as error:
            yield str(error)
