"""Passwords that a camera wants inside its stream's address (``?user=a&password=b``): taken out, and put back to dial.

What is stored, shown and logged carries PASSWORD_MARK in its place; the password itself lies once, sealed, beside it.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

PASSWORD_MARK = "{password}"  # noqa: S105 - what stands in place of one
# Between '&' in a query; some makers write the same into the path, with '_' or '&' between (user=a_password=b_channel=1).
_IN_QUERY = re.compile(r"(?i)((?:^|[&;])(?:password|passwd|passwort|passphrase|pass|pwd|psw)=)([^&;]*)")
_IN_PATH = re.compile(r"(?i)((?:^|[&;_/])(?:password|passwd|passwort|passphrase|pass|pwd|psw)=)([^&;_/]*)")


def take_password(url: str) -> tuple[str, str | None]:
    """(address with the mark in place of each password, the password); None: there was none. Other parts stay as they are."""
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


def put_password(url: str, password: str | None) -> str:
    """The address as it is dialled; without a password the mark stays."""
    return url.replace(PASSWORD_MARK, quote(password, safe="")) if password else url


def shown_address(text: str) -> str:
    """An address as it may be shown and written down: without anything before an @, passwords marked, of bounded length."""
    # A login that was not quoted may hold any letter, also a slash: the last @ ends it.
    scheme, separator, rest = text.rpartition("://")
    bare = scheme[-10:] + separator + rest.rpartition("@")[2]
    try:
        return take_password(bare)[0][:300]
    except ValueError:
        # No address at all, so nothing tells where a password in it would end.
        return bare[:300] if "=" not in bare else ""
