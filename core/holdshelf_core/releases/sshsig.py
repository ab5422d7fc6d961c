"""Signatures as `ssh-keygen -Y` makes and checks them (OpenSSH's PROTOCOL.sshsig), with Ed25519, without using OpenSSH.

A key inside a bundle only proves that nothing was changed; only the fingerprint on paper proves where it comes from.
``signing_keys`` stores the library's own key.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from holdshelf_core.policy.ssh_wire import (
    BEGIN,
    END,
    SSHSIG,
    Malformed,
    Reader,
    fingerprint_of,
    read_file_signature,
    sshsig_message,
    string,
)

NAMESPACE = "release@holdshelf.local"
PRINCIPAL = "library@holdshelf.local"
_KIND = b"ssh-ed25519"
_HASH = "sha512"
_OPTIONS = frozenset({"namespaces", "valid-after", "valid-before"})


class BadSignature(Exception):
    """``str()`` says what is wrong with it, continuing "the signature …"."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed signature. ``public``: the 32-byte key that claims to have made it."""

    public: bytes
    namespace: str
    hash_name: str
    raw: bytes

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the key inside."""
        return fingerprint(self.public)

    def holds(self, digests: dict[str, bytes]) -> bool:
        """Return whether it signs a message with these digests (by name: sha256, sha512)."""
        digest = digests.get(self.hash_name)
        if digest is None:
            return False
        message = sshsig_message(self.namespace, self.hash_name, digest)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(self.raw, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class ReleaseKey:
    """The library's key that signs releases."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> ReleaseKey:
        """Return a new key, in memory only."""
        return cls(Ed25519PrivateKey.generate())

    def private_pem(self) -> bytes:
        """Return the private key, for its file."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint as `ssh-keygen -l` shows it."""
        return fingerprint(self.public)

    def sign(self, message: bytes, namespace: str = NAMESPACE) -> str:
        """Return the signature of ``message``, armored, as in a file."""
        signed = self._private.sign(sshsig_message(namespace, _HASH, hashlib.sha512(message).digest()))
        blob = b"".join(
            (
                SSHSIG,
                struct.pack(">I", 1),
                string(_public_blob(self.public)),
                string(namespace.encode()),
                string(b""),
                string(_HASH.encode()),
                string(string(_KIND) + string(signed)),
            )
        )
        text = base64.b64encode(blob).decode()
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n".join((BEGIN, *lines, END, ""))

    def allowed_signers(self, valid_before: str = "") -> str:
        """Return the line for `ssh-keygen -Y verify -f`. ``valid_before``: YYYYMMDD[HHMMSS[Z]], '' for no end."""
        return allowed_signer(self.public, valid_before)


def allowed_signer(public: bytes, valid_before: str = "") -> str:
    """Return a line of `allowed_signers` for a key of the library."""
    until = f',valid-before="{valid_before}"' if valid_before else ""
    key = base64.b64encode(_public_blob(public)).decode()
    return f'{PRINCIPAL} namespaces="{NAMESPACE}"{until} {_KIND.decode()} {key}\n'


def fingerprint(public: bytes) -> str:
    """Return SHA256:… of a 32-byte Ed25519 public key."""
    return fingerprint_of(_public_blob(public))


def read_signature(armoured: str) -> Signature:
    """Parse a signature strictly. Raises BadSignature."""
    try:
        found = read_file_signature(armoured)
    except Malformed as error:
        raise BadSignature(str(error)) from None
    try:
        (kind, raw), (signed_kind, signed_raw) = Reader(found.key).strings(), Reader(found.signature).strings()
    except ValueError:
        raise BadSignature("is cut off, or has something behind its end") from None
    if kind != _KIND or signed_kind != _KIND or len(raw) != 32 or len(signed_raw) != 64:
        raise BadSignature("is not one of an Ed25519 key, as the library's is")
    return Signature(raw, found.namespace, found.hash_name, signed_raw)


@dataclass(frozen=True, slots=True)
class Signer:
    """A line of `allowed_signers`. ``options`` by name: namespaces, valid-before, valid-after."""

    principal: str
    options: dict[str, str]
    public: bytes

    @property
    def is_for_releases(self) -> bool:
        """Return whether it may sign releases: cert-authority keys and keys for other purposes may not."""
        return _OPTIONS.issuperset(self.options) and _is_for(self.options.get("namespaces", NAMESPACE))


def read_signers(text: str) -> list[Signer]:
    """Return the Ed25519 keys of an `allowed_signers` file; other lines are ignored."""
    found = []
    # Lines as ssh-keygen splits them: Python's other line ends may be part of a comment.
    for line in text.replace("\r\n", "\n").split("\n"):
        words = _words(line)
        if _KIND.decode() not in words or line.startswith("#"):
            continue
        at = words.index(_KIND.decode())
        try:
            kind, raw = Reader(base64.b64decode(words[at + 1], validate=True)).strings()
        except (IndexError, ValueError):
            continue
        if kind != _KIND or len(raw) != 32 or at not in (1, 2):
            continue
        options: dict[str, str] = {}
        for option in _words(words[1], ",") if at == 2 else ():
            name, _, value = option.partition("=")
            # A duplicate option makes the line invalid, as for ssh-keygen.
            options[name.lower() if name.lower() not in options else ""] = value.strip('"')
        found.append(Signer(words[0], options, raw))
    return found


def _is_for(namespaces: str) -> bool:
    """Match OpenSSH's list of patterns: one that begins with ! excludes."""
    patterns = [one.strip() for one in namespaces.split(",")]
    if any(one.startswith("!") and _fits(one[1:]) for one in patterns):
        return False
    return any(_fits(one) for one in patterns)


def _fits(pattern: str) -> bool:
    """Match a pattern with * and ?, like OpenSSH."""
    return fnmatchcase(NAMESPACE, pattern.replace("[", "[[]"))


def _words(line: str, by: str = " ") -> list[str]:
    """Split a line outside of quotes."""
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
    """Return the digests that a signature may use, of a small file."""
    data = file.read()
    return {"sha256": hashlib.sha256(data).digest(), "sha512": hashlib.sha512(data).digest()}


def _public_blob(public: bytes) -> bytes:
    return string(_KIND) + string(public)
