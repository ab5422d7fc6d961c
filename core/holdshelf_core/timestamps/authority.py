"""The certificates of the authority that a time stamp server's own must come from: typed in by whoever sets it up."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from holdshelf_core.errors import BadRequest

MOST_BYTES: Final = 64 << 10
MOST_CERTIFICATES: Final = 16
_GIVE: Final = (
    "Give the root certificate of the server's authority as PEM (-----BEGIN CERTIFICATE-----), with those between, if there are "
    "any, in the same file."
)


def checked_authority(pem: str) -> str:
    """Return the certificates as they are kept: nothing but PEM, each once, roots first: stock openssl prints the fingerprint of
    a file's first. Raises BadRequest."""
    if len(pem) > MOST_BYTES:
        raise BadRequest(f"The certificates have more than {MOST_BYTES >> 10} kB.", _GIVE)
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise BadRequest("That contains no certificate.", _GIVE) from None
    if len(found) > MOST_CERTIFICATES:
        raise BadRequest(f"That holds more than {MOST_CERTIFICATES} certificates.", _GIVE)
    if not any(_is_root(one) for one in found):
        raise BadRequest(
            "None of these certificates is a root: one that is a CA's, and that it issued to itself.",
            "`openssl ts -verify` needs the root. " + _GIVE,
        )
    found.sort(key=_is_root, reverse=True)
    return "".join(dict.fromkeys(one.public_bytes(Encoding.PEM).decode() for one in found))


def fingerprints(pem: str) -> tuple[str, ...]:
    """Return the SHA-256 of each certificate, in hex: what `openssl x509 -fingerprint -sha256` prints, without its colons."""
    return tuple(one.fingerprint(SHA256()).hex() for one in x509.load_pem_x509_certificates(pem.encode()))


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.ca and certificate.issuer == certificate.subject
