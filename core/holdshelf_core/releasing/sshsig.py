"""Signatures as `ssh-keygen -Y` makes and checks them (OpenSSH's PROTOCOL.sshsig), with Ed25519: small, and without OpenSSH.

The library's signing key is made once and kept in STATE/keys (0600), so that the fingerprint on a receipt stays true. A key
inside a bundle proves that nothing was changed; where the bundle comes from is proved by the fingerprint on paper alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from holdshelf_core.errors import Unavailable
from holdshelf_storage.atomic import write_atomic
from holdshelf_storage.errors import StorageError

NAMESPACE = "release@holdshelf.local"
PRINCIPAL = "library@holdshelf.local"
KEY_FILE = "release.key"
_KIND = b"ssh-ed25519"
_MAGIC = b"SSHSIG"
_HASH = b"sha512"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAX_KEY_BYTES = 4096


class BadSignature(Exception):
    """``str()`` says what is wrong with it, as the rest of "the signature …"."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as it was read. ``public``: 32 bytes of the key that is said to have made it."""

    public: bytes
    namespace: str
    hash_name: str
    raw: bytes

    @property
    def fingerprint(self) -> str:
        """Of the key inside."""
        return fingerprint(self.public)

    def holds(self, digests: dict[str, bytes]) -> bool:
        """Whether it was made of a message with these digests (by name: sha256, sha512)."""
        digest = digests.get(self.hash_name)
        if digest is None:
            return False
        message = _message(self.namespace.encode(), self.hash_name.encode(), digest)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(self.raw, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class ReleaseKey:
    """The library's key for what leaves the building."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def generate(cls) -> ReleaseKey:
        """A new one, in memory only."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def ensure(cls, keys: Path) -> ReleaseKey:
        """From its file in STATE/keys; made when there is none. Raises Unavailable; a broken key is never replaced."""
        path = keys / KEY_FILE
        try:
            if not path.exists():
                made = Ed25519PrivateKey.generate()
                write_atomic(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            return cls(_load(path))
        except OSError as error:
            raise Unavailable(
                f"The key that signs releases, {path}, cannot be used: {error.strerror}.",
                "Check the permissions of STATE/keys.",
            ) from None
        except StorageError as error:
            raise Unavailable(f"The key that signs releases cannot be written: {error}") from None

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return fingerprint(self.public)

    def sign(self, message: bytes, namespace: str = NAMESPACE) -> str:
        """The signature of ``message``, armoured, as a file."""
        signed = self._private.sign(_message(namespace.encode(), _HASH, hashlib.sha512(message).digest()))
        blob = b"".join(
            (
                _MAGIC,
                struct.pack(">I", 1),
                _string(_public_blob(self.public)),
                _string(namespace.encode()),
                _string(b""),
                _string(_HASH),
                _string(_string(_KIND) + _string(signed)),
            )
        )
        text = base64.b64encode(blob).decode()
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n".join((_BEGIN, *lines, _END, ""))

    def allowed_signers(self, valid_before: str = "") -> str:
        """The one line that `ssh-keygen -Y verify -f` asks for. ``valid_before``: YYYYMMDD, '' for ever."""
        until = f',valid-before="{valid_before}"' if valid_before else ""
        key = base64.b64encode(_public_blob(self.public)).decode()
        return f'{PRINCIPAL} namespaces="{NAMESPACE}"{until} {_KIND.decode()} {key}\n'


def fingerprint(public: bytes) -> str:
    """SHA256:… of an Ed25519 public key of 32 bytes."""
    digest = hashlib.sha256(_public_blob(public)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def read_signature(armoured: str) -> Signature:
    """Parses it strictly. Raises BadSignature."""
    lines = armoured.replace("\r\n", "\n").strip("\n").split("\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise BadSignature("is no signature of `ssh-keygen -Y`")
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("cannot be read: a letter in it was changed") from None
    if not blob.startswith(_MAGIC + struct.pack(">I", 1)):
        raise BadSignature("is of another form than this program knows")
    rest = blob[10:]
    parts: list[bytes] = []
    for _ in range(5):
        part, rest = _take(rest)
        parts.append(part)
    if rest:
        raise BadSignature("has something behind its end")
    public, namespace, reserved, hash_name, signed = parts
    kind, raw = _two(public)
    signed_kind, signed_raw = _two(signed)
    if kind != _KIND or signed_kind != _KIND or len(raw) != 32 or len(signed_raw) != 64:
        raise BadSignature("is not one of an Ed25519 key, as the library's is")
    if reserved:
        raise BadSignature("has something where nothing belongs")
    try:
        return Signature(raw, namespace.decode("ascii"), hash_name.decode("ascii"), signed_raw)
    except UnicodeDecodeError:
        raise BadSignature("cannot be read: a letter in it was changed") from None


@dataclass(frozen=True, slots=True)
class Signer:
    """A line of `allowed_signers`. ``options`` by name: namespaces, valid-before, valid-after."""

    principal: str
    options: dict[str, str]
    public: bytes


def read_signers(text: str) -> list[Signer]:
    """The Ed25519 keys of an `allowed_signers` file; other lines are left out."""
    found = []
    for line in text.splitlines():
        words = _words(line)
        if _KIND.decode() not in words or line.startswith("#"):
            continue
        at = words.index(_KIND.decode())
        try:
            kind, raw = _two(base64.b64decode(words[at + 1], validate=True))
        except (BadSignature, IndexError, ValueError):
            continue
        if kind != _KIND or len(raw) != 32 or at not in (1, 2):
            continue
        options: dict[str, str] = {}
        for option in _words(words[1], ",") if at == 2 else ():
            name, _, value = option.partition("=")
            options[name.lower()] = value.strip('"')
        found.append(Signer(words[0], options, raw))
    return found


def _words(line: str, by: str = " ") -> list[str]:
    """Split where no quotation runs."""
    words, word, quoted = [], "", False
    for letter in line:
        if letter == '"':
            quoted = not quoted
        if letter == by and not quoted:
            words.append(word)
            word = ""
        else:
            word += letter
    return [one for one in (*words, word) if one]


def digests_of(file: BinaryIO) -> dict[str, bytes]:
    """What a signature may be made of, of a small file."""
    data = file.read()
    return {"sha256": hashlib.sha256(data).digest(), "sha512": hashlib.sha512(data).digest()}


def _load(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as file:
        raw = file.read(_MAX_KEY_BYTES)
        mode = os.fstat(file.fileno()).st_mode
    if mode & 0o077:
        raise Unavailable(f"Others may read the key that signs releases, {path}.", f"Run `chmod 600 {path}`.")
    try:
        key = load_pem_private_key(raw, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(
            f"The key that signs releases, {path}, is damaged.",
            "Restore it from a backup; removing it makes a new one, which no receipt given out so far names.",
        )
    return key


def _message(namespace: bytes, hash_name: bytes, digest: bytes) -> bytes:
    return _MAGIC + _string(namespace) + _string(b"") + _string(hash_name) + _string(digest)


def _public_blob(public: bytes) -> bytes:
    return _string(_KIND) + _string(public)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:
        raise BadSignature("is cut off")
    size = int.from_bytes(data[:4])
    if len(data) < 4 + size:
        raise BadSignature("is cut off")
    return data[4 : 4 + size], data[4 + size :]


def _two(data: bytes) -> tuple[bytes, bytes]:
    first, rest = _take(data)
    second, rest = _take(rest)
    if rest:
        raise BadSignature("has something behind its end")
    return first, second
