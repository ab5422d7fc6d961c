"""The workers of a forked service as processes that are forked, too: most of what a short one costs is loading FFmpeg.

Before a copy that `forked` makes begins to serve, it sets a process aside that has loaded what workers import. That one copies
itself for each of them, as `forked`'s helper does for commands, and ends with the service. A worker is the service's own child
(CLONE_PARENT).

What a new Python would not have loaded is hidden from a copy: a module that its work imports later, when it is confined and may
open no file, fails as it would there. Of what was loaded all the same, a copy keeps the memory, and the extension modules: they
are loaded once in a process. What differs beside that stands in `forked`.

A worker is a new Python where it is asked for with another environment of the interpreter or loader, where the service was not
forked (HOLDSHELF_TEST_FORK=0), and where it is of another kind: one that loads more by what it is told (WHEP, backups), and the
sender of alerts, whose memory is looked at.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.rig import forked
from tests.rig.hang import HANG_S

MODULES = (
    "holdshelf_core.looks.worker.main",
    "holdshelf_core.recorder.worker.main",
    "holdshelf_core.recorder.worker.probe",
    "holdshelf_core.releases.worker",
)
_NEW_PYTHON = {"whep"}
_BEGINNING = [sys.executable, "-P", "-m"]
_ARENAS = "MALLOC_ARENA_MAX"
_M_ARENA_MAX = -8
_PR_SET_PDEATHSIG = 1
_loaded: dict[str, set[str]] = {}
"""By worker, the names of what a new Python has loaded before the first line of its `main`."""
_hidden: list[ModuleType] = []


def load() -> None:
    """What they import; each is read anew as the program that it is."""
    for name in MODULES:
        new = [*_BEGINNING[:-1], "-c", f"import runpy, sys, {name}; print(*sys.modules)"]
        told = subprocess.run(new, stdout=subprocess.PIPE, text=True, check=True).stdout
        _loaded[name] = {*told.split()} - {name}
        importlib.import_module(name)
        del sys.modules[name]


def module_of(command: list[str], environment: dict[str, str], own: dict[str, str]) -> str:
    """The worker that this command begins; '' where a new Python must. ``own``: this process's environment."""
    begins, name = command[: len(_BEGINNING)] == _BEGINNING, "".join(command[len(_BEGINNING) :][:1])
    theirs, ours = (forked.at_start({k: v for k, v in one.items() if k != _ARENAS}) for one in (environment, own))
    can = begins and name in MODULES and not _NEW_PYTHON.intersection(command) and theirs == ours
    return name if can else ""


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


def begin() -> Callable[[], None] | None:
    """In a copy that is about to serve, while it has one thread. Returns in the service, and in each worker what it runs."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _stand_aside(theirs)
        return _work
    theirs.close()
    ours.settimeout(HANG_S)
    workers, own = _Workers(ours), dict(os.environ)

    class Popen(forked.CopyPopen):
        def _copied_by(
            self, command: list[str], environment: dict[str, str]
        ) -> tuple[forked.Copies, list[str], dict[str, str]] | None:
            return (workers, command, environment) if module_of(command, environment, own) else None

    subprocess.Popen = Popen  # type: ignore[misc]
    return None


def _stand_aside(link: socket.socket) -> None:
    """Keeps nothing of what the service was given: whoever holds the other end of that waits for its end. Returns in a copy."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    forked.set_title([*_BEGINNING, __name__])
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    os.closerange(3, link.fileno())
    os.closerange(link.fileno() + 1, 1 << 30)
    os.chdir("/")
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    forked.serve(link, _name)
    for number, handler in before.items():
        signal.signal(number, handler)


def _name(command: list[str]) -> None:
    forked.set_title(command)
    del sys.path[0]
    sys.argv = command[len(_BEGINNING) :]


def _hide(kept: set[str]) -> None:
    """All modules but these, of those that would be read from a file of Python."""
    for name, module in list(sys.modules.items()):
        if name in kept or not (getattr(module, "__file__", None) or "").endswith(".py"):
            continue
        _hidden.append(sys.modules.pop(name))
        parent, _, last = name.rpartition(".")
        if parent in kept and vars(sys.modules[parent]).get(last) is module:
            delattr(sys.modules[parent], last)


def _work() -> None:
    """In a copy: what ``python -P -m MODULE …`` does."""
    _hide(_loaded[sys.argv[0]])
    if arenas := os.environ.get(_ARENAS):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, int(arenas))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
