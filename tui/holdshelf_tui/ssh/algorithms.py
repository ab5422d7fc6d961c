"""Which SSH algorithms are spoken: what today's OpenSSH and PuTTY need, and no more.

Key exchanges over Curve25519, with a post-quantum partner where both sides have one: no NIST curves, no finite fields
whose cost a stranger could choose. Ciphers that authenticate what they encrypt, so the MACs are for no cipher here; they
are offered because a client must find a common one. No compression: unpacking what a client sent has no bound. RSA keys
sign with SHA-2 only (RFC 8332). tests/tui/ssh/test_ssh_audit.py holds an auditor's report of this list.
"""

from __future__ import annotations

KEX = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
)
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


def known(names: tuple[str, ...], here: tuple[bytes, ...] | list[bytes]) -> list[str]:
    """Those of ``names`` that the installed asyncssh can do, in our order."""
    can = {name.decode() for name in here}
    return [name for name in names if name in can]
