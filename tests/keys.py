"""Keys for tests, as `ssh-keygen` makes them, and what their owners sign to log in."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdshelf_core.policy.ssh_wire import string

ED25519 = b"ssh-ed25519"
_made: dict[str, Ed25519PrivateKey] = {}


def new_key() -> tuple[str, str]:
    """(OpenSSH public key line, its SHA256 fingerprint) of a key that nobody has had before."""
    key = Ed25519PrivateKey.generate()
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    fingerprint = fingerprint_of(blob_of(key))
    _made[fingerprint] = key
    return line, fingerprint


def private(fingerprint: str) -> Ed25519PrivateKey:
    """The private half of a key from ``new_key``; of a fingerprint that is nobody's, a key that is nobody's either."""
    return _made.get(fingerprint) or Ed25519PrivateKey.generate()


def blob_of(key: Ed25519PrivateKey) -> bytes:
    """The public half in wire form."""
    return string(ED25519) + string(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def fingerprint_of(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def login_request(login: str, blob: bytes, algorithm: bytes = ED25519) -> bytes:
    """A client's request to log in (RFC 4252 § 7), up to the signature."""
    parts = [string(login.encode()), string(b"ssh-connection"), string(b"publickey"), b"\x01"]
    return bytes([50]) + b"".join([*parts, string(algorithm), string(blob)])


def sign_login(key: Ed25519PrivateKey, session: bytes, login: str) -> tuple[bytes, bytes]:
    """(request, signature) with which its owner logs in to an SSH session."""
    request = login_request(login, blob_of(key))
    return request, string(ED25519) + string(key.sign(string(session) + request))
