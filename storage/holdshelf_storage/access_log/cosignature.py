"""A witness's signature on a head: cosignature/v1 with Ed25519 (c2sp.org/tlog-cosignature).

    — witness.example/w1 jWbP…    key hash (4 bytes), Unix time in seconds (8), Ed25519 signature (64) over

    cosignature/v1
    time 1679315147
    holdshelf.local/4f1d0c6a9b2e7785
    1234
    vPPgR…=

It says: of all heads of this log that the witness was shown until then, this is the highest, and each lower one is a beginning of
it. A witness's key is written as the log's is, NAME+KEYHASH+BASE64, with 0x04 before its 32 bytes. Reads no file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from holdshelf_storage.access_log.checkpoint import BadHead, Head, Note, Signature, verify_signature

_COSIGNATURE: Final = b"\x04"
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_MOST_UTC_S: Final = 9_000_000_000
"""Of the year 2255: later times are no times, and would not fit where nanoseconds are counted."""
_NAME: Final = re.compile(r"[^\s+\x00-\x20]{1,120}")


@dataclass(frozen=True)
class WitnessKey:
    """The key that verifies a witness's signatures: its name, and 32 bytes."""

    name: str
    raw: bytes

    @property
    def key_hash(self) -> bytes:
        """Four bytes that name the key in a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + _COSIGNATURE + self.raw).digest()[:4]

    def __str__(self) -> str:
        """Return a signed note's verifier key: NAME+HASH+BASE64."""
        return f"{self.name}+{self.key_hash.hex()}+{base64.b64encode(_COSIGNATURE + self.raw).decode()}"

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """Parse the result of `str`. Raises BadHead."""
        name, _, rest = text.strip().partition("+")
        try:
            data = base64.b64decode(rest.partition("+")[2], validate=True)
            key = cls(name, data[1:])
            # Some 32 bytes are no point of the curve.
            Ed25519PublicKey.from_public_bytes(key.raw)
        except (binascii.Error, ValueError) as error:
            raise BadHead("is not a witness's public key") from error
        if data[:1] != _COSIGNATURE or not is_name(name) or str(key) != text.strip():
            raise BadHead("is not a witness's public key")
        return key

    def check(self, head: Head, signature: Signature) -> int:
        """Return when the witness signed, in Unix seconds. Raises BadHead unless the signature is its, over this head."""
        if (signature.name, signature.key_hash) != (self.name, self.key_hash):
            raise BadHead(f"bears no signature of {self.name}")
        utc_s = int.from_bytes(signature.raw[:_TIME_BYTES])
        if len(signature.raw) != _TIME_BYTES + _SIGNATURE_BYTES or not 0 < utc_s <= _MOST_UTC_S:
            raise BadHead(f"bears a wrong signature of {self.name}")
        try:
            verify_signature(self.raw, signature.raw[_TIME_BYTES:], _signed_text(head, utc_s))
        except BadHead:
            raise BadHead(f"bears a wrong signature of {self.name}") from None
        return utc_s


class WitnessSigner:
    """The key with which a witness signs."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = WitnessKey(name, raw)

    def sign(self, head: Head, utc_s: int) -> Signature:
        """Return the signature over a head that the caller has checked, as of ``utc_s``."""
        raw = self._private.sign(_signed_text(head, utc_s).encode())
        return Signature(self.public.name, self.public.key_hash, utc_s.to_bytes(_TIME_BYTES) + raw)


class Countersigned(NamedTuple):
    """That a witness signed a head, and when (Unix seconds)."""

    name: str
    utc_s: int


class Signed(NamedTuple):
    """Whose signatures beside the log's own are on a head: of witnesses, and the names in those of keys that are not known."""

    witnesses: tuple[Countersigned, ...]
    unknown: tuple[str, ...]


def is_name(name: str) -> bool:
    """Return whether a witness can have this name: no spaces, no '+', all of it printable."""
    return _NAME.fullmatch(name) is not None and name.isprintable()


def read_signatures(note: Note, keys: Sequence[WitnessKey]) -> Signed:
    """Return who signed a head beside its log, by these keys. Signatures in the log's name are left to `PublicKey.check`.

    Raises BadHead when a signature is said to be of a known key and is not: then nothing of the note is to be believed.
    """
    known = {(key.name, key.key_hash): key for key in keys}
    witnesses: dict[WitnessKey, int] = {}
    unknown: list[str] = []
    for signature in note.signatures:
        whose = signature.name, signature.key_hash
        if whose in known:
            key = known[whose]
            witnesses[key] = max(witnesses.get(key, 0), key.check(note.head, signature))
        elif signature.name != note.head.origin:
            unknown.append(signature.name)
    return Signed(tuple(Countersigned(key.name, utc_s) for key, utc_s in witnesses.items()), tuple(unknown))


def _signed_text(head: Head, utc_s: int) -> str:
    return f"cosignature/v1\ntime {utc_s}\n{head.text()}"
