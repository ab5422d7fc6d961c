"""How people reach the SSH door, as it was started: for the lines that papers, answers and screens print."""

from __future__ import annotations

import os
import socket

DEFAULT_DOOR_PORT = 8022
DOOR_VARIABLE = "HOLDSHELF_DOOR"
"""Environment variable of the service: the port, then the name if one was given (`serve --door-name`)."""


def reached() -> tuple[str, int]:
    """Return the door's name, by default this machine's own, and its port."""
    port, _, name = os.environ.get(DOOR_VARIABLE, "").partition(" ")
    return name.strip() or socket.gethostname(), int(port) if port.isdecimal() else DEFAULT_DOOR_PORT
