"""What a time stamp on the access log's head proves, in words."""

from __future__ import annotations

from collections.abc import Sequence

from holdshelf_core.timestamps.types import Stamp, Stamped
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import inert


def stamped_words(stamped: Stamped | None) -> str:
    """Up to which entry the log is stamped: '' when nothing is."""
    if stamped is None:
        return ""
    return f"Time-stamped up to entry {stamped.entries} by {inert(stamped.server, 60)} at {when(stamped.utc_ns)}."


def stamp_words(stamp: Stamp) -> str:
    """What a stamp that holds says."""
    return f"{inert(stamp.signer, 120)} certifies that it existed at {when(stamp.utc_ns, seconds=True)}."


def fingerprint_words(certificates: Sequence[str]) -> list[str]:
    """A line for each certificate, with the SHA-256 as `openssl x509 -fingerprint -sha256` prints it."""
    shown = [":".join(one[at : at + 2] for at in range(0, len(one), 2)).upper() for one in certificates]
    return [f"Certificate {number}: SHA-256 {one}" for number, one in enumerate(shown, 1)]
