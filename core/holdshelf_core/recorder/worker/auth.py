"""RTSP logins: Basic (RFC 7617) and Digest (RFC 2617, RFC 7616: MD5, SHA-256, SHA-512-256, each also as -sess)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Any

_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_SCHEMES = re.compile(r"\b(basic|digest)\b", re.IGNORECASE)
# In order of preference; others are not supported.
_ALGORITHMS: dict[str, Callable[[bytes], Any]] = {
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data),
    "SHA-256": hashlib.sha256,
    "MD5": hashlib.md5,
}
_SESSION = "-SESS"


class Credentials:
    """One user name and password, and the challenge to answer."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._digest: dict[str, str] | None = None
        self._basic = False
        self._count = 0
        self._cnonce = ""
        self._refused: set[str] = set()

    def challenge(self, header: str, *, another: bool = False) -> bool:
        """Process a WWW-Authenticate header (several joined by commas); return False when none of it can be answered.

        With ``another`` the last answer was rejected: some cameras offer an algorithm that they implement incorrectly, so the
        next weaker one is tried. Never down to Basic, which reveals the password.
        """
        if another and self._digest is None:
            return False
        if another and self._digest is not None:
            self._refused.add(self._digest["algorithm"])
        found: list[dict[str, str]] = []
        self._basic = False
        starts = [
            (m.start(), m[1].lower()) for m in _SCHEMES.finditer(header) if not header[: m.start()].count('"') % 2
        ]
        for number, (start, scheme) in enumerate(starts):
            end = starts[number + 1][0] if number + 1 < len(starts) else len(header)
            if scheme == "basic":
                self._basic = not another
                continue
            values = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(header[start:end])}
            values["algorithm"] = values.get("algorithm", "MD5").upper()
            known = values["algorithm"].removesuffix(_SESSION) in _ALGORITHMS
            if known and values["algorithm"] not in self._refused and "nonce" in values and "realm" in values:
                found.append(values)
        order = list(_ALGORITHMS)
        self._digest = min(
            found, key=lambda values: order.index(values["algorithm"].removesuffix(_SESSION)), default=None
        )
        self._count = 0
        self._cnonce = secrets.token_hex(8)
        return self._digest is not None or self._basic

    def renew(self, info: str) -> None:
        """Process an Authentication-Info header: it may name the next nonce (RFC 7616 § 3.5)."""
        values = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(info)}
        if self._digest is not None and values.get("nextnonce"):
            self._digest["nonce"] = values["nextnonce"]
            self._count = 0

    def answer(self, method: str, url: str) -> str:
        """Return the Authorization header for a request without a body, '' before a challenge."""
        if self._digest is None:
            if not self._basic:
                return ""
            return "Basic " + base64.b64encode(f"{self._username}:{self._password}".encode()).decode()
        values = self._digest
        make = _ALGORITHMS[values["algorithm"].removesuffix(_SESSION)]

        def digest(text: str) -> str:
            return str(make(text.encode()).hexdigest())

        # Headers are read as Latin-1; a UTF-8 realm must be hashed, and sent back, as its original bytes.
        realm = values["realm"].encode("latin-1", "replace").decode("utf-8", "replace")
        nonce, algorithm = values["nonce"], values["algorithm"]
        offered = [word for word in re.split(r"[,\s]+", values.get("qop", "").lower()) if word]
        qop = next((word for word in ("auth", "auth-int") if word in offered), "")
        first = digest(f"{self._username}:{realm}:{self._password}")
        if algorithm.endswith(_SESSION):
            first = digest(f"{first}:{nonce}:{self._cnonce}")
        body = f":{digest('')}" if qop == "auth-int" else ""
        second = digest(f"{method}:{url}{body}")
        hashed_name = values.get("userhash", "").lower() == "true"
        username = digest(f"{self._username}:{realm}") if hashed_name else self._username
        fields = {"username": username, "realm": realm, "nonce": nonce, "uri": url}
        extra = ""
        if qop:
            self._count += 1
            count = f"{self._count:08x}"
            fields["response"] = digest(f"{first}:{nonce}:{count}:{self._cnonce}:{qop}:{second}")
            extra = f", qop={qop}, nc={count}"
        else:
            fields["response"] = digest(f"{first}:{nonce}:{second}")
        if qop or algorithm.endswith(_SESSION):
            fields["cnonce"] = self._cnonce
        if "opaque" in values:
            fields["opaque"] = values["opaque"]
        if algorithm != "MD5":
            extra += f", algorithm={algorithm.replace(_SESSION, '-sess')}"
        if hashed_name:
            extra += ", userhash=true"
        return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items()) + extra


def is_stale(challenge: str) -> bool:
    """Return whether a WWW-Authenticate header says that only the nonce had expired."""
    return "stale=true" in challenge.lower().replace(" ", "").replace('"', "")
