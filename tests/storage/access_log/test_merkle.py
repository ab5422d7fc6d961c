"""The tree is the one of RFC 6962, held against its published vectors and against another implementation."""

from __future__ import annotations

import functools

import pymerkle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_storage.access_log.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_ranges,
    cover,
    hashes_of_ranges,
    inclusion_ranges,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

# The vectors of the Certificate Transparency reference implementation (merkletree/merkle_tree_test).
VECTOR_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaf(number: int) -> bytes:
    return leaf_hash(b"entry %d" % number)


@functools.cache
def root_of(size: int) -> bytes:
    tree = Tree()
    for number in range(size):
        tree.append(leaf(number))
    return tree.root()


def leaves(size: int) -> list[bytes]:
    return [leaf(number) for number in range(size)]


@pytest.fixture(scope="module")
def other() -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for number in range(70):
        tree.append_entry(b"entry %d" % number)
    return tree


def test_roots_are_those_of_the_published_vectors() -> None:
    tree = Tree()
    assert tree.root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for data, root in zip(VECTOR_LEAVES, VECTOR_ROOTS, strict=True):
        tree.append(leaf_hash(data))
        assert tree.root().hex() == root


def test_roots_and_proofs_are_those_of_another_implementation(other: pymerkle.InmemoryTree) -> None:
    for size in range(1, 71):
        assert root_of(size) == other.get_root(size)
        for index in range(size):
            ours = hashes_of_ranges(leaves(size), inclusion_ranges(index, size))
            theirs = other.prove_inclusion(index + 1, size)
            assert [leaf(index), *ours] == theirs.path, (index, size)
            pymerkle.verify_inclusion(leaf(index), root_of(size), theirs)
            assert verify_inclusion(leaf(index), index, size, ours, root_of(size))
        for first in range(1, size + 1):
            assert verify_consistency(
                first, root_of(first), size, root_of(size),
                hashes_of_ranges(leaves(size), consistency_ranges(first, size)),
            )  # fmt: skip


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_proof_with_anything_changed_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 64))
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size - 1))
    inclusion = hashes_of_ranges(leaves(size), inclusion_ranges(index, size))
    consistency = hashes_of_ranges(leaves(size), consistency_ranges(first, size))
    for proof, accepts in (
        (inclusion, lambda path: verify_inclusion(leaf(index), index, size, path, root_of(size))),
        (consistency, lambda path: verify_consistency(first, root_of(first), size, root_of(size), path)),
    ):
        assert accepts(proof)
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not accepts(proof[:at] + proof[at + 1 :])
        assert not accepts([*proof[:at], proof[at], *proof[at:]])
        assert not accepts([*proof, leaf(99)])
        assert not accepts([*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]])
    assert not verify_inclusion(leaf(index), (index + 1) % size, size, inclusion, root_of(size))
    assert not verify_inclusion(leaf(99), index, size, inclusion, root_of(size))
    assert not verify_inclusion(leaf(index), index, size, inclusion, root_of(size + 1))
    assert not verify_consistency(first, root_of(first + 1), size, root_of(size), consistency)
    assert not verify_consistency(first, root_of(first), size, root_of(size + 1), consistency)


def test_the_same_size_and_the_empty_tree_need_no_proof() -> None:
    assert verify_consistency(5, root_of(5), 5, root_of(5), [])
    assert not verify_consistency(5, root_of(5), 5, root_of(6), [])
    assert verify_consistency(0, EMPTY_ROOT, 5, root_of(5), [])
    assert not verify_consistency(0, root_of(1), 5, root_of(5), [])
    assert not verify_consistency(6, root_of(6), 5, root_of(5), [])


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=80, deadline=None)
def test_a_stretch_of_leaves_between_whole_subtrees_gives_the_root(start: int, length: int) -> None:
    size = 300
    end = min(size, start + length)
    left, right = cover(0, start), cover(end, size)
    hashes = hashes_of_ranges(leaves(size), left + right)
    assert len(left) + len(right) <= 2 * size.bit_length()
    tree = Tree(start, hashes[: len(left)])
    for number in range(start, end):
        tree.append(leaf(number))
    for (first, last), node in zip(right, hashes[len(left) :], strict=True):
        tree.append_subtree(node, last - first)
    assert (tree.size, tree.root()) == (size, root_of(size))


def test_a_frontier_is_refused_when_it_cannot_be_one() -> None:
    tree = Tree(5, [leaf(0), leaf(1)])
    for size, nodes in ((3, [leaf(0)]), (4, [leaf(0), leaf(1)]), (1, [b"short"]), (-1, [])):
        with pytest.raises(ValueError, match="no frontier"):
            Tree(size, nodes)
    for width in (0, 2, 3):
        with pytest.raises(ValueError, match="cannot follow"):
            tree.append_subtree(leaf(2), width)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 5)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion_ranges(index, size)
    for first, second in ((0, 5), (6, 5)):
        with pytest.raises(ValueError, match="beginning"):
            consistency_ranges(first, second)
    with pytest.raises(ValueError, match="end before"):
        hashes_of_ranges(leaves(3), [(0, 2), (2, 4)])
