"""Kills, stops and looks at processes, each by its id: `kill -9` of a service, of one of its workers, of both.

Must never touch a process that the test did not name by the id of its tree's root: no names, no patterns over all.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
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


def member(root_pid: int, role: str) -> int:
    """The first of `members`; 0 where there is none just now."""
    return next(iter(members(root_pid, role)), 0)


def memory_bytes(pid: int, which: str = "VmRSS") -> int:
    """What a process has in memory, shared pages too: PSS is less. VmHWM: the most that it ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{which}:")[2].split()[0]) * 1024


def pss_bytes(pid: int) -> int:
    """What a process has in memory, with its share of what others have, too; 0 where it has ended, or may not be looked into: of
    one that is confined only root may know it."""
    with contextlib.suppress(OSError, ValueError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(rollup.partition("\nPss:")[2].split()[0]) * 1024
    return 0


def kill9(pid: int, *, wait_s: float = 60) -> None:
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


def wait_dead(pid: int, wait_s: float = 60) -> bool:
    """True as soon as the process is dead (a zombie counts as dead), False when it lives on after `wait_s`."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return _readable(handle, wait_s)
    finally:
        os.close(handle)


def living(pids: Iterable[int]) -> list[int]:
    """Those of the processes that still run; a zombie counts as gone, whoever has to reap it."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            if state not in "ZX":
                found.append(pid)
    return found


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


class Patience:
    """A deadline for processes, which does not run while they wait for a processor: the kernel counts that for each thread.

    So one that sleeps or waits for something is late after `seconds` on any machine. One that the machine gives no time
    has up to `stretch` times as long. Whoever began since is counted whole; whoever ended since is not counted.
    """

    def __init__(self, pids: Callable[[], Iterable[int]], seconds: float, *, stretch: float = 3.0) -> None:
        self._pids, self._seconds, self._most_s = pids, seconds, stretch * seconds
        self._began_s = time.monotonic()
        self._before = _queued_ns(pids())

    def is_over(self) -> bool:
        """Whether it has passed."""
        taken_s = self.passed_s
        return taken_s > self._seconds and taken_s > min(self._most_s, self._seconds + self._queued_s())

    @property
    def passed_s(self) -> float:
        """Seconds since it began, by the wall."""
        return time.monotonic() - self._began_s

    @property
    def own_s(self) -> float:
        """The same without the time that the processes waited for a processor."""
        return max(0.0, self.passed_s - self._queued_s())

    def _queued_s(self) -> float:
        now = _queued_ns(self._pids())
        return sum(queued - self._before.get(thread, 0) for thread, queued in now.items()) / 1e9


def patience(seconds: float, root_pid: int | None = None) -> Patience:
    """For this process and all that it has started, or for that tree."""
    root = os.getpid() if root_pid is None else root_pid
    return Patience(lambda: [member.pid for member in tree(root)], seconds)


def _queued_ns(pids: Iterable[int]) -> dict[str, int]:
    """By thread, how long it was ready to run and did not (the second field of the kernel's `schedstat`)."""
    found = {}
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(OSError):
                found[str(thread)] = int((thread / "schedstat").read_text().split()[1])
    return found


def _readable(handle: int, wait_s: float) -> bool:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(wait_s * 1000))


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed since it was listed
        return ""
