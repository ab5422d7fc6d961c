"""One bounded HTTP POST to a camera. No redirect is followed, no proxy asked, no cookie kept.

The caller wraps it in a time limit; that, and not the pace of single bytes, is what ends a trickling body.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from dataclasses import dataclass

import aiohttp

from .const import Limits

_CHUNK_BYTES = 65_536


class BodyTooLarge(Exception):
    """The body passed the limit; the connection was closed."""


class UnreadableBody(Exception):
    """The body is compressed although we asked for none; its size once unpacked is anybody's guess."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: HTTP status, body, and what a 401 asks for (its WWW-Authenticate, else empty)."""

    status: int
    body: bytes
    challenge: str = ""


class CertificatePin(aiohttp.Fingerprint):
    """Cameras sign their own certificates: the first one seen is kept, and nothing is ever sent past another.

    ``sha256`` is that of the certificate (DER), lower-case hex; empty until one was seen. aiohttp asks ``check`` once
    TLS stands and before it sends the request.
    """

    def __init__(self, sha256: str = "") -> None:
        super().__init__(bytes.fromhex(sha256) if sha256 else bytes(32))
        self.sha256 = sha256

    def check(self, transport: asyncio.Transport) -> None:
        """Raises aiohttp.ServerFingerprintMismatch."""
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            return
        shown = hashlib.sha256(tls.getpeercert(binary_form=True) or b"")
        if self.sha256 and shown.hexdigest() != self.sha256:
            host, port, *_ = transport.get_extra_info("peername")
            raise aiohttp.ServerFingerprintMismatch(bytes.fromhex(self.sha256), shown.digest(), host, port)
        self.sha256 = shown.hexdigest()


def new_session(limits: Limits, pin: CertificatePin) -> aiohttp.ClientSession:
    """A session for one camera; must be made and closed on the loop that uses it."""
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
    """POST and read the whole answer; raises aiohttp's errors, TimeoutError, BodyTooLarge and UnreadableBody.

    ``digest`` answers a challenge for HTTP digest.
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


def network_reason(error: Exception) -> str:
    """Why there is no connection, in a few words."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "its TLS cannot be understood"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | BrokenPipeError):
        return "it hung up"
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if isinstance(number, int) and number > 0 else "the connection broke"
