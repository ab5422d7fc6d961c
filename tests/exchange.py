"""A key exchange as the door would have it signed, with nobody at its other end."""

from __future__ import annotations

import base64
import hashlib
import secrets

from holdshelf_core.policy.ssh_wire import string


def exchange(host_key: bytes, cookie: bytes) -> bytes:
    """What is hashed (RFC 4253 § 8): versions, both first messages, the host key, the keys exchanged and the secret."""
    ours = b"\x14" + cookie + string(b"curve25519-sha256") * 10
    theirs = b"\x14" + secrets.token_bytes(16) + string(b"curve25519-sha256") * 10
    parts = [b"SSH-2.0-OpenSSH_10.0", b"SSH-2.0-Holdshelf", theirs, ours, host_key, *(secrets.token_bytes(32),) * 3]
    return b"".join(string(part) for part in parts)


def session_of(exchanged: bytes) -> bytes:
    """The SSH session's id."""
    return hashlib.sha256(exchanged).digest()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
