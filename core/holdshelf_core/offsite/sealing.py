"""Seals files in age's format (age-encryption.org/v1) and opens them again: any `age` does the same.

Each hold has a key of its own. Its private part is sealed for the recovery key and kept in the store alone, so that this
machine can add to a hold there and read nothing of it. Blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pyrage

from holdshelf_storage.errors import StorageError


class BadKey(ValueError):
    """Not a key of age's. `str()` says so, as a sentence."""


class Sealed(NamedTuple):
    """A file that was sealed: of what, and what came of it."""

    plain_sha256: str
    plain_bytes: int
    sha256: str
    md5: bytes
    bytes: int


class _Through:
    """Passes a stream on, and sums it up."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sha256, self.count = hashlib.sha256(), 0
        self.unwritten = ""
        """Why what came through could not be written. The library makes an error of its own of it, as of one of reading."""

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._sum(data)
        return data

    def write(self, data: bytes) -> int:
        with self._told():
            self._stream.write(data)
        self._sum(data)
        return len(data)

    def flush(self) -> None:
        with self._told():
            self._stream.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.unwritten = error.strerror or str(error)
            raise

    def _sum(self, data: bytes) -> None:
        self.sha256.update(data)
        self.count += len(data)


class _ToStore(_Through):
    """By MD5, too, as a store wants it. Of what goes nowhere else it would be a quarter of the time of sealing."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream)
        self.md5 = hashlib.md5(usedforsecurity=False)

    def _sum(self, data: bytes) -> None:
        super()._sum(data)
        self.md5.update(data)


def public_of(private: str) -> str:
    """Return a key's public part. Raises BadKey when it is none."""
    try:
        return str(pyrage.x25519.Identity.from_str(private).to_public())
    except pyrage.IdentityError:
        raise BadKey("That is not an age key: it begins with AGE-SECRET-KEY-1.") from None


def new_key() -> tuple[str, str]:
    """Return a new key: (private part ``AGE-SECRET-KEY-1…``, public part ``age1…``)."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


def check_recipient(recipient: str) -> None:
    """Raise BadKey unless it is the public part of an X25519 key."""
    try:
        pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise BadKey("That is not the public part of a recovery key: it begins with age1.") from None


def check_pair(private: str, recipient: str) -> None:
    """Raise BadKey unless ``recipient`` is the public part of the key ``private``."""
    if public_of(private) != recipient:
        raise BadKey("That county key has another public part than the one that was given.")


def seal(source: IO[bytes], target: IO[bytes], recipient: str) -> Sealed:
    """Seal a stream for a recipient, 64 KiB at a time. Raises StorageError when it cannot be written, OSError when it cannot be
    read."""
    plain, out = _Through(source), _ToStore(target)
    try:
        pyrage.encrypt_io(plain, out, [pyrage.x25519.Recipient.from_str(recipient)])
        out.flush()
    except (OSError, pyrage.EncryptError) as error:
        if out.unwritten:
            raise StorageError(f"The sealed copy for the store could not be written: {out.unwritten}.") from None
        raise OSError(str(error)) from None
    return Sealed(plain.sha256.hexdigest(), plain.count, out.sha256.hexdigest(), out.md5.digest(), out.count)


class Opener:
    """Opens what was sealed for any of some keys."""

    def __init__(self, private: list[str]) -> None:
        """``private``: keys as they stand on paper. Raises BadKey when one is none."""
        try:
            self._keys = [pyrage.x25519.Identity.from_str(one) for one in private]
        except pyrage.IdentityError:
            raise BadKey("That is not a recovery key: it begins with AGE-SECRET-KEY-1.") from None

    def open(self, data: bytes) -> bytes:
        """Return what was sealed. Raises BadKey when it is not for these keys, or was changed."""
        try:
            return bytes(pyrage.decrypt(data, self._keys))
        except pyrage.DecryptError:
            raise BadKey("It is not sealed for this key, or was changed.") from None

    def open_file(self, source: Path, target: IO[bytes]) -> str:
        """Open a sealed file into a stream; return the SHA-256 of what came out, hex. Raises BadKey."""
        out = _Through(target)
        try:
            with source.open("rb") as file:
                pyrage.decrypt_io(file, out, self._keys)
        except (pyrage.DecryptError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise BadKey("It is not sealed for this key, or was changed.") from None
        return out.sha256.hexdigest()
