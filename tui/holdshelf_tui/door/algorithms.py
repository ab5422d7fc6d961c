"""Which SSH algorithms are spoken: what OpenSSH 8 to 10 and PuTTY prefer, nothing that SHA-1 or CBC holds up,
and no key exchange whose cost a stranger could choose.

No compression: unpacking what a client sent has no bound. RSA keys sign with SHA-2 only (RFC 8332).
"""

from __future__ import annotations

KEX = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
)
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
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
