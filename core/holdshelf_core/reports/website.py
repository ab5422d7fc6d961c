"""Fetches one web page, to compare a posted policy with the adopted one (P18). Nothing is stored.

Answers are treated as hostile: only http and https, at most 5 MB even when unpacked, 20 s and 5 redirects in total, and no
redirect into a non-public network: a page must not make this machine query its neighbors. No cookies, no password, no proxy. This
module must never be given an address typed by an outside person.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import re
import socket
import ssl
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound, Unavailable
from holdshelf_core.inert import inert
from holdshelf_core.version import VERSION

MAX_BYTES = 5 << 20
TIME_S = 20.0
REDIRECTS_MOST = 5
MAX_ADDRESS_CHARS = 2000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PACKINGS = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""Content-Encoding → zlib's window bits."""
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_ANOTHER_WAY = "Save the page in a browser, and give the file instead."

type Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Fetched:
    """The page as received: ``address`` after redirects, ``kind`` its media type, ``charset`` from the server, '' for none."""

    address: str
    kind: str
    charset: str
    raw: bytes


async def async_fetch(address: str, *, public_only: bool, time_s: float = TIME_S) -> Fetched:
    """Return the page at ``address``. ``public_only`` False: the named host may be internal; redirect targets may not.

    Raises BadRequest, NotFound, Unavailable.
    """
    try:
        async with asyncio.timeout(time_s):
            return await _follow(_url(address), public_only)
    except TimeoutError:
        raise Unavailable(f"{_shown(address)} did not answer within {time_s:g} seconds.", _ANOTHER_WAY) from None


def page_of(setting: str) -> str:
    """Return the Board's policy_address as a URL: people omit https://."""
    address = setting.strip()
    return address if not address or "://" in address else f"https://{address}"


def is_boards_page(setting: str, address: str) -> bool:
    """Return whether ``address`` is the page that the Board set, however it is written."""

    def plain(text: str) -> str:
        return page_of(text).partition("#")[0].partition("://")[2].rstrip("/").removeprefix("www.").casefold()

    return bool(plain(setting)) and plain(setting) == plain(address)


def is_public(ip: Ip) -> bool:
    """Return whether an address is public, in whatever form it is embedded."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(one is not None and not is_public(one) for one in inner):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast


# --- how --------------------------------------------------------------------------------------------------------------


def _url(address: str) -> URL:
    if len(address) > MAX_ADDRESS_CHARS or not address.isprintable():
        raise BadRequest("That is not a web address.", "Give it as a browser shows it: https://…")
    try:
        url = URL(address.strip())
        port = url.port
    except ValueError:
        raise BadRequest(f"{_shown(address)} is not a web address.", "Give it as a browser shows it.") from None
    if url.scheme not in ("http", "https") or not url.host or not port:
        raise BadRequest(f"{_shown(address)} is not a web address.", "A web address starts with https:// or http://.")
    if url.user or url.password:
        raise BadRequest("The address contains a user name or password.", "Give an address that anyone can open.")
    return url.with_fragment(None)


async def _follow(url: URL, public_only: bool) -> Fetched:
    typed = url
    for _ in range(REDIRECTS_MOST + 1):
        allowed = _Allowed(private=not public_only and url.host == typed.host)
        allowed.check_literal(url)
        connector = aiohttp.TCPConnector(resolver=allowed, use_dns_cache=False, limit=1, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        ) as session:
            with _told(url, allowed):
                headers = {
                    "User-Agent": f"Holdshelf/{VERSION} (checks whether the posted policy is the adopted one)",
                    "Accept": "text/html, text/plain, application/pdf;q=0.9",
                    "Accept-Encoding": "identity",
                }
                async with session.get(url, allow_redirects=False, headers=headers) as answer:
                    if answer.status not in _REDIRECTS:
                        return await _page(url, answer)
                    url = _next(url, answer.headers.get("Location", ""))
    raise Unavailable(f"{_shown(typed)} redirects more than {REDIRECTS_MOST} times.", _ANOTHER_WAY)


def _next(url: URL, location: str) -> URL:
    try:
        return _url(str(url.join(URL(location))) if location else "")
    except (ValueError, BadRequest):
        raise BadRequest(f"{_shown(url)} leads to {_shown(location)}, which is not a web page.", _ANOTHER_WAY) from None


async def _page(url: URL, answer: aiohttp.ClientResponse) -> Fetched:
    if answer.status != 200:
        word = inert(answer.reason or "", instead="")[:60]
        kind = NotFound if answer.status in (404, 410) else Unavailable
        raise kind(f"{_shown(url)} answers {answer.status} {word}".rstrip() + ".", "Look at it in a browser.")
    raw = bytearray()
    async for part in answer.content.iter_chunked(1 << 16):
        raw += part
        if len(raw) > MAX_BYTES:
            raise _too_large(url)
    packing = answer.headers.get("Content-Encoding", "").strip().lower()
    whole = bytes(raw) if packing in ("", "identity") else await asyncio.to_thread(_unpack, url, packing, bytes(raw))
    said = answer.headers.get("Content-Type", "")
    charset = _CHARSET.search(said)
    return Fetched(str(url), said.partition(";")[0].strip().lower()[:80], charset[1].lower() if charset else "", whole)


def _unpack(url: URL, packing: str, raw: bytes) -> bytes:
    bits = _PACKINGS.get(packing)
    if bits is None:
        raise Unavailable(f"{_shown(url)} is compressed as {_shown(packing)}, which was not requested.", _ANOTHER_WAY)
    for window in (bits, -15) if packing == "deflate" else (bits,):  # some servers omit zlib's header
        unpacking = zlib.decompressobj(window)
        try:
            whole = unpacking.decompress(raw, MAX_BYTES + 1)
        except zlib.error:
            continue
        if len(whole) > MAX_BYTES:
            raise _too_large(url)
        if unpacking.eof:
            return whole
    raise Unavailable(f"{_shown(url)} is compressed and cannot be decompressed.", _ANOTHER_WAY)


def _too_large(url: URL) -> HoldshelfError:
    return BadRequest(f"{_shown(url)} is larger than {MAX_BYTES >> 20} MB.", "Is it the page with the policy?")


def _shown(text: object, most: int = 120) -> str:
    clean = inert(str(text), instead="?")
    return clean if len(clean) <= most else clean[: most - 1] + "…"


class _Allowed(AbstractResolver):
    """Resolves a host, dropping addresses that are not allowed, so that the checked address is the one connected to."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self.refused = False

    def check_literal(self, url: URL) -> None:
        """Check an address given as a literal, for which aiohttp asks no resolver. Raises BadRequest."""
        try:
            ip = ipaddress.ip_address((url.host or "").partition("%")[0])
        except ValueError:
            return
        if not self._private and not is_public(ip):
            raise _not_public(url)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a host. Raises OSError when no address is left."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        rows: list[ResolveResult] = []
        for kind, _type, protocol, _name, place in found:
            numeric = str(place[0])
            if self._private or is_public(ipaddress.ip_address(numeric.partition("%")[0])):
                rows.append(
                    ResolveResult(
                        hostname=host, host=numeric, port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
                    )
                )
        if not rows:
            self.refused = bool(found)
            raise OSError(None, "no address that may be asked")
        return rows

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _not_public(url: object) -> HoldshelfError:
    return BadRequest(
        f"{_shown(url)} is in a network that is not public, so it was not fetched.",
        "Use the page on the library's website (P18).",
    )


@contextlib.contextmanager
def _told(url: URL, allowed: _Allowed) -> Iterator[None]:
    """Convert aiohttp's errors to sentences."""
    try:
        yield
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError) as error:
        if allowed.refused:
            raise _not_public(url) from None
        raise Unavailable(f"{_shown(url)} cannot be read: {_why(error)}.", _ANOTHER_WAY) from None


def _why(error: BaseException) -> str:
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, ssl.SSLError)):
        return "its certificate is not one that this machine trusts"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "there is no such host"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number else "there is no connection"
    return "what it answers is no page, or it broke off"
