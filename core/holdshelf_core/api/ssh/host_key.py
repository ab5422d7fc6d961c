"""The SSH host key: created once, stored in STATE/keys (0600), so that the fingerprint on a printed card stays valid.

Only the service reads it, and signs with it for the door (``host_signer``), which sees only the public key.
"""

from __future__ import annotations

import asyncio
import base64
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

from holdshelf_core.errors import HoldshelfError, NotFound, Unavailable
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.paths import DataPaths
from holdshelf_core.policy.ssh_wire import fingerprint_of
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

MAX_KEY_BYTES = 4096
HOST_KEY_REPAIR = "door_host_key"


def host_key_path(data: Path) -> Path:
    """Return the path of the host key."""
    return DataPaths(data).state / "keys" / "door-host-key"


def ensure_host_key(data: Path) -> Path:
    """Create the host key if missing and return its path. Raises Unavailable; a damaged key is never replaced."""
    path = host_key_path(data)
    try:
        if path.exists():
            load_host_key(path)
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


async def async_have_host_key(repairs: RepairRegistry, data: Path) -> None:
    """Create the key, if needed, before the door opens. Recording continues without one."""
    try:
        await asyncio.to_thread(ensure_host_key, data)
    except HoldshelfError as error:
        repairs.async_create(
            HOST_KEY_REPAIR,
            camera_id=None,
            severity="error",
            sentence=f"Nobody can log in over SSH. {error.sentence}",
            next_step=error.next_step or "Fix it; the SSH door then opens automatically.",
        )


def fingerprint(data: Path) -> str:
    """Return the fingerprint as `ssh` shows it at the first login: SHA256:… Raises NotFound, Unavailable."""
    return fingerprint_of(base64.b64decode(public_line(data).split()[1]))


def public_line(data: Path) -> str:
    """Return the public key as "ssh-ed25519 base64", for a known_hosts file. Raises NotFound, Unavailable."""
    path = host_key_path(data)
    try:
        return load_host_key(path).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    except FileNotFoundError:
        raise NotFound("There is no host key.", "`holdshelf serve` makes one when it starts the SSH door.") from None
    except OSError as error:
        raise Unavailable(
            f"The host key {path} cannot be read: {error.strerror}.", "Run this as the service's user or root."
        ) from None


def load_host_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key, for the service. Raises FileNotFoundError, OSError, Unavailable."""
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
            "Restore it from a backup; if you remove it, a new one is made, and every invitation card needs the new fingerprint.",
        )
    return key
