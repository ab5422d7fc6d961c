"""A witness signs what continues the log that it knows, whatever else it is asked; in its own process, killed at any time."""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
from pathlib import Path

import pytest

from holdshelf_core.errors import Conflict
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_core.witnesses.protocol import MOST_BODY_BYTES, Submission, encode
from holdshelf_core.witnesses.witness import Witness
from holdshelf_storage.access_log.checkpoint import SigningKey, parse_note
from holdshelf_storage.access_log.cosignature import Countersigned, WitnessKey, read_signatures
from holdshelf_storage.access_log.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_ranges,
    hashes_of_ranges,
    leaf_hash,
)
from tests.core.witnesses.running import running, said
from tests.rig.faults import LoopImage

NOW = 1_800_000_000


class Log:
    """Heads of a log, and proofs from one to the other."""

    def __init__(self, entries: int = 40, fork_at: int | None = None, key: SigningKey | None = None) -> None:
        self.key = key or SigningKey.generate()
        self.leaves = [
            leaf_hash(b"%d%s" % (number, b"!" if fork_at is not None and number >= fork_at else b""))
            for number in range(entries)
        ]

    def head(self, size: int) -> str:
        tree = Tree()
        for leaf in self.leaves[:size]:
            tree.append(leaf)
        return self.key.sign(size, tree.root())

    def proof(self, old: int, size: int) -> list[bytes]:
        return hashes_of_ranges(self.leaves, consistency_ranges(old, size)) if 0 < old < size else []


@pytest.fixture
def book(tmp_path: Path) -> WitnessBook:
    book = WitnessBook(tmp_path / "witness")
    book.make_key("oak.example/witness")
    return book


def asked(book: WitnessBook, old: int, proof: list[bytes], note: str) -> tuple[int, str]:
    """Status and text, of a witness that begins anew with what its folder holds."""
    answer = Witness(book, book.signer(), lambda: NOW).add_checkpoint(encode(Submission(old, tuple(proof), note)))
    return answer.status, answer.text


def test_each_refusal_of_the_specification_and_what_is_signed(book: WitnessBook) -> None:
    log, stranger = Log(), Log()
    book.trust(log.key.public)
    signer = book.signer().public
    assert asked(book, 0, [], stranger.head(3))[0] == 404
    assert asked(book, 0, [], log.head(3).replace("\n3\n", "\n4\n"))[0] == 403
    assert asked(book, 0, [], log.head(3).replace("— h", "— i"))[0] == 403
    assert asked(book, 5, [], log.head(3))[0] == 400
    assert asked(book, 0, [b"\0" * 32], log.head(3))[0] == 422
    status, line = asked(book, 0, [], log.head(3))
    assert status == 200
    note = parse_note(log.head(3) + line)
    assert read_signatures(note, [signer]).witnesses == (Countersigned("oak.example/witness", NOW),)
    assert asked(book, 0, [], log.head(7)) == (409, "3\n")
    assert asked(book, 3, log.proof(3, 8), log.head(7))[0] == 422
    assert asked(book, 3, log.proof(3, 7), log.head(7))[0] == 200
    assert asked(book, 3, log.proof(3, 7), log.head(7)) == (409, "7\n")
    assert asked(book, 7, [], log.head(7))[0] == 200, "the same head may be asked for again"
    assert asked(book, 7, [], log.head(3))[0] == 400, "a log that shrank"
    assert asked(book, 3, [], log.head(3)) == (409, "7\n")


def test_a_log_written_again_with_its_key_is_refused(book: WitnessBook) -> None:
    log = Log()
    fork = Log(fork_at=9, key=log.key)
    book.trust(log.key.public)
    assert asked(book, 0, [], log.head(20))[0] == 200
    assert asked(book, 20, [], fork.head(20))[0] == 422
    for size in (21, 32, 40):
        for proof in (fork.proof(20, size), log.proof(20, size), fork.proof(9, size), []):
            assert asked(book, 20, proof, fork.head(size))[0] == 422
    assert asked(book, 20, log.proof(20, 40), log.head(40))[0] == 200


def test_a_step_from_one_size_to_another_is_signed_with_its_proof_and_with_no_other(tmp_path: Path) -> None:
    log = Log(12)
    for first in (1, 3, 4, 7):
        for second in (first, 8, 11):
            book = WitnessBook(tmp_path / f"{first}-{second}")
            book.make_key("w")
            book.trust(log.key.public)
            assert asked(book, 0, [], log.head(first))[0] == 200
            wrong = [*log.proof(first, second), b"\1" * 32]
            assert asked(book, first, wrong, log.head(second))[0] == 422
            assert asked(book, first, log.proof(first, second), log.head(second))[0] == 200


def test_an_empty_log_has_the_empty_root(book: WitnessBook) -> None:
    key = SigningKey.generate()
    book.trust(key.public)
    assert asked(book, 0, [], key.sign(0, hashlib.sha256(b"x").digest()))[0] == 422
    assert asked(book, 0, [], key.sign(0, EMPTY_ROOT))[0] == 200


def test_a_head_that_cannot_be_read_or_stored_signs_nothing(book: WitnessBook) -> None:
    log = Log()
    book.trust(log.key.public)
    assert asked(book, 0, [], log.head(3))[0] == 200
    (path,) = (book.folder / "logs").glob("*.head")
    kept = path.read_text()
    for damaged in (b"", b"\xff\xfe", kept[:-30].encode(), kept.replace("\n3\n", "\n2\n").encode()):
        path.write_bytes(damaged)
        assert asked(book, 3, log.proof(3, 5), log.head(5))[0] == 503, damaged
        assert asked(book, 0, [], log.head(5))[0] == 503, damaged
    path.write_text(kept)
    path.with_name(f".{path.name}.tmp").mkdir()  # nothing can be written there
    status, text = asked(book, 3, log.proof(3, 5), log.head(5))
    assert status == 503 and "—" not in text
    assert book.last_note(log.key.public.origin) == kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\nx",
        b"old -1\n\nx",
        b"old 1\nnot base64\n\nx",
        b"old 1\n" + b"AAAA\n" * 5 + b"\nx",
        b"old 1\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\nx",
        b"\xff\xfe",
        b"old 0\n\nname\n1\nAAAA\n\n",
    ],
)
def test_what_is_no_request_is_answered_with_a_sentence(book: WitnessBook, body: bytes) -> None:
    answer = Witness(book, book.signer(), lambda: NOW).add_checkpoint(body)
    assert answer.status == 400 and answer.text.endswith(".\n")


def test_the_process_remembers_when_it_is_killed_and_bounds_what_it_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    key = WitnessKey.parse(said("witness", "key", "oak.example/witness", "--data", folder))
    log, fork = Log(), Log(fork_at=2)
    with running(folder) as witness:
        assert witness.submit(0, [], log.head(5))[0] == 404
        said("witness", "trust", log.key.public, "--data", folder)
        status, line, _ = witness.submit(0, [], log.head(5))
        assert status == 200, line
        assert read_signatures(parse_note(log.head(5) + line), [key]).witnesses
        with pytest.raises(Conflict):
            WitnessBook(folder).lock()
        witness.process.kill()
    with running(folder) as witness:
        fork.key = log.key
        assert witness.submit(0, [], fork.head(9)) == (409, "5\n", "text/x.tlog.size")
        assert witness.submit(5, fork.proof(5, 9), fork.head(9))[0] == 422
        origin = hashlib.sha256(log.key.public.origin.encode()).hexdigest()
        assert witness.get(f"/{origin}/checkpoint")[:2] == (200, log.head(5) + line)
        assert witness.get(f"/{'0' * 64}/checkpoint")[0] == 404
        assert witness.get("/../../etc/passwd")[0] == 404
        assert witness.post(b"x" * (MOST_BODY_BYTES + 1))[0] == 413
        idle = [socket.create_connection(("127.0.0.1", witness.port)) for _ in range(80)]
        try:
            assert witness.submit(5, log.proof(5, 9), log.head(9))[0] == 200
        finally:
            for one in idle:
                one.close()
        assert "seccomp" in witness.said
        assert "Seccomp:\t2" in Path(f"/proc/{witness.process.pid}/status").read_text()
    assert f"{log.key.public.origin}" in said("witness", "trusted", "--data", folder)
    said("witness", "untrust", log.key.public.origin, "--data", folder)
    assert "No log is countersigned here" in said("witness", "trusted", "--data", folder)


@pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="mounting needs root")
def test_a_power_cut_costs_a_witness_no_head_that_it_signed() -> None:
    """It would sign a fork of what it no longer knows."""
    log, fork = Log(), Log(fork_at=2)
    fork.key = log.key
    with LoopImage(32) as disk:
        folder = disk.mount_point / "witness"
        said("witness", "key", "oak.example/witness", "--data", folder)
        said("witness", "trust", log.key.public, "--data", folder)
        with running(folder) as witness:
            for old, size in itertools.pairwise((0, 5, 9, 23)):
                assert witness.submit(old, log.proof(old, size), log.head(size))[0] == 200
                with disk.copy_as_power_cut([witness.process.pid]) as after:
                    book = WitnessBook(after.mount_point / "witness")
                    assert [row.name for row in book.trusted()] == [log.key.public.origin]
                    assert asked(book, 0, [], fork.head(30)) == (409, f"{size}\n")
                    assert asked(book, size, fork.proof(size, 30), fork.head(30))[0] == 422
                    assert asked(book, size, log.proof(size, 30), log.head(30))[0] == 200
