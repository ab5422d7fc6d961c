"""Tells systemd how the service fares: the sd_notify(3) datagram, and nothing when nobody listens."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send one state ("READY=1", "STOPPING=1", "WATCHDOG=1") to NOTIFY_SOCKET. Never raises, never blocks."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as link:
        link.sendto(state.encode(), address)
