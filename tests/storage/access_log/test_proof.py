"""The proof of one entry (c2sp.org/tlog-proof): taken by a reader made from the specification, and refused once changed."""

from __future__ import annotations

import base64
import hashlib
import random
from pathlib import Path

import pytest

from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.checkpoint import SigningKey
from holdshelf_storage.access_log.proof import BadProof, Proof, parse_proof, proof_of_export
from holdshelf_storage.errors import LogError
from tests.storage.access_log.log_parts import entry, opened

ENTRIES = 21


def root_by_the_specification(text: str, data: bytes) -> tuple[int, int, bytes, bytes]:
    """(index, size, the root that a proof and an entry lead to, the root of its checkpoint): RFC 6962 and tlog-proof alone."""
    begin, note = text.split("\n\n", 1)
    lines = begin.split("\n")
    assert lines.pop(0) == "c2sp.org/tlog-proof@v1"
    if lines[0].startswith("extra "):
        base64.b64decode(lines.pop(0)[6:], validate=True)
    assert lines[0].startswith("index ")
    index = int(lines.pop(0)[6:])
    hashes = [base64.b64decode(line, validate=True) for line in lines]
    assert all(len(node) == 32 for node in hashes)
    _origin, size, root = note.split("\n\n")[0].split("\n")
    return (
        index,
        int(size),
        path_root(index, int(size), hashlib.sha256(b"\0" + data).digest(), hashes),
        base64.b64decode(root),
    )


def path_root(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The definition of PATH(m, D[n]) in RFC 6962 § 2.1.1, read backwards: the last hash is the root's child."""
    if size == 1:
        assert not path
        return leaf
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return hashlib.sha256(b"\1" + path_root(index, half, leaf, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\1" + path[-1] + path_root(index - half, size - half, leaf, path[:-1])).digest()


def test_each_entry_of_logs_of_any_size_is_proven_to_a_reader_of_the_specification(tmp_path: Path) -> None:
    heads: list[str] = []
    with opened(tmp_path / "state") as log:
        for size in range(1, ENTRIES + 1):
            log.append(*entry(size))
            heads.append(log.head())
            lines = b"".join(log.export_blocks(public=True)).split(b"\n")[1:-1]
            for seq in range(1, size + 1):
                one = proof_of_export(log.export_blocks(public=True, first=seq, last=seq))
                index, told, found, root = root_by_the_specification(one.text(), lines[seq - 1])
                assert (index, told, found) == (seq - 1, size, root)
                head, content = parse_proof(one.text()).check(log.public_key)
                assert (head.size, content["seq"], one.note) == (size, seq, log.head())
                # by an older head, as witnesses have signed it
                older = random.Random(size * 100 + seq).randint(seq, size)
                by = proof_of_export(log.export_blocks(public=True, first=seq, last=older), heads[older - 1])
                assert root_by_the_specification(by.text(), lines[seq - 1])[1:3] == (
                    older,
                    log.public_key.check(by.note).root,
                )
        with pytest.raises(LogError, match="does not prove that entry; try again"):
            proof_of_export(log.export_blocks(public=True, first=3, last=4), heads[10])


@pytest.fixture
def proof(tmp_path: Path) -> tuple[Proof, SigningKey, merkle.Tree]:
    key, tree = SigningKey.generate(), merkle.Tree()
    with opened(tmp_path / "state") as log:
        for number in range(ENTRIES):
            log.append(*entry(number))
        one = proof_of_export(log.export_blocks(public=True, first=9, last=9))
        for line in b"".join(log.export_blocks(public=True)).split(b"\n")[1:-1]:
            tree.append(merkle.leaf_hash(line))
    note = key.sign(ENTRIES, tree.root())
    return Proof(one.index, one.line, one.hashes, note), key, tree


def test_no_changed_bit_leaves_a_proof_good(proof: tuple[Proof, SigningKey, merkle.Tree]) -> None:
    one, key, _ = proof
    assert parse_proof(one.text()) == one
    raw = one.text().encode()
    pick = random.Random(1)
    for at in sorted(pick.sample(range(len(raw)), 400)):
        changed = bytearray(raw)
        changed[at] ^= 1 << pick.randrange(8)
        with pytest.raises(BadProof):
            parse_proof(changed.decode("utf-8", "replace")).check(key.public)
    for cut in pick.sample(range(len(raw)), 100):
        with pytest.raises(BadProof):
            parse_proof(raw[:cut].decode("utf-8", "replace")).check(key.public)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("@v1", "@v2", "does not begin with c2sp.org/tlog-proof@v1"),
        ("index 8", "index 08", "no line that begins with `index`"),
        ("index 8", "index 9", "does not lead from its entry to the head 21:"),
        ("index 8\n", "index 8\n" + "A" * 43 + "=\n", "does not lead from its entry"),
        ("index 8\n", "index 8\n!\n", "a line in it that is not base64"),
        ("\n21\n", "\n22\n", "bears a wrong signature"),
        ("— ", "- ", "is not a signed head"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    proof: tuple[Proof, SigningKey, merkle.Tree], old: str, new: str, words: str
) -> None:
    one, key, _ = proof
    assert old in one.text()
    with pytest.raises(BadProof, match=words):
        parse_proof(one.text().replace(old, new, 1)).check(key.public)


def test_a_hash_has_one_spelling(proof: tuple[Proof, SigningKey, merkle.Tree]) -> None:
    one, key, _ = proof
    spelled = base64.b64encode(one.hashes[0]).decode()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = f"{spelled[:-2]}{letters[letters.index(spelled[-2]) ^ 1]}="
    assert base64.b64decode(other) == one.hashes[0]
    with pytest.raises(BadProof, match="is not base64"):
        parse_proof(one.text().replace(spelled, other)).check(key.public)


def test_a_proof_without_its_entry_or_of_another_logs_head_proves_nothing_here(
    proof: tuple[Proof, SigningKey, merkle.Tree],
) -> None:
    one, key, tree = proof
    with pytest.raises(BadProof, match="does not hold the entry itself"):
        parse_proof(Proof(one.index, b"", one.hashes, one.note).text()).check(key.public)
    other = SigningKey.generate()
    with pytest.raises(BadProof, match="belongs to another log"):
        parse_proof(Proof(one.index, one.line, one.hashes, other.sign(ENTRIES, tree.root())).text()).check(key.public)


def test_an_entry_that_stands_where_another_belongs_is_not_taken_for_it(
    proof: tuple[Proof, SigningKey, merkle.Tree],
) -> None:
    """Its keeper can sign such a tree."""
    one, key, _ = proof
    tree = merkle.Tree()
    for line in (b"one", one.line):
        tree.append(merkle.leaf_hash(line))
    misplaced = Proof(1, one.line, (merkle.leaf_hash(b"one"),), key.sign(2, tree.root()))
    with pytest.raises(BadProof, match=r"^holds another entry than number 2$"):
        parse_proof(misplaced.text()).check(key.public)
