"""The access log's head, short enough to be written down: who keeps one can prove later that nothing before it changed."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

ROOT_DIGITS = 32
"""As on papers (`log verify --against` takes it): the first so many hex digits of the root."""


@dataclass(frozen=True, slots=True)
class ShortHead:
    """``short``: '57:3f2a 91bc …', as papers print it."""

    entries: int
    short: str


def short_head(note: str) -> ShortHead | None:
    """Of a signed head (C2SP checkpoint: origin, size, root); None when it is none."""
    lines = note.split("\n")
    if len(lines) < 3 or not lines[1].isdecimal():
        return None
    try:
        digits = base64.b64decode(lines[2], validate=True).hex()[:ROOT_DIGITS]
    except (binascii.Error, ValueError):
        return None
    fours = " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
    return ShortHead(int(lines[1]), f"{lines[1]}:{fours}")
