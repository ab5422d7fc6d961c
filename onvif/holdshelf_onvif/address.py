"""Addresses: typed by people or reported by cameras, and which of them to connect to. Never contain credentials."""

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
    """Not an address of the required kind; the text is not for people."""


def looks_like_address(text: str) -> bool:
    """Return whether this is an ONVIF address: ``http(s)://…``, or a bare ``host:port``, IP address or dotted name.

    A single bare word is not: it is the id of a discovered camera, perhaps mistyped.
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
    """Return the device service's URL for a typed address; ``http`` and ONVIF's path are added where missing.

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
    """Return a web address that a device reported (an XAddr), checked and without credentials. Raises BadAddress."""
    parts = _split(text, _SCHEMES)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def told_stream_url(text: str) -> str:
    """Return a stream's URL that a device reported, checked and without credentials before the host. Raises BadAddress."""
    parts = _split(text, _STREAM_SCHEMES)
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))


def usable_stream_url(url: str, device: str) -> str:
    """Return the stream's URL to connect to, for a camera reached at ``device``: always on that host.

    Cameras behind NAT, with 0.0.0.0 or another interface's address, report one that does not work; a hostile one could make us
    connect, with its password, anywhere in the building. Port and path are the camera's. A stream that really comes from another
    host must be added by its own address.
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
    """Return the URL of a service that the camera names: always on the host we connected to, whatever the camera says.

    A camera could otherwise send the signed password to a host of its choice, or make us connect to internal hosts. The port is
    the camera's when it names its own host, otherwise the one we connected to (port forwarding). https is never downgraded to
    http. Raises BadAddress for an invalid XAddr.
    """
    told, own = _split(xaddr, _SCHEMES), _split(device, _SCHEMES)
    taken = told if _same_host(told, own) and not (own.scheme == "https" and told.scheme == "http") else own
    return urlunsplit((taken.scheme, taken.netloc, told.path or "/", told.query, ""))


def differs(xaddr: str, device: str) -> str:
    """Return which part of an XAddr is ignored: ``host``, ``scheme`` (http instead of https), or '' for none."""
    try:
        told, own = _split(xaddr, _SCHEMES), _split(device, _SCHEMES)
    except BadAddress:
        return ""
    if not _same_host(told, own):
        return "host"
    return "scheme" if own.scheme == "https" and told.scheme == "http" else ""


def same_endpoint(one: str, other: str) -> bool:
    """Return whether two addresses name the same host and port."""
    try:
        a, b = _split(one, _SCHEMES), _split(other, _SCHEMES)
    except BadAddress:
        return False
    return (a.hostname, a.port or _DEFAULT_PORTS[a.scheme]) == (b.hostname, b.port or _DEFAULT_PORTS[b.scheme])


def host_of(url: str) -> str:
    """Return ``host`` or ``host:port``, for sentences."""
    return urlsplit_safe(url).netloc.rpartition("@")[2]


def bare_host(url: str) -> str:
    """Return the host alone, without port and brackets."""
    return urlsplit_safe(url).hostname or ""


def probe_target(text: str, default_port: int) -> tuple[str, int]:
    """Parse ``host`` or ``host:port`` of a unicast probe. Raises FlowError for the field ``address``."""
    try:
        parts = _split(f"http://{_bracketed(text.strip())}", _SCHEMES)
        if parts.path or parts.query:
            raise BadAddress
    except BadAddress:
        raise FlowError("address", *strings.error("bad_address", address=repr(clean_text(text)))) from None
    return parts.hostname or "", parts.port or default_port


def urlsplit_safe(text: str) -> SplitResult:
    """``urlsplit`` that returns an empty result instead of raising."""
    try:
        return urlsplit(text)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _same_host(one: SplitResult, other: SplitResult) -> bool:
    """Return whether it is the same name, or the same address in any notation (IPv6 has many)."""
    try:
        return ipaddress.ip_address(one.hostname or "") == ipaddress.ip_address(other.hostname or "")
    except ValueError:
        return one.hostname == other.hostname


def _bracketed(text: str) -> str:
    """Add brackets to a bare IPv6 literal."""
    try:
        return f"[{text}]" if ipaddress.ip_address(text).version == 6 else text
    except ValueError:
        return text


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """Parse a URL and rebuild its host from checked parts, without credentials and fragment."""
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
