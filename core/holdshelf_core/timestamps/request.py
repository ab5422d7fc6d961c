"""The request for a time stamp (RFC 3161 § 2.4.1), and what an answer says of itself before it is believed (§ 2.4.2).

rfc3161-client, which reads the stamps (`reader`), makes requests without a policy and shows no reason of a refusal.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Final, NamedTuple

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

SHA256: Final = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
GRANTED: Final = (0, 1)
_REASONS: Final = {
    0: "it does not know SHA-256",
    2: "it takes the request for faulty",
    5: "it takes the request for malformed",
    14: "its clock is not available",
    15: "it does not stamp by the policy that was asked for",
    16: "it does not take an extension of the request",
    17: "it does not have what was asked for in addition",
    25: "it has a fault of its own",
}
"""PKIFailureInfo, in our words."""


@asn1.sequence
class _Algorithm:
    oid: ObjectIdentifier
    parameters: asn1.Null | None = None


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    hashed: bytes


@asn1.sequence
class _Request:
    version: int
    imprint: _Imprint
    policy: ObjectIdentifier | None
    nonce: int | None
    certificate: Annotated[bool, asn1.Default(False)]


@asn1.sequence
class _Status:
    status: int
    texts: list[str] | None
    reasons: asn1.BitString | None


@asn1.sequence
class _Answer:
    status: _Status
    stamp: asn1.TLV


@asn1.sequence
class _Refusal:
    status: _Status


class Request(NamedTuple):
    """What is sent, and the number by which its answer is known."""

    raw: bytes
    nonce: int


def make_request(data: bytes, policy: str = "") -> Request:
    """Return a request for a stamp on SHA-256(data), with the server's certificate in it."""
    nonce = secrets.randbits(63) | 1
    imprint = _Imprint(algorithm=_Algorithm(oid=SHA256, parameters=asn1.Null()), hashed=hashlib.sha256(data).digest())
    by = ObjectIdentifier(policy) if policy else None
    return Request(
        asn1.encode_der(_Request(version=1, imprint=imprint, policy=by, nonce=nonce, certificate=True)), nonce
    )


def refusal_of(answer: bytes) -> str | None:
    """Return why the server has not stamped, as the end of a sentence; None when it has. Raises ValueError."""
    status = _status(answer)
    if status.status in GRANTED:
        return None
    reasons = [words for bit, words in _REASONS.items() if _has(status.reasons, bit)]
    return f"does not stamp: {reasons[0]}" if reasons else "does not stamp, and says no reason"


def _status(answer: bytes) -> _Status:
    try:
        return asn1.decode_der(_Answer, answer).status
    except ValueError:
        return asn1.decode_der(_Refusal, answer).status


def _has(bits: asn1.BitString | None, bit: int) -> bool:
    if bits is None:
        return False
    raw = bits.as_bytes()
    return bit < 8 * len(raw) and bool(raw[bit // 8] & (0x80 >> bit % 8))
