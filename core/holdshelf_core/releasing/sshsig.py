"""Signatures as `ssh-keygen -Y` makes and checks them (OpenSSH's PROTOCOL.sshsig), with Ed25519: small, and without OpenSSH.

A key inside a bundle proves that nothing was changed; where the bundle comes from is proved by the fingerprint on paper alone.
Where the library's own key lies: ``signing_keys``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

NAMESPACE = "release@holdshelf.local"
PRINCIPAL = "library@holdshelf.local"
_KIND = b"ssh-ed25519"
_MAGIC = b"SSHSIG"
_HASH = b"sha512"
_OPTIONS = frozenset({"namespaces", "valid-after", "valid-before"})
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


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

    def private_pem(self) -> bytes:
        """The private part, for its file."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

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
        """The one line that `ssh-keygen -Y verify -f` asks for. ``valid_before``: YYYYMMDD[HHMMSS[Z]], '' for ever."""
        return allowed_signer(self.public, valid_before)


def allowed_signer(public: bytes, valid_before: str = "") -> str:
    """A line of `allowed_signers` for a key of the library's."""
    until = f',valid-before="{valid_before}"' if valid_before else ""
    key = base64.b64encode(_public_blob(public)).decode()
    return f'{PRINCIPAL} namespaces="{NAMESPACE}"{until} {_KIND.decode()} {key}\n'


def fingerprint(public: bytes) -> str:
    """SHA256:… of an Ed25519 public key of 32 bytes."""
    digest = hashlib.sha256(_public_blob(public)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def read_signature(armoured: str) -> Signature:
    """Parses it strictly. Raises BadSignature."""
    lines = armoured.replace("\r\n", "\n").rstrip("\n").split("\n")
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

    @property
    def is_for_releases(self) -> bool:
        """One that vouches for others' keys (cert-authority) signs nothing itself, and one for other purposes not this."""
        return _OPTIONS.issuperset(self.options) and _is_for(self.options.get("namespaces", NAMESPACE))


def read_signers(text: str) -> list[Signer]:
    """The Ed25519 keys of an `allowed_signers` file; other lines are left out."""
    found = []
    # As ssh-keygen takes lines: what else Python calls a line's end is a letter in a comment.
    for line in text.replace("\r\n", "\n").split("\n"):
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
            # Said twice, it is none that is known: ssh-keygen takes neither.
            options[name.lower() if name.lower() not in options else ""] = value.strip('"')
        found.append(Signer(words[0], options, raw))
    return found


def _is_for(namespaces: str) -> bool:
    """OpenSSH's list of patterns: one that begins with ! excludes."""
    patterns = [one.strip() for one in namespaces.split(",")]
    if any(one.startswith("!") and _fits(one[1:]) for one in patterns):
        return False
    return any(_fits(one) for one in patterns)


def _fits(pattern: str) -> bool:
    """With * and ? alone, as OpenSSH has them."""
    return fnmatchcase(NAMESPACE, pattern.replace("[", "[[]"))


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
