"""Confinement of the SSH door and of session processes: they can read the program's files and connect to the service."""

from __future__ import annotations

import sys
from pathlib import Path

from holdshelf_core.processes import confinement
from holdshelf_core.processes.confinement import Confined
from holdshelf_core.processes.confinement_door import confine_door as _confine_door

_SYSTEM = ("/usr", "/lib", "/lib64", "/etc", "/proc/self", "/dev/urandom")
_WRITABLE = ("/dev/null", "/dev/tty")


def confine_to_reading() -> confinement.Confined:
    """Confine this process permanently. Returns what the kernel supports; the other layers must do where one is missing."""
    return confinement.confine_to_reading(_program(), [Path(path) for path in _WRITABLE])


def confine_door(folder: Path) -> Confined:
    """Confine the door and everything that it starts, permanently. ``folder`` is for its own sockets. Returns what this kernel
    supports."""
    executable = Path(sys.executable)
    return _confine_door([*_program(), Path("/proc")], [executable, executable.resolve()], folder)


def _program() -> list[Path]:
    own = [sys.prefix, sys.base_prefix, *(entry for entry in sys.path if entry)]
    return [Path(path) for path in dict.fromkeys((*_SYSTEM, *own)) if path != "/"]
