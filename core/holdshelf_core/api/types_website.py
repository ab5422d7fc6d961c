"""Comparing what is posted with what is adopted (P18): what is asked of the service, and what it writes down."""

from __future__ import annotations

import msgspec


class PostedAsk(msgspec.Struct, frozen=True):
    """The page at the address that the Board set, and no other: who asks from outside names none."""


class PostedPage(msgspec.Struct, frozen=True):
    """That page as it came. ``address`` after redirects; ``kind`` its media type; ``charset`` '' when the server says none."""

    asked: str
    address: str
    kind: str
    charset: str
    content: bytes
    seq: int


class PolicyChecked(msgspec.Struct, frozen=True):
    """What a comparison found. ``address`` '' when a file of no known address was compared."""

    adopted_sha256: str
    posted_sha256: str
    """Of the page's bytes as they came."""
    verdict: str
    """exact | same | different | absent."""
    differences: int = 0
    address: str = ""


class PolicyCheckedRow(msgspec.Struct, frozen=True):
    """``counts``: it is the page that the Board set, so the checklist knows of it; else ``why_not`` says why."""

    seq: int
    counts: bool
    why_not: str = ""
