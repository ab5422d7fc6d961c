"""What the service and a process that talks to others say to one another: JSON, a line each, over two pipes."""

from __future__ import annotations

from typing import Final

import msgspec

MAX_LINE_BYTES: Final = 4 << 20
_ENCODER: Final = msgspec.json.Encoder()


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """Process → service: confined, and at work. ``landlock_abi`` 0 and ``seccomp`` False: this kernel lacks them."""

    landlock_abi: int
    seccomp: bool


def line_of(message: msgspec.Struct) -> bytes:
    """Return the line of a message."""
    return _ENCODER.encode(message) + b"\n"
