"""A time stamp of stock `openssl ts` is read; one of another authority, request, head, time or purpose is not, nor a bent one."""

from __future__ import annotations

import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rfc3161_client import decode_timestamp_response

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.timestamps import reader, reading
from holdshelf_core.timestamps.authority import checked_authority, fingerprints
from holdshelf_core.timestamps.certificate_order import in_der_order
from holdshelf_core.timestamps.reading import MODULE, BadStamp, Task, read_stamp
from holdshelf_core.timestamps.request import make_request, refusal_of
from holdshelf_core.timestamps.types import MAX_STAMP_BYTES
from tests.service import wait_for
from tests.tsa import OTHER_POLICY, POLICY, Tsa, openssl, stock_verify

ORIGIN = "holdshelf.local/4f1d0c6a9b2e7785"
HEAD = f"{ORIGIN}\n1234\nvPPgR+ThVtbKAZ5sTcZmWq3pq9X3bN7l5hHRS4Mltxo=\n\n— {ORIGIN} AAAA\n".encode()


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return Tsa(tmp_path_factory.mktemp("elm") / "tsa")


def code_of(stamp: bytes, ca: str, *, data: bytes = HEAD, nonce: int | None = None, policy: str = "") -> str:
    with pytest.raises(BadStamp) as raised:
        read_stamp(stamp, data, ca, nonce=nonce, policy=policy)
    return raised.value.code


def test_a_stamp_of_stock_openssl_is_read_and_is_what_stock_openssl_takes(tsa: Tsa, tmp_path: Path) -> None:
    asked = make_request(HEAD)
    stamp = tsa.reply(asked.raw)
    read = read_stamp(stamp, HEAD, tsa.pem("root"), nonce=asked.nonce)
    assert read.signer == "CN=Elm County time stamps,O=Elm County"
    (tmp_path / "head.txt").write_bytes(HEAD)
    (tmp_path / "head.tsr").write_bytes(stamp)
    assert "Verification: OK" in stock_verify(tmp_path / "head.txt", tmp_path / "head.tsr", tsa.root)
    text = openssl("ts", "-reply", "-in", tmp_path / "head.tsr", "-text").stdout.decode()
    assert f"Policy OID: {POLICY}" in text
    query = openssl("ts", "-query", "-in", tsa.folder / "request.tsq", "-text").stdout.decode()
    assert "Hash Algorithm: sha256" in query and "Certificate required: yes" in query
    (nonce,) = re.findall(r"Nonce: 0x([0-9A-F]+)", query)  # in whole bytes: there may be a zero in front
    assert int(nonce, 16) == asked.nonce


def test_a_policy_is_asked_for_and_another_ones_stamp_is_refused(tsa: Tsa) -> None:
    asked = make_request(HEAD, OTHER_POLICY)
    stamp = tsa.reply(asked.raw)
    assert read_stamp(stamp, HEAD, tsa.pem("root"), nonce=asked.nonce, policy=OTHER_POLICY)
    assert code_of(stamp, tsa.pem("root"), policy=POLICY) == "policy"
    unknown = tsa.reply(make_request(HEAD, "1.2.3.9").raw)
    assert refusal_of(unknown) == "does not stamp: it does not stamp by the policy that was asked for"
    assert code_of(unknown, tsa.pem("root")) == "refused"


def test_a_stamp_of_another_head_or_request_is_refused(tsa: Tsa) -> None:
    asked = make_request(HEAD)
    stamp = tsa.reply(asked.raw)
    assert code_of(stamp, tsa.pem("root"), data=HEAD + b"\n") == "imprint"
    assert code_of(stamp, tsa.pem("root"), nonce=asked.nonce + 2) == "nonce"


def test_only_certificates_of_the_chosen_authority_are_roots(tsa: Tsa, tmp_path: Path) -> None:
    stranger = Tsa(tmp_path / "stranger", name="Stranger")
    stamp = stranger.reply(make_request(HEAD).raw)
    assert read_stamp(stamp, HEAD, stranger.pem("root"))
    assert code_of(stamp, tsa.pem("root")) == "authority"


def test_of_several_roots_the_one_that_a_stamp_comes_from_is_told(tsa: Tsa, tmp_path: Path) -> None:
    """Somebody who puts a root of their own behind a true one is not known by the true one's fingerprint."""
    stranger = Tsa(tmp_path / "stranger", name="Stranger")
    stamp = stranger.reply(make_request(HEAD).raw)
    read = read_stamp(stamp, HEAD, tsa.pem("root") + stranger.pem("root"))
    assert (read.root,) == fingerprints(stranger.pem("root")) != fingerprints(tsa.pem("root"))


def test_a_process_that_does_not_start_says_nothing_of_the_stamp(tsa: Tsa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MODULE", "holdshelf_core.timestamps.nothing_there")
    with pytest.raises(Unavailable, match="did not start"):
        read_stamp(tsa.reply(make_request(HEAD).raw), HEAD, tsa.pem("root"))


def test_who_names_its_authority_as_the_chosen_one_is_called_is_not_of_it(tsa: Tsa, tmp_path: Path) -> None:
    twin = Tsa(tmp_path / "twin")  # the same names, other keys
    assert code_of(twin.reply(make_request(HEAD).raw), tsa.pem("root")) == "authority"
    # And brings the true signer's certificate beside its own, with the same issuer and number.
    number = (
        openssl("x509", "-in", tsa.folder / "tsa.pem", "-noout", "-serial").stdout.decode().strip().partition("=")[2]
    )
    openssl(
        *(
            "x509",
            "-in",
            twin.folder / "tsa.pem",
            "-CA",
            twin.folder / "between.pem",
            "-CAkey",
            twin.folder / "between.key",
        ),
        *("-set_serial", f"0x{number}", "-days", 30, "-out", twin.folder / "forged.pem"),
    )
    (twin.folder / "tsa.pem").write_text(twin.pem("forged"))
    (twin.folder / "brought.pem").write_text(tsa.pem("tsa") + tsa.pem("between") + tsa.pem("root"))
    stamp = twin.reply(make_request(HEAD).raw)
    assert code_of(stamp, tsa.pem("root")) == "signer"


def test_a_certificate_for_something_else_or_out_of_its_time_is_refused(tsa: Tsa, tmp_path: Path) -> None:
    asked = make_request(HEAD)
    good = tsa.reply(asked.raw)
    soon = Tsa(tmp_path / "soon", days=2)
    stamp = soon.reply(asked.raw)
    assert read_stamp(stamp, HEAD, soon.pem("root"))
    late = soon.reply(asked.raw, clock="+3d")
    assert code_of(late, soon.pem("root")) == "expired"
    # One for mail, on the same key, of the same name and number, put where the true one stands: nothing signs that place.
    true = tsa.der("tsa")
    for_mail = next(one for one in (tsa.reissued("emailProtection") for _ in range(200)) if len(one) == len(true))
    assert good.count(true) == 1
    assert code_of(good.replace(true, for_mail), tsa.pem("root")) == "purpose"


def test_the_order_of_certificates_is_nobodys_business(tsa: Tsa) -> None:
    stamp = tsa.reply(make_request(HEAD).raw)
    # The library alone takes no stamp of stock openssl that brings its authority along (ADR 65).
    with pytest.raises(ValueError, match="InvalidSetOrdering"):
        decode_timestamp_response(stamp)
    ordered = in_der_order(stamp)
    assert ordered != stamp and len(ordered) == len(stamp) and in_der_order(ordered) == ordered
    assert decode_timestamp_response(ordered).signed_data
    for name in ("tsa", "between", "root"):
        assert ordered.count(tsa.der(name)) == 1


def test_certificates_between_come_with_the_stamp_or_with_the_authority(tmp_path: Path) -> None:
    with_it, without = Tsa(tmp_path / "with", brings="between"), Tsa(tmp_path / "without", brings="none")
    asked = make_request(HEAD)
    assert read_stamp(with_it.reply(asked.raw), HEAD, with_it.pem("root"))
    stamp = without.reply(asked.raw)
    assert code_of(stamp, without.pem("root")) == "authority"
    assert read_stamp(stamp, HEAD, without.pem("root") + without.pem("between"))


def test_what_is_no_stamp_is_refused_in_a_word(tsa: Tsa) -> None:
    root = tsa.pem("root")
    stamp = tsa.reply(make_request(HEAD).raw)
    for raw in (
        b"",
        b"\x30",
        b"<html>",
        stamp[:-1],
        stamp + b"\x00",
        b"\x30\x84\xff\xff\xff\xff" + stamp,
        b"\x30" * 60_000,
    ):
        assert code_of(raw, root) == "unreadable", raw[:20]
    assert code_of(bytes(MAX_STAMP_BYTES + 1), root) == "unreadable"
    assert code_of(bytes.fromhex("30053003020102"), root) == "refused"


def test_a_stamp_with_a_bent_bit_says_the_same_or_nothing(tsa: Tsa, tmp_path: Path) -> None:
    stamp = tsa.reply(make_request(HEAD).raw)
    want = read_stamp(stamp, HEAD, tsa.pem("root"))
    chance = random.Random(65)
    taken = 0
    (tmp_path / "head.txt").write_bytes(HEAD)
    for _ in range(400):
        bent = bytearray(stamp)
        bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
        found = reader.look_at(Task(bytes(bent), HEAD, tsa.pem("root")))
        if not found.code:
            taken += 1
            assert (found.utc_ns, found.signer) == (want.utc_ns, want.signer)
            (tmp_path / "bent.tsr").write_bytes(bent)
            stock_verify(tmp_path / "head.txt", tmp_path / "bent.tsr", tsa.root)
    assert taken < 400


def test_the_process_that_reads_is_confined() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )
        try:
            status = Path(f"/proc/{process.pid}/status")
            wait_for("a filter on its system calls", lambda: "Seccomp:\t2" in status.read_text())
        finally:
            process.kill()
            process.wait()


def test_an_authority_is_a_root_as_pem(tsa: Tsa) -> None:
    both = tsa.pem("between") + "some words\n" + tsa.pem("root") + tsa.pem("root")
    kept = checked_authority(both)
    assert kept.count("BEGIN CERTIFICATE") == 2 and "some words" not in kept
    shown = openssl("x509", "-in", tsa.root, "-noout", "-fingerprint", "-sha256").stdout.decode()
    assert fingerprints(kept)[0] == shown.partition("=")[2].strip().replace(":", "").lower()
    refused: list[tuple[str, str]] = [
        ("", "contains no certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "contains no certificate"),
        (tsa.pem("between"), "None of these certificates is a root"),
        (tsa.pem("tsa"), "None of these certificates is a root"),
        (tsa.pem("root") + "#" * 70_000, "more than 64 kB"),
    ]
    for pem, words in refused:
        with pytest.raises(BadRequest, match=words):
            checked_authority(pem)
