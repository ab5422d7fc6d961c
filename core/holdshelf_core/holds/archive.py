"""Copies a hold to another disk and verifies the copy, so that the room here can be freed.

    FOLDER/HOLD/hold.json  SHA256SUMS  archived.json
    FOLDER/HOLD/CAMERA/YYYY-MM-DD/  SEQ_….mp4  journal.jsonl  SHA256SUMS        (as on the shelf; docs/disk-format.md)

Each file is read from the shelf, compared with its checksum in the journal, written under a temporary name, synced, renamed, and
read back from the other disk. A file that cannot be verified ends the archiving with nothing released. It may be interrupted and
restarted: existing files are verified, not trusted. Blocks; runs in a thread. It never deletes anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.holds.archive_facts import Copied
from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage import layout
from holdshelf_storage.atomic import fsync_dir, sync, write_all, write_atomic
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.hashing import sha256_of
from holdshelf_storage.ledger.lines import merged
from holdshelf_storage.shelf.shelf import Shelf
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import sum_line, wanted_sums
from holdshelf_storage.volume.volume import Volume

_CHUNK_BYTES = 1 << 20
ROOM_BYTES = 64 << 20
"""Required in addition to the files, for lists and folders."""
RECEIPT = "archived.json"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was copied and verified."""

    folder: str
    files: int
    bytes: int
    sums_sha256: str


@dataclass(frozen=True, slots=True)
class _File:
    camera: str
    day: str
    name: str
    seq: int
    start_utc_ns: int
    end_utc_ns: int
    sha256: str | None


def check_folder(folder: Path, volume: Volume) -> None:
    """Check that a folder can hold an archive. Raises BadRequest."""
    real = Path(os.path.realpath(folder))
    if not folder.is_absolute() or not real.is_dir():
        raise BadRequest(
            f"{folder} is not a folder.", "Mount the other disk, then give the full path of a folder on it."
        )
    for ours, what in ((volume.media, "media"), (volume.state, "state")):
        root = Path(os.path.realpath(ours))
        if real == root or root in real.parents:
            raise BadRequest(f"{folder} is inside the {what} folder.", "Give a folder on another disk.")


def check_disk(folder: Path, volume: Volume) -> None:
    """Check that a folder is not on one of our own disks: no room would be freed, and the copy would be lost with its
    original. Raises BadRequest, Unavailable."""
    try:
        device = folder.stat().st_dev
        if device == os.fstat(volume.root_fd).st_dev:
            words = f"{folder} is on the media disk itself, where a copy frees no space and is lost with that disk."
        elif device == volume.state.stat().st_dev:
            words = f"{folder} is on the system disk, next to this server's records."
        else:
            return
    except OSError as error:
        raise Unavailable(f"{folder} cannot be read ({error.strerror}).", "Mount the other disk.") from None
    raise BadRequest(words, "Mount another disk, then give a folder on it.")


def archive(
    shelf: Shelf,
    volume: Volume,
    hold: str,
    facts: bytes,
    held: tuple[HoldSpan, ...],
    folder: Path,
    at_utc_ns: int,
    stop: threading.Event,
) -> tuple[Receipt, Copied]:
    """Copy all of `hold` on the shelf to FOLDER/HOLD and verify it. Changes nothing on the shelf.

    ``facts``: hold.json; ``held``: the spans it keeps. Raises BadRequest, Unavailable (no room, a disk error, `stop`): then
    nothing may be released.
    """
    check_folder(folder, volume)
    try:
        files = list(_files(shelf, hold))
        sizes = [_size(volume, hold, file) for file in files]
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            figures = os.fstatvfs(root)
            needed, free = sum(sizes) + ROOM_BYTES, figures.f_bavail * figures.f_frsize + _there(root, hold)
            if needed > free:
                raise Unavailable(
                    f"{folder} does not have enough room: this takes {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free.",
                    "Nothing was copied; use a larger disk.",
                )
            made = _Copy(volume, hold, root, stop)
            sums = [made.file(file) for file in files]
            sums += made.earlier(shelf)
            sums += made.lists(shelf, facts)
            sums.sort(key=lambda line: line.partition(b"  ")[2])
            top = b"".join(sums)
            made.write(layout.SUMS, top)
            sums_sha256 = hashlib.sha256(top).hexdigest()
            copied = _copied(str(folder), at_utc_ns, files, sum(sizes), sums_sha256, held)
            made.write(RECEIPT, msgspec.json.encode(copied) + b"\n")
        finally:
            os.close(root)
    except (OSError, StorageError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise Unavailable(
            f"{hold} could not be archived to {folder} ({said}).",
            "Nothing was deleted here; fix the problem and try again.",
        ) from error
    return Receipt(str(folder), len(files), sum(sizes), sums_sha256), copied


def _copied(
    folder: str, at_utc_ns: int, files: list[_File], size_bytes: int, sums_sha256: str, held: tuple[HoldSpan, ...]
) -> Copied:
    segments: dict[str, list[int]] = {}
    spans: dict[str, list[tuple[int, int]]] = {}
    for file in files:
        segments.setdefault(file.camera, []).append(file.seq)
        spans.setdefault(file.camera, []).append((file.start_utc_ns, file.end_utc_ns))
    return Copied(
        folder=folder,
        at_utc_ns=at_utc_ns,
        files=len(files),
        bytes=size_bytes,
        sums_sha256=sums_sha256,
        segments=segments,
        spans={camera: merged(found) for camera, found in spans.items()},
        held=held,
    )


def _files(shelf: Shelf, hold: str) -> Iterator[_File]:
    for camera in shelf.index.cameras(hold):
        for day in shelf.index.days(hold, camera):
            lines = journal.decode_slim(shelf.index.read_journal(hold, camera, day))
            later = {line.seq: line.sha256 for line in lines if isinstance(line, journal.Hash)}
            told = {line.name: line for line in lines if isinstance(line, journal.SlimSegment)}
            for name in sorted(shelf.index.names(hold, camera, day)):
                line = told.get(name)
                if line is None:
                    raise Unavailable(
                        f"{layout.shelf_day_path(hold, camera, day)}/{name} has no line in its journal.",
                        "Run `holdshelf footage verify`; nothing was archived.",
                    )
                end = line.start_utc_ns + line.duration_ns
                yield _File(camera, day, name, line.seq, line.start_utc_ns, end, line.sha256 or later.get(line.seq))


def _size(volume: Volume, hold: str, file: _File) -> int:
    path = f"{layout.shelf_day_path(hold, file.camera, file.day)}/{file.name}"
    return os.stat(path, dir_fd=volume.root_fd, follow_symlinks=False).st_size


def _there(root: int, hold: str) -> int:
    """Return the size of what an earlier, interrupted copy left."""
    total = 0
    with contextlib.suppress(OSError):
        for _, _, names, fd in os.fwalk(hold, dir_fd=root, follow_symlinks=False):
            total += sum(os.stat(name, dir_fd=fd, follow_symlinks=False).st_blocks * 512 for name in names)
    return total


class _Copy:
    """One copy in progress. Every path is resolved relative to the descriptor of the requested folder."""

    def __init__(self, volume: Volume, hold: str, root: int, stop: threading.Event) -> None:
        self._volume = volume
        self._hold = hold
        self._root = root
        self._stop = stop
        self._folders: set[str] = set()

    def file(self, file: _File) -> bytes:
        """Copy one segment unless a verified copy exists; return its line for SHA256SUMS."""
        shown = f"{file.camera}/{file.day}/{file.name}"
        target = f"{self._folder(f'{file.camera}/{file.day}')}/{file.name}"
        found = self._hash_of(target)
        if found is None or found != file.sha256:
            source = os.open(
                f"{layout.shelf_day_path(self._hold, file.camera, file.day)}/{file.name}",
                os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                dir_fd=self._volume.root_fd,
            )
            try:
                read = self._copy(source, target)
            finally:
                os.close(source)
            if file.sha256 is not None and read != file.sha256:
                raise Unavailable(
                    f"{shown} on the shelf of {self._hold} differs from its checksum, so its copy proves nothing.",
                    "Check the media disk (`holdshelf footage verify --deep`); nothing was deleted.",
                )
            found = self._hash_of(target)
            if found != read:
                raise Unavailable(
                    f"The copy of {shown} reads back differently.", "Check the other disk; nothing was deleted."
                )
        return sum_line(shown, found or "")

    def earlier(self, shelf: Shelf) -> list[bytes]:
        """Verify what an earlier copy in this folder has and the shelf no longer has; return its lines for SHA256SUMS."""
        lines = []
        for camera in shelf.index.cameras(self._hold):
            for day in shelf.index.days(self._hold, camera):
                below = f"{camera}/{day}"
                alone = self._names(self._folder(below)) - shelf.index.names(self._hold, camera, day)
                for line in wanted_sums(shelf.index.read_journal(self._hold, camera, day)) if alone else ():
                    name = line[66:-1].decode()
                    if name not in alone:
                        continue
                    if (self._hash_of(f"{self._hold}/{below}/{name}") or "").encode() != line[:64]:
                        raise Unavailable(
                            f"{below}/{name}, copied there before, differs from its checksum now.",
                            "Check that disk; archive to another folder. Nothing was deleted.",
                        )
                    lines.append(sum_line(f"{below}/{name}", line[:64].decode()))
        return lines

    def _names(self, folder: str) -> set[str]:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root)
        try:
            return {name for name in os.listdir(fd) if layout.parse_segment_name(name)}  # noqa: PTH208 - a descriptor
        finally:
            os.close(fd)

    def lists(self, shelf: Shelf, facts: bytes) -> list[bytes]:
        """Copy hold.json and the journals; return their lines for SHA256SUMS."""
        lines = [self._list(layout.HOLD_FILE, facts)]
        path = layout.hold_path(self._hold)
        for camera in shelf.index.cameras(self._hold):
            gone = shelf.index.read(f"{path}/{camera}/{layout.GONE_FILE}")
            if gone is not None:
                self._folder(camera)
                lines.append(self._list(f"{camera}/{layout.GONE_FILE}", gone))
            for day in shelf.index.days(self._hold, camera):
                there = self._names(self._folder(f"{camera}/{day}"))
                data = shelf.index.read_journal(self._hold, camera, day)
                lines.append(self._list(f"{camera}/{day}/{layout.JOURNAL}", data))
                listed = [line for line in wanted_sums(data) if line[66:-1].decode() in there]
                lines.append(self._list(f"{camera}/{day}/{layout.SUMS}", b"".join(listed)))
        for folder in sorted(self._folders):
            fsync_dir(folder, dir_fd=self._root)
        return lines

    def write(self, name: str, data: bytes) -> None:
        """Write a small file durably and read it back."""
        self._folder("")
        path = f"{self._hold}/{name}"
        write_atomic(path, data, dir_fd=self._root)
        if self._hash_of(path) != hashlib.sha256(data).hexdigest():
            raise Unavailable(f"{name} reads back differently from the archive.", "Check the other disk.")

    def _list(self, name: str, data: bytes) -> bytes:
        self.write(name, data)
        return sum_line(name, hashlib.sha256(data).hexdigest())

    def _folder(self, below: str) -> str:
        path = self._hold
        for part in ("", *filter(None, below.split("/"))):
            path = f"{path}/{part}" if part else path
            if path not in self._folders:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, 0o700, dir_fd=self._root)
                found = os.stat(path, dir_fd=self._root, follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode) or found.st_dev != os.fstat(self._root).st_dev:
                    # A link may point to the file to be copied, which would then verify itself.
                    raise Unavailable(
                        f"{path} on the other disk is a link, a file or another disk.", "See what it is, and remove it."
                    )
                if found.st_uid != os.geteuid() or found.st_mode & 0o022:
                    # Nobody else may add or remove files.
                    raise Unavailable(
                        f"{path} on the other disk is open to other accounts.",
                        "Remove it, or make it the service's own (`chown`, `chmod 700`).",
                    )
                self._folders.add(path)
        return path

    def _copy(self, source: int, target: str) -> str:
        """Write `source` durably to `target`; return the SHA-256 of what was read."""
        folder, name = os.path.split(target)
        temp = f"{folder}/.{name}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temp, flags, 0o600, dir_fd=self._root)
        digest = hashlib.sha256()
        try:
            position = 0
            while data := os.pread(source, _CHUNK_BYTES, position):
                self._go_on()
                digest.update(data)
                write_all(fd, data)
                position += len(data)
            os.fchmod(fd, 0o400)
            if os.fstat(fd).st_mode & 0o077:
                # P21: only the service reads held footage.
                raise Unavailable(
                    "The other disk does not protect files from other accounts.",
                    "Use a file system with owners and permissions: ext4, not FAT or NTFS.",
                )
            sync(fd, target)
            # What is read back must come from the disk, not from the page cache.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
        os.rename(temp, target, src_dir_fd=self._root, dst_dir_fd=self._root)
        return digest.hexdigest()

    def _hash_of(self, path: str) -> str | None:
        self._go_on()
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._root)
        except FileNotFoundError:
            return None
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            return sha256_of(fd, self._stop)
        finally:
            os.close(fd)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Unavailable("The service is stopping; the archive is not complete.", "Archive the hold again later.")
