"""A backup: one file with everything of STATE that cannot be recreated. Made while the service runs, verified after writing.

    register  →  frontier, head  →  access log up to what these three promise  →  everything else

In that order, because the log is authoritative and the register its view: a register slightly older than its log is updated from
it at the next start, one that is ahead of it could not be. Entries that no head or register counts yet may still fail to reach
the disk, so they are left out. Journals are truncated after their last whole line; all other files of STATE are replaced as a
whole by their writers. MEDIA is never included: footage is erased on schedule, and a copy would not be. This module reads STATE
and changes nothing in it; it removes only an archive that it could not finish.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_storage.atomic import fsync_dir, make_dir, sync
from holdshelf_storage.backup.archive import Contents, Writer, read_archive
from holdshelf_storage.backup.files import chunks, last_newline, never, open_archive, open_plain, small, state_names
from holdshelf_storage.backup.log import LogPart
from holdshelf_storage.errors import BackupError, RegisterCorrupt, translating
from holdshelf_storage.register import LAST_GOOD, REGISTER, parse_register
from holdshelf_storage.volume.volume import IDENTITY

BACKUPS = "backups"
"""The default folder for backups, beside STATE; created when needed."""


@dataclass(frozen=True)
class Backup:
    """A backup that was written, synced and read back."""

    bytes: int
    sha256: str
    """Of the whole archive: kept elsewhere, it identifies this archive later."""
    files: int
    entries: int
    """Number of log entries in it."""
    head: str
    problems: list[str]
    """Problems of the state that was backed up; the backup has it as it is."""


def backup(
    state: Path,
    out: Path | int,
    made_utc_ns: int | None = None,
    stop: threading.Event | None = None,
    *,
    promised: int = 0,
) -> Backup:
    """Writes a backup of `state` to the new file `out` (0600), or to a descriptor of a regular file open for both.

    ``promised``: number of log entries that the caller knows to be on disk, its own included. Blocks while it copies and reads
    back; call it in a thread. Raises BackupError (`out` exists, is in STATE, or something changed while copying), DiskFull,
    DiskWriteError; no archive is left behind then.
    """
    state = Path(state)
    made_utc_ns = time.time_ns() if made_utc_ns is None else made_utc_ns
    halted = stop.is_set if stop else never
    if isinstance(out, int):
        return _backup(state, out, made_utc_ns, halted, promised)
    if Path(os.path.realpath(state)) in Path(os.path.realpath(out)).parents:
        raise BackupError(f"A backup cannot lie in {state} itself; give a file elsewhere.")
    if Path(os.path.realpath(out.parent)) == Path(os.path.realpath(state)).parent / BACKUPS:
        make_dir(out.parent)
    try:
        fd = os.open(out, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise BackupError(f"{out} exists; nothing is overwritten, give another name.") from None
    except OSError as error:
        raise BackupError(f"{out} cannot be made ({error.strerror}); give another place.") from error
    try:
        made = _backup(state, fd, made_utc_ns, halted, promised)
        fsync_dir(out.parent)
    except BaseException:
        _discard(out)  # half a backup is worse than none: somebody might trust it
        raise
    finally:
        os.close(fd)
    return made


def _discard(out: Path) -> None:
    with contextlib.suppress(OSError):
        out.unlink()


def _backup(state: Path, fd: int, made_utc_ns: int, stop: Callable[[], bool], promised: int) -> Backup:
    with translating(f"{state} could not be opened"):
        state_fd = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        writer = Writer(fd, made_utc_ns)
        problems: list[str] = []
        register, applied = _registers(state, state_fd, writer, problems)
        log = LogPart(state, state_fd, writer, problems, stop)
        log.copy(max(applied, promised))
        for name in state_names(state_fd, problems):
            if name not in register and not log.owns(name):
                _copy(state_fd, name, writer, stop)
        size, sha256 = writer.finish(_volume(state_fd, problems), log.check.tree.size, log.head, problems)
        files = len(writer.files)
    finally:
        os.close(state_fd)
    sync(fd, "The backup")
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # otherwise reading back would only check the page cache
    read = read_archive(fd, lambda _name: None, stop)
    if (read.bytes, read.sha256) != (size, sha256):
        raise BackupError("The backup reads back differently from what was written: do not trust its disk.")
    return Backup(size, sha256, files, read.manifest.entries, read.manifest.head, problems)


def check_backup(archive: Path, stop: threading.Event | None = None) -> Contents:
    """Reads an archive to its end. Raises BackupError, FormatNewer, DiskWriteError."""
    fd = open_archive(archive)
    try:
        return read_archive(fd, lambda _name: None, stop.is_set if stop else never)
    finally:
        os.close(fd)


def _registers(state: Path, state_fd: int, writer: Writer, problems: list[str]) -> tuple[set[str], int]:
    """Copies the registers first; returns (names handled, the last entry that the register includes)."""
    applied, done = 0, {REGISTER, LAST_GOOD}
    for name in (REGISTER, LAST_GOOD):
        data = small(state_fd, name)
        if data is None:
            continue
        try:
            tables, _ = parse_register(data, str(state / name))
        except RegisterCorrupt as error:
            problems.append(f"{error} It is not in the backup.")
            continue
        applied = max(applied, applied_seq(tables))
        writer.add(name, len(data), [data])
    return done, applied


def applied_seq(tables: dict[str, dict[str, Any]]) -> int:
    """`applied_seq` of the row "log" in table "meta", 0 when there is none."""
    for row in tables.get("meta", {}).values():
        if isinstance(row, dict) and row.get("key") == "log" and isinstance(seq := row.get("applied_seq"), int):
            return max(0, seq)
    return 0


def _copy(state_fd: int, name: str, writer: Writer, stop: Callable[[], bool]) -> None:
    fd = open_plain(state_fd, name)
    try:
        size = os.fstat(fd).st_size
        if name.endswith(".jsonl") and not name.startswith("access."):  # a log that was set aside is kept as evidence
            size = last_newline(fd, size)
        writer.add(name, size, chunks(fd, size, stop))
    finally:
        os.close(fd)


def _volume(state_fd: int, problems: list[str]) -> str:
    """The volume that the state belongs to, '' if unknown."""
    try:
        return str(msgspec.json.decode(small(state_fd, IDENTITY) or b"{}", type=dict[str, object]).get("volume", ""))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problems.append("The state's volume.json cannot be read.")
        return ""
