"""What a caller is told about itself and about what happens: sessions and server-sent events. Used by both ends."""

from __future__ import annotations

from typing import Any

import msgspec


class EventRow(msgspec.Struct, frozen=True):
    """One server-sent event. The last of a stream is ``end`` or ``lagged``, with ``reason`` in its data."""

    type: str
    data: dict[str, Any] = {}
    at_utc_ns: int = 0


class Minted(msgspec.Struct, frozen=True):
    """A session that was opened for an SSH client; ``token`` is its only proof and is never written down."""

    token: str
    session: str
    person: str
    name: str = ""


class DoorRow(msgspec.Struct, frozen=True):
    """The SSH door's own key, as `ssh` shows it at the first log-in."""

    fingerprint: str


class LoginRow(msgspec.Struct, frozen=True):
    """A log-in; ``source`` is the network address that it came from."""

    at_utc_ns: int
    source: str


class LoginsRow(msgspec.Struct, frozen=True):
    """The log-in before this one. None with ``whole_log``: this is the first; without it, the last was long ago."""

    before: LoginRow | None
    whole_log: bool
