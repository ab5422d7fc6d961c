"""SSH's data types (RFC 4251 § 5), read from untrusted bytes; and the fingerprint of a key. Pure."""

from __future__ import annotations

import base64
import hashlib
import struct


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
