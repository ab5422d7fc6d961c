"""One HTTP POST to a camera, with limits. No redirects, no proxy, no cookies.

The caller applies a time limit; that, rather than the gap between bytes, is what ends a slow body.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import ssl
from dataclasses import dataclass

import aiohttp

from .const import Limits
from .errors import CameraUnreachable, NameUnknown, PortClosed

_CHUNK_BYTES = 65_536


class BodyTooLarge(Exception):
    """The body exceeded the limit; the connection was closed."""


class UnreadableBody(Exception):
    """The body is compressed although we did not accept that; its unpacked size is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: HTTP status, body, and a 401's WWW-Authenticate header (otherwise empty)."""

    status: int
    body: bytes
    challenge: str = ""


class CertificatePin(aiohttp.Fingerprint):
    """Cameras sign their own certificates: the first one seen is pinned, and nothing is ever sent to another.

    ``sha256`` is of the certificate (DER), lower-case hex; empty until one was seen. aiohttp calls ``check`` after the TLS
    handshake and before it sends the request.
    """

    def __init__(self, sha256: str = "") -> None:
        super().__init__(bytes.fromhex(sha256) if sha256 else bytes(32))
        self.sha256 = sha256

    def check(self, transport: asyncio.Transport) -> None:
        """Raise aiohttp.ServerFingerprintMismatch for another certificate."""
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            return
        shown = hashlib.sha256(tls.getpeercert(binary_form=True) or b"")
        if self.sha256 and shown.hexdigest() != self.sha256:
            host, port, *_ = transport.get_extra_info("peername")
            raise aiohttp.ServerFingerprintMismatch(bytes.fromhex(self.sha256), shown.digest(), host, port)
        self.sha256 = shown.hexdigest()


def new_session(limits: Limits, pin: CertificatePin) -> aiohttp.ClientSession:
    """Return a session for one camera; must be created and closed on the loop that uses it."""
    return aiohttp.ClientSession(
        # Cheap cameras close idle connections at odd moments; a new one for each request never meets a dead one.
        connector=aiohttp.TCPConnector(force_close=True, limit=4, ssl=pin),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=limits.answer_s, connect=limits.connect_s),
        headers={"Accept-Encoding": "identity", "User-Agent": "Holdshelf"},
        auto_decompress=False,
        trust_env=False,
    )


async def async_post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: dict[str, str],
    limits: Limits,
    digest: aiohttp.DigestAuthMiddleware | None = None,
) -> Answer:
    """POST and read the whole answer. Raises aiohttp's errors, TimeoutError, BodyTooLarge and UnreadableBody.

    ``digest`` answers an HTTP digest challenge.
    """
    middlewares = (digest,) if digest is not None else ()
    async with session.post(
        url, data=body, headers=headers, allow_redirects=False, middlewares=middlewares
    ) as response:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnreadableBody
        received = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            received += chunk
            if len(received) > limits.answer_max_bytes:
                raise BodyTooLarge
        challenge = response.headers.get("WWW-Authenticate", "") if response.status == 401 else ""
        return Answer(response.status, bytes(received), challenge[:500])


def connection_error(host: str, error: Exception) -> CameraUnreachable:
    """Return our error for one without a connection."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NameUnknown(host)
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return CameraUnreachable(host, "its TLS cannot be understood")
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | BrokenPipeError):
        return CameraUnreachable(host, "it hung up")
    number = getattr(error, "errno", None)
    if number == errno.ECONNREFUSED:
        return PortClosed(host)
    known = isinstance(number, int) and number > 0
    return CameraUnreachable(host, os.strerror(number).lower() if known and number else "the connection broke")
