"""Reports the service's state to systemd by an sd_notify(3) datagram; does nothing when not run by systemd.

The watchdog (sd_watchdog_enabled(3)): where the unit has WatchdogSec=, a loop that is stuck is silent, and systemd restarts all.
WATCHDOG_PID is not looked at: it names the supervisor, and the unit lets the service speak for itself (NotifyAccess=all).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(state: str) -> None:
    """Send one state ("READY=1", "STOPPING=1", "WATCHDOG=1") to NOTIFY_SOCKET. Never raises, never blocks."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as link:
        link.sendto(state.encode(), address)


class Watchdog:
    """Tells that the loop lives, at half of what systemd allows; call it more often than that."""

    def __init__(self) -> None:
        self._every_s = _allowed_s() / 2
        self._next_s = 0.0

    def async_alive(self) -> None:
        """Tell it when it is due. Never blocks."""
        now_s = time.monotonic()
        if self._every_s and now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            notify("WATCHDOG=1")


def _allowed_s() -> float:
    """Return how long systemd may hear nothing; 0: it does not watch."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() else 0.0
