"""The SSH door's host key: made once, kept in STATE/keys (0600), so that a printed card's fingerprint stays true.

The door itself is handed an open descriptor: it may run as an account that cannot look into STATE.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from holdshelf_core.errors import NotFound, Unavailable
from holdshelf_core.paths import DataPaths
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

MAX_KEY_BYTES = 4096


def host_key_path(data: Path) -> Path:
    """Where it lies."""
    return DataPaths(data).state / "keys" / "door-host-key"


def ensure_host_key(data: Path) -> Path:
    """Make it unless it is there. Raises Unavailable; a broken key is never replaced."""
    path = host_key_path(data)
    try:
        if path.exists():
            _load(path)
            return path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        write_atomic(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except OSError as error:
        raise Unavailable(
            f"The SSH door's host key {path} cannot be used: {error.strerror}.", "Check the permissions of STATE/keys."
        ) from None
    except StorageError as error:
        raise Unavailable(f"The SSH door's host key cannot be written: {error}") from None
    return path


def fingerprint(data: Path) -> str:
    """As `ssh` shows it at the first log-in: SHA256:… Raises NotFound, Unavailable."""
    digest = hashlib.sha256(base64.b64decode(public_line(data).split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def public_line(data: Path) -> str:
    """Its public half, "ssh-ed25519 base64", for a known_hosts file. Raises NotFound, Unavailable."""
    path = host_key_path(data)
    try:
        return _load(path).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except FileNotFoundError:
        raise NotFound(
            "There is no host key yet.", "`holdshelf serve` makes one when it starts the SSH door."
        ) from None
    except OSError as error:
        raise Unavailable(
            f"The host key {path} cannot be read: {error.strerror}.", "Ask as the service's user."
        ) from None


def _load(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as file:
        raw = file.read(MAX_KEY_BYTES)
        mode = os.fstat(file.fileno()).st_mode
    if mode & 0o077:
        raise Unavailable(f"Others may read the host key {path}.", f"Run `chmod 600 {path}`.")
    try:
        key = load_pem_private_key(raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(
            f"The host key {path} is damaged.",
            "Restore it from a backup; removing it makes a new one, whose fingerprint every card must then carry.",
        )
    return key
