"""Selects the files of STATE for a backup and reads them: below a descriptor, never through a link. Only reads."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from holdshelf_storage.backup.archive import is_name
from holdshelf_storage.errors import BackupError, translating

MARKER = "restored.json"
MARKER_DONE = "restored.done.json"
LEFT_OUT = frozenset({"reserve", MARKER, MARKER_DONE})
LEFT_OUT_FOLDERS = ("alerts/",)
"""What was told, and what waits to be told: a copy of it would tell it a second time."""
_CHUNK = 1 << 20


def never() -> bool:
    """Default for callers that never cancel."""
    return False


def open_archive(archive: Path) -> int:
    """A read descriptor of a plain file. Raises BackupError."""
    try:
        fd = os.open(archive, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise BackupError(f"{archive} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BackupError(f"{archive} is not a file.")
    return fd


def state_names(state_fd: int, problems: list[str]) -> list[str]:
    """All files of STATE that belong into a backup, sorted."""
    found = []
    for folder, _, files, dir_fd in os.fwalk(".", dir_fd=state_fd, follow_symlinks=False, onerror=_cannot):
        for base in files:
            name = os.path.normpath(f"{folder}/{base}")
            if name in LEFT_OUT or name.startswith(LEFT_OUT_FOLDERS) or base.startswith(".") or base.endswith(".tmp"):
                continue
            try:
                is_file = stat.S_ISREG(os.stat(base, dir_fd=dir_fd, follow_symlinks=False).st_mode)
            except FileNotFoundError:
                continue
            if is_file and is_name(name):
                found.append(name)
            else:
                problems.append(f"{name!r:.90} in the state folder is none of its files; it is not in the backup.")
    return sorted(found)


def _cannot(error: OSError) -> None:
    raise BackupError(f"{error.filename} cannot be read ({error.strerror}); run this as the service's user or root.")


def open_plain(state_fd: int, name: str) -> int:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=state_fd)
    except OSError as error:
        raise BackupError(f"The state's {name} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise BackupError(f"The state's {name} is not a file.")
    return fd


def small(state_fd: int, name: str) -> bytes | None:
    """A file that fits into memory; None when it is not there."""
    try:
        os.stat(name, dir_fd=state_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackupError(f"The state's {name} cannot be read ({error.strerror}).") from error
    fd = open_plain(state_fd, name)
    try:
        return b"".join(chunks(fd, os.fstat(fd).st_size, never))
    finally:
        os.close(fd)


def chunks(fd: int, size: int, stop: Callable[[], bool]) -> Iterator[bytes]:
    """The first `size` bytes, or fewer when the file has become shorter. Raises BackupError when `stop` returns True."""
    at = 0
    while at < size:
        if stop():
            raise BackupError("The backup was interrupted.")
        with translating("The state could not be read"):
            data = os.pread(fd, min(_CHUNK, size - at), at)
        if not data:
            return
        at += len(data)
        yield data


def last_newline(fd: int, size: int) -> int:
    """Where the last whole line ends."""
    position = size
    while position > 0:
        start = max(0, position - _CHUNK)
        with translating("The state could not be read"):
            found = os.pread(fd, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
