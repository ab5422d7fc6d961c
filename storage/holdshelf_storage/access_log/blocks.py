"""Blocks of an access log's lines, and what is proven of a whole block at once. For verifying, which reads every line.

A line costs several times less in a block than by itself: `as_written` decodes all lines of a block with one call, encodes them
again with one, and compares bytes once. It only ever confirms. Whatever is not exactly as the log writes it gives None, and
`checking` reads that block's lines one by one and finds the words for it. Must never confirm what those would not.
"""

import hashlib
import os
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from holdshelf_storage.access_log.files import MAX_LINE_BYTES
from holdshelf_storage.access_log.lines import MAX_PUBLIC_BYTES, SALT_BYTES, VERSION
from holdshelf_storage.access_log.policies import Named, named
from holdshelf_storage.access_log.rows import ROOT_ACTION
from holdshelf_storage.errors import LogBroken, translating
from holdshelf_storage.volume.journal import UNREADABLE

BLOCK_BYTES: Final = 32 * 1024
"""What a core keeps near: with blocks of a megabyte the same lines take twice as long."""
_PRIVATE: Final = b'{"private"'
_AT_SHAPE: Final = "0000-00-00T00:00:00.000000000Z"
_DIGITS_TO_ZERO: Final = str.maketrans("123456789", "000000000")
_decode_lines = msgspec.json.Decoder[Any]().decode_lines
_encode_lines = msgspec.json.Encoder(order="sorted").encode_lines
_sha256 = hashlib.sha256


class WrittenBlock(NamedTuple):
    """A block whose lines are as the log writes them."""

    first: int
    """The number of its first entry; the others follow it one by one."""
    month: str
    """Year and month of its first entry's time: 2026-11."""
    leaves: list[bytes]
    """The entries' hashes as leaves of the tree."""
    rows: list[tuple[dict[str, Any], dict[str, Any] | None]]
    """Entries that change rows or state their root, with their private texts as stored."""
    policies: list[Named]
    """Which policies the entries name, and adopt."""


def blocks(fd: int, start: int, end: int, size: int = 0) -> Iterator[tuple[int, bytes]]:
    """(offset, whole lines) from `start` up to `end`. A torn last line is skipped.

    A block ends behind an entry wherever it can, not between an entry and its private line. Raises DiskWriteError, and LogBroken
    for a line too long to be valid.
    """
    at = start
    want = size = size or BLOCK_BYTES
    while at < end:
        with translating("The access log could not be read"):
            data = os.pread(fd, min(want, end - at), at)
        is_all = len(data) < want or at + len(data) >= end
        whole = data.rfind(b"\n") + 1
        taken = whole if is_all else behind_an_entry(data)
        if not taken and not is_all and want <= MAX_LINE_BYTES:
            want *= 2
            continue
        taken = taken or whole
        if not taken:
            if len(data) > MAX_LINE_BYTES:
                raise LogBroken("The access log has a line too long to be an entry; restore it or begin a new log.")
            return
        yield at, data[:taken]
        at += taken
        want = size


def behind_an_entry(data: bytes) -> int:
    """Where the last whole line ends that is not a private one, as it may precede its entry; 0 when there is none."""
    end = data.rfind(b"\n") + 1
    while end:
        line = data.rfind(b"\n", 0, end - 1) + 1
        if not data.startswith(_PRIVATE, line):
            return end
        end = line
    return 0


def as_written(block: bytes, *, private: bool) -> WrittenBlock | None:
    """What is in a block of whole lines; None unless each is proven to be as the log writes it, one entry after the other.

    `private`: every entry that committed to private texts has them before it, otherwise none has.
    """
    if len(block) > MAX_PUBLIC_BYTES:  # only then may a line be longer than an entry
        return None
    try:
        lines = _decode_lines(block)
        if _encode_lines(lines) != block or set(map(type, lines)) != {dict}:
            return None
        return _proven(block, lines, private)
    except (
        *UNREADABLE,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ):  # something has another type than it should
        return None


def _proven(block: bytes, lines: list[dict[str, Any]], private: bool) -> WrittenBlock | None:
    entries = [line for line in lines if "private" not in line]
    numbers = [entry["seq"] for entry in entries]
    times = [entry["at"] for entry in entries]
    if (
        set(map(type, numbers)) != {int}
        or numbers != list(range(numbers[0], numbers[0] + len(numbers)))
        or {entry["v"] for entry in entries} != {VERSION}
        or set(map(len, times)) != {len(_AT_SHAPE)}
        or "".join(times).translate(_DIGITS_TO_ZERO) != _AT_SHAPE * len(times)
    ):
        return None
    committed = [entry for entry in entries if "commit" in entry]
    privates = [line for line in lines if "private" in line]
    if privates or (private and committed):
        # As both are in their order, a number met twice is a private line and the entry right behind it.
        places = [2 * line["seq"] + ("private" not in line) for line in lines]
        if not private or places != sorted(places) or not _texts_match(privates, committed):
            return None
    rows: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
    if b'"changes":' in block or ROOT_ACTION.encode() in block:
        texts = {line["seq"]: line["private"] for line in privates}
        rows = [
            (entry, texts.get(entry["seq"]))
            for entry in entries
            if "changes" in entry.get("commit", ()) or entry.get("action") == ROOT_ACTION
        ]
    leaves = [
        _sha256(b"\x00" + raw).digest()
        for raw, line in zip(block.split(b"\n"), lines, strict=False)
        if "private" not in line
    ]
    return WrittenBlock(numbers[0], times[0][:7], leaves, rows, named(entries))


def _texts_match(privates: list[dict[str, Any]], committed: list[dict[str, Any]]) -> bool:
    """Whether each private line is one, belongs to the entry at its place, and is what that committed to."""
    numbers = [line["seq"] for line in privates]
    if numbers != [entry["seq"] for entry in committed] or set(map(type, numbers)) != {int}:
        return False
    salts: list[str] = []
    for line, entry in zip(privates, committed, strict=True):
        texts, commit = line["private"], entry["commit"]
        if len(line) != 2 or not texts or texts.keys() != commit.keys():
            return False
        for name, member in texts.items():
            salt = member["salt"]
            salts.append(salt)
            digest = _sha256(bytes.fromhex(salt) + member["text"].encode()).hexdigest()
            if digest != commit[name] or len(member) != 2:
                return False
    joined = "".join(salts)
    return set(map(len, salts)) == {2 * SALT_BYTES} and bytes.fromhex(joined).hex() == joined
