"""Words that every room uses: text made inert, counts, sizes, lengths of time.

Text from cameras and people is made inert here before it meets a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy import listing

counted = listing.counted

_TAKEN_OUT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*$", re.IGNORECASE)


def inert(text: str, most: int = 80) -> str:
    """One line without line ends, control, format (bidi) or surrogate characters, cut at ``most``.

    Not what the core does with a line for a journal: spaces of another width are text on a screen or a paper, and stay.
    """
    clean = "".join(c for c in text if unicodedata.category(c) not in _TAKEN_OUT)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def one_line(text: str, most: int = 2000) -> str:
    """A sentence that holds what somebody typed or named, as one line that no terminal obeys."""
    return inert(" ".join(text.split()), most)


def quoted(text: str, most: int) -> str:
    """What somebody typed, in quotation marks for a sentence that refuses it; what no terminal shows is a question mark."""
    return repr("".join(char if char.isprintable() else "?" for char in text[:most]))


def columns(text: str) -> int:
    """How many columns a terminal gives this text: two for wide letters and pictures, none for combining marks."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def size(count: float) -> str:
    """Decimal units, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.95 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def parse_size(text: str) -> int:
    """'900GB', '1.5TiB', '268435456' → bytes. Raises BadRequest."""
    match = _SIZE.match(text)
    if match is None:
        raise BadRequest(f"{text!r} is not a size.", "Give bytes or a unit, for example 900GB or 1.5TB.")
    base = 1024 if match[3] else 1000
    power = " kmgt".index(match[2].lower() or " ")
    return int(Decimal(match[1]) * base**power)


def span(seconds: float) -> str:
    """A length of time: 4 s, 3 min 20 s, 5 h 10 min, 12.3 days."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 2 * 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{seconds / 86_400:.1f} days"
