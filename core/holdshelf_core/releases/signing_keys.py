"""The library's keys that sign releases: the current one, and former ones with their dates.

STATE/keys/release.key (0600), made with the first bundle, so that the fingerprint on a receipt stays valid. Only a person's
action renews a key. The previous private key is then deleted; its signatures made while it was valid stay valid. Blocks.
"""

from __future__ import annotations

import base64
import binascii
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from holdshelf_core.errors import Unavailable
from holdshelf_core.releases.sshsig import ReleaseKey, Signer, allowed_signer, fingerprint, read_signers
from holdshelf_core.times import NS
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import StorageError

KEY_FILE = "release.key"
FORM = 1
_MAX_KEY_BYTES = 1 << 20


class KeyRow(msgspec.Struct, frozen=True):
    """A public key (32 bytes, base64), and when it signed: [since, until) UTC ns; until None: the current one."""

    public: str
    since_utc_ns: int
    until_utc_ns: int | None = None

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint as `ssh-keygen -l` shows it."""
        return fingerprint(base64.b64decode(self.public))


class _File(msgspec.Struct, frozen=True):
    form: int
    private: str
    """PKCS #8, PEM."""
    keys: list[KeyRow]
    """In order of creation; the last one belongs to ``private``."""


class KeyRing:
    """All keys, current and former. A damaged file is refused, never replaced."""

    def __init__(self, path: Path, private: ReleaseKey, rows: list[KeyRow]) -> None:
        self._path = path
        self.current = private
        self.rows = rows

    @classmethod
    def load(cls, keys: Path) -> Self | None:
        """Load them from their file in STATE/keys; None when no key was made yet. Raises Unavailable."""
        path = keys / KEY_FILE
        try:
            with path.open("rb") as file:
                raw = file.read(_MAX_KEY_BYTES)
                mode = os.fstat(file.fileno()).st_mode
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(
                f"The signing key for releases, {path}, cannot be used: {error.strerror}.",
                "Check the permissions of STATE/keys.",
            ) from None
        if mode & 0o077:
            raise Unavailable(
                f"Other accounts may read the signing key for releases, {path}.", f"Run `chmod 600 {path}`."
            )
        try:
            return cls(path, *_parsed(raw))
        except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm, msgspec.MsgspecError):
            raise Unavailable(
                f"The signing key for releases, {path}, is damaged.",
                "Restore it from a backup. If you remove it, a new one is made that does not match receipts given out so far.",
            ) from None

    @classmethod
    def ensure(cls, keys: Path, now_utc_ns: int) -> Self:
        """Load them, or create the first key. Raises Unavailable."""
        found = cls.load(keys)
        if found is None:
            made = ReleaseKey.generate()
            found = cls(keys / KEY_FILE, made, [_row(made, now_utc_ns)])
            found._write()
        return found

    def renew(self, new: ReleaseKey, now_utc_ns: int) -> None:
        """Sign with ``new`` from now on; the previous private key is deleted. Raises Unavailable: then nothing has changed."""
        last = msgspec.structs.replace(self.rows[-1], until_utc_ns=now_utc_ns)
        renewed = KeyRing(self._path, new, [*self.rows[:-1], last, _row(new, now_utc_ns)])
        renewed._write()
        self.current, self.rows = new, renewed.rows

    def _write(self) -> None:
        file = _File(FORM, self.current.private_pem().decode(), self.rows)
        try:
            write_atomic(self._path, msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
        except StorageError as error:
            raise Unavailable(f"The signing key for releases cannot be written: {error}") from None

    def allowed_signers(self) -> str:
        """Return all keys for `ssh-keygen -Y verify -f`; former ones with the end of their validity."""
        return "".join(
            allowed_signer(base64.b64decode(row.public), _moment(row.until_utc_ns) if row.until_utc_ns else "")
            for row in reversed(self.rows)
        )

    def signers(self) -> list[Signer]:
        """Return the keys in the form that ``check`` takes."""
        return read_signers(self.allowed_signers())


def _parsed(raw: bytes) -> tuple[ReleaseKey, list[KeyRow]]:
    """Parse the key file. Raises ValueError, TypeError, UnsupportedAlgorithm, MsgspecError."""
    file = decode_json(raw, _File)
    private = load_pem_private_key(file.private.encode(), None)
    if file.form != FORM or not isinstance(private, Ed25519PrivateKey) or not file.keys:
        raise ValueError("of another form")
    key = ReleaseKey(private)
    publics = [base64.b64decode(row.public, validate=True) for row in file.keys]
    current = [row for row in file.keys if row.until_utc_ns is None]
    if any(len(public) != 32 for public in publics) or publics[-1] != key.public or current != file.keys[-1:]:
        raise ValueError("its keys do not belong together")
    return key, file.keys


def _row(key: ReleaseKey, now_utc_ns: int) -> KeyRow:
    return KeyRow(base64.b64encode(key.public).decode(), now_utc_ns)


def _moment(utc_ns: int) -> str:
    """Return ssh-keygen's form, rounded up to the next second, in which signatures were valid. Without Z it would be local."""
    return datetime.fromtimestamp(-(-utc_ns // NS), UTC).strftime("%Y%m%d%H%M%SZ")
