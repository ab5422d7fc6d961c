"""The Merkle tree of RFC 6962 § 2.1 (the same as RFC 9162 § 2.1), SHA-256. Pure, without I/O.

* `Tree`: a tree that grows at its right edge and stores only its frontier (≤ log2 n hashes).
* Proofs: `inclusion_ranges` and `consistency_ranges` return the subtrees of a proof, `hashes_of_ranges` computes
them in one pass over all leaf hashes, `verify_inclusion` and `verify_consistency` check them.
* `cover`: the fewest whole subtrees that make up a range of leaves, to prove a range instead of single leaves.

Must never accept a proof that is longer or shorter than the one the RFC defines.
"""

import hashlib
from collections.abc import Iterable, Sequence

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()
HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return _sha256(b"\x00" + data).digest()


def leaf_hash_of(parts: Iterable[bytes]) -> bytes:
    """The same for data in parts."""
    digest = _sha256(b"\x00")
    for part in parts:
        digest.update(part)
    return digest.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return _sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree, represented by its frontier: the roots of its largest whole subtrees, from left to right."""

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Raises ValueError when these nodes cannot be the frontier of a tree of `size` leaves."""
        self.size = size
        self.nodes = list(nodes)
        if size < 0 or len(self.nodes) != size.bit_count() or any(len(node) != HASH_BYTES for node in self.nodes):
            raise ValueError(f"{len(self.nodes)} hashes are no frontier of {size} leaves")

    def append(self, leaf: bytes) -> None:
        """Adds the hash of one leaf."""
        size = self.size
        nodes = self.nodes
        while size & 1:
            leaf = _sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Adds the hashes of leaves: the same as `append` of each, height by height and in half the time."""
        size, level = self.size, list(leaves)
        lower: list[bytes] = []
        self.size += len(level)
        while level:
            if size & 1:
                level.insert(0, self.nodes.pop())
            if len(level) & 1:
                lower.append(level.pop())
            level = [
                _sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)
            ]
            size >>= 1
        self.nodes += reversed(lower)

    def append_subtree(self, node: bytes, width: int) -> None:
        """Adds the root of a whole subtree of `width` leaves. Raises ValueError where it does not fit."""
        if width < 1 or width & (width - 1) or self.size % width or len(node) != HASH_BYTES:
            raise ValueError(f"a subtree of {width} leaves cannot follow {self.size} leaves")
        number = self.size // width
        while number & 1:
            node = node_hash(self.nodes.pop(), node)
            number >>= 1
        self.nodes.append(node)
        self.size += width

    def root(self) -> bytes:
        """The root hash."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = node_hash(node, root)
        return root

    def copy(self) -> "Tree":
        """A tree of the same leaves that grows by itself."""
        return Tree(self.size, self.nodes)


Range = tuple[int, int]
"""Leaves [first, second), counted from 0."""


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (≥ 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose hashes prove leaf `index` in a tree of `size`, in the order of the proof.

    Raises ValueError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end = 0, size
    path: list[Range] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """The subtrees whose hashes prove that a tree of `first` leaves is the beginning of one of `second`.

    Empty when both are the same. Raises ValueError when `first` is 0 or greater than `second`.
    """
    if not 0 < first <= second:
        raise ValueError(f"{first} leaves are not the beginning of {second}")
    start, end = 0, second
    path: list[Range] = []
    whole = True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
            whole = False
    if not whole:
        path.append((start, end))
    return path[::-1]


def cover(start: int, end: int) -> list[Range]:
    """The fewest whole subtrees, aligned at their own width, that make up the leaves [start, end), from left to right."""
    ranges: list[Range] = []
    while start < end:
        width = 1 << ((end - start).bit_length() - 1)
        if start:
            width = min(width, start & -start)
        ranges.append((start, start + width))
        start += width
    return ranges


def hashes_of_ranges(leaves: Iterable[bytes], ranges: Sequence[Range]) -> list[bytes]:
    """The root hash of each of `ranges` (which must not overlap), from all leaf hashes in their order, in one pass.

    Raises ValueError when the leaves end before the ranges do.
    """
    order = sorted(range(len(ranges)), key=lambda number: ranges[number])
    found: dict[int, bytes] = {}
    at = 0
    if order:
        number = order[0]
        start, end = ranges[number]
        tree = Tree()
        for index, leaf in enumerate(leaves):
            if index < start:
                continue
            tree.append(leaf)
            if index + 1 == end:
                found[number] = tree.root()
                at += 1
                if at == len(order):
                    break
                number = order[at]
                start, end = ranges[number]
                tree = Tree()
    if len(found) != len(ranges):
        raise ValueError("the leaves end before the ranges do")
    return [found[number] for number in range(len(ranges))]


def consistency_proof(old: Tree, later: Iterable[bytes], second: int) -> list[bytes]:
    """The same as `consistency_ranges` names, from the tree of the first leaves and the hashes of the leaves after them.

    What lies in the first leaves is made up of whole subtrees of their frontier, so they need not be read again. Raises
    ValueError when the leaves end before the second tree does.
    """
    first = old.size
    ranges = consistency_ranges(first, second)
    right = [(start - first, end - first) for start, end in ranges if start >= first]
    hashes = iter(hashes_of_ranges(later, right))
    return [next(hashes) if start >= first else _joined(old, start, end) for start, end in ranges]


def _joined(tree: Tree, start: int, end: int) -> bytes:
    """The root over the subtrees of the frontier that make up the leaves [start, end)."""
    parts: list[bytes] = []
    at = 0
    for node, bit in zip(
        tree.nodes, (bit for bit in range(tree.size.bit_length())[::-1] if tree.size >> bit & 1), strict=True
    ):
        if start <= at < end:
            parts.append(node)
        at += 1 << bit
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def hashes_of_subtrees(leaves: Iterable[bytes], ranges: Iterable[Range]) -> dict[Range, bytes]:
    """The hash of each of `ranges`, which may overlap and must be whole subtrees as `cover` names them; in one pass.

    Raises ValueError when the leaves end before the ranges do.
    """
    missing, found = set(ranges), dict[Range, bytes]()
    stack: list[tuple[int, bytes]] = []  # (first leaf, hash) of whole subtrees, from left to right
    for index, leaf in enumerate(leaves):
        start, node = index, leaf
        while True:
            if (start, index + 1) in missing:
                missing.remove((start, index + 1))
                found[start, index + 1] = node
            width = index + 1 - start
            if not stack or start & width == 0:
                break
            start, left = stack.pop()
            node = node_hash(left, node)
        stack.append((start, node))
        if not missing:
            return found
    if missing:
        raise ValueError("the leaves end before the ranges do")
    return found


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that the leaf hash `leaf` is leaf `index` (from 0) of the tree (RFC 9162 § 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, found = index, size - 1, leaf
    for node in proof:
        if len(node) != HASH_BYTES or last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(node, found)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            found = node_hash(found, node)
        number >>= 1
        last >>= 1
    return last == 0 and found == root


def verify_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `first` leaves is the beginning of that of `second` (RFC 9162 § 2.1.4.2).

    Every tree begins with the empty one, which needs no proof.
    """
    if not 0 <= first <= second or any(len(node) != HASH_BYTES for node in proof):
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    number, last = first - 1, second - 1
    while number & 1:
        number >>= 1
        last >>= 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            new = node_hash(new, node)
        number >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root
