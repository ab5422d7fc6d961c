"""Checking a time stamp anywhere, without a service."""

from __future__ import annotations

from holdshelf_core.errors import BadRequest
from holdshelf_core.timestamps.authority import checked_authority
from holdshelf_core.timestamps.reading import BadStamp, read_stamp
from holdshelf_core.timestamps.types import Stamp


def verify(head: bytes, stamp: bytes, ca: str) -> Stamp:
    """Return what a stamp on a head says. Raises BadRequest when it does not hold, Unavailable when it was not looked at."""
    try:
        return read_stamp(stamp, head, checked_authority(ca))
    except BadStamp as error:
        raise BadRequest(
            f"This time stamp {error}.",
            "Give the head as it was stamped, byte for byte, and the root of that server.",
        ) from None
