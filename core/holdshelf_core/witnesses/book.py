"""What a witness keeps in its folder: its key, whose logs it countersigns, and the highest head of each.

    witness.json        {"name":…,"key_pem":…}, 0600
    lock                locked while the witness runs
    logs/HASH.key       the key of a log that is trusted; HASH is the hex SHA-256 of the log's name
    logs/HASH.head      the highest head that was countersigned, with both signatures; kept when the log is trusted no longer

A head is on disk before its signature leaves. A file that cannot be read is never taken for none: then nothing is signed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdshelf_core.errors import BadRequest, Conflict, NotFound, Unavailable
from holdshelf_core.times import NS
from holdshelf_core.witnesses.types import TrustedLog
from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey, parse_note
from holdshelf_storage.access_log.cosignature import WitnessKey, WitnessSigner, is_name, read_signatures
from holdshelf_storage.atomic import make_dir, write_atomic
from holdshelf_storage.errors import StorageError

KEY: Final = "witness.json"
LOGS: Final = "logs"
MOST_LOGS: Final = 256
_MAKE_KEY: Final = "Make its key: `holdshelf witness key NAME --data DIR`."


class _Key(msgspec.Struct, frozen=True):
    name: str
    key_pem: str


class WitnessBook:
    """The folder of one witness. Blocks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- the key ------------------------------------------------------------------------------------------------------

    def make_key(self, name: str) -> WitnessKey:
        """Make the key of a new witness. Raises BadRequest, Conflict, Unavailable."""
        if not is_name(name):
            raise BadRequest(
                f"{name[:60]!r} cannot be the name of a witness.",
                "Give one as oak-library.example/witness, without spaces.",
            )
        path = self.folder / KEY
        if path.exists():
            raise Conflict(
                f"{self.folder} is already the folder of a witness.",
                "`holdshelf witness key --data DIR`, without a name, prints its key.",
            )
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            make_dir(self.folder)
            make_dir(self.folder / LOGS)
            write_atomic(path, msgspec.json.encode(_Key(name, pem.decode())) + b"\n")
        except StorageError as error:
            raise Unavailable("The key could not be stored.", str(error)) from None
        return WitnessSigner(name, private).public

    def signer(self) -> WitnessSigner:
        """Return the key. Raises NotFound, Unavailable."""
        try:
            kept = msgspec.json.decode((self.folder / KEY).read_bytes(), type=_Key)
            private = serialization.load_pem_private_key(kept.key_pem.encode(), None)
        except FileNotFoundError:
            raise NotFound(f"{self.folder} is not the folder of a witness.", _MAKE_KEY) from None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise Unavailable(f"The key in {self.folder / KEY} cannot be read.", _reason(error)) from None
        if not isinstance(private, Ed25519PrivateKey) or not is_name(kept.name):
            raise Unavailable(f"{self.folder / KEY} holds no key of a witness.", "Put back the one from your backup.")
        return WitnessSigner(kept.name, private)

    def lock(self) -> int:
        """Return a descriptor that keeps a second process off the folder. Raises Conflict, NotFound, Unavailable."""
        self.signer()
        try:
            fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be written.", _reason(error)) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise Conflict(f"A witness is already running on {self.folder}.") from None
        return fd

    # -- logs ---------------------------------------------------------------------------------------------------------

    def trust(self, key: PublicKey) -> None:
        """Countersign this log from now on. Raises Conflict, NotFound, Unavailable."""
        self.signer()
        if len(self._origins()) >= MOST_LOGS:
            raise Conflict(f"A witness countersigns {MOST_LOGS} logs at most.", "`holdshelf witness untrust` ends one.")
        try:
            write_atomic(self._file(key.origin, "key"), f"{key}\n".encode())
        except StorageError as error:
            raise Unavailable("The log's key could not be stored.", str(error)) from None

    def untrust(self, origin: str) -> None:
        """Stop countersigning this log. What it had is remembered. Raises NotFound, Unavailable."""
        try:
            self._file(origin, "key").unlink()
        except FileNotFoundError:
            raise NotFound(
                f"{origin[:80]!r} is not countersigned here.", "`holdshelf witness trusted` lists the logs."
            ) from None
        except OSError as error:
            raise Unavailable("The log's key could not be removed.", _reason(error)) from None

    def trusted(self) -> list[TrustedLog]:
        """Return the logs that are countersigned. Raises NotFound, Unavailable."""
        witness, rows = self.signer().public, []
        for origin in self._origins():
            key, note = self.key_of(origin), self.last_note(origin)
            head, at_utc_ns = None, None
            if note is not None and key is not None:
                head = self._checked(note, key)
                (signed,) = read_signatures(parse_note(note), [witness]).witnesses or (None,)
                at_utc_ns = signed.utc_s * NS if signed is not None else None
            rows.append(TrustedLog(origin, str(key), head.size if head else 0, head.short if head else "", at_utc_ns))
        return rows

    def key_of(self, origin: str) -> PublicKey | None:
        """Return the key of a log; None when it is not trusted. Raises Unavailable."""
        path = self._file(origin, "key")
        try:
            return PublicKey.parse(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, BadHead) as error:
            raise Unavailable(f"The log's key in {path} cannot be read.", _reason(error)) from None

    def last(self, origin: str, key: PublicKey) -> Head | None:
        """Return the highest head that was countersigned; None before the first one. Raises Unavailable."""
        note = self.last_note(origin)
        return self._checked(note, key) if note is not None else None

    def last_note(self, origin: str) -> str | None:
        """Return it with its signatures, as stored; None before the first one. Raises Unavailable."""
        path = self._file(origin, "head")
        try:
            return path.read_text()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"The last head in {path} cannot be read.", _reason(error)) from None

    def write(self, origin: str, note: str) -> None:
        """Remember a head durably. Raises StorageError."""
        write_atomic(self._file(origin, "head"), note.encode())

    def _checked(self, note: str, key: PublicKey) -> Head:
        try:
            return key.check(note)
        except BadHead as error:
            raise Unavailable(
                f"The last head of {key.origin} in {self.folder / LOGS} {error}.", "Put back the one from your backup."
            ) from None

    def _origins(self) -> list[str]:
        found = []
        for path in sorted((self.folder / LOGS).glob("*.key")):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                found.append(path.read_text().partition("+")[0])
        return found

    def _file(self, origin: str, kind: str) -> Path:
        return self.folder / LOGS / f"{hash_of(origin)}.{kind}"


def hash_of(origin: str) -> str:
    """Return the hex SHA-256 of a log's name, by which its files are called."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
