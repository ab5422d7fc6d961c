"""SSH public keys as people paste them: OpenSSH lines and RFC 4716 files (PuTTYgen's), and common mistakes.

Accepted: ed25519, the two security-key types, RSA from 3072 bits. A private key pasted by mistake is refused with an explanation
and never echoed. Must never run, store or log its input.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.ssh_wire import Malformed, Reader, fingerprint_of

ED25519, RSA = "ssh-ed25519", "ssh-rsa"
SK_ED25519, SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
TAKEN = (ED25519, SK_ED25519, SK_ECDSA, RSA)
MIN_RSA_BITS, MAX_RSA_BITS = 3072, 16384
MAX_CHARS = 16_384
MAX_APPLICATION_BYTES = 255
_MAKE_ONE = "Make one with `ssh-keygen -t ed25519` and give the file that ends in .pub."

_PRIVATE = re.compile(
    r"PRIVATE KEY|PuTTY-User-Key-File-\d|BEGIN SSH2 ENCRYPTED|Private-Lines:|^AAAAG3NzaC1rZXkt|b3BlbnNzaC1rZXkt", re.M
)
_RFC4716 = re.compile(r"-{4} ?BEGIN SSH2 PUBLIC KEY ?-{4}\s*\n(.*?)\n\s*-{4} ?END SSH2 PUBLIC KEY ?-{4}", re.DOTALL)
_KNOWN_TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+", re.ASCII)
_OPTIONS = re.compile(
    r"^(?:(?:no-)?(?:agent-forwarding|port-forwarding|pty|user-rc|x11-forwarding|touch-required)|restrict|verify-required|cert-authority"
    r"|[a-z-]+=\"?)",
    re.IGNORECASE,
)
# y of every small-order point on Curve25519 in Edwards form (RFC 8032 § 5.1): such a "key" verifies unsigned data.
_P = 2**255 - 19
_Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


class PublicKey(NamedTuple):
    """``kind`` as in the blob, ``fingerprint`` as `ssh-keygen -l` prints it, ``line`` "type base64" without a comment."""

    kind: str
    fingerprint: str
    line: str


def parse_public_key(text: str) -> PublicKey:
    """Parse one public key from pasted text or a file. Raises BadRequest with what to do instead."""
    if len(text) > MAX_CHARS:
        raise BadRequest("This is much too long for a public key.", _MAKE_ONE)
    clean = text.replace("\r\n", "\n").replace("\r", "\n").strip().lstrip("\ufeff").strip()
    if not clean:
        raise BadRequest("No key was given.", _MAKE_ONE)
    if _PRIVATE.search(clean):
        raise BadRequest(
            "This is a private key. Never give it to anyone; it was not saved here.",
            "Give the public key, in the file that ends in .pub. If anyone else has seen this one, make a new pair.",
        )
    if "\x00" in clean or not all(char.isprintable() or char in "\n\t" for char in clean):
        raise BadRequest("This file is not plain text.", "Save the public key as plain text (UTF-8), or paste it.")
    if "BEGIN SSH2 PUBLIC KEY" in clean:
        return _blob_key(_rfc4716(clean), None)
    if clean.startswith("-----BEGIN"):
        raise BadRequest(
            "This is a key in PEM format, which SSH cannot use to log in.",
            "Convert it with `ssh-keygen -i -m PKCS8 -f FILE`, or make a new one.",
        )
    return _openssh(clean)


def _rfc4716(text: str) -> bytes:
    if text.count("BEGIN SSH2 PUBLIC KEY") > 1:
        raise BadRequest("This contains more than one key.", "Give one key at a time.")
    match = _RFC4716.search(text)
    if match is None:
        raise BadRequest("This key is cut off.", "Copy the whole file, from its first line to its last.")
    body, continued = [], False
    for line in match[1].split("\n"):
        # A header's value continues on the next line after a backslash (RFC 4716 § 3.3); base64 has neither colon nor backslash.
        if continued or ":" in line:
            continued = line.endswith("\\")
            continue
        body.append(line.strip())
    return _decoded("".join(body))


def _openssh(text: str) -> PublicKey:
    lines = [line.strip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise BadRequest("No key was given.", _MAKE_ONE)
    if sum(1 for line in lines if _KNOWN_TYPE.match(line)) > 1:
        raise BadRequest("This contains more than one key.", "Give one key at a time.")
    # A narrow window breaks a long line: the pieces are joined again.
    line = lines[0] if len(lines) == 1 else _joined(lines)
    words = line.split(None, 2)
    kind = words[0]
    if not _KNOWN_TYPE.fullmatch(kind):
        if _OPTIONS.match(kind):
            raise BadRequest(
                "This line has options before the key, which are not accepted.",
                "Give only the key, starting with its type.",
            )
        raise BadRequest("This is not an SSH public key.", _MAKE_ONE)
    if len(words) < 2:
        raise BadRequest("This key is cut off.", "Copy the whole line.")
    return _blob_key(_decoded(words[1]), kind)


def _joined(lines: list[str]) -> str:
    if " " not in lines[0]:
        return " ".join([lines[0], "".join(lines[1:])])
    return "".join(lines)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("This key is cut off or has a wrong character in it.", "Copy the whole key again.") from None


def _blob_key(blob: bytes, claimed: str | None) -> PublicKey:
    """Return a key from its wire form (RFC 4253 § 6.6, RFC 8709, OpenSSH PROTOCOL.u2f)."""
    try:
        fields = Reader(blob).strings()
    except Malformed:
        raise BadRequest("This key is cut off.", "Copy the whole key again.") from None
    if not fields:
        raise BadRequest("This is not an SSH public key.", _MAKE_ONE)
    kind = fields[0].decode("ascii", "replace")
    if claimed is not None and claimed != kind:
        raise BadRequest(
            f"The line says {claimed[:40]}, but the key in it is of another kind.", "Copy the whole key again."
        )
    if "-cert-v" in kind:
        raise BadRequest(
            "This is a certificate. Certificates are not accepted.", "Give the public key it was made for."
        )
    if kind not in TAKEN:
        shown = kind[:40] if _KNOWN_TYPE.fullmatch(kind) else "another one"
        raise BadRequest(f"Keys of this kind ({shown}) are not accepted.", _MAKE_ONE)
    if kind == RSA:
        _check_rsa(fields)
    elif kind == SK_ECDSA:
        _check_sk_ecdsa(fields)
    else:
        _check_ed25519(fields, 3 if kind == SK_ED25519 else 2)
    return PublicKey(kind, fingerprint_of(blob), f"{kind} {base64.b64encode(blob).decode()}")


def _check_ed25519(fields: list[bytes], count: int) -> None:
    if len(fields) != count or len(fields[1]) != 32:
        raise BadRequest("This ed25519 key is malformed.", "Copy the whole key again.")
    y = int.from_bytes(fields[1], "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER_Y:
        raise BadRequest("This key is unsafe: no private key can match it.", _MAKE_ONE)
    if count == 3:
        _check_application(fields[2])


def _check_sk_ecdsa(fields: list[bytes]) -> None:
    if len(fields) != 4 or fields[1] != b"nistp256" or len(fields[2]) != 65 or fields[2][0] != 4:
        raise BadRequest("This security-key key is malformed.", "Copy the whole key again.")
    _check_application(fields[3])


def _check_application(application: bytes) -> None:
    if not application or len(application) > MAX_APPLICATION_BYTES or not application.isascii():
        raise BadRequest("This security-key key is malformed.", "Copy the whole key again.")


def _check_rsa(fields: list[bytes]) -> None:
    if len(fields) != 3:
        raise BadRequest("This RSA key is malformed.", "Copy the whole key again.")
    exponent, modulus = (_mpint(field) for field in fields[1:])
    bits = modulus.bit_length()
    if bits < MIN_RSA_BITS:
        raise BadRequest(f"This RSA key has {bits} bits; {MIN_RSA_BITS} is the minimum.", _MAKE_ONE)
    if bits > MAX_RSA_BITS:
        raise BadRequest(f"This RSA key has {bits} bits; {MAX_RSA_BITS} is the maximum.", _MAKE_ONE)
    # Old PuTTYgen versions used 37.
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > 64 or modulus % 2 == 0:
        raise BadRequest("This RSA key is unsafe.", _MAKE_ONE)


def _mpint(field: bytes) -> int:
    if not field or field[0] & 0x80 or (len(field) > 1 and field[0] == 0 and not field[1] & 0x80):
        raise BadRequest("This RSA key is malformed.", "Copy the whole key again.")
    return int.from_bytes(field, "big")
