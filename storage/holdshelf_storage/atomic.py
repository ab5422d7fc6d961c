"""The few ways in which Holdshelf writes files, each safe against a power cut at any moment.

* `write_atomic`: replaces a whole file. Afterwards it has either the old or the new content, never a mixture.
* `append_durable`: appends lines to a journal. Afterwards all of them are on disk, or none.
* `read_lines`, `read_tail`: read journals whose last line may be torn.

Functions that take `dir_fd` resolve a relative path below it, so that a disk mounted over our path is never written. This module
knows nothing about the content and must never delete: it only truncates a torn tail.
"""

import contextlib
import os
import stat
from collections.abc import Iterator

from holdshelf_storage.errors import StorageError, SyncFailed, translating

_CHUNK = 64 * 1024


def fsync_dir(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> None:
    """Makes the entries of a folder durable. Raises SyncFailed, DiskWriteError."""
    with translating(f"The folder {os.fspath(path)} could not be opened"):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        sync(fd, f"The folder {os.fspath(path)}")
    finally:
        os.close(fd)


def sync(fd: int, what: str, *, data_only: bool = False) -> None:
    """fsync (or fdatasync) of `fd`. Raises SyncFailed: never sync the same data again after that."""
    try:
        if data_only:
            os.fdatasync(fd)
        else:
            os.fsync(fd)
    except OSError as error:
        raise SyncFailed(f"{what} could not be made durable ({error.strerror}); check the disk.") from error


def make_dir(path: str | os.PathLike[str], *, dir_fd: int | None = None, mode: int = 0o700) -> bool:
    """Makes a folder durably; its parent must exist. False when it existed already. Raises StorageError.

    When its name cannot be made durable it is removed again: the next caller would trust it otherwise.
    """
    text = os.fspath(path)
    with translating(f"The folder {text} could not be made"):
        try:
            os.mkdir(path, mode, dir_fd=dir_fd)
        except FileExistsError:
            return False
    try:
        fsync_dir(os.path.dirname(text) or ".", dir_fd=dir_fd)  # noqa: PTH120
    except StorageError:
        with contextlib.suppress(OSError):
            os.rmdir(path, dir_fd=dir_fd)
        raise
    return True


def write_atomic(
    path: str | os.PathLike[str], data: bytes, mode: int = 0o600, *, dir_fd: int | None = None, keep_last: str = ""
) -> None:
    """Replaces the file at `path` with `data`: temp file, fsync, rename, folder fsync.

    The temp file has a fixed name (".NAME.tmp"), so a crash leaves at most one, which the next call reuses; callers serialize
    writers of one file. `keep_last` names a file in the same folder that becomes a hard link to the replaced content. Raises
    DiskFull (the old file is intact), SyncFailed, VolumeReadOnly, DiskWriteError.
    """
    text = os.fspath(path)
    folder, name = os.path.split(text)
    temp = os.path.join(folder, f".{name}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with translating(f"{text} could not be written"):
        fd = os.open(temp, flags, mode, dir_fd=dir_fd)
        try:
            os.fchmod(fd, mode)  # a leftover temp file may have another mode, and the umask applies
            write_all(fd, data)
            sync(fd, text)
        except BaseException:
            _discard_temp(temp, dir_fd)  # on a full disk every block counts
            raise
        finally:
            os.close(fd)
        if keep_last:
            _link_over(text, os.path.join(folder, keep_last), dir_fd)
        os.rename(temp, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    fsync_dir(folder or ".", dir_fd=dir_fd)


def _link_over(source: str, target: str, dir_fd: int | None) -> None:
    """Makes `target` another name of `source`, replacing it. Does nothing when there is no `source`."""
    folder, name = os.path.split(target)
    temp = os.path.join(folder, f".{name}.tmp")
    _discard_temp(temp, dir_fd)
    try:
        os.link(source, temp, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except FileNotFoundError:
        return
    os.rename(temp, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    _discard_temp(temp, dir_fd)  # rename does nothing when both were the same file already


def _discard_temp(temp: str, dir_fd: int | None) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temp, dir_fd=dir_fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Writes all of `data` at the descriptor's position. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def append_durable(fd: int, data: bytes, what: str, *, durable: bool = True) -> None:
    """Appends whole lines to the journal at `fd` (opened O_RDWR | O_APPEND) and makes them durable.

    A torn tail, left by a crash or a full disk, is truncated first, so that no line is joined to half of another. On any error
    the file is truncated to its previous length: the lines are there entirely or not at all. `durable=False` skips the sync, for
    data that can be rebuilt. Raises DiskFull, SyncFailed, VolumeReadOnly, DiskWriteError. One writer at a time per file.
    """
    with translating(f"{what} could not be written"):
        cut_torn_tail(fd)
        size = os.fstat(fd).st_size
    try:
        with translating(f"{what} could not be written"):
            write_all(fd, data)
        if durable:
            sync(fd, what, data_only=True)
    except BaseException:
        with contextlib.suppress(
            OSError
        ):  # otherwise the half line stays, and the next append or recovery truncates it
            os.ftruncate(fd, size)
        raise


def append_file(path: str, data: bytes, what: str, *, dir_fd: int | None = None, durable: bool = True) -> None:
    """`append_durable` to the file at `path`, which is created (0600, its name durable too) if missing."""
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with translating(f"{what} could not be opened"):
        made = False
        try:
            fd = os.open(path, flags, dir_fd=dir_fd)
        except FileNotFoundError:
            fd = os.open(path, flags | os.O_CREAT, 0o600, dir_fd=dir_fd)
            made = True
    try:
        if made and durable:
            fsync_dir(os.path.dirname(path) or ".", dir_fd=dir_fd)  # noqa: PTH120
        append_durable(fd, data, what, durable=durable)
    finally:
        os.close(fd)


def cut_torn_tail(fd: int) -> int:
    """Truncates after the last newline; returns the number of bytes removed. Raises OSError."""
    size = os.fstat(fd).st_size
    if size == 0 or os.pread(fd, 1, size - 1) == b"\n":
        return 0
    position = size
    while position > 0:
        start = max(0, position - _CHUNK)
        newline = os.pread(fd, position - start, start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    os.ftruncate(fd, position)
    return size - position


def read_lines(fd: int) -> Iterator[bytes]:
    """Yields the whole lines of a journal, without newlines; a torn last one is skipped. Raises OSError."""
    yield from whole_lines(read_all(fd))


def read_all(fd: int, limit_bytes: int = 256 * 1024 * 1024) -> bytes:
    """The content of a regular file, at most `limit_bytes` of it. Raises OSError."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return b""
    left = min(status.st_size, limit_bytes)
    data = os.pread(fd, left, 0)
    if len(data) == left:
        return data
    parts = [data]  # a short read is possible
    position = len(data)
    while position < left:
        part = os.pread(fd, left - position, position)
        if not part:
            break
        parts.append(part)
        position += len(part)
    return b"".join(parts)


def read_tail(fd: int, limit_bytes: int) -> bytes:
    """The whole lines among the last `limit_bytes` of a journal, newlines included. Raises OSError."""
    size = os.fstat(fd).st_size
    start = max(0, size - limit_bytes)
    data = os.pread(fd, size - start, start)
    end = data.rfind(b"\n") + 1
    if start == 0:
        return data[:end]
    # The preceding byte tells whether the first line is whole; without it, the first is skipped.
    first = 0 if os.pread(fd, 1, start - 1) == b"\n" else data.find(b"\n") + 1
    return data[first:end]


def whole_lines(data: bytes) -> list[bytes]:
    """Splits journal bytes into whole lines; anything after the last newline is skipped."""
    end = data.rfind(b"\n")
    return data[:end].split(b"\n") if end >= 0 else []
