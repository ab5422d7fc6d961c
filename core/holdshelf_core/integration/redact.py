"""Removes secrets and hosts from data to be passed on: by key, by an entry's known values, and by pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

from .entry import ConfigEntry

REDACTED = "**REDACTED**"
KEYS = frozenset(
    {
        *("password", "username", "address", "url", "stream_url", "serial_number", "hardware_id", "unique_id"),
        *("certificate_sha256", "host", "mac"),
    }
)
_SHORT_CHARS = 4
_LOOKS_LIKE_ONE = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^\s'\",;)]+"  # a URL
    r"|\burn:[\w:.-]+"
    r"|(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"  # a UUID, whose end may be a MAC address
    r"|(?<![0-9a-f])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![0-9a-f])"  # a MAC address
    r"|(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])"  # the same without colons
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])(?::\d+)?"  # IPv4
    r"|\[?(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])\]?(?::\d+)?",  # IPv6; a time of day has two colons
    re.ASCII | re.IGNORECASE,
)


def secrets_of(entry: ConfigEntry[Any], further: Iterable[str] = ()) -> list[str]:
    """Return every text of an entry that must be removed, longest first so that no part of one remains."""
    data = entry.data
    stream = data.get("stream") or {}
    found = {str(value) for key, value in {**stream, **data}.items() if key in KEYS and isinstance(value, str)}
    found |= {str(stream.get("username") or ""), entry.unique_id, *further}
    for url in (data.get("address"), stream.get("url")):
        found |= _hosts(str(url or ""))
    found |= {quote(secret, safe="") for secret in found}
    return sorted(found - {""}, key=len, reverse=True)


def _hosts(url: str) -> set[str]:
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        return {parts.netloc.rpartition("@")[2], parts.hostname or "", parts.username or "", parts.password or ""}
    except ValueError:
        return {url}


def redact(value: Any, secrets: Iterable[str]) -> Any:
    """Return a copy of plain data without the secrets."""
    known = [_pattern(secret) for secret in secrets]
    return _redact(value, re.compile("|".join(known), re.IGNORECASE) if known else None)


def _pattern(secret: str) -> str:
    quoted = re.escape(secret)
    # A user named 'a' must not remove every a.
    return quoted if len(secret) >= _SHORT_CHARS else rf"(?<!\w){quoted}(?!\w)"


def _redact(value: Any, known: re.Pattern[str] | None) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if key in KEYS and item else _redact(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, known) for item in value]
    if isinstance(value, str):
        return _LOOKS_LIKE_ONE.sub(REDACTED, known.sub(REDACTED, value) if known else value)
    return value
