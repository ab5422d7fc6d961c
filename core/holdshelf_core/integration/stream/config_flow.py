"""Adding a stream by its address. Whether it plays is tried by the recorder's own probe, not here (core.app)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5

from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.flow import ADDRESS, PASSWORD, UDP, USERNAME, Steps, strings
from holdshelf_core.integration.models import DiscoveredCamera, EntryDraft, StreamSource
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.integration.stream_url import PASSWORD_MARK, shown_address, take_password

SCHEMES = ("rtsp", "rtsps", "whep+http", "whep+https")
STEPS: Steps = {
    "device": (USERNAME, PASSWORD, UDP),
    "reauth": (USERNAME, PASSWORD),
    "reconfigure": (ADDRESS, USERNAME, PASSWORD),
}
_STRINGS = strings(__package__)


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
        shown = repr(parts.netloc.rpartition("@")[2][:80])
        raise _error("address", "bad_port", address=shown, usual=_usual_port(parts.scheme)) from None
    if not matches(address) or not host:
        raise _error("address", "bad_address", address=repr(shown_address(address)))
    if port == 0:
        raise _error("address", "port_zero", usual=_usual_port(parts.scheme))
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
        raise _error("password", "password_inside", host=host)
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


def _error(field: str, key: str, **placeholders: object) -> FlowError:
    said = _STRINGS["errors"][key]
    return FlowError(field, said["sentence"].format(**placeholders), said["next_step"].format(**placeholders))
