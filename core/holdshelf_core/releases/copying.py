"""Copies a bundle to a stick and reads it back from there. Blocks. Writes only below the given folder.

A copy gets its final name only after every file was read back as signed; a failed copy leaves nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from holdshelf_core.errors import BadRequest, Conflict, Unavailable
from holdshelf_core.releases.check import check
from holdshelf_core.releases.derive import Cancelled
from holdshelf_core.releases.writing import SUMS, UNLISTED, read_file
from holdshelf_core.releases.zipping import ZipView
from holdshelf_storage.atomic import write_all
from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox.bundles import folder_of

_READ_BYTES = 1 << 20
_ROOM_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was read back."""

    folder: str
    files: int
    bytes: int


def copy_bundle(
    root_fd: int,
    release: str,
    folder: Path,
    sums_sha256: str,
    ours: tuple[Path, ...],
    stop: threading.Event,
    *,
    zipped: bool = False,
) -> Copied:
    """Copy to FOLDER/RELEASE, or RELEASE.zip, which must not exist. ``sums_sha256``: of the recorded SHA256SUMS; ``ours``:
    folders where no copy may go. Raises BadRequest, Conflict, Unavailable, Cancelled."""
    _check_folder(folder, ours)
    target = folder / (f"{release}.zip" if zipped else release)
    part = folder / f"{target.name}.part"
    if os.path.lexists(target):
        raise Conflict(f"{target} already exists; nothing was overwritten.", "Remove it, or give another folder.")
    try:
        sums = read_file(root_fd, f"{folder_of(release)}/{SUMS}", 8 << 20)
    except StorageError as error:
        raise Unavailable(f"The bundle of {release} cannot be read: {error}", "See `holdshelf release show`.") from None
    if hashlib.sha256(sums).hexdigest() != sums_sha256:
        raise Unavailable(
            f"The bundle of {release} on the media disk is not the one that was made: its {SUMS} differs from the register.",
            "Nothing was copied. Submit a new request, and check that disk.",
        )
    listed = {line[66:]: line[:64] for line in sums.decode().splitlines()}
    listed |= dict.fromkeys(UNLISTED, "")
    copy = _Copy(root_fd, folder_of(release), part, stop)
    try:
        _check_room(root_fd, folder_of(release), list(listed), folder)
        done = copy.as_zip(release, sums_sha256) if zipped else copy.all(listed)
        part.rename(target)
        _sync_folder(folder)
    except BaseException as error:
        # Only what this call has made: `part` did not exist before.
        if copy.began and zipped:
            part.unlink(missing_ok=True)
        elif copy.began:
            shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError | StorageError):
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise Unavailable(
                f"The bundle could not be written to {folder} ({said}).", "The copy was removed; check the USB stick."
            ) from error
        raise
    return Copied(str(target), 1 if zipped else len(listed), done)


def _check_folder(folder: Path, ours: tuple[Path, ...]) -> None:
    real = Path(os.path.realpath(folder))
    if not real.is_dir():
        raise BadRequest(f"{folder} is not a folder.", "Mount the USB stick, then give the full path of its folder.")
    for one in ours:
        root = Path(os.path.realpath(one))
        if real == root or root in real.parents:
            raise BadRequest(f"{folder} is inside the server's own folders.", "Give a folder on the USB stick.")


def _check_room(root_fd: int, source: str, names: list[str], folder: Path) -> None:
    sizes = sum(os.stat(f"{source}/{name}", dir_fd=root_fd, follow_symlinks=False).st_size for name in names)
    figures = os.statvfs(folder)
    free = figures.f_bavail * figures.f_frsize
    if sizes + _ROOM_BYTES > free:
        raise Unavailable(
            f"{folder} does not have enough room: this takes {sizes / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free.",
            "Nothing was copied; use a larger USB stick. Files over 4 GB need exFAT or ext4.",
        )


class _Copy:
    def __init__(self, root_fd: int, source: str, part: Path, stop: threading.Event) -> None:
        self._root_fd = root_fd
        self._source = source
        self._part = part
        self._stop = stop
        self.began = False

    def all(self, listed: dict[str, str]) -> int:
        """Write and sync every file, then read each back; return the bytes."""
        try:
            self._part.mkdir(mode=0o700)
        except FileExistsError:
            raise self._is_there() from None
        self.began = True
        total = 0
        written: dict[str, str] = {}
        for name in sorted(listed):
            written[name], size = self._file(name)
            total += size
            if listed[name] and written[name] != listed[name]:
                raise Unavailable(
                    f"{name} of the bundle on the media disk differs from its checksum.",
                    "Nothing was copied. Check that disk (`holdshelf footage verify --deep`).",
                )
        for folder in sorted({(self._part / name).parent for name in listed} | {self._part}, reverse=True):
            _sync_folder(folder)
        for name in sorted(listed):
            if self._read_back(name) != written[name]:
                raise Unavailable(
                    f"{name} reads back differently from the stick.", "The copy was removed; use another USB stick."
                )
        return total

    def as_zip(self, release: str, sums_sha256: str) -> int:
        """Write and sync one file, then check it like an untrusted bundle; return the bytes."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with ZipView.open(self._root_fd, release, sums_sha256) as view:
            try:
                fd = os.open(self._part, flags, 0o600)
            except FileExistsError:
                raise self._is_there() from None
            self.began = True
            try:
                for block in view.blocks():
                    self._go_on()
                    write_all(fd, block)
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)
            report = check(self._part)
            if report.problems or report.sums_sha256 != sums_sha256:
                raise Unavailable(
                    f"The zip reads back wrong from the stick: {(report.problems or ['it is another bundle'])[0]}",
                    "Nothing is left there. Use another stick, and check the media disk (`holdshelf footage verify --deep`).",
                )
            return view.size

    def _is_there(self) -> Conflict:
        return Conflict(
            f"{self._part} already exists: it is an unfinished copy or someone else's.",
            "Remove it, then try again.",
        )

    def _file(self, name: str) -> tuple[str, int]:
        target = self._part / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        source = os.open(f"{self._source}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root_fd)
        digest, size = hashlib.sha256(), 0
        try:
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                while data := os.pread(source, _READ_BYTES, size):
                    self._go_on()
                    digest.update(data)
                    write_all(fd, data)
                    size += len(data)
                os.fsync(fd)
                # Read back from the stick, not from the page cache.
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)
        finally:
            os.close(source)
        return digest.hexdigest(), size

    def _read_back(self, name: str) -> str:
        fd = os.open(self._part / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        digest = hashlib.sha256()
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            while data := os.read(fd, _READ_BYTES):
                self._go_on()
                digest.update(data)
        finally:
            os.close(fd)
        return digest.hexdigest()

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Cancelled("The service is stopping; the bundle was not written to the USB stick.")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # FAT has no folders to sync
            os.fsync(fd)
    finally:
        os.close(fd)
