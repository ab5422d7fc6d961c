"""What a caller gets about itself and about events: sessions and server-sent events. Used by both ends."""

from __future__ import annotations

from typing import Any

import msgspec


class EventRow(msgspec.Struct, frozen=True):
    """One server-sent event. The last of a stream is ``end`` or ``lagged``, with ``reason`` in its data."""

    type: str
    data: dict[str, Any] = {}
    at_utc_ns: int = 0


class Minted(msgspec.Struct, frozen=True):
    """A session opened for an SSH client; ``token`` is its only proof and is never stored.

    ``ticket``: lets the door that asked resume the session with the next service; '' where that is not possible.
    """

    token: str
    session: str
    person: str
    name: str = ""
    ticket: str = ""


class DoorConfined(msgspec.Struct, frozen=True):
    """Layers that confine the SSH door: Landlock's ABI (0 for none) and the system call filter.

    ``own_account``: it runs as the service's account, which the service finds out itself.
    """

    landlock_abi: int
    seccomp: bool
    own_account: bool = False
