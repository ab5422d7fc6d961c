"""A camera that signs its pictures as the ONVIF Media Signing Specification says (26.06), for streams of real encoders.

Written from the specification's own steps (§ Signing a GOP, § How to generate a SEI signing a GOP, § How to generate a
certificate SEI), and from nothing of the product. Numbers are big endian, as cameras made with the reference implementation
write them; `little` writes the times and the counter as the specification's text says.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

from tests.rig.hashes import Codec, is_slice, nal_type

UUID = bytes.fromhex("005bc93f2d715e95ada4796f90877a6f")
AXIS_UUID = b"Signed Video...0"
GENERAL, HASH_LIST, SIGNATURE, CRYPTO, VENDOR, CERTIFICATES = range(1, 7)
HASHES = {"sha256": (1, hashes.SHA256()), "sha512": (3, hashes.SHA512())}
FIRST_UTC_S = 1_790_000_000

type PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Identity:
    """A camera's key and certificate, the maker's certificate above it, and the maker's root, which is never sent."""

    key: PrivateKey
    chain: bytes
    root: bytes

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain)[0]


def identity(name: str, key: PrivateKey | None = None, *, maker: str = "Example Cameras Inc.") -> Identity:
    """A camera of that name, with a chain as makers have it."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    root_key, middle_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate(f"{maker} root", maker, f"{maker} root", root_key, root_key)
    middle = certificate(f"{maker} signing", maker, f"{maker} root", middle_key, root_key)
    leaf = certificate(name, maker, f"{maker} signing", own, middle_key)
    return Identity(own, leaf + middle, root)


def certificate(name: str, maker: str, issuer: str, key: PrivateKey, issuer_key: PrivateKey) -> bytes:
    """One certificate, as PEM."""

    def named(common: str) -> x509.Name:
        both = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, maker))
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in both])

    built = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2045, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=name.endswith(("root", "signing")), path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def tag(number: int, value: bytes) -> bytes:
    """One field as the specification packs it: a byte of type, two of length, the value."""
    return bytes((number,)) + len(value).to_bytes(2) + value


def escaped(nal: bytes) -> bytes:
    """With the bytes against start codes put in (H.264 § 7.4.1)."""
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", nal)


def sei(codec: Codec, payload: bytes, uuid: bytes = UUID) -> bytes:
    """A NAL unit `user data unregistered`, up to its payload's end: no stop bit, and nothing put in against start codes."""
    size = len(payload) + len(uuid)
    head = b"\x06\x05" if codec == "h264" else b"\x4e\x01\x05"
    return head + b"\xff" * (size // 255) + bytes((size % 255,)) + uuid + payload


@dataclass
class _Made:
    """A document that waits to be put into the stream."""

    nal: bytes
    unsigned: bytes
    """What a list has the hash of; b"" for a signed one."""
    due: int


@dataclass
class Signer:
    """Signs one stream. `every`: groups of pictures for each signature; `partial`: pictures after which a group is split;
    `delay`: pictures that signing takes, at least one."""

    codec: Codec
    camera: Identity
    hash_name: str = "sha256"
    every: int = 1
    partial: int = 0
    delay: int = 1
    low_bitrate: bool = False
    escaped_first: bool = False
    certificate_every: int = 0
    """Pictures between two certificate SEIs; 0: certificates are in each signed document instead."""
    little: bool = False
    fps: int = 15
    version: int = 2
    maker: str = "Example Cameras Inc."
    counter: int = 0
    _list: list[bytes] = field(default_factory=list)
    _anchor: bytes = b""
    _linked: bytes = b""
    _began: int = 0
    _pictures: int = 0
    _until_signing: int = 0
    _waiting: list[_Made] = field(default_factory=list)

    def sign(self, units: Sequence[Sequence[bytes]]) -> list[list[bytes]]:
        """The access units, as NAL units, with the signatures in them."""
        return [self._unit(number, list(nals)) for number, nals in enumerate(units)]

    def _hash(self, data: bytes) -> bytes:
        return hashlib.new(self.hash_name, data).digest()

    def _unit(self, number: int, nals: list[bytes]) -> list[bytes]:
        put: list[bytes] = []
        if self.certificate_every and number % self.certificate_every == 0:
            put.append(self.certificate_sei())
        while self._waiting and self._waiting[0].due <= number:
            made = self._waiting.pop(0)
            put.append(made.nal)
            if made.unsigned:
                self._list.append(self._hash(made.unsigned))
        kinds = (5,) if self.codec == "h264" else range(16, 22)
        slices = [nal for nal in nals if is_slice(nal, self.codec)]
        is_key = nal_type(slices[0], self.codec) in kinds
        is_split = bool(self.partial) and self._pictures >= self.partial
        if self._list and (is_key or is_split):
            self._document(number, is_partial=not is_key)
        self._pictures += 1
        for at, nal in enumerate(slices):
            plain = self._hash(nal)
            if is_key and at == 0:
                self._anchor = plain
                self._list.append(plain)
            else:
                self._list.append(self._hash(self._anchor + plain))
        first = next(at for at, nal in enumerate(nals) if is_slice(nal, self.codec))
        return [*nals[:first], *put, *nals[first:]]

    def _document(self, number: int, *, is_partial: bool) -> None:
        """Closes the group before this picture."""
        self.counter += 1
        order = "little" if self.little else "big"
        times = [int((FIRST_UTC_S + 11_644_473_600 + at / self.fps) * 1e7) for at in (self._began, number)]
        size = len(self._list[0])
        general = bytes((self.version, 26, 6, 0, is_partial))
        general += b"".join(at.to_bytes(8, order) for at in times[: self.version])  # type: ignore[arg-type]
        general += self.counter.to_bytes(4, order) + len(self._list).to_bytes(2, order)  # type: ignore[arg-type]
        general += self._hash(b"".join(self._list)) + (self._linked or bytes(size))
        tags = tag(GENERAL, general)
        if not self.low_bitrate:
            tags += tag(HASH_LIST, b"\x01" + b"".join(self._list))
        self._until_signing -= not is_partial
        is_signed = is_partial or self._until_signing <= 0
        if is_signed:
            self._until_signing = self.every
        if not self.certificate_every:
            tags += self.crypto() + self.vendor()
            if is_signed:
                tags += self.certificates()
        nal, unsigned = self.finished(tags, is_signed=is_signed)
        self._waiting.append(_Made(nal, unsigned, number + (self.delay if is_signed else 1)))
        self._linked, self._list, self._began, self._pictures = self._list[0], [], number, 0

    # --- what documents are made of ---------------------------------------------------------------------------------------

    def crypto(self) -> bytes:
        oid = bytes.fromhex("06096086480165030402") + bytes((HASHES[self.hash_name][0],))
        size = self.camera.key.key_size if isinstance(self.camera.key, rsa.RSAPrivateKey) else 0
        return tag(CRYPTO, bytes((1, len(oid))) + oid + b"\0" + size.to_bytes(2))

    def vendor(self) -> bytes:
        texts = [text.encode() for text in ("1.2.3", "SN-0042", self.maker)]
        return tag(VENDOR, b"\x01" + b"".join(bytes((len(text),)) + text for text in texts))

    def certificates(self) -> bytes:
        return tag(CERTIFICATES, b"\x01\x00" + self.camera.chain)

    def certificate_sei(self) -> bytes:
        """§ How to generate a certificate SEI."""
        return self.finished(self.crypto() + self.vendor() + self.certificates(), is_signed=True, flags=0x80)[0]

    def finished(self, tags: bytes, *, is_signed: bool, flags: int = 0) -> tuple[bytes, bytes]:
        """(the NAL unit as it is sent, and what a list has the hash of, for one without a signature)."""
        flags |= 0x40 if self.escaped_first else 0
        room = self.signature_bytes()
        whole = tags + (tag(SIGNATURE, b"\x01" + bytes(2) + room * b"\x01") if is_signed else b"")
        nal = sei(self.codec, bytes((flags,)) + whole)
        if not is_signed:
            nal += b"\x80"
            return escaped(nal), escaped(nal) if self.escaped_first else nal
        document = nal[: len(nal) - (len(whole) - len(tags))]
        signature = self.signature(escaped(document) if self.escaped_first else document)
        value = b"\x01" + len(signature).to_bytes(2) + signature.ljust(room, b"\x01")
        return escaped(document + tag(SIGNATURE, value) + b"\x80"), b""

    def signature_bytes(self) -> int:
        key = self.camera.key
        return key.key_size // 8 if isinstance(key, rsa.RSAPrivateKey) else 2 * (key.key_size + 7) // 8 + 9

    def signature(self, document: bytes) -> bytes:
        algorithm, digest, key = HASHES[self.hash_name][1], self._hash(document), self.camera.key
        if isinstance(key, rsa.RSAPrivateKey):
            scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.MAX_LENGTH)
            return key.sign(digest, scheme, Prehashed(algorithm))
        return key.sign(digest, ec.ECDSA(Prehashed(algorithm)))
