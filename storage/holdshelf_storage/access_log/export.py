"""A copy of the access log, or of a range of it, that anyone can verify.

The first line is a header: the signed head, the public key, which entries follow, whether with their private texts, and the
hashes of the whole subtrees left and right of them (`merkle.cover`), which give the head's root. Then the lines as stored. Must
never put a private text into a public copy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.checkpoint import SigningKey
from holdshelf_storage.access_log.files import Month, leaf_hashes, read_pairs
from holdshelf_storage.access_log.lines import encode_sorted
from holdshelf_storage.errors import LogError
from holdshelf_storage.volume.journal import UNREADABLE

FORMAT: Final = 1
_BLOCK_BYTES = 256 * 1024


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of an export."""

    access_log_export: int
    """Version of the form: 1."""
    first: int
    last: int
    """0 when there are no entries."""
    head: str
    key: str
    left: list[str]
    right: list[str]
    private: bool

    def encode(self) -> bytes:
        """Return it as written, canonical like every other line."""
        return encode_sorted(self) + b"\n"


def export_lines(pieces: Iterable[bytes]) -> tuple[Header, Iterator[bytes]]:
    """The header of an export that comes in pieces, and its lines, without their newlines.

    Raises LogError when it is none; the iterator when its last line is torn.
    """
    lines = _lines(pieces)
    try:
        return msgspec.json.decode(next(lines, b""), type=Header), lines
    except UNREADABLE as error:
        raise LogError("What was sent is not a copy of the access log; try again.") from error


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        raise LogError("What was sent ends in half a line; try again.")


def export_blocks(
    dir_fd: int,
    months: Sequence[Month],
    key: SigningKey,
    tree: merkle.Tree,
    *,
    public: bool,
    first: int,
    last: int | None,
    go_on: Callable[[], object],
) -> Iterator[bytes]:
    """See `AccessLog.export_blocks`. Raises ValueError for a missing range, LogBroken."""
    last = tree.size if last is None else last
    if not (1 <= first <= last <= tree.size or (tree.size, first, last) == (0, 1, 0)):
        raise ValueError(f"the access log has the entries 1 to {tree.size}, not {first} to {last}")
    ranges = merkle.cover(0, first - 1) + merkle.cover(last, tree.size)
    hashes: list[bytes] = []
    if ranges:
        hashes = merkle.hashes_of_ranges(_asking(leaf_hashes(dir_fd, months, tree.size), go_on), ranges)
    left = len(merkle.cover(0, first - 1))
    header = Header(
        access_log_export=FORMAT,
        first=first,
        last=last,
        head=key.sign(tree.size, tree.root()),
        key=str(key.public),
        left=[found.hex() for found in hashes[:left]],
        right=[found.hex() for found in hashes[left:]],
        private=not public,
    )
    block = [header.encode()]
    size = 0
    if last:
        for pair in read_pairs(dir_fd, months, first, last):
            if pair.private_raw and not public:
                block += (pair.private_raw, b"\n")
                size += len(pair.private_raw)
            block += (pair.raw, b"\n")
            size += len(pair.raw)
            if size >= _BLOCK_BYTES:
                go_on()
                yield b"".join(block)
                block.clear()
                size = 0
    yield b"".join(block)


def _asking(hashes: Iterator[bytes], go_on: Callable[[], object]) -> Iterator[bytes]:
    """Yield the same hashes, calling `go_on` before each thousandth."""
    for number, leaf in enumerate(hashes):
        if not number % 1000:
            go_on()
        yield leaf


def single_exports(
    dir_fd: int,
    months: Sequence[Month],
    key: SigningKey,
    tree: merkle.Tree,
    wanted: Callable[[Mapping[str, Any]], bool],
) -> tuple[str, dict[int, bytes]]:
    """See `AccessLog.extract`: a separate public export of each wanted entry, under one head. Raises LogBroken."""
    lines: dict[int, bytes] = {}
    for pair in read_pairs(dir_fd, months, 1, tree.size) if tree.size else ():
        if wanted(pair.content):
            lines[pair.content["seq"]] = pair.raw
    left = {seq: merkle.cover(0, seq - 1) for seq in lines}
    right = {seq: merkle.cover(seq, tree.size) for seq in lines}
    ranges = {one for part in (*left.values(), *right.values()) for one in part}
    hashes = merkle.hashes_of_subtrees(leaf_hashes(dir_fd, months, tree.size), ranges) if ranges else {}
    head, exports = key.sign(tree.size, tree.root()), dict[int, bytes]()
    for seq, raw in lines.items():
        header = Header(
            access_log_export=FORMAT,
            first=seq,
            last=seq,
            head=head,
            key=str(key.public),
            left=[hashes[one].hex() for one in left[seq]],
            right=[hashes[one].hex() for one in right[seq]],
            private=False,
        )
        exports[seq] = header.encode() + raw + b"\n"
    return head, exports
