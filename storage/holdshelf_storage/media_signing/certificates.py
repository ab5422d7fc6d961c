"""The certificates that a camera sends with its signatures, and whether a signature fits one.

Only what the camera sent is looked at: who issued the last certificate of the chain is told, and no root is known here.
"""

import datetime as dt
import re
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from holdshelf_storage.layout import NS
from holdshelf_storage.media_signing.result import Certificate

MAX_IN_CHAIN: Final = 8
MAX_NAME: Final = 200
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,32768}-----END CERTIFICATE-----")
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_224": hashes.SHA3_224(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}
# 1.2.840.113549.1.1.x: 11 to 14 are RSA with PKCS #1 v1.5; all else of RSA is PSS, as the reference implementation signs.
_RSA_OID: Final = bytes.fromhex("2a864886f70d0101")
_PKCS1: Final = frozenset({1, 11, 12, 13, 14})
# What `cryptography` raises for certificates that are put together wrongly.
_BAD: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType, OverflowError)

type Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def read_chain(pem: bytes) -> tuple[Certificate, Key | None] | None:
    """The signing certificate of a chain, with the chain as it came, and its key; None when no certificate can be read.

    The key is None when its kind is not known here.
    """
    found = []
    for text in _PEM.findall(pem)[:MAX_IN_CHAIN]:
        try:
            found.append(x509.load_pem_x509_certificate(text))
        except _BAD:
            if not found:
                return None
            break
    if not found:
        return None
    leaf = found[0]
    try:
        key = leaf.public_key()
    except _BAD:
        key = None
    known = key if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else None
    try:
        said = Certificate(
            subject=_name(leaf.subject),
            issuer=_name(leaf.issuer),
            serial=f"{leaf.serial_number:x}",
            sha256=leaf.fingerprint(hashes.SHA256()).hex(),
            key=_key_words(known),
            not_before_utc_ns=_utc_ns(leaf.not_valid_before_utc),
            not_after_utc_ns=_utc_ns(leaf.not_valid_after_utc),
            chain="".join(one.public_bytes(Encoding.PEM).decode() for one in found),
            is_chained=all(_issued(one, other) for one, other in pairwise(found)),
        )
    except _BAD:
        return None
    return said, known


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (InvalidSignature, *_BAD):
        return False
    return True


def _name(name: x509.Name) -> str:
    """'CN=…,O=…' on one line, without characters that a terminal would act on."""
    text = name.rfc4514_string({NameOID.SERIAL_NUMBER: "serialNumber"})
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:MAX_NAME]


def _key_words(key: Key | None) -> str:
    match key:
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case _:
            return "of a kind that is not known here"


def _utc_ns(at: dt.datetime) -> int:
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1) * NS


def fits(key: Key, hash_name: str, digest: bytes, signature: bytes, signing_oid: bytes) -> bool:
    """Whether `signature` was made over `digest` with this key's private half."""
    algorithm = _HASHES[hash_name]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(Prehashed(algorithm)))
        elif _is_pkcs1(signing_oid):
            key.verify(signature, digest, padding.PKCS1v15(), Prehashed(algorithm))
        else:
            scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
            key.verify(signature, digest, scheme, Prehashed(algorithm))
    except (InvalidSignature, *_BAD):
        return False
    return True


def _is_pkcs1(oid: bytes) -> bool:
    oid = oid[2:] if oid[:1] == b"\x06" else oid
    return oid[:-1] == _RSA_OID and oid[-1] in _PKCS1
