"""A data folder on a disk that fails: any call that changes it may raise, or be the last before a kill or a power cut.

Built on `Steps`, which knows what a power cut leaves. Here one moment is chosen beforehand instead of keeping all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.storage.crash import Steps


class Dead(BaseException):
    """The process is gone: nothing that runs from here on may change the disk."""


class FaultyDisk(Steps):
    """Watches `root`; `arm` chooses what happens at the n-th changing call from then on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, root)
        self.dead = False
        self.calls = 0
        self.fired = ""
        self._left = 0
        self._fault = ""

    def arm(self, fault: str, after: int) -> None:
        """`fault`: EIO, ENOSPC (that one call fails), before, after (death before or after that call)."""
        self._fault, self._left, self.fired = fault, after, ""

    def disarm(self) -> None:
        """Nothing happens any more."""
        self._fault, self._left = "", 0

    def cut(self, target: Path) -> None:
        """Builds at `target` what a power cut now would leave: only what was made durable."""
        self._build(os.stat(self.root).st_ino, target)

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        inner = super()._watched(name, real)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            shown = self._shown(args[0], kwargs.get("dir_fd", kwargs.get("src_dir_fd")))
            if not shown.startswith(f"{self.root}/"):
                return real(*args, **kwargs)
            if self.dead:
                raise Dead
            self.calls += 1
            due = False
            if self._left > 0:
                self._left -= 1
                due = self._left == 0
            if not due:
                return inner(*args, **kwargs)
            self.fired = f"{self._fault} {name} {shown.removeprefix(str(self.root))}"
            if self._fault in ("EIO", "ENOSPC"):
                if name in ("unlink", "rmdir", "fchmod") and self._fault == "ENOSPC":
                    return inner(*args, **kwargs)
                raise OSError(getattr(errno, self._fault), os.strerror(getattr(errno, self._fault)))
            if self._fault == "before":
                self.dead = True
                raise Dead
            result = inner(*args, **kwargs)
            self.dead = True
            if name == "open":
                os.close(result)
            raise Dead

        call.__wrapped__ = real  # type: ignore[attr-defined]
        return call

    def _keep(self, step: str) -> None:
        pass


def close_descriptors(root: Path) -> None:
    """What a process that dies leaves to the kernel: all that is still open below `root`."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            if os.readlink(f"/proc/self/fd/{fd}").startswith(f"{root}/"):
                os.close(fd)
        except OSError:
            continue


class Unwatched:
    """The real calls, while a tree is built."""

    def __enter__(self) -> None:
        self._kept = {}
        for name in (
            "write",
            "ftruncate",
            "fsync",
            "fdatasync",
            "rename",
            "link",
            "unlink",
            "mkdir",
            "rmdir",
            "fchmod",
            "open",
        ):
            self._kept[name] = getattr(os, name)
            setattr(os, name, getattr(self._kept[name], "__wrapped__", self._kept[name]))

    def __exit__(self, *exc: object) -> None:
        for name, call in self._kept.items():
            setattr(os, name, call)
