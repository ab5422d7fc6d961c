"""The worker's end of its control socket."""

from __future__ import annotations

import contextlib
import socket

from holdshelf_core.recorder.worker import protocol as wire


class Link:
    """The control socket's sending end, shared by all threads. A packet is sent whole or not at all."""

    def __init__(self, link: socket.socket) -> None:
        self.socket = link

    def send(self, message: wire.ToService) -> None:
        """Send a message; raises nothing when the service is gone, as the main thread then ends the process."""
        with contextlib.suppress(OSError):
            wire.send(self.socket, message)
