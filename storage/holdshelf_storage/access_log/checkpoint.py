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
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ORIGIN: Final = "holdshelf.local/"
_ED25519: Final = b"\x01"
_TEXT = re.compile(r"([^\x00-\x1f]{1,255})\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n\n(?=— )")
_SIGNATURE = re.compile(r"— ([^\s+\x00-\x1f]{1,255}) ([A-Za-z0-9+/]+={0,2})")
_SHORT = re.compile(r"([0-9][0-9 .,']{0,20}):((?:[0-9a-f]{4}[ -]?){8,16})", re.IGNORECASE)
_DIGITS: Final = "0123456789"
MOST_MISTYPED: Final = 8
MOST_NOTE_CHARS: Final = 128 << 10
MOST_SIGNATURES: Final = 32
"""On one head. c2sp.org/signed-note asks for 16 at least; those of post-quantum keys have up to 7,000 characters."""
SHORT_HEX: Final = 32
"""Digits of the root in the short form: 128 bits."""


class BadHead(ValueError):
    """Not a head, or not signed by the key. `str()` says which, as the end of a sentence."""


@dataclass(frozen=True)
class Head:
    """The content of a checkpoint. `root` is 32 bytes."""

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


class Signature(NamedTuple):
    """A signature line: the key that it says it is of (``key_hash`` 4 bytes), and what that key is to have made."""

    name: str
    key_hash: bytes
    raw: bytes

    def line(self) -> str:
        """Return the line, with its newline."""
        return f"— {self.name} {base64.b64encode(self.key_hash + self.raw).decode()}\n"


class Note(NamedTuple):
    """A signed head as it is spelled. Nothing in it is checked against a key."""

    head: Head
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class PublicKey:
    """The key that verifies a log's heads: 32 bytes."""

    raw: bytes

    @property
    def origin(self) -> str:
        """The name of this key's log, which is also the key's name."""
        return ORIGIN + hashlib.sha256(self.raw).hexdigest()[:16]

    @property
    def key_hash(self) -> bytes:
        """Four bytes that name the key in a signature line."""
        return hashlib.sha256(self.origin.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        """Return a signed note's verifier key: NAME+HASH+BASE64."""
        return f"{self.origin}+{self.key_hash.hex()}+{base64.b64encode(_ED25519 + self.raw).decode()}"

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Parse the result of `str`. Raises BadHead."""
        try:
            data = base64.b64decode(text.strip().split("+", 2)[2], validate=True)
        except (IndexError, binascii.Error, ValueError) as error:
            raise BadHead("is not a log's public key") from error
        key = cls(data[1:])
        if len(data) != 33 or str(key) != text.strip():
            raise BadHead("is not a log's public key")
        return key

    def check(self, note: str) -> Head:
        """Return the content of `note`. Raises BadHead unless it is a head signed by this key, once.

        Signatures of other keys prove nothing here and are left alone.
        """
        head, signatures = parse_note(note)
        if head.origin != self.origin:
            raise BadHead(f"belongs to another log ({head.origin[:60]!r})")
        own = [one.raw for one in signatures if (one.name, one.key_hash) == (self.origin, self.key_hash)]
        if len(own) != 1:
            raise BadHead("bears no signature of this log" if not own else "bears the signature of this log twice")
        verify_signature(self.raw, own[0], head.text())
        return head


class SigningKey:
    """The key that signs the heads of one log."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PublicKey(raw)

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, data: bytes) -> "SigningKey":
        """Load from PKCS #8. Raises BadHead."""
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
        """Return PKCS #8, unencrypted: only the owner may read the file."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, size: int, root: bytes) -> str:
        """The signed head of a tree of `size` entries."""
        text = Head(self.public.origin, size, root).text()
        signature = Signature(self.public.origin, self.public.key_hash, self._private.sign(text.encode()))
        return f"{text}\n{signature.line()}"


def verify_signature(public: bytes, signature: bytes, text: str) -> None:
    """Raise BadHead unless this is the Ed25519 signature over `text` of the key of these 32 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError) as error:
        raise BadHead("bears a wrong signature") from error


def parse_note(note: str) -> Note:
    """Read a head and its signatures, unchecked. Raises BadHead."""
    if len(note) > MOST_NOTE_CHARS:
        raise BadHead(f"is longer than {MOST_NOTE_CHARS} characters")
    match = _TEXT.match(note)
    if match is None or not note.endswith("\n"):
        raise BadHead("is not a signed head")
    origin, size, root = match.groups()
    lines = note[match.end() : -1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise BadHead(f"bears more than {MOST_SIGNATURES} signatures")
    return Note(Head(origin, int(size), _decoded(root, 32, 32)), parse_signatures(lines))


def parse_signatures(lines: list[str]) -> tuple[Signature, ...]:
    """Read signature lines, without their newlines. Raises BadHead."""
    found = []
    for number, line in enumerate(lines, 1):
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise BadHead(f"bears no signature in line {number} of those for signatures")
        blob = _decoded(match[2], 5, MOST_NOTE_CHARS)
        found.append(Signature(match[1], blob[:4], blob[4:]))
    return tuple(found)


def _decoded(text: str, least: int, most: int) -> bytes:
    """Return the bytes of base64 in its one spelling. Raises BadHead."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadHead("is not a signed head") from error
    if base64.b64encode(data).decode() != text or not least <= len(data) <= most:
        raise BadHead("is not a signed head")
    return data


@dataclass(frozen=True)
class OutsideHead:
    """A head kept outside: a signed one, or one typed from paper."""

    size: int
    root_prefix: bytes
    """The root, or at least its first 16 bytes."""
    note: str = ""
    """The signed head, if it was one; '' for one that was typed."""

    def mistyped(self, root: bytes) -> list[int]:
        """Where the typed digits differ from `root`, from 0; [] when in nothing, or in so many that it is another root.

        That a root matches another in 24 of 32 hex digits by chance, or is made to, is out of reach: what differs is typing.
        """
        typed, digits = self.root_prefix.hex(), root.hex()
        wrong = [at for at, digit in enumerate(typed) if digit != digits[at]]
        return wrong if not self.note and len(wrong) <= MOST_MISTYPED else []

    def near_sizes(self, most: int) -> list[int]:
        """Numbers up to `most` that one slip away make the typed number: a digit changed, left out, added, or two swapped."""
        typed = str(self.size)
        near = {typed[:at] + typed[at + 1 :] for at in range(len(typed))}
        near |= {
            typed[:at] + digit + typed[at + skip :]
            for at in range(len(typed) + 1)
            for digit in _DIGITS
            for skip in (0, 1)
        }
        near |= {typed[:at] + typed[at + 1] + typed[at] + typed[at + 2 :] for at in range(len(typed) - 1)}
        sizes = {int(one) for one in near if one and not one.startswith("0")} - {self.size}
        return sorted(size for size in sizes if 0 < size <= most) if not self.note else []


def parse_outside(text: str) -> OutsideHead:
    """Reads a signed head, or the short form from paper. Raises BadHead."""
    note = text.replace("\r\n", "\n").strip("\n ") + "\n"
    try:
        head = parse_note(note).head
    except BadHead:
        if "\n\n— " in note:
            raise
    else:
        return OutsideHead(head.size, head.root, note)
    match = _SHORT.fullmatch(text.strip())
    if match is None:
        raise BadHead(
            "is no line of an access log: one reads like 57:3f2a 91bc 04de 77c1 …, the number of entries, a colon, and "
            "32 letters and digits"
        )
    return OutsideHead(int(re.sub(r"\D", "", match[1])), bytes.fromhex(re.sub(r"[ -]", "", match[2])))
