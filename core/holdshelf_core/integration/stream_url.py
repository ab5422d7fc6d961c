"""Passwords that a camera requires inside its stream address (``?user=a&password=b``): removed, and put back to connect.

What is stored, shown and logged has PASSWORD_MARK instead; the password itself is stored once, encrypted.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

PASSWORD_MARK = "{password}"  # noqa: S105 - the placeholder for one
# Between '&' in a query; some makers put the same into the path, separated by '_' or '&' (user=a_password=b_channel=1).
_IN_QUERY = re.compile(r"(?i)((?:^|[&;])(?:password|passwd|passwort|passphrase|pass|pwd|psw)=)([^&;]*)")
_IN_PATH = re.compile(r"(?i)((?:^|[&;_/])(?:password|passwd|passwort|passphrase|pass|pwd|psw)=)([^&;_/]*)")


def take_password(url: str) -> tuple[str, str | None]:
    """Return (address with the mark in place of each password, the password or None if there was none). The rest stays
    unchanged."""
    found: list[str] = []

    def mark(match: re.Match[str]) -> str:
        if match[2] and match[2] != PASSWORD_MARK:
            found.append(unquote(match[2]))
            return match[1] + PASSWORD_MARK
        return match[0]

    parts = urlsplit(url)
    path, query = _IN_PATH.sub(mark, parts.path), _IN_QUERY.sub(mark, parts.query)
    if not found:
        return url, None
    return urlunsplit((parts.scheme, parts.netloc, path, query, parts.fragment)), found[0]


def password_in(text: str) -> str:
    """Return where an address contains a password: ``login``, before the host; ``stream``, in its path or query; '' for none."""
    address = text if "://" in text else f"//{text}"
    try:
        parts = urlsplit(address)
        login, at, _ = parts.netloc.rpartition("@")
        in_stream = take_password(address)[1] is not None
    except ValueError:
        return "login" if "@" in text and ":" in text.rpartition("@")[0].partition("://")[2] else ""
    # For WHEP a lone word is a token, and so equals a password.
    if at and (login.partition(":")[2] or (login and parts.scheme.lower().startswith("whep"))):
        return "login"
    # A password that was not quoted may contain a slash; what follows the colon then is not a port.
    port = parts.netloc.rpartition(":")[2] if ":" in parts.netloc and not parts.netloc.endswith("]") else "0"
    if not at and "@" in address and not port.isdigit():
        return "login"
    return "stream" if in_stream else ""


def as_whep(text: str) -> str:
    """Return how the address of a WHEP (WebRTC) stream is given, if this is one in another form; else ''."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme in ("whep", "wheps"):
        return urlunsplit(("whep+https", *parts[1:]))
    if scheme in ("http", "https") and "whep" in parts.path.lower().split("/"):
        return urlunsplit((f"whep+{scheme}", *parts[1:]))
    return ""


def put_password(url: str, password: str | None) -> str:
    """Return the address to connect to; without a password the mark stays."""
    return url.replace(PASSWORD_MARK, quote(password, safe="")) if password else url


def shown_address(text: str) -> str:
    """Return an address fit to show and log: nothing before an @, passwords replaced, limited length."""
    # A login that was not quoted may contain any character, even a slash: the last @ ends it.
    scheme, separator, rest = text.rpartition("://")
    bare = scheme[-10:] + separator + rest.rpartition("@")[2]
    try:
        return take_password(bare)[0][:300]
    except ValueError:
        # Not an address, so nothing tells where a password in it would end.
        return bare[:300] if "=" not in bare else ""
