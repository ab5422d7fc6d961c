"""A copy of the access log, or of a stretch of it, that anybody can verify by itself.

The first line is a header: the signed head, the public key, which entries follow, whether with their private texts, and the
hashes of the whole subtrees to the left and to the right of them (`merkle.cover`), from which the head's root follows.
Then the lines as they lie. Must never put a private text into a public copy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from holdshelf_storage import merkle
from holdshelf_storage.access_files import Month, leaf_hashes, read_pairs
from holdshelf_storage.access_lines import encode_sorted
from holdshelf_storage.checkpoint import SigningKey

FORMAT: Final = 1
_BLOCK_BYTES = 256 * 1024


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of an export."""

    access_log_export: int
    """Version of the form: 1."""
    first: int
    last: int
    """0 when there is no entry at all."""
    head: str
    key: str
    left: list[str]
    right: list[str]
    private: bool

    def encode(self) -> bytes:
        """As it is written, canonical like every other line."""
        return encode_sorted(self) + b"\n"


def write_export(
    write: Callable[[bytes], object],
    dir_fd: int,
    months: Sequence[Month],
    key: SigningKey,
    tree: merkle.Tree,
    *,
    public: bool,
    first: int,
    last: int | None,
) -> None:
    """See `AccessLog.export`. Raises ValueError for a stretch that is not there, LogBroken, and whatever `write` does."""
    last = tree.size if last is None else last
    if not (1 <= first <= last <= tree.size or (tree.size, first, last) == (0, 1, 0)):
        raise ValueError(f"the access log has the entries 1 to {tree.size}, not {first} to {last}")
    ranges = merkle.cover(0, first - 1) + merkle.cover(last, tree.size)
    hashes: list[bytes] = []
    if ranges:
        hashes = merkle.hashes_of_ranges(leaf_hashes(dir_fd, months, tree.size), ranges)
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
                write(b"".join(block))
                block.clear()
                size = 0
    write(b"".join(block))


def single_exports(
    dir_fd: int,
    months: Sequence[Month],
    key: SigningKey,
    tree: merkle.Tree,
    wanted: Callable[[Mapping[str, Any]], bool],
) -> tuple[str, dict[int, bytes]]:
    """See `AccessLog.extract`: a public export of each wanted entry, alone, under one head. Raises LogBroken."""
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
