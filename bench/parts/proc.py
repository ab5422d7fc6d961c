"""What the kernel says a process costs: CPU seconds, resident memory, context switches. Imports nothing of Holdshelf's.

CPU is utime + stime of /proc/PID/stat, in the kernel's ticks of 10 ms; memory is PSS of /proc/PID/smaps_rollup, in
which a page that n processes share counts 1/n for each. Reading either costs the reader, not the one read.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """The process and all below it, parents first. Children that have ended and were waited for are not there."""
    found = [pid]
    for parent in found:
        for task in _names(Path(f"/proc/{parent}/task")):
            with contextlib.suppress(OSError):
                found.extend(map(int, Path(f"/proc/{parent}/task/{task}/children").read_text().split()))
    return found


def cpu_s(pid: int, *, with_ended_children: bool = False) -> float:
    """User and system CPU seconds since the process began; 0.0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    wanted = fields[11:15] if with_ended_children else fields[11:13]  # utime stime cutime cstime: proc_pid_stat(5)
    return sum(map(int, wanted)) / _TICKS_PER_S


def pss_bytes(pids: Iterable[int], *, kind: str = "Pss") -> int:
    """Proportional resident memory of processes together; those that are gone count nothing. ``kind`` "Rss": all of it."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{kind}:"):
                    total += int(line.split()[1]) << 10
    return total


def switches(pid: int) -> int:
    """Context switches of all threads of a process that live now, wanted and unwanted."""
    total = 0
    for task in _names(Path(f"/proc/{pid}/task")):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/task/{task}/status").read_text().splitlines():
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
    return total


def count(pid: int, kind: str) -> int:
    """How many entries of /proc/PID/``kind`` there are: "fd" open descriptors, "task" threads."""
    return len(_names(Path(f"/proc/{pid}/{kind}")))


def busy_s() -> float:
    """CPU seconds of the whole machine, all cores, idle and I/O wait left out."""
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / _TICKS_PER_S  # user nice system · irq softirq steal


@dataclass(frozen=True)
class Spent:
    """What groups of processes spent in a stretch of `seconds`: CPU seconds and switches by group."""

    seconds: float
    cpu_s: dict[str, float]
    switches: dict[str, int]
    before_cpu_s: dict[str, float]
    """What each group had spent before the stretch: its start-up."""
    machine_cpu_s: float
    """Of the whole machine in the stretch, other people's work included."""


@dataclass
class Stopwatch:
    """Counts groups of processes over a stretch: `watch = Stopwatch({"workers": [17, 18]})` … `watch.spent()`."""

    groups: Mapping[str, Iterable[int]]
    _cpu_s: dict[str, float] = field(init=False)
    _switches: dict[str, int] = field(init=False)
    _machine_s: float = field(init=False)
    _began_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()
        self._machine_s = busy_s()
        self._cpu_s = self._cpu()
        self._switches = self._switched()

    def spent(self) -> Spent:
        """From the making of this object until now. Processes that ended meanwhile would be missed: hold the groups."""
        cpu, switched = self._cpu(), self._switched()
        return Spent(
            seconds=time.monotonic() - self._began_s,
            cpu_s={name: cpu[name] - self._cpu_s[name] for name in cpu},
            switches={name: switched[name] - self._switches[name] for name in switched},
            before_cpu_s=dict(self._cpu_s),
            machine_cpu_s=busy_s() - self._machine_s,
        )

    def _cpu(self) -> dict[str, float]:
        return {name: sum(map(cpu_s, pids)) for name, pids in self.groups.items()}

    def _switched(self) -> dict[str, int]:
        return {name: sum(map(switches, pids)) for name, pids in self.groups.items()}


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
