"""Adding a stream by its address. Whether it plays is tried by the recorder's own probe, not here (core.app)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5

from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.models import DiscoveredCamera, EntryDraft, StreamSource
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.integration.stream_url import PASSWORD_MARK, shown_address, take_password

SCHEMES = ("rtsp", "rtsps", "whep+http", "whep+https")


def matches(address: str) -> bool:
    """Stream addresses only."""
    return urlsplit(address).scheme.lower() in SCHEMES


async def async_discover(
    _holdshelf: Holdshelf, *, probe_addresses: Sequence[str] | None, timeout_s: float
) -> list[DiscoveredCamera]:
    """A bare stream cannot be discovered."""
    return []


async def async_probe(
    _holdshelf: Holdshelf,
    address: str,
    username: str | None,
    password: str | None,
    *,
    known: Mapping[str, Any] | None = None,
) -> EntryDraft:
    """Take the address apart: credentials leave the URL, ``?transport=udp`` behind it chooses UDP.

    WHEP (WebRTC): a password without a user name is a bearer token.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise FlowError(
            "address",
            f"The port in {parts.netloc.rpartition('@')[2][:80]!r} is not a number from 1 to 65535.",
            f"Leave it out for the usual one, {_usual_port(parts.scheme)}.",
        ) from None
    if not matches(address) or not host:
        raise FlowError(
            "address",
            f"{shown_address(address)!r} is not a stream address.",
            "It looks like rtsp://192.0.2.7/stream1 or whep+https://192.0.2.7/stream1/whep.",
        )
    if port == 0:
        raise FlowError(
            "address", "No camera answers on port 0.", f"Leave it out for the usual one, {_usual_port(parts.scheme)}."
        )
    if parts.username and not parts.password and parts.scheme.lower().startswith("whep"):
        password = password or unquote(parts.username)  # a lone word is a bearer token: sealed as passwords are
    elif parts.password or parts.username:
        username = username or unquote(parts.username or "")
        password = password or unquote(parts.password or "")
    netloc = f"[{host}]" if ":" in host else host
    if port:
        netloc += f":{port}"
    # A password inside the address is sealed like any other; one that is given beside it (a new one) takes its place.
    url, inside = take_password(urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", parts.query, "")))
    password = password or inside
    if PASSWORD_MARK in url and not password:
        raise FlowError("password", f"{host} wants a password inside its address.", "Give it with --password-file.")
    pin = (known or {}).get("stream", {}).get("certificate_sha256")
    source = StreamSource(url=url, username=username or None, password=password, certificate_sha256=pin)
    return EntryDraft(
        domain="stream",
        unique_id=f"stream-{uuid5(NAMESPACE_URL, url)}",
        title=host,
        data={"address": url, "stream": source.to_dict(), "password": password},
    )


def _usual_port(scheme: str) -> int:
    return {"rtsps": 322, "whep+http": 80, "whep+https": 443}.get(scheme.lower(), 554)
