"""The folders of cameras and their days: listing them, journals, checksum lists, locks.

One `Days` belongs to a volume and is shared by footage and ledger, because both change the same folders: whoever
changes a camera's folders holds `lock(camera)`. Every path is resolved below the volume's root descriptor. This module
appends and lists; it deletes nothing.
"""

import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import (
    append_file,
    cut_torn_tail,
    fsync_dir,
    make_dir,
    read_all,
    read_tail,
    write_atomic,
)
from holdshelf_storage.errors import DiskFull, StorageError, translating
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.volume import Volume

TAIL_BYTES = 64 * 1024
"""A journal's tail: about 120 segments, two hours."""
_LATEST_KEPT = 4
_FEW = 64
"""Files of a day that are looked at one by one: a folder of 1,440 takes longer to list."""
_log = logging.getLogger(__name__)


class SegmentRef(msgspec.Struct, frozen=True):
    """A closed segment as the sweeper sees it."""

    camera: str
    day: str
    seq: int
    name: str
    allocated_bytes: int
    start_utc_ns: int
    end_utc_ns: int
    boot: str = ""
    """The kernel's boot id when it was recorded; '' where that is not known, and for what was recovered from the camera."""
    end_boot_ns: int = 0
    """CLOCK_BOOTTIME at its end, within that boot."""
    is_recovered: bool = False
    """It was recovered from the camera's own recording: its number says nothing about its age."""


def ref_of(camera: str, day: str, line: journal.Segment | journal.SlimSegment) -> SegmentRef:
    """What the sweeper needs of a segment's line."""
    end = line.start_utc_ns + line.duration_ns
    if line.from_camera is not msgspec.UNSET:
        return SegmentRef(
            camera, day, line.seq, line.name, line.allocated_bytes, line.start_utc_ns, end, is_recovered=True
        )
    end_boot_ns = line.start_boot_ns + line.duration_ns
    return SegmentRef(
        camera, day, line.seq, line.name, line.allocated_bytes, line.start_utc_ns, end, line.boot, end_boot_ns
    )


class Days:
    """The camera folders of one attached volume."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._guard = threading.Lock()
        self._locks: dict[str, threading.RLock] = {}
        self._latest: dict[str, list[str]] = {}
        self._known: set[str] = set()
        self._unsynced: dict[str, set[str]] = {}
        """Days whose folder may not be durable since something was moved into it."""
        self._sums_behind: dict[str, set[str]] = {}
        """Days whose SHA256SUMS lacks a line, since the disk was full when it was due. By camera."""

    def lock(self, camera: str) -> threading.RLock:
        """The lock of a camera's folders. Held for one change at a time; taken after any lock of a caller."""
        with self._guard:
            return self._locks.setdefault(camera, threading.RLock())

    def cameras(self) -> list[str]:
        """The cameras that have a folder, in alphabetical order."""
        return sorted(filter(layout.is_camera, self.list_folder(layout.FOOTAGE)))

    def days(self, camera: str) -> list[str]:
        """The days that a camera has a folder of, newest last."""
        return sorted(filter(layout.is_day, self.list_folder(layout.camera_path(layout.check_camera(camera)))))

    def names(self, camera: str, day: str) -> list[str]:
        """All names in a day's folder, in no order; none when there is no such folder."""
        return self.list_folder(layout.day_path(camera, day))

    def present(self, camera: str, day: str, names: Sequence[str]) -> set[str]:
        """Which of these files, named by the day's journal, are in its folder. Raises DiskWriteError."""
        if len(names) > _FEW:
            return set(self.names(camera, day)).intersection(names)
        folder, root = layout.day_path(camera, day), self.volume.root_fd
        found = set()
        with translating(f"The files of {folder} could not be looked at"):
            for name in names:
                if layout.parse_segment_name(name) is not None:
                    with suppress(FileNotFoundError, NotADirectoryError):
                        os.stat(f"{folder}/{name}", dir_fd=root, follow_symlinks=False)
                        found.add(name)
        return found

    def open_sequences(self, camera: str) -> list[int]:
        """The sequences in a camera's `open` folder, ascending."""
        names = self.list_folder(f"{layout.camera_path(camera)}/{layout.OPEN}")
        return sorted(seq for seq in map(layout.parse_open_name, names) if seq is not None)

    def make_camera(self, camera: str) -> None:
        """Makes a camera's folder and its `open` folder, durably. Raises BadCameraId, StorageError."""
        layout.check_camera(camera)
        root = self.volume.root_fd
        if camera in self._known:
            try:
                os.stat(f"{layout.camera_path(camera)}/{layout.OPEN}", dir_fd=root, follow_symlinks=False)
            except FileNotFoundError:
                _log.error("the folder of %s has disappeared from the volume; it is made anew", camera)
            except OSError as error:
                _log.debug("%s: %s", camera, error)
                return
            else:
                return
        with self.lock(camera):
            make_dir(layout.FOOTAGE, dir_fd=root)
            make_dir(layout.camera_path(camera), dir_fd=root)
            make_dir(f"{layout.camera_path(camera)}/{layout.OPEN}", dir_fd=root)
            self._known.add(camera)

    def append(self, camera: str, day: str, *lines: journal.Line) -> None:
        """Appends lines to a day's journal and makes them durable; creates the folder if missing.

        All lines are on disk afterwards, or, after an error, none. Raises DiskFull, SyncFailed, VolumeReadOnly, DiskWriteError.
        """
        self.make_camera(camera)
        with self.lock(camera):
            if any(journal.is_of_its_moment(line) for line in lines):
                self._remember(camera, day)
            self._append(camera, day, journal.encode(lines))

    def put_back_lines(self, camera: str, day: str, lines: Sequence[bytes]) -> None:
        """Appends lines of a day from the shelf, byte for byte: `latest` does not change. Raises as `append`."""
        self.make_camera(camera)
        with self.lock(camera):
            self._append(camera, day, b"".join(line + b"\n" for line in lines))

    def _append(self, camera: str, day: str, data: bytes) -> None:
        folder = layout.day_path(camera, day)
        make_dir(folder, dir_fd=self.volume.root_fd)
        what = f"The journal of {camera} for {day}"
        append_file(f"{folder}/{layout.JOURNAL}", data, what, dir_fd=self.volume.root_fd)

    def latest(self, camera: str) -> list[str]:
        """The days last written, newest first. Where the clock jumped these are not the last by name."""
        with self.lock(camera):
            found = self._latest.get(camera)
            if found is None:
                data = self._read(f"{layout.camera_path(camera)}/{layout.LATEST}", 4096)
                words = data.decode("ascii", "replace").split()
                found = self._latest[camera] = [day for day in words if layout.is_day(day)][:_LATEST_KEPT]
            return list(found)

    def _remember(self, camera: str, day: str) -> None:
        """Notes, before the day is written, that it is the latest. A hint: a full disk is no reason to stop."""
        latest = self.latest(camera)
        if latest and latest[0] == day:
            return
        latest = [day, *(other for other in latest if other != day)][:_LATEST_KEPT]
        data = "".join(f"{day}\n" for day in latest).encode()
        try:
            write_atomic(f"{layout.camera_path(camera)}/{layout.LATEST}", data, dir_fd=self.volume.root_fd)
        except DiskFull:
            _log.warning("%s: no room for the note of the latest day", camera)
        else:
            self._latest[camera] = latest

    def read_journal(self, camera: str, day: str) -> bytes:
        """The bytes of a day's journal; empty when there is none. Raises DiskWriteError."""
        return self._read(f"{layout.day_path(camera, day)}/{layout.JOURNAL}")

    def read_journal_tail(self, camera: str, day: str) -> bytes:
        """The last lines of a day's journal; all of it where lines of footage recovered from the camera may stand behind
        those of what was recorded last. Raises DiskWriteError."""
        data = self._read(f"{layout.day_path(camera, day)}/{layout.JOURNAL}", tail_bytes=TAIL_BYTES)
        return self.read_journal(camera, day) if journal.FROM_CAMERA_MARK in data else data

    def cut_torn_journal(self, camera: str, day: str) -> int:
        """Cuts the torn tail of a day's journal, if it has one; returns the bytes cut. Raises StorageError."""
        path = f"{layout.day_path(camera, day)}/{layout.JOURNAL}"
        with self.lock(camera), translating(f"The journal of {camera} for {day} could not be mended"):
            try:
                fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.volume.root_fd)
            except FileNotFoundError:
                return 0
            try:
                cut = cut_torn_tail(fd)
                if cut:
                    os.fsync(fd)
            finally:
                os.close(fd)
            return cut

    def add_sum(self, camera: str, day: str, name: str, sha256: str) -> None:
        """Appends to SHA256SUMS. Not synced: the journal holds the same, and recovery compares.

        A list that lacks a line is written anew with the camera's next one, whatever its day: recovery looks at the
        newest days alone, and may come much later. Raises StorageError.
        """
        path = f"{layout.day_path(camera, day)}/{layout.SUMS}"
        what = f"The checksum list of {camera} for {day}"
        with self.lock(camera):
            behind = self._sums_behind.setdefault(camera, set())
            try:
                append_file(path, sum_line(name, sha256), what, dir_fd=self.volume.root_fd, durable=False)
            except StorageError:
                behind.add(day)
                raise
            for late in sorted(behind.intersection(self.days(camera)) if behind else ()):
                self.rebuild_sums(camera, late)
            behind.clear()

    def sums_agree(self, camera: str, day: str, *, whole: bool = False) -> bool:
        """Whether SHA256SUMS agrees with the journal: for the last two hours, or, if `whole`, entirely."""
        path = f"{layout.day_path(camera, day)}/{layout.SUMS}"
        tail = b"" if whole else self.read_journal_tail(camera, day)
        if not whole and journal.FROM_CAMERA_MARK not in tail:
            told = self._read(path, tail_bytes=TAIL_BYTES, torn=True)
            lines = set(told.split(b"\n"))
            wanted = wanted_sums(tail)
            return not told[-1:].strip() and all(line.rstrip(b"\n") in lines for line in wanted)
        told = self._read(path)
        wanted = wanted_sums(self.read_journal(camera, day))
        return sorted(told.splitlines(keepends=True)) == sorted(wanted)

    def rebuild_sums(self, camera: str, day: str) -> None:
        """Rebuilds SHA256SUMS from the journal. Raises StorageError."""
        with self.lock(camera):
            data = b"".join(wanted_sums(self.read_journal(camera, day)))
            write_atomic(f"{layout.day_path(camera, day)}/{layout.SUMS}", data, dir_fd=self.volume.root_fd)

    def refs(self, camera: str, day: str, lines: Sequence[journal.SlimLine] | None = None) -> list[SegmentRef]:
        """The closed segments that lie in a day's folder, by ascending sequence. Raises DiskWriteError.

        `lines` is the day's journal for a caller that has read it already. A file without a journal line (there should
        be none) is taken with what its name and its inode say.
        """
        lines = self.slim(camera, day) if lines is None else lines
        told = {line.seq: line for line in lines if isinstance(line, journal.SlimSegment)}
        found = []
        for name in self.names(camera, day):
            parsed = layout.parse_segment_name(name)
            if parsed is None:
                continue
            line = told.get(parsed[0])
            if line is not None and line.name == name:
                found.append(ref_of(camera, day, line))
            else:
                start = layout.day_start_ns(day) + parsed[1]
                found.append(SegmentRef(camera, day, parsed[0], name, self.allocated(camera, day, name), start, start))
        found.sort(key=lambda ref: ref.seq)
        return found

    def slim(self, camera: str, day: str) -> list[journal.SlimLine]:
        """A day's journal, segments with the few fields that counting needs. Raises DiskWriteError."""
        return journal.decode_slim(self.read_journal(camera, day))

    def allocated(self, camera: str, day: str, name: str) -> int:
        """Bytes that a file uses on disk; 0 when it is gone."""
        try:
            path = f"{layout.day_path(camera, day)}/{name}"
            return os.stat(path, dir_fd=self.volume.root_fd, follow_symlinks=False).st_blocks * 512
        except OSError:
            return 0

    def sync(self, camera: str, day: str) -> None:
        """Makes the entries of a day's folder and of `open` durable, in this order. Raises StorageError.

        The day first: where a rename is not one step on disk, the file is then in both folders rather than in none.
        """
        with self._guard:
            self._unsynced.setdefault(camera, set()).add(day)
        fsync_dir(layout.day_path(camera, day), dir_fd=self.volume.root_fd)
        with self._guard:
            self._unsynced.get(camera, set()).discard(day)
        fsync_dir(f"{layout.camera_path(camera)}/{layout.OPEN}", dir_fd=self.volume.root_fd)

    def sync_open(self, camera: str) -> None:
        """Makes the entries of `open` durable; first retries a day whose own sync failed, so that a file moved there cannot be
        in neither folder after a power cut. Raises StorageError."""
        with self._guard:
            behind = list(self._unsynced.get(camera, ()))
        for day in behind:
            try:
                fsync_dir(layout.day_path(camera, day), dir_fd=self.volume.root_fd)
            except StorageError as error:
                _log.error("%s", error)
            else:
                with self._guard:
                    self._unsynced.get(camera, set()).discard(day)
        fsync_dir(f"{layout.camera_path(camera)}/{layout.OPEN}", dir_fd=self.volume.root_fd)

    def list_folder(self, path: str) -> list[str]:
        """All names in a folder below MEDIA, in no order; none when there is no such folder. Raises DiskWriteError."""
        with translating(f"The folder {path} could not be listed"):
            try:
                fd = os.open(
                    path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.volume.root_fd
                )
            except (FileNotFoundError, NotADirectoryError):
                return []
            try:
                return os.listdir(fd)  # noqa: PTH208 - a descriptor, not a path
            finally:
                os.close(fd)

    def _read(self, path: str, limit_bytes: int = 0, *, tail_bytes: int = 0, torn: bool = False) -> bytes:
        with translating(f"{path} could not be read"):
            try:
                fd = os.open(
                    path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=self.volume.root_fd
                )
            except FileNotFoundError:
                return b""
            try:
                if torn:
                    size = os.fstat(fd).st_size
                    return os.pread(fd, tail_bytes, max(0, size - tail_bytes))
                if tail_bytes:
                    return read_tail(fd, tail_bytes)
                return read_all(fd, limit_bytes) if limit_bytes else read_all(fd)
            finally:
                os.close(fd)


def sum_line(name: str, sha256: str) -> bytes:
    """One line of SHA256SUMS, as `sha256sum` writes it."""
    return f"{sha256}  {name}\n".encode()


def wanted_sums(data: bytes) -> list[bytes]:
    """The lines that SHA256SUMS should have, from journal bytes, in the journal's order."""
    lines = journal.decode_slim(data)
    later = {line.seq: line.sha256 for line in reversed(lines) if isinstance(line, journal.Hash)}
    found = []
    for line in lines:
        if isinstance(line, journal.SlimSegment):
            sha256 = line.sha256 or later.get(line.seq)
            if sha256:
                found.append(sum_line(line.name, sha256))
    return found
