"""The key by which this recorder logs in where its backups go: made once, in STATE/keys (0600)."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdshelf_core.errors import Unavailable
from holdshelf_core.policy.ssh_wire import fingerprint_of
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

KEY = "backup-key"


def private_key(state: Path) -> str:
    """Return the private key, OpenSSH's form; it is made when it is missing. Blocks. Raises Unavailable."""
    path = state / "keys" / KEY
    try:
        if not path.exists():
            key = Ed25519PrivateKey.generate()
            write_atomic(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        return path.read_text()
    except (OSError, UnicodeDecodeError, StorageError) as error:
        raise Unavailable(f"The key for backups, {path}, cannot be used.", str(error)) from None


def fingerprint(host_key: str) -> str:
    """Return SHA256:… of a host key as 'TYPE BASE64', as `ssh-keygen -l` prints it; '' for none."""
    try:
        return fingerprint_of(base64.b64decode(host_key.split()[1])) if host_key else ""
    except (IndexError, binascii.Error):
        return ""
