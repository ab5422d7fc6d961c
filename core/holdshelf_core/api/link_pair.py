"""The socket pair between the SSH door and the service. Apart, because whoever makes it needs nothing else of either."""

from __future__ import annotations

import socket


def make_pair() -> tuple[socket.socket, socket.socket]:
    """(the door's end, the service's end). Whoever makes them gives the second to the service and keeps no copy of it."""
    door, service = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # From the first message on the kernel says who wrote it, also before the service is there.
    service.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return door, service
