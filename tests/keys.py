"""Public keys for tests, as `ssh-keygen` makes them."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def new_key() -> tuple[str, str]:
    """(OpenSSH public key line, its SHA256 fingerprint) of a key that nobody has had before."""
    line = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return line, "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
