"""The signed head of the access log: a checkpoint (c2sp.org/tlog-checkpoint) in a signed note (c2sp.org/signed-note).

    holdshelf.local/4f1d0c6a9b2e7785          origin: its last part is the first 16 hex digits of SHA-256(public key)
    1234                                      entries
    vPPgR…=                                   root hash of the tree, base64

    — holdshelf.local/4f1d0c6a9b2e7785 rB4…=  Ed25519 over the three lines

Whoever holds such a head, on paper or in a mail, can tell later whether the log still contains what it contained then.
A form short enough to be typed from paper is `Head.short`. This module reads no file and must never accept a note
that another spelling of the same bytes could replace.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ORIGIN: Final = "holdshelf.local/"
_ED25519: Final = b"\x01"
_NOTE = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n\n— ([^\n ]+) ([A-Za-z0-9+/=]+)\n")
_SHORT = re.compile(r"([0-9][0-9 .,']{0,20}):((?:[0-9a-f]{4}[ -]?){8,16})", re.IGNORECASE)
SHORT_HEX: Final = 32
"""Digits of the root in the short form: 128 bits."""


class BadHead(ValueError):
    """Not a head, or not signed by the key. `str()` says which, as the end of a sentence."""


@dataclass(frozen=True)
class Head:
    """What a checkpoint states. `root` is 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed, each with its newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def short(self) -> str:
        """For paper: number of entries, colon, the first 32 hex digits of the root in fours."""
        digits = self.root.hex()[:SHORT_HEX]
        return f"{self.size}:" + " ".join(digits[at : at + 4] for at in range(0, SHORT_HEX, 4))


@dataclass(frozen=True)
class PublicKey:
    """The key that a log's heads are checked with: 32 bytes."""

    raw: bytes

    @property
    def origin(self) -> str:
        """The name of the log of this key, which is the key's name too."""
        return ORIGIN + hashlib.sha256(self.raw).hexdigest()[:16]

    @property
    def key_hash(self) -> bytes:
        """Four bytes that name the key in a signature line."""
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        """As a signed note's verifier key: NAME+HASH+BASE64."""
        return f"{self.origin}+{self.key_hash.hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """From the form that `str` gives. Raises BadHead."""
        try:
            data = base64.b64decode(text.strip().split("+", 2)[2], validate=True)
        except (IndexError, binascii.Error, ValueError) as error:
            raise BadHead("is not a log's public key") from error
        key = cls(data[1:])
        if len(data) != 33 or str(key) != text.strip():
            raise BadHead("is not a log's public key")
        return key

    def check(self, note: str) -> Head:
        """What `note` states. Raises BadHead when it is not, to the byte, a head signed by this key."""
        head, name, signature = parse_note(note)
        if head.origin != self.origin or name != self.origin or signature[:4] != self.key_hash:
            raise BadHead(f"belongs to another log ({head.origin[:60]!r})")
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature[4:], head.text().encode())
        except InvalidSignature as error:
            raise BadHead("bears a wrong signature") from error
        return head


class SigningKey:
    """The key that signs the heads of one log."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PublicKey(raw)

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new one."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, data: bytes) -> "SigningKey":
        """From PKCS #8. Raises BadHead."""
        try:
            private = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadHead("holds no key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise BadHead("holds a key of another kind")
        key = cls(private)
        if key.to_pem() != data:
            raise BadHead("was changed")
        return key

    def to_pem(self) -> bytes:
        """PKCS #8, not encrypted: the file is for its owner alone."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, size: int, root: bytes) -> str:
        """The signed head of a tree of `size` entries."""
        text = Head(self.public.origin, size, root).text()
        signature = base64.b64encode(self.public.key_hash + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.public.origin} {signature}\n"


def parse_note(note: str) -> tuple[Head, str, bytes]:
    """(head, name of the key, key hash and signature) of a note, unchecked. Raises BadHead."""
    match = _NOTE.fullmatch(note)
    if match is None:
        raise BadHead("is not a signed head")
    origin, size, root, name, signature = match.groups()
    try:
        root_bytes, signature_bytes = base64.b64decode(root, validate=True), base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadHead("is not a signed head") from error
    spelled = (base64.b64encode(root_bytes).decode(), base64.b64encode(signature_bytes).decode())
    if spelled != (root, signature) or len(root_bytes) != 32 or len(signature_bytes) != 68:
        raise BadHead("is not a signed head")
    return Head(origin, int(size), root_bytes), name, signature_bytes


@dataclass(frozen=True)
class OutsideHead:
    """A head that somebody kept outside: a signed one, or what was typed from paper."""

    size: int
    root_prefix: bytes
    """The root, or its first 16 bytes or more."""
    note: str = ""
    """The signed head, when it was one."""


def parse_outside(text: str) -> OutsideHead:
    """Reads a signed head, or the short form from paper. Raises BadHead."""
    note = text.replace("\r\n", "\n").strip("\n ") + "\n"
    try:
        head, _, _ = parse_note(note)
    except BadHead:
        pass
    else:
        return OutsideHead(head.size, head.root, note)
    match = _SHORT.fullmatch(text.strip())
    if match is None:
        raise BadHead(
            "is no line of an access log: one reads like 57:3f2a 91bc 04de 77c1 …, the number of entries, a colon, and "
            "32 letters and digits"
        )
    return OutsideHead(int(re.sub(r"\D", "", match[1])), bytes.fromhex(re.sub(r"[ -]", "", match[2])))
