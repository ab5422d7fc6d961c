"""The proof that one entry is in the access log: c2sp.org/tlog-proof, a text that is checked without a network.

    c2sp.org/tlog-proof@v1
    extra eyJhY3Rpb24i…              the entry's public line, base64: what the leaf is the hash of
    index 73894                      from 0
    gSKyXoYZ…=                       the hashes of an RFC 6962 inclusion proof, from the leaf's sibling on

    holdshelf.local/4f1d0c6a9b2e7785 the signed head, with whatever signatures it has
    …

Other tools take the line from elsewhere and pass `extra` over. Pure, without I/O.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.checkpoint import MOST_NOTE_CHARS, BadHead, Head, PublicKey, parse_note
from holdshelf_storage.access_log.export import export_lines
from holdshelf_storage.access_log.lines import BadLine, parse_line
from holdshelf_storage.errors import LogError

MAGIC: Final = "c2sp.org/tlog-proof@v1"
MOST_PROOF_CHARS: Final = MOST_NOTE_CHARS + (128 << 10)
_MOST_HASHES: Final = 64
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})", re.ASCII)


class BadProof(ValueError):
    """`str()` says what is wrong with it, as the end of a sentence."""


@dataclass(frozen=True)
class Proof:
    """A proof as it is spelled. Nothing in it is checked."""

    index: int
    line: bytes
    """The entry's public line, without its newline; b"" when the proof does not bring it."""
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The proof as it is written."""
        extra = (f"extra {base64.b64encode(self.line).decode()}",) if self.line else ()
        nodes = (base64.b64encode(node).decode() for node in self.hashes)
        return "\n".join((MAGIC, *extra, f"index {self.index}", *nodes, "", self.note))

    def check(self, key: PublicKey) -> tuple[Head, dict[str, Any]]:
        """The head that it leads to, signed by `key`, and the entry that it proves. Raises BadProof."""
        try:
            head = key.check(self.note)
        except BadHead as error:
            raise BadProof(f"ends in a head that {error}") from None
        if not self.line:
            raise BadProof("does not hold the entry itself, a line that begins with `extra`")
        if not merkle.verify_inclusion(merkle.leaf_hash(self.line), self.index, head.size, self.hashes, head.root):
            raise BadProof(f"does not lead from its entry to the head {head.short}")
        try:
            entry = parse_line(self.line)
        except BadLine as error:
            raise BadProof(f"holds a line that {error}") from None
        if entry["seq"] != self.index + 1 or "private" in entry:
            raise BadProof(f"holds another entry than number {self.index + 1}")
        return head, entry


def parse_proof(text: str) -> Proof:
    """Reads a proof. Raises BadProof."""
    if len(text) > MOST_PROOF_CHARS:
        raise BadProof(f"is longer than {MOST_PROOF_CHARS} characters")
    begin, _, note = text.partition("\n\n")
    magic, *lines = begin.split("\n")
    if magic != MAGIC:
        raise BadProof(f"does not begin with {MAGIC}")
    line = _decoded(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else b""
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None:
        raise BadProof("has no line that begins with `index`")
    hashes = tuple(map(_decoded, lines[1 : 2 + _MOST_HASHES]))
    try:
        parse_note(note)
    except BadHead as error:
        raise BadProof(f"ends in a head that {error}") from None
    return Proof(int(index[1]), line, hashes, note)


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise BadProof("has a line in it that is not base64")
    return data


def proof_of_export(export: Iterable[bytes], note: str = "") -> Proof:
    """The proof of the first entry of a public export, which comes in pieces: by the export's own head, or by `note`.

    An export of one entry proves it by its own head. For a `note` over another tree it must go up to the last entry of that tree.
    Raises LogError when this is not such an export.
    """
    header, lines = export_lines(export)
    line, index, note = next(lines, b""), header.first - 1, note or header.head
    try:
        size = parse_note(note).head.size
        left, after = merkle.cover(0, index), merkle.cover(header.first, size)
        if header.last == header.first and size == parse_note(header.head).head.size:
            right = [bytes.fromhex(node) for node in header.right]
        else:
            shifted = [(start - header.first, end - header.first) for start, end in after]
            right = merkle.hashes_of_ranges(map(merkle.leaf_hash, lines), shifted)
        nodes = dict(zip(left, map(bytes.fromhex, header.left), strict=True)) | dict(zip(after, right, strict=True))
        hashes = tuple(_joined(nodes, *one) for one in merkle.inclusion_ranges(index, size))
    except ValueError as error:  # BadHead is one
        raise LogError("What was sent does not prove that entry; try again.") from error
    return Proof(index, line, hashes, note)


def _joined(nodes: Mapping[merkle.Range, bytes], start: int, end: int) -> bytes:
    """The root over the whole subtrees of `nodes`, in their order, that make up the leaves [start, end)."""
    tree = merkle.Tree()
    for (first, last), node in nodes.items():
        if start <= first and last <= end:
            tree.append_subtree(node, last - first)
    return tree.root()
