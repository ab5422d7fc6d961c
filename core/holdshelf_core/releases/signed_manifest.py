"""Reads the manifest of a finished bundle: only the signed one, or none. Blocks."""

from __future__ import annotations

import hashlib
import os

import msgspec

from holdshelf_core.releases.facts import Manifest
from holdshelf_storage.atomic import read_all
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox import bundles

MAX_BYTES = 64 << 20
_SUMS, _NAME = "SHA256SUMS", "manifest.json"


def signed_manifest(root_fd: int, release: str, sums_sha256: str) -> Manifest | None:
    """Return the manifest if the checksum list is the one in the register and matches it; otherwise None."""
    try:
        folder = os.open(
            bundles.folder_of(release), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd
        )
    except OSError:
        return None
    try:
        sums, raw = _read(folder, _SUMS), _read(folder, _NAME)
        listed = f"{hashlib.sha256(raw).hexdigest()}  {_NAME}\n".encode()
        if hashlib.sha256(sums).hexdigest() != sums_sha256 or listed not in sums:
            return None
        manifest = decode_json(raw, Manifest)
    except (OSError, StorageError, msgspec.MsgspecError):
        return None
    finally:
        os.close(folder)
    return manifest if manifest.release == release else None


def _read(folder: int, name: str) -> bytes:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        return read_all(file, MAX_BYTES)
    finally:
        os.close(file)
