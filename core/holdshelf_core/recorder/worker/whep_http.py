"""The HTTP part of WHEP (RFC 9725's sibling, draft-ietf-wish-whep): send the offer, get the answer, DELETE on leaving.

Every request has a time limit and every answer a size limit. Redirects are followed on the same host only: the token, and the
decision whom to trust, belong to the host that the admin named.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import aiohttp

from holdshelf_core.inert import inert
from holdshelf_core.integration.reasons import (
    AUTH_REFUSED,
    CERTIFICATE_CHANGED,
    NOT_FOUND,
    NOT_RECORDABLE,
    STALE_SESSION,
    UNREACHABLE,
    WHEP_SILENT,
)
from holdshelf_core.recorder.worker.source import OPEN_TIMEOUT_S, SourceError

OFFER_TIMEOUT_S = 15.0
"""Some servers answer only when their own STUN servers have: after 10 s where these are out of reach."""
OPTIONS_TIMEOUT_S = 2.0
DELETE_TIMEOUT_S = 2.0
MAX_BODY_BYTES = 64 << 10
MAX_REDIRECTS = 3
MAX_ICE_SERVERS = 4
_LINK = re.compile(r'<([^<>]{1,300})>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]{0,300}"|[^\s",;]{1,300}))*)')
_LINK_PARAMETER = re.compile(r';\s*([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s",;]+))')
_CODEC_WORDS = re.compile(r"codec|media type|h\.?26[45]|vp[89]|av1", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that the peer names."""

    url: str
    username: str = field(default="", repr=False)
    credential: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Created:
    """The peer's answer, the session's URL (None: it has none), the ICE servers it names."""

    answer: str
    resource: str | None
    ice_servers: tuple[IceServer, ...]


class Signalling:
    """Client of one WHEP endpoint. All methods run on the loop; each opens and closes its own connection."""

    def __init__(
        self, url: str, username: str | None, password: str | None, certificate_sha256: str | None = None
    ) -> None:
        """``url`` with or without ``whep+``. A password alone is a bearer token; with a user name it is Basic.

        ``certificate_sha256``: a server with another one is refused.
        """
        self.url = url.removeprefix("whep+")
        self.host = urlsplit(self.url).hostname or ""
        self.certificate_sha256 = certificate_sha256
        self._pinned = certificate_sha256
        self._authorization = ""
        if username:
            login = base64.b64encode(f"{username}:{password or ''}".encode()).decode()
            self._authorization = f"Basic {login}"
        elif password:
            self._authorization = f"Bearer {password}"

    async def ice_servers(self) -> tuple[IceServer, ...]:
        """Return the ICE servers from an OPTIONS request, before the offer is made: aiortc cannot add them later. Never
        raises."""
        with contextlib.suppress(SourceError):
            async with asyncio.timeout(OPTIONS_TIMEOUT_S):
                answer = await self._request("OPTIONS", self.url, b"", OPTIONS_TIMEOUT_S)
            return answer.ice_servers if answer.status // 100 == 2 else ()
        return ()

    async def offer(self, sdp: str) -> Created:
        """POST the offer. Raises SourceError with the reason in words."""
        url = self.url
        for _ in range(MAX_REDIRECTS + 1):
            got = await self._request("POST", url, sdp.encode(), OFFER_TIMEOUT_S)
            if got.status not in (301, 302, 303, 307, 308):
                break
            url = self._redirected(url, got.location)
        else:
            raise SourceError(NOT_FOUND, f"it redirects more than {MAX_REDIRECTS} times")
        if got.status // 100 != 2:
            raise _refused(got)
        resource = urljoin(url, got.location) if got.location else ""
        # A session on another host is not ended by us: nothing is sent to a host that the admin did not name.
        mine = resource.startswith(("http://", "https://")) and urlsplit(resource).hostname == self.host
        return Created(got.body, resource if mine else None, got.ice_servers)

    async def delete(self, resource: str) -> None:
        """End the session. Never raises."""
        with contextlib.suppress(SourceError):
            await self._request("DELETE", resource, b"", DELETE_TIMEOUT_S)

    def _redirected(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        parts, before = urlsplit(target), urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(NOT_FOUND, "it redirects to what is no web address")
        if parts.hostname != self.host:
            raise SourceError(
                NOT_FOUND,
                f"it redirects to another host, {parts.hostname[:80]}, which is not followed: add that address",
            )
        if before.scheme == "https" and parts.scheme == "http":
            raise SourceError(NOT_FOUND, "it redirects from https to http, which is not followed")
        return target

    async def _request(self, method: str, url: str, body: bytes, timeout_s: float) -> _Answer:
        headers = {"Accept": "application/sdp", "Accept-Encoding": "identity", "User-Agent": "Holdshelf"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        if body:
            headers["Content-Type"] = "application/sdp"
        context = _Context(self._pinned) if url.startswith("https") else None
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        ssl=context or True, force_close=True, resolver=aiohttp.ThreadedResolver()
                    ),
                    timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(OPEN_TIMEOUT_S, timeout_s)),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                ) as session,
                session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as response,
            ):
                if context is not None:
                    self.certificate_sha256 = context.shown
                text = await _bounded(response) if method == "POST" else ""
                return _Answer(
                    response.status,
                    (response.reason or "")[:80],
                    response.headers.get("Location", "")[:2000],
                    text,
                    ice_servers_of(response.headers.getall("Link", [])),
                )
        except aiohttp.ConnectionTimeoutError:
            raise SourceError(UNREACHABLE, "no answer in time") from None
        except TimeoutError:
            raise SourceError(UNREACHABLE, WHEP_SILENT) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if context is not None and context.refused:
                raise SourceError(CERTIFICATE_CHANGED, "it shows another certificate than at first") from None
            raise SourceError(UNREACHABLE, _words(error)) from None


class _Context(ssl.SSLContext):
    """TLS as for rtsps: cameras and gateways sign their own certificates, so the first one seen is pinned."""

    pinned: str | None
    shown = ""
    refused = False

    def __new__(cls, _pinned: str | None) -> _Context:
        """See ssl.SSLContext."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, pinned: str | None) -> None:
        """``pinned``: SHA-256 of the certificate (hex); None accepts any."""
        self.pinned = pinned
        self.check_hostname = False
        self.verify_mode = ssl.CERT_NONE
        self.sslobject_class = _Connection


class _Connection(ssl.SSLObject):
    """Checks the certificate before anything is sent."""

    def do_handshake(self) -> None:
        """Raise ssl.SSLCertVerificationError for another certificate."""
        super().do_handshake()
        context = self.context
        assert isinstance(context, _Context)
        context.shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
        if context.pinned and context.shown != context.pinned:
            context.refused = True
            raise ssl.SSLCertVerificationError("another certificate")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    words: str
    location: str
    body: str
    ice_servers: tuple[IceServer, ...]


async def _bounded(response: aiohttp.ClientResponse) -> str:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(16 << 10):
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise SourceError(
                NOT_FOUND, f"its answer is longer than {MAX_BODY_BYTES >> 10} KB: no WHEP at this address"
            )
        chunks.append(chunk)
    return b"".join(chunks).decode("utf-8", "replace")


def ice_servers_of(links: list[str]) -> tuple[IceServer, ...]:
    """Return the ``rel="ice-server"`` ones of Link headers (RFC 8288, draft-ietf-wish-whep § 4.4)."""
    found: list[IceServer] = []
    for match in _LINK.finditer(", ".join(links)[:16_384]):
        parameters = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _LINK_PARAMETER.finditer(match[2])}
        if parameters.get("rel", "").lower() == "ice-server" and match[1].startswith(("stun:", "turn:", "turns:")):
            found.append(IceServer(match[1], parameters.get("username", ""), parameters.get("credential", "")))
    return tuple(found[:MAX_ICE_SERVERS])


def _refused(got: _Answer) -> SourceError:
    said = " ".join(inert(got.body[:400]).split())[:120]
    detail = f"{got.status} {got.words}".strip()
    if got.status in (401, 403):
        return SourceError(AUTH_REFUSED, detail)
    if got.status in (404, 405, 410):
        return SourceError(NOT_FOUND, detail)
    if got.status in (406, 415, 422) or (got.status == 400 and _CODEC_WORDS.search(said)):
        told = f": {said}" if said else ""
        return SourceError(NOT_RECORDABLE, f"it takes neither H.264 nor H.265 as offered ({detail}{told})")
    return SourceError(STALE_SESSION, f"{detail}: {said}" if said else detail)


def _words(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = getattr(cause, "errno", None)
    if number and number > 0:
        return os.strerror(number)
    return str(getattr(cause, "strerror", None) or cause)[:120] or type(cause).__name__
