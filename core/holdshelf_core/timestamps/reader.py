"""The process that reads one time stamp, confined: no file, no network, no other process. `python -m … FD`, a socket.

Whose certificate signed is decided here, and by rfc3161-client a second time, which until its 1.0.7 took every certificate that a
stamp brings along for a root (ADR 65): only those of the chosen authority are roots, what a stamp brings may stand between.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from holdshelf_core.processes.confinement import confine
from holdshelf_core.times import NS
from holdshelf_core.timestamps.certificate_order import in_der_order
from holdshelf_core.timestamps.reading import READ_S, Found, Task
from holdshelf_core.timestamps.request import SHA256, refusal_of

MORE_MEMORY_BYTES: Final = 64 << 20
OPEN_FILES: Final = 16
_MAX_TASK_BYTES: Final = 1 << 20
_MOST_CERTIFICATES: Final = 32
_GRANTED: Final = 0
_TIME_FAULTS: Final = (9, 10)
"""What OpenSSL (x509_vfy.h) says of a certificate that is not good yet (9), or no longer (10)."""
_SIGNER_CHARS: Final = 200


class _Bad(Exception):
    """`str()` is a code of `reading.WORDS`."""


def look_at(task: Task) -> Found:
    """Return what a stamp is worth."""
    try:
        why_not = refusal_of(task.stamp)
        if why_not is not None:
            return Found("refused", why_not)
        return _looked_at(decode_timestamp_response(in_der_order(task.stamp)), task)
    except _Bad as error:
        return Found(str(error))
    except BaseException:
        return Found("unreadable")


def _looked_at(answer: TimeStampResponse, task: Task) -> Found:
    if answer.status != _GRANTED:
        raise _Bad("modified")
    told = answer.tst_info
    if task.nonce is not None and told.nonce != int(task.nonce):
        raise _Bad("nonce")  # before its content: an old answer is of another head as well
    digest = hashlib.sha256(task.data).digest()
    if told.message_imprint.hash_algorithm != SHA256 or told.message_imprint.message != digest:
        raise _Bad("imprint")
    if task.policy and told.policy.dotted_string != task.policy:
        raise _Bad("policy")
    roots = x509.load_pem_x509_certificates(task.ca.encode())
    brought = [x509.load_der_x509_certificate(raw) for raw in answer.signed_data.certificates]
    signer = _signer(answer, brought, roots)
    at = told.gen_time.replace(tzinfo=UTC) if told.gen_time.tzinfo is None else told.gen_time
    root = _root_of(signer, brought, roots, at)
    _check_purpose(signer)
    builder = VerifierBuilder()
    for one in roots:
        builder = builder.add_root_certificate(one)
    try:
        builder.build().verify(answer, digest)
    except VerificationError:
        raise _Bad("signature") from None
    whole = int(at.replace(microsecond=0).timestamp())
    name = signer.subject.rfc4514_string()[:_SIGNER_CHARS]
    return Found("", "", whole * NS + at.microsecond * 1000, name, root)


def _signer(
    answer: TimeStampResponse, brought: list[x509.Certificate], roots: list[x509.Certificate]
) -> x509.Certificate:
    """Return the certificate that the signature names. Two of one name would leave open which of them is checked."""
    signers = answer.signed_data.signer_infos
    if len(signers) != 1 or not brought or len(brought) > _MOST_CERTIFICATES:
        raise _Bad("signer")
    named = next(iter(signers))
    found = {
        one for one in (*brought, *roots) if (one.issuer, one.serial_number) == (named.issuer, named.serial_number)
    }
    if len(found) != 1:
        raise _Bad("signer")
    return found.pop()


def _root_of(
    signer: x509.Certificate, brought: list[x509.Certificate], roots: list[x509.Certificate], at: datetime
) -> str:
    """Return the SHA-256 of the root that the signer comes from, of several that may be given: people compare this one. Checked
    as by `openssl ts -verify -CAfile ROOTS -attime AT`."""
    store = crypto.X509Store()
    for one in roots:
        store.add_cert(crypto.X509.from_cryptography(one))
    store.set_time(at)
    between = [crypto.X509.from_cryptography(one) for one in brought]
    try:
        chain = crypto.X509StoreContext(store, crypto.X509.from_cryptography(signer), between).get_verified_chain()
    except crypto.X509StoreContextError as error:
        raise _Bad("expired" if error.errors[0] in _TIME_FAULTS else "authority") from None
    return chain[-1].to_cryptography().fingerprint(hashes.SHA256()).hex()


def _check_purpose(signer: x509.Certificate) -> None:
    """RFC 3161 § 2.3: for time stamps, for nothing else, and critical."""
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise _Bad("purpose") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise _Bad("purpose")


def main() -> None:
    """Read the task from the socket, answer, end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked ends it
    signal.alarm(int(READ_S))
    link = socket.socket(fileno=int(sys.argv[1]))
    confine(more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
    raw = b""
    while len(raw) <= _MAX_TASK_BYTES and (part := link.recv(1 << 16)):
        raw += part
    link.sendall(msgspec.json.encode(look_at(msgspec.json.decode(raw, type=Task))))
    os._exit(0)


if __name__ == "__main__":
    main()
