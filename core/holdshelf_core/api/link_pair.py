"""The socket pair between the SSH door and the service. A module of its own, as its creator needs nothing else from either."""

from __future__ import annotations

import socket


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Return (the door's end, the service's end). The caller passes the second to the service and keeps no copy of it."""
    door, service = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # From the first message on the kernel attaches the sender's credentials, even before the service runs.
    service.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return door, service
