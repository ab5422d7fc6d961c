"""`backup` and `restore` on this machine: the part that needs no service, and fetching the file that a service made.

The service can write only into its own folder, so it makes the backup in DATA/backups, and this module moves it to the requested
place. Without a service, the backup is made here directly. Restoring is possible only without one.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import msgspec

from holdshelf_core.access_log import restore_notice as after_restore
from holdshelf_core.backups.types import BackupDone
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, Unavailable
from holdshelf_core.paths import DataPaths
from holdshelf_storage.atomic import fsync_dir, sync, write_all
from holdshelf_storage.backup.backup import BACKUPS, backup
from holdshelf_storage.backup.restore import restore
from holdshelf_storage.errors import BackupError, FormatNewer, StorageError, VolumeLocked

_CHUNK = 1 << 20


class RestoreDone(msgspec.Struct, frozen=True):
    """What a restore did, and what a person should check after it."""

    data: str
    made_utc_ns: int
    entries: int
    set_aside: str
    """Folder with the previous state, '' when there was none."""
    check: list[str]
    """What a person must check now."""


def default_name(data: Path) -> Path:
    """Return a backup's default path: in DATA/backups, named by local time."""
    return DataPaths(data).data / BACKUPS / f"holdshelf-{time.strftime('%Y-%m-%d-%H%M%S')}.tar"


def staging_file(data: Path, wanted: Path) -> Path:
    """Return the path for the service to write to: `wanted` if it is in the data folder, else in DATA/backups."""
    inside = Path(os.path.realpath(data)) in Path(os.path.realpath(wanted)).parents
    return wanted.absolute() if inside else default_name(data)


def check_target(file: Path) -> None:
    """Check the target path before anything is made. Raises Conflict, BadRequest."""
    if file.exists() or file.is_symlink():
        raise Conflict(f"{file} already exists; nothing was overwritten.", "Choose another name.")
    if not file.absolute().parent.is_dir() and file.absolute().parent.name != BACKUPS:
        raise BadRequest(f"{file.absolute().parent} is not a folder.", "Create it first, or choose another folder.")


def make(data: Path, file: Path, *, logged: bool, promised: int = 0, stop: threading.Event | None = None) -> BackupDone:
    """Make a backup at ``file``: by the service, or directly when none runs. Blocks for seconds to minutes.

    ``promised``: number of log entries known to be on disk. DATA/backups is created when ``file`` is in it. Raises
    HoldshelfError; no file is left behind then.
    """
    state = DataPaths(data).state
    if not state.is_dir():
        raise Unavailable(f"{data} is not set up.", "Use --data.")
    try:
        made = backup(state, file, stop=stop, promised=promised)
    except StorageError as error:
        raise _told(error) from None
    return BackupDone(str(file.absolute()), made.bytes, made.sha256, made.entries, made.problems, logged=logged)


def fetch(made: Path, sha256: str, wanted: Path) -> None:
    """Move a backup from where the service made it to `wanted` (new, 0600), verifying it. Raises HoldshelfError."""
    try:
        source = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise HoldshelfError(
            f"The backup is at {made}, but this account may not read it ({error.strerror}).",
            "Copy it as root or as the service's user.",
        ) from None
    try:
        _copy(source, sha256, made, wanted)
        made.unlink(missing_ok=True)
    except OSError as error:
        raise HoldshelfError(
            f"{wanted} cannot be written: {error.strerror}.", f"The backup is at {made}; copy it from there."
        ) from None
    finally:
        os.close(source)


def _copy(source: int, sha256: str, made: Path, wanted: Path) -> None:
    target = os.open(wanted, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    is_whole = False
    try:
        digest, at = hashlib.sha256(), 0
        while data := os.pread(source, _CHUNK, at):
            digest.update(data)
            write_all(target, data)
            at += len(data)
        if digest.hexdigest() != sha256:
            raise HoldshelfError(
                f"{made} is not the file that the service made.",
                "Find out who can write there, then try again.",
            )
        sync(target, str(wanted))
        fsync_dir(wanted.absolute().parent)
        is_whole = True
    except StorageError as error:
        raise _told(error) from None
    finally:
        os.close(target)
        if not is_whole:
            wanted.unlink(missing_ok=True)


def put_back(data: Path, file: Path, *, replace: bool, sha256: str, accept_problems: bool) -> RestoreDone:
    """Restore `file` as the state of `data`. Raises HoldshelfError; nothing was changed then."""
    paths = DataPaths(data)
    try:
        restored = restore(
            file, paths.state, time.time_ns(), replace=replace, sha256=sha256, accept_problems=accept_problems
        )
    except StorageError as error:
        raise _told(error) from None
    return RestoreDone(
        str(data),
        restored.made_utc_ns,
        restored.entries,
        restored.set_aside,
        [after_restore.sentence(restored), *after_restore.what_to_check(restored)],
    )


def _told(error: StorageError) -> HoldshelfError:
    if isinstance(error, VolumeLocked):
        return Conflict(str(error), "Stop it first: `systemctl stop holdshelf`.")
    if isinstance(error, FormatNewer | BackupError):
        return BadRequest(str(error))
    return Unavailable(str(error))
