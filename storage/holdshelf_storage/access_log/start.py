"""Examines an access log at opening: where it ends, whether it matches its head, what a crash left.

Two files vouch for the lines. `head` is the signed head, replaced after each group of entries without waiting for the disk, so a
power cut may revert it; `frontier` is written durably now and then and has its own signed head, the tree's frontier and a
position in a file, so that a log of a million entries is opened by reading its last few. The log may be longer than both (they
are updated from the lines) and never shorter. This module writes and truncates nothing.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey
from holdshelf_storage.access_log.files import Month, list_months, open_file, raw_lines
from holdshelf_storage.access_log.lines import BadLine, numbers_are, parse_line
from holdshelf_storage.access_log.merkle import Tree, leaf_hash
from holdshelf_storage.atomic import read_all
from holdshelf_storage.errors import LogBroken, translating
from holdshelf_storage.volume.journal import UNREADABLE

ACCESS = "access"
KEY = "log.key"
HEAD = "head"
FRONTIER = "frontier"
_SMALL_BYTES = 64 * 1024
_MAX_TORN_BYTES = 128 * 1024 * 1024
_log = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(order="sorted")


class Frontier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `frontier`."""

    file: str
    """The file that contains entry `size`, '' when there is none."""
    offset: int
    """Where that entry's line ends in it."""
    size: int
    nodes: list[str]
    head: str

    def encode(self) -> bytes:
        """Return its bytes on disk."""
        return _encoder.encode(self) + b"\n"


@dataclass
class LogAtStart:
    """The state of the log's files."""

    months: list[Month] = field(default_factory=list)
    """Those with entries."""
    loose: frozenset[str] = frozenset()
    """Files in which a crash left no whole entry: empty or torn."""
    tree: Tree = field(default_factory=Tree)
    good: int = 0
    """Length of the last month up to its last whole entry."""
    torn: int = 0
    """Bytes after it that a crash left, to be truncated."""
    head_size: int = -1
    """Entries that the head on disk counts; -1 when there is none."""
    frontier_size: int = -1
    problem: LogBroken | None = None


def read_small(dir_fd: int, name: str, most_bytes: int = _SMALL_BYTES) -> bytes:
    """A small file's content, b"" when it is missing or all zeros. Raises StorageError."""
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return b""
    fd = open_file(dir_fd, name)
    try:
        with translating(f"The access log's {name} could not be read"):
            data = read_all(fd, most_bytes)
    finally:
        os.close(fd)
    return data if data.strip(b"\x00") else b""


def check_head(data: bytes, key: PublicKey) -> Head:
    """The head in `data`. Raises LogBroken."""
    try:
        return key.check(data.decode())
    except (BadHead, UnicodeDecodeError) as error:
        reason = error if isinstance(error, BadHead) else "is not a signed head"
        raise LogBroken(f"The head of the access log {reason}; run `holdshelf log verify`.") from error


def check_frontier(data: bytes, key: PublicKey) -> tuple[Frontier, Tree] | None:
    """The frontier in `data` with its tree, proven by its own signed head; None when it is not."""
    try:
        frontier = msgspec.json.decode(data, type=Frontier)
        tree = Tree(frontier.size, [bytes.fromhex(node) for node in frontier.nodes])
        head = key.check(frontier.head)
    except (*UNREADABLE, ValueError):
        return None
    is_canonical = frontier.encode() == data and [node.hex() for node in tree.nodes] == frontier.nodes
    if not is_canonical or (head.size, head.root) != (tree.size, tree.root()):
        return None
    return frontier, tree


def look(dir_fd: int, key: PublicKey) -> LogAtStart:
    """Examines the log's files. What is wrong with them is `problem`. Raises StorageError when they cannot be read."""
    found = LogAtStart()
    try:
        _look(dir_fd, key, found)
    except LogBroken as error:
        found.problem = error
    return found


def _look(dir_fd: int, key: PublicKey, found: LogAtStart) -> None:
    months = list_months(dir_fd)
    found.months = [month for month in months if month.first_seq]
    loose = [month for month in months if not month.first_seq]
    data = read_small(dir_fd, HEAD)
    frontier = check_frontier(read_small(dir_fd, FRONTIER), key)
    signed: dict[int, bytes] = {}
    if frontier is not None:
        found.frontier_size = frontier[0].size
        signed[frontier[1].size] = frontier[1].root()
    if data:
        head = check_head(data, key)
        found.head_size = head.size
        if signed.setdefault(head.size, head.root) != head.root:
            raise LogBroken("The access log has two heads that differ; run `holdshelf log verify`.")
    if not signed and found.months:
        raise LogBroken("The access log has lost its head; restore it, or begin a new log.")
    promised = max(signed, default=0)
    at, offset = 0, 0
    if frontier is not None and _stands(dir_fd, found, frontier[0], frontier[1]):
        found.tree = frontier[1]
        at = [month.name for month in found.months].index(frontier[0].file) if frontier[0].size else 0
        offset = frontier[0].offset
    for number in range(at, len(found.months)):
        _follow(dir_fd, found, number, offset, signed)
        offset = 0
    found.loose = frozenset(month.name for month in loose)
    for month in loose:
        _check_loose(dir_fd, month, found)
    if found.tree.size < promised:
        raise LogBroken(
            f"The access log has {found.tree.size} entries, while its head counts {promised}: the last ones are missing "
            "or damaged; run `holdshelf log verify`, then restore it or begin a new log."
        )


def _stands(dir_fd: int, found: LogAtStart, frontier: Frontier, tree: Tree) -> bool:
    """Whether the frontier's line is at its stated position and is the tree's last leaf, as far as that shows."""
    if not frontier.size:
        return True
    named = [month for month in found.months if month.name == frontier.file]
    if not named or not 0 < frontier.offset <= named[0].size or named[0].first_seq > frontier.size:
        return False
    fd = open_file(dir_fd, frontier.file)
    try:
        with translating("The access log could not be read"):
            start = max(0, frontier.offset - 512 * 1024)
            data = os.pread(fd, frontier.offset - start, start)
    finally:
        os.close(fd)
    raw = data[:-1].rpartition(b"\n")[2]
    try:
        seq = parse_line(raw)["seq"]
    except BadLine:
        return False
    return data.endswith(b"\n") and seq == frontier.size and (not tree.size & 1 or leaf_hash(raw) == tree.nodes[-1])


def _follow(dir_fd: int, found: LogAtStart, number: int, offset: int, signed: dict[int, bytes]) -> None:
    """Adds a month's entries from `offset` on to the tree, up to the first unexpected one."""
    month = found.months[number]
    is_last = number == len(found.months) - 1
    fd = open_file(dir_fd, month.name)
    try:
        good = offset
        for end, raw in _entries(fd, offset, found.tree.size + 1):
            found.tree.append(leaf_hash(raw))
            good = end
            root = signed.get(found.tree.size)
            if root is not None and root != found.tree.root():
                raise LogBroken(
                    f"The first {found.tree.size} entries of the access log are not those that its head was made for; "
                    "run `holdshelf log verify`, then restore it or begin a new log."
                )
        found.good = good
        size = os.fstat(fd).st_size
        if size > good:
            if not is_last or not is_torn(fd, good):
                raise LogBroken(
                    f"The access log's {month.name} is damaged after entry {found.tree.size}; "
                    "run `holdshelf log verify`, then restore it or begin a new log."
                )
            found.torn = size - good
    finally:
        os.close(fd)
    if not is_last and found.months[number + 1].first_seq != found.tree.size + 1:
        gone = numbers_are(found.tree.size + 1, found.months[number + 1].first_seq - 1).capitalize()
        raise LogBroken(
            f"{gone} missing from the access log; run `holdshelf log verify`, then restore it or begin a new log."
        )


def _entries(fd: int, offset: int, expected: int) -> Iterator[tuple[int, bytes]]:
    """(end offset, entry line) while they are valid and numbered consecutively from `expected`."""
    private = False
    for at, raw in raw_lines(fd, offset, None):
        try:
            line = parse_line(raw)
        except BadLine:
            return
        if line["seq"] != expected or ("private" in line and private):
            return
        private = "private" in line
        if not private:
            yield at + len(raw) + 1, raw
            expected += 1


def is_torn(fd: int, offset: int, size: int | None = None) -> bool:
    """Whether the data from `offset` up to `size` is what a crash leaves of entries never confirmed, rather than damage.

    That is: half a line, private lines without their entry, or zeros and whatever follows them.
    """
    with translating("The access log could not be read"):
        data = os.pread(fd, _MAX_TORN_BYTES if size is None else min(_MAX_TORN_BYTES, size - offset), offset)
    for raw in data.split(b"\n")[:-1]:
        if b"\x00" in raw:
            return True
        try:
            if "private" not in parse_line(raw):
                return False
        except BadLine:
            return False
    return True


def _check_loose(dir_fd: int, month: Month, found: LogAtStart) -> None:
    """A file without a whole first line: just begun when a crash came, or damaged."""
    if not month.size:
        return
    fd = open_file(dir_fd, month.name)
    try:
        if not is_torn(fd, 0):
            raise LogBroken(f"The access log's {month.name} is not readable; run `holdshelf log verify`.")
    finally:
        os.close(fd)
    _log.info("the access log's %s holds only what a crash left over", month.name)
