"""Signatures: what the real `ssh-keygen` says of ours, and ours of its, to the byte."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdshelf_core.policy.ssh_wire import string
from holdshelf_core.releases.sshsig import (
    NAMESPACE,
    PRINCIPAL,
    BadSignature,
    ReleaseKey,
    digests_of,
    read_signature,
    read_signers,
)

MESSAGE = b"one line\nand another\n"


def ssh_verify(folder: Path, signature: str, key: ReleaseKey, namespace: str = NAMESPACE) -> bool:
    """Whether OpenSSH takes it."""
    (folder / "sig").write_text(signature)
    (folder / "allowed").write_text(key.allowed_signers())
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", PRINCIPAL, "-n", namespace, "-s", "sig"]
    return subprocess.run(command, cwd=folder, input=MESSAGE, capture_output=True, check=False).returncode == 0


def blob_of(signature: str) -> bytes:
    return base64.b64decode("".join(signature.splitlines()[1:-1]))


def armoured(blob: bytes) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"


def test_openssh_accepts_it_and_names_the_fingerprint_that_stands_on_receipts(tmp_path: Path) -> None:
    key = ReleaseKey.generate()
    assert ssh_verify(tmp_path, key.sign(MESSAGE), key)
    line = key.allowed_signers().split(" ", 2)[2]
    (tmp_path / "key.pub").write_text(line)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[1] == key.fingerprint
    assert not ssh_verify(tmp_path, key.sign(MESSAGE, "file"), key)
    assert not ssh_verify(tmp_path, key.sign(MESSAGE + b"!"), key)
    assert not ssh_verify(tmp_path, ReleaseKey.generate().sign(MESSAGE), key)


def test_a_signature_that_openssh_made_is_read(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
    command = ["ssh-keygen", "-Y", "sign", "-f", tmp_path / "k", "-n", NAMESPACE]
    made = subprocess.run(command, input=MESSAGE, capture_output=True, check=True).stdout.decode()
    signature = read_signature(made)
    assert signature.holds(digests_of(BytesIO(MESSAGE)))
    assert not signature.holds(digests_of(BytesIO(MESSAGE + b"!")))
    public = (tmp_path / "k.pub").read_text()
    (signer,) = read_signers(f'{PRINCIPAL} namespaces="a,b c",valid-before="20300101" {public}# none\nnonsense\n')
    assert signer.public == signature.public
    assert signer.options == {"namespaces": "a,b c", "valid-before": "20300101"}


def test_what_stands_before_a_signature_makes_it_none_as_ssh_keygen_has_it(tmp_path: Path) -> None:
    key = ReleaseKey.generate()
    for before in ("\n", " ", "\ufeff"):
        text = before + key.sign(MESSAGE)
        assert not ssh_verify(tmp_path, text, key)
        with pytest.raises(BadSignature):
            read_signature(text)


def test_each_changed_byte_of_a_signature_is_found_by_ours_and_by_the_officers_two_tools(tmp_path: Path) -> None:
    """OpenSSH takes a version of 0 for 1: the signature's own checksum, which lies beside it in a bundle, is there for that."""
    key = ReleaseKey.generate()
    whole = key.sign(MESSAGE)
    blob, sum_before = blob_of(whole), hashlib.sha256(whole.encode()).hexdigest()
    taken_by_openssh = []
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1
        text = armoured(bytes(changed))
        assert hashlib.sha256(text.encode()).hexdigest() != sum_before
        if ssh_verify(tmp_path, text, key):
            taken_by_openssh.append(at)
        try:
            signature = read_signature(text)
        except BadSignature:
            continue
        right = signature.public == key.public and signature.namespace == NAMESPACE
        assert not (right and signature.holds(digests_of(BytesIO(MESSAGE)))), at
    assert set(taken_by_openssh) <= {9}


def odd_signatures(private: Ed25519PrivateKey) -> dict[str, str]:
    """Signatures that were made with the right key, each odd in one way."""

    def made(hash_name: str = "sha512", in_key: bytes = b"", in_signature: bytes = b"", after: bytes = b"") -> bytes:
        named = string(NAMESPACE.encode()) + string(b"") + string(hash_name.encode())
        signed = private.sign(b"SSHSIG" + named + string(hashlib.new(hash_name, MESSAGE).digest()))
        key = string(b"ssh-ed25519") + string(private.public_key().public_bytes_raw()) + in_key
        signature = string(b"ssh-ed25519") + string(signed) + in_signature
        return b"SSHSIG" + bytes((0, 0, 0, 1)) + string(key) + named + string(signature) + after

    whole = made()
    cut = {f"cut to {size} bytes": whole[:size] for size in range(len(whole))}
    hashes = {name: made(name) for name in ("md5", "sha1", "sha384", "sha3_512")}
    longer = {
        "longer key": made(in_key=b"xx"),
        "longer signature": made(in_signature=b"xx"),
        "more behind it": made(after=b"xx"),
    }
    text = {"other letters in it": armoured(whole).replace("U", "*U", 1)}
    return {name: armoured(blob) for name, blob in {**cut, **hashes, **longer}.items()} | text


def test_what_openssh_refuses_of_the_right_key_is_refused(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    key = ReleaseKey(private)
    for name, text in odd_signatures(private).items():
        assert not ssh_verify(tmp_path, text, key), name
        try:
            taken = read_signature(text).holds(digests_of(BytesIO(MESSAGE)))
        except BadSignature:
            continue
        assert not taken, name
