"""A recorder whose log is countersigned by a witness of ours: each hour, on papers, and when root writes the log again."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdshelf_core.access_log import types as log_types
from holdshelf_core.api.errors import BadRequest, Conflict, NotFound
from holdshelf_core.reports.types import PrintRequest
from holdshelf_core.witnesses import types
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import PublicKey, parse_note
from holdshelf_storage.access_log.cosignature import WitnessSigner
from tests.core.witnesses.running import HOLDSHELF, Running, running, said
from tests.rig import forked
from tests.service import Service, wait_for
from tests.storage.access_log.log_parts import entry

OAK = "oak.example/witness"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says this to whatever it is asked, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                with one:
                    one.recv(1 << 16)
                    one.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("oak") / "witness"
    WitnessBook(folder).make_key(OAK)
    with running(folder) as made:
        yield made._replace(said=str(folder))


def test_a_log_is_countersigned_printed_and_found_out_when_root_writes_it_again(
    tmp_path: Path, witness: Running
) -> None:
    book = WitnessBook(Path(witness.said))
    key = str(book.signer().public)
    stranger = WitnessSigner("elm.example/witness", Ed25519PrivateKey.generate()).public
    with Service(tmp_path / "data") as service:
        for url in ("ftp://oak.example", "https://user:pw@oak.example", "oak.example", "https://oak.example/?a=b"):
            with pytest.raises(BadRequest, match="not the address of a witness"):
                service.act(types.WitnessAdd(url, key))
        with pytest.raises(BadRequest, match="not a witness's public key"):
            service.act(types.WitnessAdd(witness.url, key[:-4]))
        service.act(types.WitnessAdd(witness.url, key))
        with pytest.raises(Conflict):
            service.act(types.WitnessAdd(witness.url, key))
        told = service.act(log_types.LogShow(action="witness.add")).entries[-1].entry
        assert told["facts"] == {"witness_key": key, "url": witness.url} and told["subject"] == OAK

        (row,) = service.act(types.WitnessAsk()).rows
        assert "its keeper has to add the log's key" in row.asked.sentence
        head = service.client.read(log_types.ReadHead())
        assert (head.countersigned, head.witnesses) == ("", [])
        book.trust(PublicKey.parse(head.public_key))
        view = service.act(types.WitnessAsk())
        assert view.rows[0].asked.ok and view.entries == view.rows[0].entries > 3
        for _ in range(3):
            service.act(log_types.LogShow())
        again = service.act(types.WitnessAsk())
        assert again.entries == view.entries + 4, "the second time with a proof"

        facts = service.act(PrintRequest("policy"))
        assert facts.log is not None and facts.log.witnesses == (OAK,)
        signed = tmp_path / "head.txt"
        signed.write_text(facts.log.note)
        assert "countersigned by" in said("print", "policy", "--data", service.data)
        assert parse_note(said("log", "head", "--countersigned", "--data", service.data)).signatures[1].name == OAK
        assert f"by {OAK}" in said("today", "--data", service.data)
        against = said("log", "verify", "--against", signed, "--data", service.data)
        assert f"{OAK} countersigned it at" in against and "no conflicting version" in against

        # What is published, and the proof of an entry, bear the witness's signature too.
        published, proof = tmp_path / "published", tmp_path / "entry-3.tlog-proof"
        countersigned = said("log", "head", "--countersigned", "--data", service.data)
        size = int(countersigned.split("\n")[1])
        said("log", "tiles", published, "--countersigned", "--data", service.data)
        assert (published / "checkpoint").read_text() == countersigned
        said("log", "tiles", published, "--data", service.data)
        assert "0 of them new" in said("log", "tiles", published, "--countersigned", "--data", service.data)
        said("log", "proof", 3, proof, "--countersigned", "--data", service.data)
        assert proof.read_text().endswith(f"\n\n{countersigned}")
        words = said("log", "verify", proof, "--key", head.public_key, "--witness-key", key)
        assert f"is in the log of the head {size}:" in words and f"{OAK} countersigned it at" in words
        said("log", "proof", size, "--countersigned", "--data", service.data)
        assert "not among them" in refusal("log", "proof", size + 1, "--countersigned", "--data", service.data)
        proof.write_text(
            proof.read_text()[:-9] + ("A" if proof.read_text()[-9] != "A" else "B") + proof.read_text()[-8:]
        )
        assert "bears a wrong signature" in said(
            "log", "verify", proof, "--key", head.public_key, "--witness-key", key, code=1
        )

        # One that is silent stops nothing; of two, one is enough when the policy says so.
        with answering(b"HTTP/1.1 500 \r\nContent-Length: 3\r\n\r\n\x1b[m") as url:
            service.act(types.WitnessAdd(url, str(stranger)))
            with pytest.raises(BadRequest):
                service.act(types.WitnessPolicy(3))
            assert service.act(types.WitnessPolicy(1)).sentence == "1 of 2 witnesses have to sign"
            view = service.act(types.WitnessAsk())
            assert [one.asked.ok for one in view.rows] == [True, False]
            assert view.rows[1].asked.sentence == "elm.example/witness does not sign (it answers 500)."
            assert view.entries == view.rows[0].entries
        assert service.act(PrintRequest("policy")).log is not None
        service.act(types.WitnessRemove("elm.example/witness"))
        with pytest.raises(NotFound):
            service.act(types.WitnessRemove("elm.example/witness"))
        size = service.act(types.WitnessAsk()).entries
        service.stop()

        # Root writes another log with the log's own key, as long and longer.
        state = service.data / "state"
        export = tmp_path / "forged.jsonl"
        for folder in ("keys", "access"):
            (tmp_path / "forged" / folder).mkdir(parents=True)
        shutil.copy(state / "keys" / "log.key", tmp_path / "forged" / "keys")
        forged = AccessLog.open(tmp_path / "forged")
        for number in range(size + 5):
            forged.append(*entry(number))
        with export.open("wb") as file:
            forged.export(file.write, public=True)
        status, _, _ = witness.submit(size, forged.consistency_proof(size), forged.head())
        forged.close()
        assert status == 422
        words = said("log", "verify", export, "--against", signed, "--witness-key", key, code=1)
        assert "are not those that were there when the head from outside was made" in words
        assert f"{OAK} countersigned it at" in words

        # And lets the service go on with it, which asks the witness as before.
        known = json.loads((state / "witnessed.json").read_text())["heads"][OAK]
        assert parse_note(known).head.size == size
        shutil.rmtree(state / "access")
        shutil.copytree(tmp_path / "forged" / "access", state / "access")
        service.start()
        (row,) = service.act(types.WitnessAsk()).rows
        assert row.asked.contradicts and "holds another history of this access log" in row.asked.sentence
        assert service.repairs()[f"witness_contradicts:{OAK}"].severity == "error"
        assert "holds another history of this access log" in refusal("log", "tiles", published, "--data", service.data)


def refusal(*words: object) -> str:
    """The sentence with which a command of ours ends."""
    ran = forked.run([*HOLDSHELF, *map(str, words)], capture_output=True, text=True)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr, ran
    return ran.stderr


def test_what_a_hostile_witness_answers_is_one_sentence_each(tmp_path: Path) -> None:
    key = WitnessSigner(OAK, Ed25519PrivateKey.generate())
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
    wrong = key.sign(parse_note("x\n1\n" + "A" * 43 + "=\n\n— x AAAAAAA=\n").head, 1).line().encode()
    answers = {
        ok % (len(wrong), wrong): "answers with a signature that is not right",
        ok % (4, b"\xff\xfe\xfd\xfc"): "answers with something that is no text",
        ok % (2, b"x\n"): "answers with a signature that is not right",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000: "answers with more than a signature",
        b"HTTP/1.1 302 \r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n": "does not sign (it answers 302)",
        b"HTTP/1.1 409 \r\nContent-Length: 7\r\n\r\n999999\n": "has countersigned 999999 entries of this access log",
        b"HTTP/1.1 409 \r\nContent-Length: 2\r\n\r\n1\n": "names another size each time that it is asked",
        b"HTTP/1.1 422 \r\nContent-Length: 0\r\n\r\n": "holds another history of this access log",
        b"SSH-2.0-x\r\n": "its answer is no HTTP",
    }
    with Service(tmp_path / "data") as service:
        for answer, sentence in answers.items():
            with answering(answer) as url:
                service.act(types.WitnessAdd(url, str(key.public)))
                (row,) = service.act(types.WitnessAsk()).rows
                assert not row.asked.ok and sentence in row.asked.sentence, (answer[:60], row)
                if row.asked.contradicts:
                    assert service.repairs()[f"witness_contradicts:{OAK}"].severity == "error"
                service.act(types.WitnessRemove(OAK))
        wait_for("the repairs' end", lambda: not [one for one in service.repairs() if one.startswith("witness")])
