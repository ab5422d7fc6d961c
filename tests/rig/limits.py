"""Little of a machine's means for some processes: memory, by a control group, and descriptors.

Each tool raises RigError, naming what is missing, when this machine lacks a part or a right. What it changed is as it was
before at the end of its `with`.
"""

from __future__ import annotations

import contextlib
import resource
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.parts import RigError, need_root

ROOT = Path("/sys/fs/cgroup")


@contextmanager
def little_memory(pids: Iterable[int], more_bytes: int) -> Iterator[None]:
    """From now on, those and all that they start may take so much more memory in all; the kernel kills who asks for more.

    What they had before is not counted. Pages of files count, and are given up first.
    """
    need_root("a control group of memory")
    above, limit = (ROOT / "memory", "memory.limit_in_bytes")
    if not above.is_dir():
        above, limit = ROOT, "memory.max"
        with contextlib.suppress(OSError):
            (above / "cgroup.subtree_control").write_text("+memory")
    group = above / f"holdshelf-test-{uuid.uuid4().hex[:8]}"
    before = {pid: _group_of(pid, above) for pid in pids}
    group.mkdir()
    try:
        if not (group / limit).exists():
            raise RigError(f"No control group of memory can be made in {above}.")
        (group / limit).write_text(str(more_bytes))
        for pid in before:
            _move(pid, group)
        yield
    finally:
        home = next(iter(before.values()))
        while inside := (group / "cgroup.procs").read_text().split():
            for pid in map(int, inside):
                _move(pid, before.get(pid, home))
        group.rmdir()


def _group_of(pid: int, above: Path) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if "memory" in kinds.split(",") or (above == ROOT and not kinds):
            return above / path.lstrip("/")
    return above


def _move(pid: int, group: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        (group / "cgroup.procs").write_text(str(pid))


@contextmanager
def few_descriptors(pids: Iterable[int], more: int) -> Iterator[None]:
    """Each of them may open so many more than it has, for now."""
    before: dict[int, int] = {}
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                highest = max((int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()), default=0)
                soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(soft, highest + 1 + more), hard))
                before[pid] = soft
        yield
    finally:
        for pid, soft in before.items():
            with contextlib.suppress(ProcessLookupError):
                hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]  # it may have confined itself meanwhile
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(soft, hard), hard))
