"""SSH's data types (RFC 4251 § 5) and signatures of files (OpenSSH's PROTOCOL.sshsig), read from untrusted bytes; and the
fingerprint of a key. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import NamedTuple

SSHSIG = b"SSHSIG"
_VERSION = struct.pack(">I", 1)
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


class Malformed(ValueError):
    """The bytes are not valid."""


class Reader:
    """Reads one value after the other. Each method raises Malformed when the bytes end too early."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes. Raises Malformed if fewer are left."""
        end = self._at + size
        if end > len(self._raw):
            raise Malformed("The bytes end too early.")
        taken = self._raw[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        """Return the next byte, as a number."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Return the next four bytes as a big-endian number."""
        (number,) = struct.unpack(">I", self.take(4))
        return int(number)

    def string(self) -> bytes:
        """Return a string: its length, then its bytes."""
        return self.take(self.uint32())

    def strings(self) -> list[bytes]:
        """Return all strings up to the end."""
        found = []
        while self._at < len(self._raw):
            found.append(self.string())
        return found

    def mpint(self) -> int:
        """Return a non-negative number of any size."""
        raw = self.string()
        if raw and raw[0] & 0x80:
            raise Malformed("A number is negative.")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        """Raise Malformed when something is left."""
        if self._at != len(self._raw):
            raise Malformed("There are bytes after the end.")


def string(value: bytes) -> bytes:
    """Return a string in wire form."""
    return struct.pack(">I", len(value)) + value


def fingerprint_of(blob: bytes) -> str:
    """Return SHA256:… of a key in wire form, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class FileSignature(NamedTuple):
    """What `ssh-keygen -Y sign` wrote, not verified yet. ``key``, ``signature``: in wire form, each with its kind."""

    key: bytes
    namespace: str
    hash_name: str
    signature: bytes

    def message(self, data: bytes) -> bytes:
        """Return what was signed, if it was this file. Raises Malformed for a digest that is not one of PROTOCOL.sshsig."""
        if self.hash_name not in ("sha256", "sha512"):
            raise Malformed("is made with a digest that this program does not know")
        return sshsig_message(self.namespace, self.hash_name, hashlib.new(self.hash_name, data).digest())


def sshsig_message(namespace: str, hash_name: str, digest: bytes) -> bytes:
    """Return what the signature of a file with this digest signs."""
    return SSHSIG + string(namespace.encode()) + string(b"") + string(hash_name.encode()) + string(digest)


def read_file_signature(armored: str) -> FileSignature:
    """Parse a signature strictly. Raises Malformed; its words continue "the signature …"."""
    lines = armored.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise Malformed("is no signature of `ssh-keygen -Y`")
    try:
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("cannot be read: a letter in it was changed") from None
    if not blob.startswith(SSHSIG + _VERSION):
        raise Malformed("is of another form than this program knows")
    try:
        key, namespace, reserved, hash_name, signature = Reader(blob[10:]).strings()
    except ValueError:
        raise Malformed("is cut off, or has something behind its end") from None
    if reserved:
        raise Malformed("has something where nothing belongs")
    try:
        return FileSignature(key, namespace.decode("ascii"), hash_name.decode("ascii"), signature)
    except UnicodeDecodeError:
        raise Malformed("cannot be read: a letter in it was changed") from None
