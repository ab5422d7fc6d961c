"""Confinement of a session's process: it imports and reads what the program consists of, and speaks to the service. No more."""

from __future__ import annotations

import sys
from pathlib import Path

from holdshelf_core import confinement

_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc/self", "/dev/urandom")
_WRITABLE = ("/dev/null", "/dev/tty")


def confine_to_reading() -> int:
    """For good. Returns Landlock's ABI, 0 where the kernel has none: other limits must hold then."""
    own = [sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)]
    readable = [Path(path) for path in dict.fromkeys((*_SYSTEM, *own)) if path != "/"]
    return confinement.confine_to_reading(readable, [Path(path) for path in _WRITABLE])
