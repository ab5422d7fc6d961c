"""The workers of a forked service as processes that are forked, too: most of what a short one costs is loading FFmpeg.

Before a copy that `forked` makes begins to serve, it sets a process aside that has loaded what workers import. That one copies
itself for each of them, as `forked`'s helper does for commands, and ends with the service. A worker is the service's own child
(CLONE_PARENT).

A worker is a new Python where it is asked for with another environment of the interpreter or loader, and where the service was
not forked. What differs in a copy stands in `forked`; beside that, a service has loaded what its workers import.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from typing import Any

from tests.rig import forked
from tests.rig.hang import HANG_S

MODULES = (
    "holdshelf_core.alerts.sender",
    "holdshelf_core.backups.carrier",
    "holdshelf_core.looks.worker.main",
    "holdshelf_core.recorder.worker.main",
    "holdshelf_core.recorder.worker.probe",
    "holdshelf_core.releases.worker",
    "holdshelf_core.timestamps.reader",
)
_BEGINNING = [sys.executable, "-P", "-m"]
_ARENAS = "MALLOC_ARENA_MAX"
_M_ARENA_MAX = -8
_PR_SET_PDEATHSIG = 1


def load() -> None:
    """What they import; each is read anew as the program that it is."""
    for name in MODULES:
        importlib.import_module(name)
        del sys.modules[name]


def module_of(command: list[str], environment: dict[str, str], own: dict[str, str]) -> str:
    """The worker that this command begins; '' where a new Python must. ``own``: this process's environment."""
    begins, name = command[: len(_BEGINNING)] == _BEGINNING, "".join(command[len(_BEGINNING) :][:1])
    theirs, ours = (forked.at_start({k: v for k, v in one.items() if k != _ARENAS}) for one in (environment, own))
    return name if begins and name in MODULES and theirs == ours else ""


class _Workers:
    """Whoever is set aside, as this service knows it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._lock = threading.Lock()

    def fork(self, request: dict[str, Any], descriptors: list[int]) -> int:
        with self._lock:
            pid = forked.ask(self._link, request, descriptors)
        if not pid:
            raise OSError("what was set aside for workers has ended")
        return pid


def begin() -> None:
    """In a copy that is about to serve, while it has one thread. Returns in the service."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _stand_aside(theirs)
    theirs.close()
    ours.settimeout(HANG_S)
    workers, own = _Workers(ours), dict(os.environ)

    class Popen(forked.CopyPopen):
        def _copied_by(
            self, command: list[str], environment: dict[str, str]
        ) -> tuple[forked.Copies, list[str], dict[str, str]] | None:
            return (workers, command, environment) if module_of(command, environment, own) else None

    subprocess.Popen = Popen  # type: ignore[misc]


def _stand_aside(link: socket.socket) -> None:
    """Keeps nothing of what the service was given: whoever holds the other end of that waits for its end."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    forked.set_title([*_BEGINNING, __name__])
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.closerange(3, link.fileno())
    os.closerange(link.fileno() + 1, 1 << 30)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    forked.serve(link, _name)
    for number, handler in before.items():
        signal.signal(number, handler)
    _run()


def _name(command: list[str]) -> None:
    forked.set_title(command)
    del sys.path[0]
    sys.argv = command[len(_BEGINNING) :]


def _run() -> None:
    """In a copy: ``python -P -m MODULE …`` until it ends."""
    if arenas := os.environ.get(_ARENAS):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, int(arenas))
    code = 0
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
