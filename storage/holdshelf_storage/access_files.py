"""The files of an access log: its months, and the lines in them. Reads only; what writes is `access_log`.

A file is named after the month in which its first line was written and holds a run of entries without a hole; the files
follow one another by their first entry's number, not by name (a wall clock may have been a century ahead for an hour). No
file is read as a whole; a line is found by halving. Everything is resolved below a descriptor of the log's folder.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from holdshelf_storage.access_lines import BadLine, Entry, parse_line, private_texts
from holdshelf_storage.errors import LogBroken, translating
from holdshelf_storage.merkle import leaf_hash

_CHUNK = 1024 * 1024
_PROBE = 4096
_MAX_LINE_BYTES = 64 * 1024 * 1024 + _CHUNK
NAME = re.compile(r"\d{4}-\d\d\.jsonl", re.ASCII)


@dataclass(frozen=True)
class Month:
    """One file. `first_seq` 0: no whole first line in it."""

    name: str
    first_seq: int
    size: int


def open_file(dir_fd: int, name: str) -> int:
    """A read descriptor. Raises DiskWriteError and its family, LogBroken when it is no plain file."""
    with translating(f"The access log's {name} could not be read"):
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise LogBroken(f"The access log's {name} is not a file; find out who put it there.")
    return fd


def list_months(dir_fd: int) -> list[Month]:
    """The files in the order of their entries; those without a whole first line come last. Raises StorageError."""
    months = []
    with translating("The folder of the access log could not be listed"):
        names = sorted(name for name in os.listdir(dir_fd) if NAME.fullmatch(name))
    for name in names:
        fd = open_file(dir_fd, name)
        try:
            first = next(raw_lines(fd, 0, None), None)
            months.append(Month(name, 0 if first is None else _seq_of(first[1]), os.fstat(fd).st_size))
        finally:
            os.close(fd)
    return sorted(months, key=lambda month: (month.first_seq == 0, month.first_seq, month.name))


def _seq_of(raw: bytes) -> int:
    """The number of a line, 0 when it has none."""
    try:
        seq = parse_line(raw)["seq"]
    except BadLine:
        return 0
    return int(seq) if seq > 0 else 0


def raw_lines(fd: int, start: int, end: int | None, chunk: int = _CHUNK) -> Iterator[tuple[int, bytes]]:
    """(offset, line without its newline) of the whole lines that begin at `start`, up to `end`. A torn last one is left out.

    Raises DiskWriteError, and LogBroken for a line too long to be ours.
    """
    rest = b""
    at = start
    position = start
    while True:
        want = chunk if end is None else min(chunk, end - position)
        with translating("The access log could not be read"):
            data = os.pread(fd, want, position) if want > 0 else b""
        if not data:
            return
        position += len(data)
        if b"\n" not in data:
            rest += data
            if len(rest) > _MAX_LINE_BYTES:
                raise LogBroken("The access log has a line too long to be an entry; restore it or begin a new log.")
            continue
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield at, line
            at += len(line) + 1


def find(fd: int, seq: int, size: int) -> int:
    """Offset of the first line (private or entry) with the number `seq` or a greater one; `size` when there is none."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        start = _line_start(fd, middle, low)
        line = next(raw_lines(fd, start, size, _PROBE), None)
        if line is None:
            high = middle
            high = min(high, start)
            continue
        if _seq_of(line[1]) < seq:
            low = start + len(line[1]) + 1
        else:
            high = start
    return low


def _line_start(fd: int, offset: int, low: int) -> int:
    """Where the line that holds the byte at `offset` begins; not before `low`, which is a beginning."""
    position = offset
    while position > low:
        start = max(low, position - _PROBE)
        found = os.pread(fd, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return low


class Pair(NamedTuple):
    """An entry as it lies: its private line (b"" and None without one) and its own."""

    private_raw: bytes
    private: dict[str, Any] | None
    raw: bytes
    content: dict[str, Any]


def read_pairs(dir_fd: int, months: Sequence[Month], first: int, last: int) -> Iterator[Pair]:
    """The entries `first` to `last`, in order. Raises LogBroken at the first line that is not the one expected."""
    expected = first
    for at, month in enumerate(months):
        following = months[at + 1].first_seq if at + 1 < len(months) else 0
        if not month.first_seq or 0 < following <= first or expected > last:
            continue
        fd = open_file(dir_fd, month.name)
        try:
            offset = find(fd, first, month.size) if month.first_seq < first else 0
            for pair in pairs(raw_lines(fd, offset, month.size), month.name):
                if pair.content["seq"] != expected:
                    raise LogBroken(
                        f"The access log's {month.name} has entry {pair.content['seq']} where {expected} belongs; "
                        "run `holdshelf log verify`."
                    )
                yield pair
                expected += 1
                if expected > last:
                    return
        finally:
            os.close(fd)
    if expected <= last:
        raise LogBroken(f"The access log ends before entry {expected}; run `holdshelf log verify`.")


def leaf_hashes(dir_fd: int, months: Sequence[Month], last: int) -> Iterator[bytes]:
    """Hashes of the entries 1 to `last` as leaves of the tree. Raises LogBroken."""
    for pair in read_pairs(dir_fd, months, 1, last):
        yield leaf_hash(pair.raw)


def pairs(lines: Iterator[tuple[int, bytes]], name: str) -> Iterator[Pair]:
    """Private lines and entries brought together. Raises LogBroken."""
    waiting: tuple[bytes, dict[str, Any]] | None = None
    for _, raw in lines:
        try:
            line = parse_line(raw)
        except BadLine as error:
            raise LogBroken(f"A line in the access log's {name} {error}; run `holdshelf log verify`.") from error
        if "private" in line:
            if waiting is not None:
                raise LogBroken(f"The access log's {name} has two private lines in a row; run `holdshelf log verify`.")
            waiting = raw, line
            continue
        if waiting is None:
            yield Pair(b"", None, raw, line)
        elif waiting[1]["seq"] != line["seq"]:
            raise LogBroken(f"The access log's {name} has a private line out of place; run `holdshelf log verify`.")
        else:
            yield Pair(waiting[0], waiting[1], raw, line)
            waiting = None


def to_entry(pair: Pair, *, may_lack: bool) -> Entry:
    """An entry with its private texts, which must be those committed to. Raises LogBroken."""
    content, private = pair.content, pair.private
    seq = content["seq"]
    if "commit" not in content:
        if private:
            raise LogBroken(f"Entry {seq} of the access log committed to no private text, yet has one.")
        return Entry(seq, content, {})
    if not private:
        if may_lack:
            return Entry(seq, content, None)
        raise LogBroken(f"The private texts of entry {seq} of the access log are missing; run `holdshelf log verify`.")
    try:
        return Entry(seq, content, private_texts(private["private"], content["commit"]))
    except BadLine as error:
        raise LogBroken(f"Entry {seq} of the access log {error}; run `holdshelf log verify`.") from error
