"""Addresses: what a person types, what a camera tells, and which of them are dialled. Never holds credentials."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from holdshelf_core.integration import FlowError

from . import strings
from .const import ADDRESS_MAX_CHARS, DEVICE_PATH
from .text import clean_text

_SCHEMES = ("http", "https")
_STREAM_SCHEMES = ("rtsp", "rtsps")
_DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9.])?")
_PATH = re.compile(r"[\x21-\x7e]*")


class BadAddress(ValueError):
    """A text that is not an address of the kind asked for; says nothing to a person."""


def looks_like_address(text: str) -> bool:
    """Is this an ONVIF address: ``http(s)://…``, or a bare ``host:port``, IP address or dotted name?

    A single bare word is none: it is the id of a discovered camera, perhaps mistyped.
    """
    text = text.strip()
    if "://" in text:
        return urlsplit_safe(text).scheme in _SCHEMES
    try:
        parts = _split(f"http://{_bracketed(text)}", _SCHEMES)
    except BadAddress:
        return False
    host = parts.hostname or ""
    return parts.port is not None or "." in host or ":" in host or host == "localhost"


def device_address(text: str) -> str:
    """The device service's URL for what a person typed; ``http`` and ONVIF's path are supplied where missing.

    Raises FlowError for the field ``address``.
    """
    text = text.strip()
    shown = repr(clean_text(text.rpartition("@")[2]))
    if "://" not in text:
        text = f"http://{_bracketed(text)}"
    if "@" in urlsplit_safe(text).netloc:
        raise FlowError("address", *strings.error("credentials_in_address"))
    try:
        parts = _split(text, _SCHEMES)
    except BadAddress:
        raise FlowError("address", *strings.error("bad_address", address=shown)) from None
    path = parts.path if parts.path not in ("", "/") else DEVICE_PATH
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def told_address(text: str) -> str:
    """A web address that a device told of itself (an XAddr), checked; raises BadAddress. Credentials are cut off."""
    parts = _split(text, _SCHEMES)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def told_stream_url(text: str) -> str:
    """A stream's URL that a device told, checked; raises BadAddress. Credentials in front of the host are cut off."""
    parts = _split(text, _STREAM_SCHEMES)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def usable_stream_url(url: str, device: str) -> str:
    """The stream's URL as it is dialled, for a camera reached at ``device``: always on the host that was dialled.

    Cameras behind NAT, with 0.0.0.0 or another interface's address, tell one that leads nowhere; a hostile one could
    have us call, with its password, anywhere in the house. Port and path are the camera's. A stream that really comes
    from another host is added by its own address.
    """
    told, own = urlsplit_safe(url), urlsplit_safe(device)
    host = own.hostname or ""
    if not host or told.scheme not in _STREAM_SCHEMES or _same_host(told, own):
        return url
    netloc = f"[{host}]" if ":" in host else host
    if told.port is not None:
        netloc += f":{told.port}"
    return urlunsplit((told.scheme, netloc, told.path, told.query, ""))


def service_address(xaddr: str, device: str) -> str:
    """Where a service that the camera names is asked: always on the host that was dialled, whatever the camera says.

    A camera could otherwise send the signed password to a host of its choice, or have us call inside the house. The
    port is the camera's when it names its own host, and the one that was dialled otherwise (port forwarding). What was
    dialled by https is never asked by http. Raises BadAddress for an XAddr that is none.
    """
    told, own = _split(xaddr, _SCHEMES), _split(device, _SCHEMES)
    taken = told if _same_host(told, own) and not (own.scheme == "https" and told.scheme == "http") else own
    return urlunsplit((taken.scheme, taken.netloc, told.path or "/", told.query, ""))


def differs(xaddr: str, device: str) -> str:
    """What of an XAddr is not followed: ``host``, ``scheme`` (http where https was dialled), or nothing (empty)."""
    try:
        told, own = _split(xaddr, _SCHEMES), _split(device, _SCHEMES)
    except BadAddress:
        return ""
    if not _same_host(told, own):
        return "host"
    return "scheme" if own.scheme == "https" and told.scheme == "http" else ""


def same_endpoint(one: str, other: str) -> bool:
    """Do two addresses name the same host and port?"""
    try:
        a, b = _split(one, _SCHEMES), _split(other, _SCHEMES)
    except BadAddress:
        return False
    return (a.hostname, a.port or _DEFAULT_PORTS[a.scheme]) == (b.hostname, b.port or _DEFAULT_PORTS[b.scheme])


def host_of(url: str) -> str:
    """``host`` or ``host:port``, for sentences."""
    return urlsplit_safe(url).netloc.rpartition("@")[2]


def bare_host(url: str) -> str:
    """The host alone, without port and brackets."""
    return urlsplit_safe(url).hostname or ""


def probe_target(text: str, default_port: int) -> tuple[str, int]:
    """``host`` or ``host:port`` of a unicast probe; raises FlowError for the field ``address``."""
    try:
        parts = _split(f"http://{_bracketed(text.strip())}", _SCHEMES)
        if parts.path or parts.query:
            raise BadAddress
    except BadAddress:
        raise FlowError("address", *strings.error("bad_address", address=repr(clean_text(text)))) from None
    return parts.hostname or "", parts.port or default_port


def urlsplit_safe(text: str) -> SplitResult:
    """``urlsplit`` that returns nothing instead of raising."""
    try:
        return urlsplit(text)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _same_host(one: SplitResult, other: SplitResult) -> bool:
    """The same name, or the same address however it is written (IPv6 has many ways)."""
    try:
        return ipaddress.ip_address(one.hostname or "") == ipaddress.ip_address(other.hostname or "")
    except ValueError:
        return one.hostname == other.hostname


def _bracketed(text: str) -> str:
    """A bare IPv6 literal gets its brackets."""
    try:
        return f"[{text}]" if ipaddress.ip_address(text).version == 6 else text
    except ValueError:
        return text


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """Take a URL apart and rebuild its host from checked parts, without credentials and fragment."""
    if len(text) > ADDRESS_MAX_CHARS or not _PATH.fullmatch(text):
        raise BadAddress
    parts = urlsplit_safe(text)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadAddress from None
    if parts.scheme not in schemes or port == 0 or not _is_host(host):
        raise BadAddress
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    return parts._replace(netloc=netloc, fragment="")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None and all(0 < len(x) < 64 for x in host.rstrip(".").split("."))
    return True
