"""Adding a stream by its address. The recorder's probe tests whether it plays, not this module (``holdshelf_core.app``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5

from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.flow import ADDRESS, MULTICAST, PASSWORD, UDP, USERNAME, Steps, strings
from holdshelf_core.integration.models import DiscoveredCamera, EntryDraft, StreamSource
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.integration.stream_url import PASSWORD_MARK, shown_address, take_password

SCHEMES = ("rtsp", "rtsps", "whep+http", "whep+https")
STEPS: Steps = {
    "device": (USERNAME, PASSWORD, UDP, MULTICAST),
    "reauth": (USERNAME, PASSWORD),
    "reconfigure": (ADDRESS, USERNAME, PASSWORD, UDP, MULTICAST),
}
_STRINGS = strings(__package__)


def matches(address: str) -> bool:
    """Return whether this is a stream address."""
    return urlsplit(address).scheme.lower() in SCHEMES


async def async_discover(
    _holdshelf: Holdshelf, *, probe_addresses: Sequence[str] | None, timeout_s: float
) -> list[DiscoveredCamera]:
    """Return nothing: a bare stream cannot be discovered."""
    return []


async def async_probe(
    _holdshelf: Holdshelf,
    address: str,
    username: str | None,
    password: str | None,
    *,
    known: Mapping[str, Any] | None = None,
    profile: str = "",
) -> EntryDraft:
    """Split the address: credentials are removed from the URL.

    WHEP (WebRTC): a password without a user name is a bearer token.
    """
    if profile:
        raise _error("profile", "no_profiles")
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
        password = password or unquote(parts.username)  # a lone word is a bearer token: encrypted like a password
    elif parts.password or parts.username:
        username = username or unquote(parts.username or "")
        password = password or unquote(parts.password or "")
    netloc = f"[{host}]" if ":" in host else host
    if port:
        netloc += f":{port}"
    # A password inside the address is encrypted like any other; a separately given (new) one replaces it.
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
