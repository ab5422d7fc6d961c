"""One bounded HTTP POST to a camera. No redirect is followed, no proxy asked, no cookie kept.

The caller wraps it in a time limit; that, and not the pace of single bytes, is what ends a trickling body.
"""

from __future__ import annotations

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
    """A whole answer: HTTP status and body."""

    status: int
    body: bytes


def new_session(limits: Limits) -> aiohttp.ClientSession:
    """A session for one camera; must be made and closed on the loop that uses it."""
    return aiohttp.ClientSession(
        # Cheap cameras close idle connections at odd moments; a new one for each request never meets a dead one.
        connector=aiohttp.TCPConnector(force_close=True, limit=4, ssl=_unverified_tls()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=limits.answer_s, connect=limits.connect_s),
        headers={"Accept-Encoding": "identity", "User-Agent": "Holdshelf"},
        auto_decompress=False,
        trust_env=False,
    )


async def async_post(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str], limits: Limits
) -> Answer:
    """POST and read the whole answer; raises aiohttp's errors, TimeoutError, BodyTooLarge and UnreadableBody."""
    async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnreadableBody
        received = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            received += chunk
            if len(received) > limits.answer_max_bytes:
                raise BodyTooLarge
        return Answer(response.status, bytes(received))


def _unverified_tls() -> ssl.SSLContext:
    """Cameras sign their own certificates. The seam for pinning one on first use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


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
