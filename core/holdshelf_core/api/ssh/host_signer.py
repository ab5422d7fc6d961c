"""Signs key exchanges for the SSH door, with a host key that the door never sees. ADR 0026 has the reasons.

A person's signature is valid for one SSH session only, whose id is the hash of its key exchange. So the service must know which
sessions are new: it gives the door a cookie per connection for the door's first message, and signs one exchange that contains the
cookie. An earlier exchange, of this run or another, is never signed as a new session again.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdshelf_core.api.ssh.host_key import host_key_path, load_host_key
from holdshelf_core.errors import BadRequest, NotPermitted, Unavailable
from holdshelf_core.policy.ssh_wire import Malformed, Reader, string

ALGORITHM = b"ssh-ed25519"
COOKIE_BYTES = 16
MAX_EXCHANGE_BYTES = 11_000
# Far more than a door has connections, so that strangers cannot push out somebody who is logging in.
MAX_COOKIES = MAX_NEW_SESSIONS = 8192
_HASHES = ("sha256", "sha384", "sha512")
_MSG_KEXINIT = 20


class HostSigner:
    """The host key, the issued cookies, and the sessions that nobody has logged in to yet. Methods run on the loop, except
    ``load``."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._key: Ed25519PrivateKey | None = None
        self._public = b""
        self._cookies: dict[bytes, None] = {}
        self._new: dict[bytes, None] = {}

    def load(self) -> bytes:
        """Read the host key and return the public key in wire form. Raises Unavailable."""
        path = host_key_path(self._data)
        try:
            self._key = load_host_key(path)
        except OSError as error:
            raise Unavailable(
                f"The SSH door's host key {path} cannot be read: {error.strerror}.", "Restore it from a backup."
            ) from None
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._public = string(ALGORITHM) + string(raw)
        return self._public

    def cookie(self) -> bytes:
        """Return a cookie for the door's first message in one connection."""
        cookie = secrets.token_bytes(COOKIE_BYTES)
        _add(self._cookies, cookie, MAX_COOKIES)
        return cookie

    def sign(self, hash_name: str, exchange: bytes, *, rekey: bool) -> bytes:
        """Return the host key's signature over a key exchange, in wire form. ``exchange``: the hashed data (RFC 4253 § 8).

        ``rekey``: a new key exchange in an existing connection; it starts no new session, and nobody can log in to it. Raises
        Unavailable without a host key, BadRequest, NotPermitted for a cookie that was not issued.
        """
        if self._key is None:
            raise Unavailable("The SSH door's host key is missing.", "See `holdshelf status`.")
        try:
            cookie = self._cookie_of(exchange)
        except Malformed:
            raise BadRequest("This is not a key exchange of the SSH door.") from None
        if hash_name not in _HASHES:
            raise BadRequest("No key exchange is hashed that way.")
        hashed = hashlib.new(hash_name, exchange).digest()
        if not rekey:
            if cookie not in self._cookies:
                raise NotPermitted("This key exchange was already used.", "Connect again.")
            del self._cookies[cookie]
            _add(self._new, hashed, MAX_NEW_SESSIONS)
        return string(ALGORITHM) + string(self._key.sign(hashed))

    def take(self, session_id: bytes) -> bool:
        """Return whether that session was signed in this run with no login yet, and mark it as used."""
        if session_id not in self._new:
            return False
        del self._new[session_id]
        return True

    def put_back(self, session_id: bytes) -> None:
        """Make the session available again after a failed login: another key may be tried."""
        _add(self._new, session_id, MAX_NEW_SESSIONS)

    def _cookie_of(self, exchange: bytes) -> bytes:
        """Return the cookie in an exchange. Raises Malformed when it is not an exchange with our key."""
        if len(exchange) > MAX_EXCHANGE_BYTES:
            raise Malformed("It is too long.")
        reader = Reader(exchange)
        client_version, server_version = reader.string(), reader.string()
        reader.string()
        server_first, host_key = reader.string(), reader.string()
        is_ours = client_version.startswith(b"SSH-") and server_version.startswith(b"SSH-2.0-")
        if not is_ours or host_key != self._public or server_first[:1] != bytes([_MSG_KEXINIT]):
            raise Malformed("It is not ours.")
        return server_first[1 : 1 + COOKIE_BYTES]


def _add(to: dict[bytes, None], entry: bytes, most: int) -> None:
    """Add an entry, dropping the oldest when there are too many."""
    if len(to) >= most:
        del to[next(iter(to))]
    to[entry] = None
