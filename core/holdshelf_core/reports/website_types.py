"""Comparing the posted policy with the adopted one (P18): requests and answers of the local API."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec


class PostedAsk(Act["PostedPage"], frozen=True):
    """Fetch the page at the address that the Board set, and no other: an outside caller cannot name one."""

    spec = ActSpec("policy.posted", "policy.check")


class PostedPage(msgspec.Struct, frozen=True):
    """That page as received. ``address`` after redirects; ``kind`` its media type; ``charset`` '' if the server states none."""

    asked: str
    address: str
    kind: str
    charset: str
    content: bytes
    seq: int


class PolicyChecked(Act["PolicyCheckedRow"], frozen=True):
    """Record a comparison's result. ``address`` '' when a file of unknown address was compared."""

    spec = ActSpec("policy.checked", "policy.check", changes=True)

    adopted_sha256: str
    posted_sha256: str
    """Hash of the page's bytes as received."""
    verdict: str
    """exact | same | different | absent."""
    differences: int = 0
    address: str = ""


class PolicyCheckedRow(msgspec.Struct, frozen=True):
    """``counts``: it is the Board's page, so the checklist is updated; otherwise ``why_not`` says why."""

    seq: int
    counts: bool
    why_not: str = ""
