"""Signatures of people's keys, as the service verifies them: each kind that may be enrolled, and nothing near it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_core.api.ssh.user_signature import verify
from holdshelf_core.errors import BadRequest, HoldshelfError, UnknownKey
from holdshelf_core.policy.ssh_wire import Reader, string
from tests.keys import ED25519, blob_of, fingerprint_of, login_request

SESSION = hashlib.sha256(b"a session").digest()
SK_ED25519, SK_ECDSA = b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"
APPLICATION = b"ssh:"
TOUCHED, VERIFIED = 0x01, 0x04


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


@dataclass(frozen=True)
class Key:
    """A key of some kind: its blob, the algorithm it signs with, and how (the whole signature in wire form)."""

    blob: bytes
    algorithm: bytes
    sign: Callable[[bytes], bytes]

    def log_in(self, login: str = "dora", session: bytes = SESSION) -> tuple[bytes, bytes]:
        request = login_request(login, self.blob, self.algorithm)
        return request, self.sign(string(session) + request)


def ed25519() -> Key:
    key = Ed25519PrivateKey.generate()
    return Key(blob_of(key), ED25519, lambda message: string(ED25519) + string(key.sign(message)))


@cache
def rsa_pair(bits: int, number: int) -> rsa.RSAPrivateKey:
    """Two of them serve all tests: one takes as long as the signatures of a whole file."""
    return rsa.generate_private_key(65537, bits)


def rsa_key(
    algorithm: bytes = b"rsa-sha2-512", bits: int = 3072, using: hashes.HashAlgorithm | None = None, number: int = 0
) -> Key:
    key = rsa_pair(bits, number)
    numbers = key.public_key().public_numbers()
    blob = string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)
    digest = using or (hashes.SHA512() if algorithm.endswith(b"512") else hashes.SHA256())
    return Key(
        blob, algorithm, lambda message: string(algorithm) + string(key.sign(message, padding.PKCS1v15(), digest))
    )


def sk_ed25519(flags: int = TOUCHED) -> Key:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    blob = string(SK_ED25519) + string(raw) + string(APPLICATION)

    def sign(message: bytes) -> bytes:
        told = bytes([flags]) + (7).to_bytes(4, "big")
        signed = hashlib.sha256(APPLICATION).digest() + told + hashlib.sha256(message).digest()
        return string(SK_ED25519) + string(key.sign(signed)) + told

    return Key(blob, SK_ED25519, sign)


def sk_ecdsa(flags: int = TOUCHED) -> Key:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    blob = string(SK_ECDSA) + string(b"nistp256") + string(point) + string(APPLICATION)

    def sign(message: bytes) -> bytes:
        told = bytes([flags]) + (7).to_bytes(4, "big")
        signed = hashlib.sha256(APPLICATION).digest() + told + hashlib.sha256(message).digest()
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return string(SK_ECDSA) + string(mpint(r) + mpint(s)) + told

    return Key(blob, SK_ECDSA, sign)


KINDS: dict[str, Callable[[], Key]] = {
    "ed25519": ed25519,
    "rsa-sha2-256": lambda: rsa_key(b"rsa-sha2-256"),
    "rsa-sha2-512": rsa_key,
    "sk-ed25519": sk_ed25519,
    "sk-ecdsa": sk_ecdsa,
    "sk-ed25519 with a PIN": lambda: sk_ed25519(TOUCHED | VERIFIED),
}


@cache
def made(kind: str) -> Key:
    """One key of each kind for all tests."""
    return KINDS[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_that_may_be_enrolled_proves_its_owner(kind: str) -> None:
    key = made(kind)
    proof = verify(SESSION, *key.log_in())
    assert proof == ("dora", fingerprint_of(key.blob))


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_is_good_for_its_session_its_name_and_its_key_alone(kind: str) -> None:
    key = made(kind)
    other = rsa_key(key.algorithm, number=1) if kind.startswith("rsa") else KINDS[kind]()
    assert other.blob != key.blob
    request, signature = key.log_in()
    spoiled = signature[:-6] + bytes([signature[-6] ^ 1]) + signature[-5:]
    forged = [
        (hashlib.sha256(b"another").digest(), request, signature),
        (SESSION + b"\0", request, signature),
        (SESSION, login_request("carl", key.blob, key.algorithm), signature),
        (SESSION, login_request("dora", other.blob, key.algorithm), signature),
        (SESSION, request, other.log_in()[1]),
        (SESSION, request, spoiled),
        (SESSION, request, signature + b"\0"),
        (SESSION, request + b"\0", signature),
        (SESSION, request, b""),
    ]
    for what in forged:
        with pytest.raises(UnknownKey, match="not this key's"):
            verify(*what)


@pytest.mark.parametrize("make", [sk_ed25519, sk_ecdsa])
def test_a_security_key_that_was_not_touched_proves_nobody(make: Callable[[int], Key]) -> None:
    for flags in (0, VERIFIED):
        with pytest.raises(UnknownKey):
            verify(SESSION, *make(flags).log_in())


def test_a_security_keys_signature_counts_whatever_its_halves_begin_with() -> None:
    """A half has a leading zero or none, as it happens: within twenty signatures there are both."""
    key = made("sk-ecdsa")
    for _ in range(20):
        assert verify(SESSION, *key.log_in()) == ("dora", fingerprint_of(key.blob))


def test_a_negative_number_is_no_half_of_a_signature() -> None:
    key = made("sk-ecdsa")
    request, _ = key.log_in()
    signature = string(SK_ECDSA) + string(string(b"\x80") + string(b"\x01")) + bytes([TOUCHED]) + bytes(4)
    with pytest.raises(UnknownKey, match="not this key's"):
        verify(SESSION, request, signature)


def test_rsa_signs_with_sha_2_and_says_with_which() -> None:
    for key in (rsa_key(b"ssh-rsa"), rsa_key(b"rsa-sha2-512", using=hashes.SHA256()), rsa_key(b"rsa-sha2-1024")):
        with pytest.raises(UnknownKey):
            verify(SESSION, *key.log_in())
    key = made("rsa-sha2-256")
    request = login_request("dora", key.blob, b"rsa-sha2-512")
    with pytest.raises(UnknownKey):
        verify(SESSION, request, key.sign(string(SESSION) + request))


def test_a_key_that_may_not_be_enrolled_is_said_so() -> None:
    with pytest.raises(BadRequest, match="2048 bits"):
        verify(SESSION, *rsa_key(bits=2048).log_in())
    for blob in (string(b"ssh-dss") + string(b"x"), string(b"ssh-ed25519-cert-v01@openssh.com") + string(b"x")):
        with pytest.raises(BadRequest, match="not accepted"):
            verify(SESSION, login_request("dora", blob), b"")


def test_another_request_than_a_log_in_with_a_key_proves_nobody() -> None:
    key = made("ed25519")
    good, _ = key.log_in()
    for old, new in (
        (b"ssh-connection", b"ssh-userauth!!"),
        (b"publickey", b"hostbased"),
        (b"\x01\x00\x00\x00\x0bssh-ed25519", b"\x00\x00\x00\x00\x0bssh-ed25519"),
        (b"\x32\x00\x00\x00\x04dora", b"\x33\x00\x00\x00\x04dora"),
        (b"dora", b"\xff\xfe\xfd\xfc"),
    ):
        request = good.replace(old, new, 1)
        assert request != good
        with pytest.raises(UnknownKey):
            verify(SESSION, request, key.sign(string(SESSION) + request))


def test_what_openssh_signs_is_verified(tmp_path: Path) -> None:
    """By ssh-keygen's own signatures: the same key, the same signature format (PROTOCOL.sshsig)."""
    for kind in (("-t", "ed25519"), ("-t", "rsa", "-b", "3072")):
        path = tmp_path / kind[1]
        subprocess.run(["ssh-keygen", "-q", *kind, "-N", "", "-f", path], check=True)
        listed = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout
        import asyncssh  # noqa: PLC0415 - its way of signing, beside ours

        key = asyncssh.read_private_key(path)
        algorithm = b"rsa-sha2-512" if kind[1] == "rsa" else ED25519
        request = login_request("dora", key.public_data, algorithm)
        proof = verify(SESSION, request, key.sign(string(SESSION) + request, algorithm))
        assert proof.fingerprint == listed.split()[1]


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    part=st.sampled_from(["request", "signature", "both"]),
    at=st.integers(0, 700),
    cut=st.integers(0, 700),
    put=st.binary(max_size=24),
)
def test_cut_and_garbled_bytes_are_refused_in_words(kind: str, part: str, at: int, cut: int, put: bytes) -> None:
    request, signature = made(kind).log_in()

    def garble(raw: bytes) -> bytes:
        return raw[:at] + put + raw[at + cut :]

    sent = (
        garble(request) if part != "signature" else request,
        garble(signature) if part != "request" else signature,
    )
    try:
        proof = verify(SESSION, *sent)
    except HoldshelfError as error:
        assert error.sentence
    else:
        assert sent == (request, signature)
        assert proof.login == "dora"


@settings(max_examples=200, deadline=None)
@given(session=st.binary(max_size=80), request=st.binary(max_size=200), signature=st.binary(max_size=200))
def test_bytes_of_no_form_at_all_are_refused_in_words(session: bytes, request: bytes, signature: bytes) -> None:
    with pytest.raises(HoldshelfError):
        verify(session, request, signature)


def test_a_length_that_reaches_past_the_end_is_no_more_than_malformed() -> None:
    with pytest.raises(ValueError, match="end too early"):
        Reader(b"\xff\xff\xff\xffabc").string()
