"""The rows that a replay of the log's entries produces, a root over them, and where a replay may begin.

    STATE/access/rows       {"nodes":["<64 hex>",…],"rows":{TABLE:{KEY:{"row":{…},"seq":n},…},…},"seq":n}

An entry `register.root` records in `facts.rows` the SHA-256 of the rows including its own changes. The file has those rows, the
number of that entry and the tree before it. Nothing in it is trusted by itself: its nodes, extended by the log's lines from that
entry on, must give the log's own tree, whose head is signed, and the rows must match the entry. If that fails, the replay begins
at entry 1. This module knows no tables. It reads, and writes only that one file.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from holdshelf_storage.access_log.files import Month, find, open_file, raw_lines
from holdshelf_storage.access_log.lines import BadLine, encode_sorted, parse_line, private_texts
from holdshelf_storage.access_log.merkle import Tree, leaf_hash
from holdshelf_storage.access_log.start import read_small
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import LogBroken, StorageError
from holdshelf_storage.volume.journal import UNREADABLE

ROWS: Final = "rows"
ROOT_ACTION: Final = "register.root"
_PRIVATE, _CHANGES, _ROOT = b'{"private":', b'"changes":"', b'"register.root"'
_MAX_BYTES: Final = 256 * 1024 * 1024


class RowChange(msgspec.Struct, frozen=True):
    """One row in an entry's private text `changes`; `row` None: it was removed."""

    table: str
    key: str
    row: dict[str, Any] | None


class Logged(msgspec.Struct, frozen=True):
    """A row as the last entry that wrote it says, and that entry's number."""

    row: dict[str, Any]
    seq: int


class BadRoot(Exception):
    """An entry records a root that differs from the one its predecessors give. `str()` is a sentence."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nodes: list[str]
    rows: dict[str, dict[str, Logged]]
    seq: int


_changes = msgspec.json.Decoder(list[RowChange]).decode


class Rows:
    """Rows by table and key, as of entry `seq`.

    `later`: the values, from their state at `mark` on, of rows that entries after `mark` wrote. A copy that is up to date as of
    `mark`, and perhaps a little further, may have any of these.
    """

    def __init__(
        self, tables: dict[str, dict[str, Logged]] | None = None, seq: int = 0, mark: int | None = None
    ) -> None:
        self.tables = tables if tables is not None else {}
        self.seq = seq
        self.root_seq = 0
        """The last entry that recorded a correct root."""
        self.mark = mark
        self.later: dict[tuple[str, str], list[Logged | None]] = {}

    def get(self, table: str, key: str) -> Logged | None:
        """The row, None when there is none."""
        return self.tables.get(table, {}).get(key)

    def apply(self, changes: Iterable[RowChange], seq: int) -> None:
        """Apply the changes of entry `seq`."""
        for change in changes:
            if self.mark is not None and seq > self.mark:
                at = change.table, change.key
                self.later.setdefault(at, [self.get(*at)]).append(
                    Logged(change.row, seq) if change.row is not None else None
                )
            if change.row is not None:
                self.tables.setdefault(change.table, {})[change.key] = Logged(change.row, seq)
            elif change.key in self.tables.get(change.table, ()):
                del self.tables[change.table][change.key]
                if not self.tables[change.table]:
                    del self.tables[change.table]
        self.seq = seq

    def take(self, entry: Mapping[str, Any], private: Mapping[str, Any] | None) -> None:
        """Process the next entry, with its private texts as stored. Raises BadRoot, LogBroken when its changes are lost."""
        seq = entry["seq"]
        if "changes" in entry.get("commit", ()):
            if private is None:
                raise LogBroken(f"Entry {seq} of the access log has lost the text of its changes.")
            try:
                text = private_texts(private, entry["commit"])["changes"]
                self.apply(_changes(text.encode()), seq)
            except (BadLine, *UNREADABLE) as error:
                raise LogBroken(f"The changes of entry {seq} of the access log cannot be read.") from error
        self.seq = seq
        if entry.get("action") == ROOT_ACTION and entry.get("outcome") == "done":
            facts = entry.get("facts")
            if not isinstance(facts, Mapping) or facts.get("rows") != self.root():
                raise BadRoot(
                    f"Entry {seq} states a root over the register's rows that is not that of the entries up to it."
                )
            self.root_seq = seq

    def root(self) -> str:
        """SHA-256 of all rows in their canonical form, hex."""
        return hashlib.sha256(encode_sorted(self.tables)).hexdigest()


def replayed(dir_fd: int, months: Sequence[Month], tree: Tree, mark: int | None) -> Rows:
    """The rows as of the last entry of the log with `tree`, from its files. Raises LogBroken, BadRoot, StorageError.

    Begins at the last root that `rows` proves, unless that is after `mark`. `root_seq` is 0 where it did not.
    """
    began = _begin(dir_fd, mark)
    if began is not None:
        try:
            return _replayed(dir_fd, months, tree, *began)
        except (LogBroken, BadRoot):  # the file does not match the log: the log is read from its start
            pass
    rows = _replayed(dir_fd, months, tree, Rows(mark=mark), Tree())
    rows.root_seq = 0
    return rows


def _replayed(dir_fd: int, months: Sequence[Month], tree: Tree, rows: Rows, grown: Tree) -> Rows:
    first = grown.size > 0
    for private_raw, raw in _lines(dir_fd, months, grown.size + 1, tree.size):
        grown.append(leaf_hash(raw))
        if not (first or _CHANGES in raw or _ROOT in raw):
            continue  # as nearly all: the tree proves at the end that the line is the original
        try:
            entry = parse_line(raw)
            private = parse_line(private_raw)["private"] if private_raw else None
        except (BadLine, KeyError) as error:
            raise LogBroken(
                f"Entry {grown.size} of the access log cannot be read; run `holdshelf log verify`."
            ) from error
        if first and entry.get("action") != ROOT_ACTION:
            raise LogBroken("What lies beside the access log names an entry that states no root.")
        first = False
        rows.take(entry, private)
    if grown.size != tree.size or grown.root() != tree.root():
        raise LogBroken("The access log's entries are not those that were written; run `holdshelf log verify`.")
    rows.seq = tree.size
    return rows


def _lines(dir_fd: int, months: Sequence[Month], first: int, last: int) -> Iterator[tuple[bytes, bytes]]:
    """(private line or b"", entry) from entry `first` to `last`, as stored: by their order, not by their content."""
    left = last - first + 1
    for at, month in enumerate(months):
        following = months[at + 1].first_seq if at + 1 < len(months) else 0
        if not month.first_seq or 0 < following <= first or left <= 0:
            continue
        fd = open_file(dir_fd, month.name)
        try:
            private = b""
            start = find(fd, first, month.size) if month.first_seq < first else 0
            for _, raw in raw_lines(fd, start, month.size):
                if raw.startswith(_PRIVATE):
                    private = raw
                    continue
                yield private, raw
                private = b""
                left -= 1
                if left <= 0:
                    return
        finally:
            os.close(fd)


def _begin(dir_fd: int, mark: int | None) -> tuple[Rows, Tree] | None:
    """The file's rows and tree, to continue with the entry that it names; None: unusable."""
    try:
        found = msgspec.json.decode(read_small(dir_fd, ROWS, _MAX_BYTES), type=_File)
        tree = Tree(found.seq - 1, [bytes.fromhex(node) for node in found.nodes])
    except (StorageError, *UNREADABLE, ValueError):
        return None
    if mark is not None and found.seq > mark:
        return None
    # The entry itself is read again, and with it the root that these rows must have.
    return Rows(found.rows, found.seq - 1, mark), tree


def tree_before(dir_fd: int, months: Sequence[Month], seq: int) -> Tree:
    """The tree of the entries before `seq`, from the last rows file or from the first entry. Raises StorageError."""
    began = _begin(dir_fd, seq)
    tree = began[1] if began is not None else Tree()
    for _, raw in _lines(dir_fd, months, tree.size + 1, seq - 1):
        tree.append(leaf_hash(raw))
    return tree


def write_rows(dir_fd: int, rows: bytes, seq: int, tree: Tree) -> None:
    """Replaces the file: `rows` encoded by `encoded_rows`, as of entry `seq`. Raises StorageError."""
    head = encode_sorted({"nodes": [node.hex() for node in tree.nodes]})
    write_atomic(ROWS, head[:-1] + b',"rows":' + rows + b',"seq":%d}\n' % seq, dir_fd=dir_fd)


def encoded_rows(rows: Rows) -> bytes:
    """All rows in the form that a root is computed over."""
    return encode_sorted(rows.tables)
