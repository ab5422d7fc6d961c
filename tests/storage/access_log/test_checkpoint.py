"""A head is a signed note that others' tools read, and only the one spelling of it is accepted."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from holdshelf_storage.access_log.checkpoint import BadHead, PublicKey, SigningKey, parse_outside

ROOT = hashlib.sha256(b"root").digest()


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


def test_a_head_is_a_c2sp_signed_note(key: SigningKey) -> None:
    note = key.sign(1234, ROOT)
    text, _, signatures = note.partition("\n\n")
    origin, size, root = text.split("\n")
    assert (size, base64.b64decode(root)) == ("1234", ROOT)
    dash, name, blob = signatures.rstrip("\n").split(" ")
    assert (dash, name) == ("—", origin)
    raw = key.public.raw
    assert origin == "holdshelf.local/" + hashlib.sha256(raw).hexdigest()[:16]
    signature = base64.b64decode(blob)
    assert signature[:4] == hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()[:4]
    Ed25519PublicKey.from_public_bytes(raw).verify(signature[4:], (text + "\n").encode())
    name, key_hash, blob = str(key.public).split("+", 2)
    assert (name, key_hash, base64.b64decode(blob)) == (origin, signature[:4].hex(), b"\x01" + raw)


def test_no_other_spelling_of_a_head_is_accepted(key: SigningKey) -> None:
    note = key.sign(1234, ROOT)
    head = key.public.check(note)
    assert (head.size, head.root) == (1234, ROOT)
    data = note.encode()
    for at in range(len(data)):
        for changed in (data[at] ^ 1, data[at] ^ 0x20, 0x0A):
            if changed != data[at]:
                text = (data[:at] + bytes([changed]) + data[at + 1 :]).decode(errors="replace")
                with pytest.raises(BadHead):
                    key.public.check(text)
    for text in ("", note + "\n", note[:-1], " " + note, note.replace("1234", "01234"), note.replace("\n", "\r\n"),
                 note + note.rsplit("\n", 2)[1] + "\n"):  # fmt: skip
        with pytest.raises(BadHead):
            key.public.check(text)


def test_a_head_of_another_key_is_refused(key: SigningKey) -> None:
    with pytest.raises(BadHead, match="another log"):
        key.public.check(SigningKey.generate().sign(1, ROOT))


def test_a_public_key_reads_back_and_a_changed_one_does_not(key: SigningKey) -> None:
    text = str(key.public)
    assert PublicKey.parse(text) == key.public
    for at in range(len(text)):
        with pytest.raises(BadHead):
            PublicKey.parse(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


def test_a_signing_key_survives_its_file(key: SigningKey) -> None:
    assert SigningKey.from_pem(key.to_pem()).public == key.public
    for pem in (b"", b"-----BEGIN PRIVATE KEY-----\n", key.to_pem()[:60]):
        with pytest.raises(BadHead):
            SigningKey.from_pem(pem)


def test_a_head_from_paper_may_be_typed_in_any_common_way(key: SigningKey) -> None:
    short = key.public.check(key.sign(1234, ROOT)).short
    assert short == "1234:" + " ".join(ROOT.hex()[at : at + 4] for at in range(0, 32, 4))
    for typed in (short, f"  {short.upper()}\n", short.replace(" ", ""), short.replace("1234:", "1,234:")):
        outside = parse_outside(typed)
        assert (outside.size, outside.root_prefix) == (1234, ROOT[:16])
    note = key.sign(1234, ROOT)
    for mailed in (note, note.replace("\n", "\r\n"), f"\n{note}\n\n"):
        assert parse_outside(mailed).note == note
    for typed in ("", "1234", short[:-6], "1234:" + "00" * 8, "x" * 5000):
        with pytest.raises(BadHead):
            parse_outside(typed)
