"""Keys with which an admin comes in by the SSH door: STATE/keys/admin_keys, one public key a line (ADR 0012).

Made and taken away by acts on the machine itself. Read once, at the start; a file that cannot be believed lets nobody in, and
is left as it is.
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
    """Methods but ``write`` run on the loop and touch no disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        """Why the file is not believed, in a sentence; nobody comes in by it then, and it is not written over."""
        self._keys: dict[str, AdminKey] = {}

    def load(self) -> None:
        """From the file; without one there are none. Blocks."""
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
        """In the order of the file."""
        return list(self._keys.values())

    def knows(self, fingerprint: str) -> bool:
        """Whether that key lets an admin in now."""
        return fingerprint in self._keys

    def check_writable(self) -> None:
        """Raises Unavailable when the file must be mended first."""
        if self.problem:
            raise Unavailable(self.problem, "Mend or remove the file, then restart the service.")

    def check_new(self, key: AdminKey) -> None:
        """Raises Conflict, Unavailable."""
        self.check_writable()
        if key.fingerprint in self._keys:
            raise Conflict(f"The key {key.fingerprint} is an admin's already.")
        if len(self._keys) >= MAX_KEYS:
            raise Conflict(f"There are {MAX_KEYS} admin's keys, which is the most.", "Remove one first.")

    def put(self, keys: list[AdminKey]) -> None:
        """These count from now on."""
        self._keys = {key.fingerprint: key for key in keys}

    def write(self, keys: list[AdminKey]) -> None:
        """Onto the disk (0600). Blocks. Raises Unavailable; the old file is there then."""
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomic(self._path, "".join(f"{key.line}\n" for key in keys).encode())
        except (OSError, StorageError) as error:
            raise Unavailable(f"The admin's keys could not be written: {error}") from None


def key_of(text: str) -> AdminKey:
    """A public key as it was given. Raises BadRequest."""
    kind, fingerprint, line = parse_public_key(text)
    return AdminKey(fingerprint, kind, line)
