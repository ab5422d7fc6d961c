"""Proof of a login: the signature of the person's key over one SSH session and the login request (RFC 4252 § 7); and of a file
that they signed (OpenSSH's PROTOCOL.sshsig).

The door forwards what the client sent; name, key and fingerprint are read here, from the signed bytes. Security keys sign by
FIDO's rules (OpenSSH's PROTOCOL.u2f): the key must have been touched.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from holdshelf_core.errors import BadRequest, UnknownKey
from holdshelf_core.inert import inert
from holdshelf_core.policy.keys import RSA, SK_ECDSA, SK_ED25519, PublicKey, parse_public_key
from holdshelf_core.policy.ssh_wire import Malformed, Reader, read_file_signature, string

_USERAUTH_REQUEST = 50
_SERVICE, _METHOD = b"ssh-connection", b"publickey"
_TOUCHED = 0x01
_RSA_HASHES: dict[bytes, hashes.HashAlgorithm] = {b"rsa-sha2-256": hashes.SHA256(), b"rsa-sha2-512": hashes.SHA512()}


class Proof(NamedTuple):
    """Who signed: the login name that they gave, and the fingerprint of their key."""

    login: str
    fingerprint: str


def verify(session_id: bytes, request: bytes, signature: bytes) -> Proof:
    """Verify the signature and return its signer. ``request``: the client's message from its type up to the key; ``signature``
    follows it there.

    Raises UnknownKey when it does not verify, BadRequest when such a key may not log in.
    """
    try:
        login, algorithm, blob = _read_request(request)
        key = public_key(blob)
        good = _is_good(key, algorithm, blob, string(session_id) + request, signature)
    except (Malformed, UnicodeDecodeError):
        good = False
    if not good:
        raise UnknownKey("", "The signature is not this key's.")
    return Proof(login, key.fingerprint)


def public_key(blob: bytes) -> PublicKey:
    """Return a key from its wire form. Raises Malformed, BadRequest with what is wrong with it."""
    try:
        kind = Reader(blob).string().decode("ascii")
    except UnicodeDecodeError:
        kind = "unknown"
    return parse_public_key(f"{kind} {base64.b64encode(blob).decode()}")


def signer_of_file(armored: str, contents: Iterable[bytes], namespace: str) -> PublicKey:
    """Return the key whose signature of a file with one of these contents `ssh-keygen -Y sign` made.

    Raises BadRequest: it is no such signature, for another use, of other bytes, or by a kind of key that may not log in either.
    """
    try:
        found = read_file_signature(armored)
        messages = [found.message(data) for data in contents]
    except Malformed as error:
        raise BadRequest(f"The signature {error}.", f"Make it with `ssh-keygen -Y sign -n {namespace}`.") from None
    if found.namespace != namespace:
        raise BadRequest(
            f"The signature is for {inert(found.namespace)[:40]!r}, not for {namespace!r}.",
            f"Make it with `ssh-keygen -Y sign -n {namespace}`.",
        )
    try:
        key = public_key(found.key)
        algorithm = Reader(found.signature).string()
        good = any(_is_good(key, algorithm, found.key, message, found.signature) for message in messages)
    except Malformed:
        good = False
    if not good:
        raise BadRequest(
            "The signature is not of this file: it was changed after it was signed, or another one was signed.",
            "Sign the file as it is now.",
        )
    return key


def _read_request(request: bytes) -> tuple[str, bytes, bytes]:
    """Return (login, algorithm, key blob). Raises Malformed, UnicodeDecodeError."""
    reader = Reader(request)
    kind, login, service, method = reader.byte(), reader.string(), reader.string(), reader.string()
    signed, algorithm, blob = reader.byte(), reader.string(), reader.string()
    reader.end()
    if (kind, service, method, signed) != (_USERAUTH_REQUEST, _SERVICE, _METHOD, 1):
        raise Malformed("This is not a log-in with a key.")
    return login.decode("utf-8"), algorithm, blob


def _is_good(key: PublicKey, algorithm: bytes, blob: bytes, message: bytes, signature: bytes) -> bool:
    named = _RSA_HASHES if key.kind == RSA else (key.kind.encode(),)
    sent = Reader(signature)
    if algorithm not in named or sent.string() != algorithm:
        return False
    value = sent.string()
    if key.kind in (SK_ED25519, SK_ECDSA):
        flags, counter = sent.take(1), sent.take(4)
        if not flags[0] & _TOUCHED:
            return False
        application = Reader(blob).strings()[-1]
        message = hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(message).digest()
    sent.end()
    try:
        _verify(key, algorithm, value, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify(key: PublicKey, algorithm: bytes, value: bytes, message: bytes) -> None:
    """Verify one signature. Raises InvalidSignature, ValueError, Malformed."""
    public = load_ssh_public_key(key.line.encode())
    if isinstance(public, Ed25519PublicKey):
        public.verify(value, message)
    elif isinstance(public, rsa.RSAPublicKey):
        # Some clients omit leading zeros.
        value = value.rjust((public.key_size + 7) // 8, b"\0")
        public.verify(value, message, padding.PKCS1v15(), _RSA_HASHES[algorithm])
    elif isinstance(public, ec.EllipticCurvePublicKey):
        halves = Reader(value)
        der = encode_dss_signature(halves.mpint(), halves.mpint())
        halves.end()
        public.verify(der, message, ec.ECDSA(hashes.SHA256()))
    else:
        raise InvalidSignature
