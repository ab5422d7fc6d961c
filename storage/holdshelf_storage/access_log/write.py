"""The writer of an access log: one folder, locked; its key, its tree, and the end of its last file.

`Writer.put` adds lines durably or not at all: after a failed write or sync the file is truncated to its last good length before
anything else is written. Before each group it checks whether folder and file are unchanged since it last wrote, so that outside
changes raise `LogBroken` and are not overwritten. One thread at a time; `access_log` ensures that.
"""

import fcntl
import logging
import os
import time
from pathlib import Path

from holdshelf_storage.access_log import renew as access_renew
from holdshelf_storage.access_log.checkpoint import BadHead, SigningKey
from holdshelf_storage.access_log.files import Month
from holdshelf_storage.access_log.merkle import leaf_hash
from holdshelf_storage.access_log.start import FRONTIER, HEAD, Frontier, LogAtStart, look, read_small
from holdshelf_storage.atomic import fsync_dir, make_dir, sync, write_all, write_atomic
from holdshelf_storage.errors import LogBroken, StorageError, VolumeLocked, translating
from holdshelf_storage.volume.reserve import Reserve

_APPEND = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_log = logging.getLogger(__name__)


class Writer:
    """Opened by its constructor. `problem` says what is wrong with the log; nothing may be written then.

    Raises VolumeLocked when another service has the log open, DiskFull, VolumeReadOnly, DiskWriteError when it cannot be begun or
    read.
    """

    problem: LogBroken | None
    unwritable: StorageError | None
    """The error of the last write."""

    def __init__(self, folder: Path, key_path: Path, reserve: Reserve) -> None:
        self.folder = folder
        self._key_path = key_path
        self._reserve = reserve
        self.dir_fd = -1
        self._fd = -1
        self.problem = self.unwritable = None
        self.sync_s = 0.001
        """Approximate duration of a write and its sync."""
        try:
            self.key = self._open()
            found = LogAtStart()
            if self.dir_fd >= 0 and self.problem is None:
                found = look(self.dir_fd, self.key.public)
                self.problem = found.problem
            self._take(found)
            if self.problem is None:
                self._settle(found)
        except BaseException:
            self.close()
            raise

    # -- opening ------------------------------------------------------------------------------------------------------

    def _open(self) -> SigningKey:
        """Folder, lock and key, made where there never was a log. Sets `problem`, and then the key signs nothing."""
        if access_renew.never_had_one(self.folder, self._key_path):
            make_dir(self.folder)
        elif not os.path.lexists(self.folder):
            self.problem = LogBroken("The access log is gone; restore it, or begin a new log.")
            return SigningKey.generate()
        with translating("The access log could not be opened"):
            self.dir_fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(self.dir_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise VolumeLocked("The access log is in use by another service; stop that first.") from error
        try:
            return self._read_key()
        except LogBroken as error:
            self.problem = error
            return SigningKey.generate()

    def _read_key(self) -> SigningKey:
        with translating("The access log's key could not be read"):
            try:
                data = self._key_path.read_bytes()
            except FileNotFoundError:
                data = b""
            is_begun = any(not name.startswith(".") for name in os.listdir(self.dir_fd))  # noqa: PTH208 - a descriptor
        if not data and not is_begun:
            key = SigningKey.generate()
            make_dir(self._key_path.parent)
            write_atomic(self._key_path, key.to_pem())
            return key
        try:
            return SigningKey.from_pem(data)
        except BadHead as error:
            reason = "has lost its key" if not data else f"has a key file that {error}"
            raise LogBroken(f"The access log {reason}; restore it, or begin a new log.") from error

    def _take(self, found: LogAtStart) -> None:
        self.tree = found.tree
        self.months = found.months
        self._loose = set(found.loose)
        self._good = found.good
        self.head_size = found.head_size
        self.frontier_size = found.frontier_size
        self._is_doubtful = True
        self.found_head = ""
        if self.months and self.problem is None:
            last = self.months[-1]
            self.months[-1] = Month(last.name, last.first_seq, self._good)
        if self.dir_fd >= 0 and self.problem is not None:
            self.found_head = read_small(self.dir_fd, HEAD).decode(errors="replace")

    def _settle(self, found: LogAtStart) -> None:
        """Truncates what a crash left, makes durable what it did not, and updates head and frontier.

        On a disk that cannot be written now, the log is opened anyway: `unwritable` until it can.
        """
        if found.torn:
            _log.info("the access log's %s: %d bytes of a torn end are cut", self.months[-1].name, found.torn)
        try:
            self._reserve.spend_on(self._prove)
            if self.head_size != self.tree.size:
                self._reserve.spend_on(self.write_head)
            if self.frontier_size != self.tree.size:
                self._reserve.spend_on(self.write_frontier)
        except LogBroken as error:
            self.problem = error
        except StorageError as error:
            if self.frontier_size < 0 and not self.months:
                raise  # it was not even begun
            self.unwritable = error

    def close(self) -> None:
        """Closes the descriptors, and with them the lock. Idempotent."""
        for name in ("_fd", "dir_fd"):
            fd: int = getattr(self, name)
            setattr(self, name, -1)
            if fd >= 0:
                os.close(fd)

    # -- writing ------------------------------------------------------------------------------------------------------

    def file_for(self, at: str) -> str:
        """Returns the file for an entry. A month's file is begun once; entries of a clock that went back stay in the current
        one."""
        name = f"{at[:7]}.jsonl"
        # A file that stayed empty, as its first entry failed, belongs to no month: the clock may have been wrong then.
        written = [month.name for month in self.months if month.first_seq]
        return written[-1] if name in written else name

    def put(self, name: str, lines: list[bytes]) -> None:
        """Adds entries (each with its private line) to the file `name`, durably or not at all.

        On a full disk the reserve is spent on it. Raises LogBroken (and is broken from then on), DiskFull,
        VolumeReadOnly, SyncFailed, DiskWriteError.
        """
        try:
            if self.problem is not None:
                raise LogBroken(str(self.problem))
            self._reserve.spend_on(lambda: self._put(name, b"".join(lines)))
        except LogBroken as error:
            self.problem = self.problem or error
            raise
        except StorageError as error:
            self.unwritable = error
            raise
        self.unwritable = None
        for data in lines:
            self.tree.append(leaf_hash(data[:-1].rpartition(b"\n")[2]))

    def _put(self, name: str, data: bytes) -> None:
        if self._is_doubtful:
            self._prove()
        self._check_untouched()
        if len(self.months) > 1 and self.months[-2].name == name:
            self._leave_empty()
        if not self.months or self.months[-1].name != name:
            self._begin(name)
        started = time.monotonic()
        try:
            with translating("The access log could not be written"):
                write_all(self._fd, data)
            sync(self._fd, "The access log", data_only=True)
        except StorageError:
            self._is_doubtful = True
            self._try_to_prove()
            raise
        self.sync_s += (time.monotonic() - started - self.sync_s) / 8
        self._good += len(data)
        month = self.months[-1]
        self.months[-1] = Month(month.name, month.first_seq or self.tree.size + 1, self._good)

    def _try_to_prove(self) -> None:
        try:
            self._prove()
        except StorageError as error:
            _log.warning("what failed to be written could not be cut off the access log yet: %s", error)

    def _prove(self) -> None:
        """Truncates the last file to its last good length, durably: nothing of a failed group is left. Raises StorageError."""
        with translating("The access log could not be written"):
            if self._fd >= 0:
                os.close(self._fd)  # a disk error is reported once per descriptor: a new one reports later errors
                self._fd = -1
            if self.months:
                self._fd = os.open(self.months[-1].name, _APPEND, dir_fd=self.dir_fd)
                if os.fstat(self._fd).st_size < self._good:
                    raise LogBroken("The access log was shortened by something else; run `holdshelf log verify`.")
                os.ftruncate(self._fd, self._good)
                sync(self._fd, "The access log")
        fsync_dir(".", dir_fd=self.dir_fd)
        self._is_doubtful = False

    def _begin(self, name: str) -> None:
        """A new month's file, empty and durable, becomes the current one. Raises StorageError."""
        with translating("The access log could not be written"):
            try:
                fd = os.open(
                    name, _APPEND | os.O_CREAT | (0 if name in self._loose else os.O_EXCL), 0o600, dir_fd=self.dir_fd
                )
            except FileExistsError as error:
                raise LogBroken(f"The access log's {name} was put there by something else; see what it is.") from error
            self._loose.add(name)
            try:
                os.ftruncate(fd, 0)  # a crash may have left a torn first line in it, which `look` has handled
                sync(fd, "The access log")
                fsync_dir(".", dir_fd=self.dir_fd)
            except BaseException:
                os.close(fd)
                raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd
        self._good = 0
        if self.months and not self.months[-1].first_seq:
            self.months.pop()  # nothing was ever written to that one
        self.months.append(Month(name, 0, 0))

    def _leave_empty(self) -> None:
        """Returns to the file before the current one, which stayed empty. Raises StorageError."""
        self.months.pop()
        self._good, self._is_doubtful = self.months[-1].size, True
        self._prove()

    def _check_untouched(self) -> None:
        """Checks that folder and file are those we opened, with their last length. Raises LogBroken."""
        with translating("The access log could not be looked at"):
            if not _is_at(self.dir_fd, str(self.folder), None):
                raise LogBroken("The folder of the access log was moved or replaced; put it back and restart.")
            if not self.months:
                return
            if not _is_at(self._fd, self.months[-1].name, self.dir_fd):
                raise LogBroken("The access log's file was moved or replaced; put it back and restart.")
            if os.fstat(self._fd).st_size != self._good:
                raise LogBroken("The access log was changed by something else; run `holdshelf log verify`.")

    def head(self) -> str:
        """The signed head over all entries; with a `problem` at the start, the stored one."""
        return self.found_head or self.key.sign(self.tree.size, self.tree.root())

    def write_head(self) -> None:
        """Replaces `head`; not synced, as the lines are and say the same. Raises StorageError."""
        text = self.key.sign(self.tree.size, self.tree.root())
        temp = f".{HEAD}.tmp"
        with translating("The head of the access log could not be written"):
            fd = os.open(
                temp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.dir_fd
            )
            try:
                write_all(fd, text.encode())
            finally:
                os.close(fd)
            os.rename(temp, HEAD, src_dir_fd=self.dir_fd, dst_dir_fd=self.dir_fd)
        self.head_size = self.tree.size

    def write_frontier(self) -> None:
        """Replaces `frontier`, durably. Raises StorageError."""
        frontier = Frontier(
            file=self.months[-1].name if self.tree.size else "",
            offset=self._good,
            size=self.tree.size,
            nodes=[node.hex() for node in self.tree.nodes],
            head=self.key.sign(self.tree.size, self.tree.root()),
        )
        write_atomic(FRONTIER, frontier.encode(), dir_fd=self.dir_fd)
        self.frontier_size = self.tree.size


def _is_at(fd: int, path: str, dir_fd: int | None) -> bool:
    """Whether the open file `fd` is still at `path`. Raises OSError."""
    try:
        here = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    ours = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (ours.st_dev, ours.st_ino)
