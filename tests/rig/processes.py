"""Kills, stops and looks at processes, each by its id: `kill -9` of a service, of one of its workers, of both.

Must never touch a process that the test did not name by the id of its tree's root: no names, no patterns over all.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.rig.parts import RigError


@dataclass(frozen=True)
class Member:
    """One process of a tree, as it was when it was looked at."""

    pid: int
    parent: int
    command: str


def tree(root_pid: int) -> list[Member]:
    """The process `root_pid` and all its descendants, parents first; zombies are left out."""
    every: dict[int, Member] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if state not in "ZX":
                    every[int(entry.name)] = Member(int(entry.name), int(parent), command)
    found = [every[root_pid]] if root_pid in every else []
    for member in found:  # grows while it is walked
        found.extend(each for each in every.values() if each.parent == member.pid)
    return found


def members(root_pid: int, role: str) -> list[int]:
    """Process ids in the tree below (and with) `root_pid` whose command line matches the pattern `role`."""
    return [member.pid for member in tree(root_pid) if re.search(role, member.command)]


def kill9(pid: int, *, wait_s: float = 10) -> None:
    """SIGKILL, and waits until the process is dead. A process that is gone already is no error."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not _readable(handle, wait_s):
            raise RigError(f"Process {pid} still lives {wait_s} s after SIGKILL (stuck in the kernel?).")
    finally:
        os.close(handle)


def kill9_member(root_pid: int, role: str) -> int:
    """Kills the first process of that role (see `members`) and returns its id. Raises RigError when there is none."""
    found = members(root_pid, role)
    if not found:
        commands = "; ".join(f"{m.pid} {m.command}" for m in tree(root_pid))
        raise RigError(f"No process below {root_pid} matches {role!r}. There are: {commands or 'none'}.")
    kill9(found[0])
    return found[0]


def wait_dead(pid: int, wait_s: float = 10) -> bool:
    """True as soon as the process is dead (a zombie counts as dead), False when it lives on after `wait_s`."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return _readable(handle, wait_s)
    finally:
        os.close(handle)


def processes_with_files_in(folder: Path) -> list[int]:
    """Ids of processes that hold a file (or folder) below `folder` open: after a kill there must be none."""
    inside = f"{folder}/"
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                links = [entry / "cwd", *(entry / "fd").iterdir()]
                if any(f"{_target(link)}/".startswith(inside) for link in links):
                    found.append(int(entry.name))
    return sorted(found)


@contextlib.contextmanager
def stopped(pids: Iterable[int] = ()) -> Iterator[Callable[[Iterable[int]], None]]:
    """Processes stand still (SIGSTOP) inside; yields a function that stops more. All go on at the end."""
    still: set[int] = set()

    def stop(more: Iterable[int]) -> None:
        for pid in more:
            if pid not in still:
                os.kill(pid, signal.SIGSTOP)
                still.add(pid)

    try:
        stop(pids)
        yield stop
    finally:
        for pid in still:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _readable(handle: int, wait_s: float) -> bool:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(wait_s * 1000))


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed since it was listed
        return ""
