"""What a kill and what a power cut would leave, after every single step of an operation.

`Steps` watches the system calls that change the disk while an operation runs for real, and keeps, after each, two trees:

* *killed*: the tree as it is (the kernel outlives a kill).
* *cut*: only what was made durable: files as they were at their last fsync, folders with the entries that they had at
  theirs. This is harsher than any journalling file system: a rename whose folders were not both synced may leave
  both names or none, a new file that was synced in a folder that was not is gone.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHANGES = ("write", "ftruncate", "fsync", "fdatasync", "rename", "link", "unlink", "mkdir", "rmdir", "fchmod", "open")


@dataclass(frozen=True)
class Moment:
    """The trees after one step."""

    number: int
    step: str
    killed: Path
    cut: Path


class Steps:
    """Watches one data folder."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.moments: list[Moment] = []
        self._scratch = scratch
        self._entries: dict[int, dict[str, int]] = {}
        self._contents: dict[int, tuple[bytes, int]] = {}
        self._dirs: set[int] = set()
        for folder, _, files in os.walk(root):
            self._sync_dir(folder)
            for name in files:
                self._sync_file(os.path.join(folder, name))

    @contextmanager
    def watching(self) -> Iterator[Steps]:
        """Keeps the trees after every changing call inside the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in CHANGES:
                patch.setattr(os, name, self._watched(name, getattr(os, name)))
            yield self

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            existed = name != "open" or self._exists(args[0], kwargs.get("dir_fd"))
            result = real(*args, **kwargs)
            what = self._shown(args[0], kwargs.get("dir_fd", kwargs.get("src_dir_fd")))
            if not what.startswith(str(self.root)) or (name == "open" and existed):
                return result
            if name == "open":
                self._part_from_former(os.fstat(result).st_ino)
            elif name == "mkdir":
                self._entries.pop(os.stat(what).st_ino, None)
                self._dirs.add(os.stat(what).st_ino)
            elif name in ("fsync", "fdatasync"):
                if stat.S_ISDIR(os.fstat(args[0]).st_mode):
                    self._sync_dir(what)
                else:
                    self._sync_file(f"/proc/self/fd/{args[0]}")
            self._keep(f"{name} {os.path.relpath(what, self.root)}")
            return result

        call.__wrapped__ = real  # type: ignore[attr-defined]
        return call

    def _exists(self, path: Any, dir_fd: int | None) -> bool:
        try:
            os.stat(path, dir_fd=dir_fd)
        except FileNotFoundError:
            return False
        return True

    def _shown(self, path: Any, dir_fd: int | None) -> str:
        if isinstance(path, int):
            return os.readlink(f"/proc/self/fd/{path}")
        base = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
        return os.path.join(base, os.fspath(path))

    def _sync_dir(self, path: str) -> None:
        inode = os.stat(path).st_ino
        self._dirs.add(inode)
        self._entries[inode] = {
            name: os.stat(os.path.join(path, name), follow_symlinks=False).st_ino for name in os.listdir(path)
        }

    def _sync_file(self, path: str) -> None:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            self._contents[status.st_ino] = (file.read(), stat.S_IMODE(status.st_mode))

    def _part_from_former(self, inode: int) -> None:
        """Inode numbers are used again: what still bears this one in a folder's durable entries is another file."""
        former = -1 - len(self.moments)
        if inode in self._contents:
            self._contents[former] = self._contents.pop(inode)
        for entries in self._entries.values():
            for name, child in entries.items():
                if child == inode:
                    entries[name] = former

    def _keep(self, step: str) -> None:
        number = len(self.moments)
        killed, cut = self._scratch / f"{number:03d}-killed", self._scratch / f"{number:03d}-cut"
        with pytest.MonkeyPatch.context() as patch:
            for name in CHANGES:
                real = getattr(os, name)
                patch.setattr(os, name, getattr(real, "__wrapped__", real))
            shutil.copytree(self.root, killed, symlinks=True)
            self._build(os.stat(self.root).st_ino, cut)
        self.moments.append(Moment(number, step, killed, cut))

    def _build(self, inode: int, target: Path, made: dict[int, Path] | None = None) -> None:
        made = {} if made is None else made
        target.mkdir(mode=0o700)
        for name, child in self._entries.get(inode, {}).items():
            path = target / name
            if child in self._dirs:
                self._build(child, path, made)
            elif child in made:
                os.link(made[child], path)
            else:
                content, mode = self._contents.get(child, (b"", 0o600))
                path.write_bytes(content)
                path.chmod(mode)
                made[child] = path


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything under `root` but the sequence, which every attach may raise: path → (mode, content)."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.name != "sequence" and not path.is_dir():
            found[str(path.relative_to(root))] = (stat.S_IMODE(status.st_mode), path.read_bytes())
        elif path.is_dir():
            found[str(path.relative_to(root))] = (0, b"")
    return found
