"""The files of an access log: its months, and the lines in them. Only reads; `access_log.write` writes.

A file is named after the month in which its first line was written and contains consecutive entries; the files are ordered by
their first entry's number, not by name (a wall clock may have been a century ahead for an hour). No file is read as a whole; a
line is found by binary search. Everything is relative to a descriptor of the log's folder.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from holdshelf_storage.access_log.lines import BadLine, Entry, parse_line, private_texts
from holdshelf_storage.access_log.merkle import leaf_hash
from holdshelf_storage.errors import LogBroken, translating

_CHUNK = 1024 * 1024
_PROBE = 4096
_BACK_CHUNK = 32 * 1024
MAX_LINE_BYTES: Final = 64 * 1024 * 1024 + _CHUNK
NAME = re.compile(r"\d{4}-\d\d\.jsonl", re.ASCII)
_PRIVATE, _ENTRY = b'{"private":', b'{"action":'
"""How the two kinds of line begin."""

_AT = re.compile(rb'"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z)"')

type MayHave = Callable[[bytes], bool]
"""Whether an entry that somebody wants may be among these lines, or be this one: told by bytes, and rather once too often."""


class Stretch(NamedTuple):
    """Lines of a file up to a border: where they begin, how many entries they have, the first and the last time in them."""

    start: int
    entries: int
    first_at: bytes
    last_at: bytes


@dataclass(frozen=True)
class Search:
    """What a reading passes over unread. `between`: times as text, half open, at which the wanted entries were written."""

    may_have: MayHave
    between: tuple[bytes, bytes] | None = None
    outline: dict[tuple[str, int], Stretch] = field(default_factory=dict)
    """By file and the offset where it ends: what an earlier search by time has learned of a stretch. Lines only follow others."""

    def is_outside(self, stretch: Stretch) -> bool:
        """Whether nothing in it was written at the time that is asked for."""
        if self.between is None or not stretch.first_at:
            return False
        first, end = self.between
        return stretch.last_at < first or stretch.first_at >= end

    def may_be(self, line: bytes) -> bool:
        """Whether this entry may be wanted."""
        if self.between is not None and (found := _AT.search(line)) is not None:
            first, end = self.between
            if not first <= found[1] < end:
                return False
        return self.may_have(line)


@dataclass(frozen=True)
class Month:
    """One file. `first_seq` 0: it has no whole first line."""

    name: str
    first_seq: int
    size: int


def open_file(dir_fd: int, name: str) -> int:
    """A read descriptor. Raises DiskWriteError and its family, LogBroken when it is not a regular file."""
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
    """(offset, line without its newline) of the whole lines from `start` up to `end`. A torn last one is skipped.

    Raises DiskWriteError, and LogBroken for a line too long to be valid.
    """
    rest = bytearray()
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
            if len(rest) > MAX_LINE_BYTES:
                raise LogBroken("The access log has a line too long to be an entry; restore it or begin a new log.")
            continue
        lines = (bytes(rest) + data).split(b"\n")
        rest = bytearray(lines.pop())
        for line in lines:
            yield at, line
            at += len(line) + 1


def raw_lines_back(fd: int, start: int, end: int) -> Iterator[bytes]:
    """The whole lines between `start` and `end`, the last one first. Both are starts of lines.

    Anything after the last newline is skipped. Reads little at first, more on demand. Raises as `raw_lines`.
    """
    tail: list[bytes] = []  # of a line whose beginning was not read yet, the last piece first
    position, chunk, size, is_torn = end, _BACK_CHUNK, 0, True
    while position > start:
        at = max(start, position - chunk)
        with translating("The access log could not be read"):
            data = _read_fully(fd, position - at, at)
        position, chunk = at, min(2 * chunk, _CHUNK)
        first, *whole = data.split(b"\n")
        if whole:
            last = whole.pop() + b"".join(reversed(tail))
            if not is_torn:
                yield last
            yield from reversed(whole)
            tail, size, is_torn = [], 0, False
        tail.append(first)
        size += len(first)
        if size > MAX_LINE_BYTES:
            raise LogBroken("The access log has a line too long to be an entry; restore it or begin a new log.")
    if not is_torn:
        yield b"".join(reversed(tail))


def _read_fully(fd: int, length: int, offset: int) -> bytes:
    parts = []
    while length > 0 and (part := os.pread(fd, length, offset)):
        parts.append(part)
        length -= len(part)
        offset += len(part)
    return b"".join(parts)


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
    """The start of the line that contains the byte at `offset`; not before `low`, which is a line start."""
    position = offset
    while position > low:
        start = max(low, position - _PROBE)
        found = os.pread(fd, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return low


class Pair(NamedTuple):
    """An entry as stored: its private line (b"" and None without one) and its own."""

    private_raw: bytes
    private: dict[str, Any] | None
    raw: bytes
    content: dict[str, Any]


def read_pairs(dir_fd: int, months: Sequence[Month], first: int, last: int) -> Iterator[Pair]:
    """The entries `first` to `last`, in order. Raises LogBroken at the first unexpected line."""
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


def read_pairs_back(
    dir_fd: int, months: Sequence[Month], first: int, last: int, newest: int, search: Search | None = None
) -> Iterator[Pair]:
    """The entries `last` to `first`, the last one first; `newest`: the last there is.

    What `search` passes over is unread, but counted. Raises LogBroken at the first line that is not the one expected.
    """
    expected = last
    ends = newest  # the last entry of the month
    for month in reversed(months):
        if expected < first:
            return
        if not month.first_seq:
            continue
        its_last, ends = ends, month.first_seq - 1
        if expected <= ends:
            continue
        fd = open_file(dir_fd, month.name)
        try:
            end = month.size if expected == its_last else find(fd, expected + 1, month.size)
            start = find(fd, first, month.size) if month.first_seq < first else 0
            lines: Iterator[bytes | int] = (
                raw_lines_back(fd, start, end)
                if search is None
                else _lines_that_may(
                    fd, month.name, start, end, search, is_border=month is not months[-1] and end == month.size
                )
            )
            for pair in _pairs_back(lines, month.name):
                if isinstance(pair, int):
                    expected -= pair
                    continue
                if pair.content["seq"] != expected:
                    raise LogBroken(
                        f"The access log's {month.name} has entry {pair.content['seq']} where {expected} belongs; "
                        "run `holdshelf log verify`."
                    )
                yield pair
                expected -= 1
                if expected < first:
                    return
        finally:
            os.close(fd)
    if expected >= first:
        raise LogBroken(f"The access log lacks entry {expected}; run `holdshelf log verify`.")


def numbers_of(dir_fd: int, months: Sequence[Month], actions: tuple[str, ...], first: int, last: int) -> Iterator[int]:
    """The entries `first` to `last` of some actions, found by their bytes: nothing is proven. Raises StorageError."""
    needles = [b'"action":"' + action.encode() + b'"' for action in actions]
    for at, month in enumerate(months):
        following = months[at + 1].first_seq if at + 1 < len(months) else 0
        if not month.first_seq or 0 < following <= first:
            continue
        fd = open_file(dir_fd, month.name)
        try:
            offset = find(fd, first, month.size) if month.first_seq < first else 0
            for block in _blocks(fd, offset, month.size):
                here = [needle for needle in needles if needle in block]
                for raw in block.split(b"\n") if here else ():
                    if raw.startswith(_PRIVATE) or not any(needle in raw for needle in here):
                        continue
                    if first <= (seq := _seq_of(raw)) <= last:
                        yield seq
        finally:
            os.close(fd)


def _blocks(fd: int, start: int, end: int) -> Iterator[bytes]:
    """The lines from `start` up to `end` in blocks of whole ones. A torn last one is skipped. Raises as `raw_lines`."""
    position, chunk = start, _CHUNK
    while position < end:
        with translating("The access log could not be read"):
            data = _read_fully(fd, min(chunk, end - position), position)
        whole = data.rfind(b"\n") + 1
        if whole:
            yield data[:whole]
            position, chunk = position + whole, _CHUNK
        elif len(data) < chunk:
            return
        elif chunk > MAX_LINE_BYTES:
            raise LogBroken("The access log has a line too long to be an entry; restore it or begin a new log.")
        else:
            chunk *= 2


def leaf_hashes(dir_fd: int, months: Sequence[Month], last: int) -> Iterator[bytes]:
    """Hashes of the entries 1 to `last` as leaves of the tree. Raises LogBroken."""
    for pair in read_pairs(dir_fd, months, 1, last):
        yield leaf_hash(pair.raw)


def pairs(lines: Iterator[tuple[int, bytes]], name: str) -> Iterator[Pair]:
    """Combines private lines with their entries. Raises LogBroken."""
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


def _lines_that_may(
    fd: int, name: str, start: int, end: int, search: Search, *, is_border: bool
) -> Iterator[bytes | int]:
    """Like `raw_lines_back`, without the entries that `search` passes over; a number: so many were passed over.

    Stretches of about a megabyte are asked first. Their borders lie where a file's offset says, so that each has the same ones
    again, and none parts an entry from its private line. `is_border`: so does `end`.
    """
    position = end
    while position > start:
        known = search.outline.get((name, position))
        if known is not None and known.start >= start and search.is_outside(known):
            yield known.entries
            position = known.start
            continue
        at, data = _stretch(fd, start, position)
        entries = data.count(b"\n" + _ENTRY) + data.startswith(_ENTRY)
        is_outside = False
        if search.between is not None:
            times = _AT.findall(data)
            here = Stretch(at, entries, min(times, default=b""), max(times, default=b""))
            is_outside = search.is_outside(here)
            if is_border and (at > start or not start):
                search.outline[name, position] = here
        position, is_border = at, True
        if is_outside or not search.may_have(data):
            yield entries
            continue
        wants_private = False
        for raw in reversed(data.split(b"\n")[:-1]):
            if not raw.startswith(_PRIVATE):
                wants_private = search.may_be(raw)
                yield raw if wants_private else 1
            elif wants_private:
                yield raw


def _stretch(fd: int, start: int, end: int) -> tuple[int, bytes]:
    """(offset, whole lines) of a stretch that ends at `end`. Raises LogBroken for a line too long to be an entry."""
    lower = (end - 1) // _CHUNK * _CHUNK
    while True:
        lower = max(start, lower)
        with translating("The access log could not be read"):
            data = _read_fully(fd, end - lower, lower)
        if lower == start:
            return start, data
        begins = _begins(data)
        if 0 < begins < len(data):
            return lower + begins, data[begins:]
        if len(data) > 2 * MAX_LINE_BYTES:
            raise LogBroken("The access log has a line too long to be an entry; restore it or begin a new log.")
        lower -= _CHUNK


def _begins(data: bytes) -> int:
    """The first offset behind a newline at which no entry is parted from its private line; 0 when there is none."""
    first = data.find(b"\n") + 1
    if not first or data.startswith(_PRIVATE, first):
        return first
    return data.find(b"\n", first) + 1


def _pairs_back(lines: Iterator[bytes | int], name: str) -> Iterator[Pair | int]:
    """Like `pairs`, from lines in reverse order: an entry comes before its private line. A number goes through in its place."""
    waiting: tuple[bytes, dict[str, Any]] | None = None
    for raw in lines:
        if isinstance(raw, int):
            if waiting is not None:
                yield Pair(b"", None, *waiting)
                waiting = None
            yield raw
            continue
        try:
            line = parse_line(raw)
        except BadLine as error:
            raise LogBroken(f"A line in the access log's {name} {error}; run `holdshelf log verify`.") from error
        if "private" not in line:
            if waiting is not None:
                yield Pair(b"", None, *waiting)
            waiting = raw, line
        elif waiting is None or waiting[1]["seq"] != line["seq"]:
            raise LogBroken(f"The access log's {name} has a private line out of place; run `holdshelf log verify`.")
        else:
            yield Pair(raw, line, *waiting)
            waiting = None
    if waiting is not None:
        yield Pair(b"", None, *waiting)


def to_entry(pair: Pair, *, may_lack: bool) -> Entry:
    """An entry with its private texts, checked against its commitments. Raises LogBroken."""
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
