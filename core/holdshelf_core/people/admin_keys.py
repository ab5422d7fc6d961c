"""SSH keys that log in as admin: STATE/keys/admin_keys, one public key per line (ADR 0012).

Added and removed by actions on the machine itself. Read once, at the start; an invalid file grants access to nobody, and is left
as it is.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from holdshelf_core.errors import BadRequest, Conflict, Unavailable
from holdshelf_core.policy.keys import parse_public_key
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

LOGIN = "admin"
MAX_KEYS = 16
MAX_FILE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class AdminKey:
    """``line``: "type base64", without a comment."""

    fingerprint: str
    kind: str
    line: str


class AdminKeys:
    """The admin's keys. Methods except ``load`` and ``write`` run on the loop and access no disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        """Why the file is invalid, in a sentence; then it grants access to nobody, and is not overwritten."""
        self._keys: dict[str, AdminKey] = {}

    def load(self) -> None:
        """Load the file; without one there are no keys. Blocks."""
        try:
            self._keys = {key.fingerprint: key for key in self._read()}
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError, BadRequest) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            self.problem = f"The admin's keys in {self._path} cannot be used: {why}"
            _LOGGER.error("%s; no admin comes in by the SSH door", self.problem)

    def _read(self) -> list[AdminKey]:
        with self._path.open("rb") as file:
            mode, raw = os.fstat(file.fileno()).st_mode, file.read(MAX_FILE_BYTES + 1)
        if mode & 0o077:
            raise BadRequest("others may read or write it; run `chmod 600` on it.")
        if len(raw) > MAX_FILE_BYTES:
            raise BadRequest("it is too long.")
        lines = [line.strip() for line in raw.decode("utf-8").splitlines()]
        return [key_of(line) for line in lines if line and not line.startswith("#")]

    def all(self) -> list[AdminKey]:
        """Return the keys in the file's order."""
        return list(self._keys.values())

    def knows(self, fingerprint: str) -> bool:
        """Return whether that key logs in as admin now."""
        return fingerprint in self._keys

    def check_writable(self) -> None:
        """Raise Unavailable when the file must be fixed first."""
        if self.problem:
            raise Unavailable(self.problem, "Fix or remove the file, then restart the service.")

    def check_new(self, key: AdminKey) -> None:
        """Check that a key can be added. Raises Conflict, Unavailable."""
        self.check_writable()
        if key.fingerprint in self._keys:
            raise Conflict(f"The key {key.fingerprint} already belongs to an admin.")
        if len(self._keys) >= MAX_KEYS:
            raise Conflict(f"There are {MAX_KEYS} admin keys, which is the limit.", "Remove one first.")

    def put(self, keys: list[AdminKey]) -> None:
        """Set the keys that are valid from now on."""
        self._keys = {key.fingerprint: key for key in keys}

    def write(self, keys: list[AdminKey]) -> None:
        """Write to the disk (0600). Blocks. Raises Unavailable; the old file remains then."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomic(self._path, "".join(f"{key.line}\n" for key in keys).encode())
        except (OSError, StorageError) as error:
            raise Unavailable(f"The admin keys could not be saved: {error}") from None


def key_of(text: str) -> AdminKey:
    """Parse a public key as typed. Raises BadRequest."""
    kind, fingerprint, line = parse_public_key(text)
    return AdminKey(fingerprint, kind, line)
