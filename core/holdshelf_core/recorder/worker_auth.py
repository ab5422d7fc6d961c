"""RTSP logins: Basic (RFC 7617) and Digest with MD5 or SHA-256 (RFC 2617, RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_SCHEMES = re.compile(r"\b(basic|digest)\b", re.IGNORECASE)
# In order of preference; what is not here is not understood.
_ALGORITHMS = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


class Credentials:
    """One user name and password, and the challenge that they answer."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._digest: dict[str, str] | None = None
        self._basic = False
        self._count = 0

    def challenge(self, header: str) -> bool:
        """Take a WWW-Authenticate header (several joined by commas); False when nothing in it can be answered."""
        found: list[dict[str, str]] = []
        self._basic = False
        starts = [
            (m.start(), m[1].lower()) for m in _SCHEMES.finditer(header) if not header[: m.start()].count('"') % 2
        ]
        for number, (start, scheme) in enumerate(starts):
            end = starts[number + 1][0] if number + 1 < len(starts) else len(header)
            if scheme == "basic":
                self._basic = True
                continue
            values = {m[1].lower(): m[2] if m[2] is not None else m[3] for m in _PARAMETER.finditer(header[start:end])}
            values["algorithm"] = values.get("algorithm", "MD5").upper()
            if values["algorithm"] in _ALGORITHMS and "nonce" in values and "realm" in values:
                found.append(values)
        order = list(_ALGORITHMS)
        self._digest = min(found, key=lambda values: order.index(values["algorithm"]), default=None)
        self._count = 0
        return self._digest is not None or self._basic

    def answer(self, method: str, url: str) -> str:
        """The Authorization header for a request, '' before a challenge."""
        if self._digest is None:
            if not self._basic:
                return ""
            return "Basic " + base64.b64encode(f"{self._username}:{self._password}".encode()).decode()
        values, make = self._digest, _ALGORITHMS[self._digest["algorithm"]]

        def digest(text: str) -> str:
            return make(text.encode()).hexdigest()

        realm, nonce = values["realm"], values["nonce"]
        first, second = digest(f"{self._username}:{realm}:{self._password}"), digest(f"{method}:{url}")
        fields = {"username": self._username, "realm": realm, "nonce": nonce, "uri": url}
        extra = ""
        if "auth" in re.split(r"[,\s]+", values.get("qop", "")):
            self._count += 1
            count, cnonce = f"{self._count:08x}", secrets.token_hex(8)
            fields["response"] = digest(f"{first}:{nonce}:{count}:{cnonce}:auth:{second}")
            fields["cnonce"] = cnonce
            extra = f", qop=auth, nc={count}"
        else:
            fields["response"] = digest(f"{first}:{nonce}:{second}")
        if "opaque" in values:
            fields["opaque"] = values["opaque"]
        if self._digest["algorithm"] != "MD5":
            extra += f", algorithm={values['algorithm']}"
        return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items()) + extra
