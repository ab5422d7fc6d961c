"""Asks a witness for its signature (c2sp.org/tlog-witness), and posts to others who vouch for a head (`timestamps`). Their
answers are treated as hostile.

No redirects, cookies, password or proxy; few bytes and few seconds. What they say never becomes part of a sentence.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from holdshelf_core.errors import BadRequest
from holdshelf_core.version import VERSION
from holdshelf_core.witnesses import protocol

ASK_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 64 << 10
MAX_ADDRESS_CHARS: Final = 300


class NotAnswered(Exception):
    """`str()` is the end of a sentence that begins with the name of who was asked."""


class Posted(NamedTuple):
    """What came back: the HTTP status and the body."""

    status: int
    body: bytes


class Answer(NamedTuple):
    """What a witness answers."""

    status: int
    text: str


def checked_address(text: str, whose: str = "a witness", example: str = "https://witness.example") -> str:
    """Return an address that may be asked. ``whose`` and ``example`` are for the sentence. Raises BadRequest."""
    parts, ok = None, False
    if len(text) <= MAX_ADDRESS_CHARS and all(33 <= ord(char) < 127 for char in text):
        try:
            parts = urlsplit(text)
            ok = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            ok = False
    if not ok or parts is None or parts.username or parts.query or parts.fragment or "?" in text or "#" in text:
        raise BadRequest(
            f"{text[:80]!r} is not the address of {whose}.", f"Give it as {example} or http://192.0.2.7:8041."
        )
    return text


async def async_submit(address: str, submission: protocol.Submission) -> Answer:
    """Send a head to the witness at ``address``. Raises NotAnswered."""
    answer = await async_post(f"{address.rstrip('/')}/{protocol.PATH}", protocol.encode(submission), "a signature")
    try:
        return Answer(answer.status, answer.body.decode())
    except UnicodeDecodeError:
        raise NotAnswered("answers with something that is no text") from None


async def async_post(address: str, body: bytes, what: str, headers: Mapping[str, str] | None = None) -> Posted:
    """Post ``body`` to ``address``, of which ``what`` is expected. Raises NotAnswered."""
    url = URL(address, encoded=True)
    sent = {"User-Agent": f"Holdshelf/{VERSION}", "Accept-Encoding": "identity", **(headers or {})}
    try:
        async with (
            asyncio.timeout(ASK_S),
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            ) as session,
            session.post(url, data=body, headers=sent, allow_redirects=False) as answer,
        ):
            raw = bytearray()
            async for part in answer.content.iter_chunked(1 << 14):
                raw += part
                if len(raw) > MAX_ANSWER_BYTES:
                    raise NotAnswered(f"answers with more than {what}")
            return Posted(answer.status, bytes(raw))
    except TimeoutError:
        raise NotAnswered(f"does not answer within {ASK_S:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotAnswered(f"is not reached: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLError)):
        return "its certificate is not one that this machine trusts"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "there is no such host"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number).lower() if number else "there is no connection"
    return "it broke off, or its answer is no HTTP"
