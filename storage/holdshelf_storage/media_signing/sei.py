"""The SEI messages in which a camera signs its pictures: recognized by UUID, and ONVIF's taken apart.

ONVIF Media Signing Specification 26.06: § SEI format, § TLV tags. Tag versions 1 (24.12) and 2 (from 25.12 on) of the general
information are read. Axis Signed Video is recognized only.

Cameras determine every byte here: a length is checked before it is believed, and what is wrong raises `Unreadable`, nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

ONVIF_UUID: Final = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
AXIS_UUID: Final = b"Signed Video...0"
ONVIF, AXIS = "onvif", "axis"
MAX_SEI_BYTES: Final = 256 << 10
"""Its tags are at most 64 KB each. A list of 300 hashes and a chain of four certificates take 20 KB."""
MAX_KEPT_BYTES: Final = 32 << 10
"""Of one with certificates that is kept in the header of each file, by whoever writes and reads it."""
MAX_TAGS: Final = 64
MAX_CHAIN_BYTES: Final = 64 << 10
_FORMS: Final = {ONVIF_UUID: ONVIF, AXIS_UUID: AXIS}
_UNREGISTERED: Final = 5  # user_data_unregistered, H.264 § D.1.7, H.265 § D.2.7
_SIGNATURE: Final = 3
_SEI_KINDS: Final = {"h264": frozenset({6}), "hevc": frozenset({39, 40})}
_EMULATED: Final = re.compile(b"\0\0\3")
# Last byte of 2.16.840.1.101.3.4.2.x (NIST): the hash functions that a document may name.
_HASH_OID: Final = bytes.fromhex("6086480165030402")
_HASH_NAMES: Final = {
    1: "sha256",
    2: "sha384",
    3: "sha512",
    4: "sha224",
    7: "sha3_224",
    8: "sha3_256",
    9: "sha3_384",
    10: "sha3_512",
}
# 100 ns since 1601, as from 1990 to 2200: a time outside was written in the other byte order.
_PLAUSIBLE: Final = range(122_000_000_000_000_000, 190_000_000_000_000_000)


class Unreadable(Exception):
    """An SEI says that it is a signature and is not put together as one. The text is a phrase: 'a tag is cut off'."""


@dataclass(frozen=True, slots=True)
class General:
    """What a document says of the group of pictures that it is about."""

    is_partial: bool
    """The group of pictures goes on after this one."""
    counter: int
    count: int
    """How many NAL units it is about."""
    group_hash: bytes
    linked_hash: bytes
    """Of the first NAL unit of the group before; zeros in the first document."""


@dataclass(frozen=True, slots=True)
class Document:
    """One SEI of ONVIF Media Signing."""

    is_certificate: bool
    signed: bytes
    """What the signature is over; of a document without one, what a later document's list has the hash of."""
    signature: bytes
    general: General | None = None
    hashes: tuple[bytes, ...] = ()
    hash_name: str = ""
    """Hash function as hashlib names it; '' where the document does not say."""
    signing_oid: bytes = b""
    chain: bytes = b""
    """The camera's certificates as PEM, the signing one first; without the root."""
    user_chain: bytes = b""
    """Certificates that the camera's owner put there."""
    firmware: str = ""
    serial: str = ""
    maker: str = ""


def is_sei(nal: bytes, codec: str) -> bool:
    """Whether a NAL unit holds supplemental information. `codec`: h264 or hevc."""
    return bool(nal) and (nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F) in _SEI_KINDS[codec]


def form_of(nal: bytes, codec: str) -> str:
    """The form of signature that an SEI is: `onvif`, `axis`, or '' for none. `nal` may be cut off after its first 300 bytes."""
    at = _payload(nal, codec)[0]
    return _FORMS.get(nal[at : at + 16], "") if at else ""


def is_certificate(nal: bytes, codec: str) -> bool:
    """Whether an ONVIF signature is the SEI that holds the camera's certificates and is about no picture."""
    at = _payload(nal, codec)[0]
    return bool(at) and nal[at : at + 16] == ONVIF_UUID and len(nal) > at + 16 and bool(nal[at + 16] & 0x80)


def _payload(nal: bytes, codec: str) -> tuple[int, int]:
    """(where the payload begins, its size) of a `user_data_unregistered` message; (0, 0) for anything else."""
    at = 1 if codec == "h264" else 2
    if not is_sei(nal, codec) or len(nal) < at + 18 or nal[at] != _UNREGISTERED:
        return 0, 0
    at += 1
    size = 0
    while at < len(nal) and nal[at] == 0xFF:
        size += 0xFF
        at += 1
    return (at + 1, size + nal[at]) if at < len(nal) else (0, 0)


def read(nal: bytes, codec: str) -> Document:
    """Takes one apart; `form_of` said `onvif`. Raises Unreadable."""
    if len(nal) > MAX_SEI_BYTES:
        raise Unreadable("it is larger than any signature")
    nal = nal.rstrip(b"\0")
    at, size = _payload(nal, codec)
    if size < 18:
        raise Unreadable("it is cut off")
    # Beyond the payload there is the stop bit's byte alone; what is more are bytes put in against start codes.
    plain, moved = nal, list[int]()
    if len(nal) - at - size > 1:
        plain, moved = _unescaped(nal)
    if len(plain) < at + size:
        raise Unreadable("it is cut off")
    flags = plain[at + 16]
    tags, signature_at = [], 0
    for place, tag, value in _tags(plain, at + 17, at + size):
        if tag == _SIGNATURE:
            signature_at = place
            tags.append((tag, value))
            break
        tags.append((tag, value))
    escaped_first = bool(flags & 0x40)
    if signature_at:
        end = signature_at + sum(one <= signature_at - 1 for one in moved) if escaped_first else signature_at
        signed = nal[:end] if escaped_first else plain[:signature_at]
    else:
        signed = nal if escaped_first else plain[: at + size + 1]
    return _document(bool(flags & 0x80), signed, tags)


def _unescaped(nal: bytes) -> tuple[bytes, list[int]]:
    """Without the bytes put in against start codes (H.264 § 7.4.1), and before which bytes of the result they stood."""
    parts, moved, last, length = [], list[int](), 0, 0
    for found in _EMULATED.finditer(nal):
        part = nal[last : found.end() - 1]
        parts.append(part)
        length += len(part)
        moved.append(length)
        last = found.end()
    parts.append(nal[last:])
    return b"".join(parts), moved


def _tags(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """(where it begins, tag, value): a byte, two of length, the value."""
    for _ in range(MAX_TAGS):
        if at == end:
            return
        if at + 3 > end:
            raise Unreadable("a tag is cut off")
        length = int.from_bytes(data[at + 1 : at + 3])
        if at + 3 + length > end:
            raise Unreadable("a tag is longer than the rest of it")
        yield at, data[at], data[at + 3 : at + 3 + length]
        at += 3 + length
    raise Unreadable("it has too many tags")


def _document(is_certificate: bool, signed: bytes, tags: list[tuple[int, bytes]]) -> Document:
    found: dict[str, object] = {}
    signature = b""
    for tag, value in tags:
        match tag:
            case 1:
                found["general"] = _general(value)
            case 2:
                found["hashes"] = value
            case 3:
                signature = _signature(value)
            case 4:
                found["hash_name"], found["signing_oid"] = _crypto(value)
            case 5:
                found["firmware"], found["serial"], found["maker"] = _vendor(value)
            case 6:
                _version(value, 1)
                if len(value) < 3 or len(value) > MAX_CHAIN_BYTES:
                    raise Unreadable("its certificates are missing")
                found["user_chain" if value[1] else "chain"] = value[2:]
            case _:
                pass  # of a later version
    if "hashes" in found:
        general = found.get("general")
        found["hashes"] = _hashes(found["hashes"], general)  # type: ignore[arg-type]
    return Document(is_certificate, signed, signature, **found)  # type: ignore[arg-type]


def _version(value: bytes, *known: int) -> int:
    if not value or value[0] not in known:
        raise Unreadable("it is of a version that this reader does not know")
    return value[0]


def _general(value: bytes) -> General:
    version = _version(value, 1, 2)
    head = 19 if version == 1 else 27
    rest = len(value) - head
    if rest < 32 or rest % 2 or rest > 128:
        raise Unreadable("its general information is cut off")
    # The specification says little endian; its reference implementation writes big endian, and so do cameras made with it.
    # The time tells which.
    big, little = int.from_bytes(value[5:13]), int.from_bytes(value[5:13], "little")
    is_little = little in _PLAUSIBLE and big not in _PLAUSIBLE
    at = head - 6
    half = head + rest // 2
    return General(
        bool(value[4]),
        int.from_bytes(value[at : at + 4], "little" if is_little else "big"),
        int.from_bytes(value[at + 4 : at + 6], "little" if is_little else "big"),
        value[head:half],
        value[half:],
    )


def _hashes(value: bytes, general: General | None) -> tuple[bytes, ...]:
    _version(value, 1)
    if general is None:
        raise Unreadable("it has hashes of no group of pictures")
    size = len(general.group_hash)
    if (len(value) - 1) % size:
        raise Unreadable("its list of hashes is cut off")
    return tuple(value[at : at + size] for at in range(1, len(value), size))


def _signature(value: bytes) -> bytes:
    _version(value, 1)
    size = int.from_bytes(value[1:3])
    if len(value) < 3 + size or not size:
        raise Unreadable("its signature is cut off")
    return value[3 : 3 + size]


def _crypto(value: bytes) -> tuple[str, bytes]:
    _version(value, 1)
    size = value[1] if len(value) > 1 else 0
    oid, rest = value[2 : 2 + size], value[2 + size :]
    if len(oid) != size or not rest:
        raise Unreadable("what it was signed with is cut off")
    oid = oid[2:] if oid[:1] == b"\x06" else oid
    name = _HASH_NAMES.get(oid[-1], "") if oid[:-1] == _HASH_OID else ""
    if not name:
        raise Unreadable("it hashes with a function that this reader does not know")
    return name, rest[1 : 1 + rest[0]]


def _vendor(value: bytes) -> tuple[str, str, str]:
    _version(value, 1)
    texts, at = [], 1
    for _ in range(3):
        size = value[at] if at < len(value) else 0
        text = value[at + 1 : at + 1 + size].decode("utf-8", "replace")
        texts.append("".join(letter if letter.isprintable() else "?" for letter in text).strip())
        at += 1 + size
    return texts[0], texts[1], texts[2]
