"""Restores a backup as STATE: trusted only when verified, swapped in at the end, with the old state kept beside it.

    extract into STATE.restoring-…  →  verify all of it  →  restored.json  →  STATE becomes STATE.before-restore-…  →  swap

Until the swap nothing of the old state has changed, and the old state is renamed, never deleted. A crash between the two renames
leaves no STATE, and no service starts then: running the same restore again finishes it. A restore turns back time: rights revoked
since may be valid again, holds may be lost here. So it leaves `restored.json`, from which the service logs `backup.restored` and
lists what must be checked. Refused while a service runs.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from holdshelf_storage.access_log.start import HEAD, read_small
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.atomic import fsync_dir, make_dir, read_all, sync, write_all, write_atomic
from holdshelf_storage.backup.archive import Contents, Manifest, read_archive
from holdshelf_storage.backup.backup import applied_seq
from holdshelf_storage.backup.files import MARKER, MARKER_DONE, never, open_archive
from holdshelf_storage.backup.log import ACCESS, count_entries
from holdshelf_storage.errors import BackupError, DiskFull, FormatNewer, RegisterCorrupt, StorageError, translating
from holdshelf_storage.register import LAST_GOOD, REGISTER, parse_register
from holdshelf_storage.volume.journal import UNREADABLE
from holdshelf_storage.volume.reserve import RESERVE_BYTES, Reserve
from holdshelf_storage.volume.volume import IDENTITY, lock_identity, read_state_identity

_STAGING = ".restoring-"
_REHEARSAL = f"rehearsal{_STAGING}"
_ASIDE = ".before-restore-"
_MAX_MARKER_BYTES = 1 << 20


class Restored(msgspec.Struct, frozen=True):
    """STATE/restored.json: records that this state came from a backup, and what is known about the state that it replaced."""

    at_utc_ns: int
    made_utc_ns: int
    """When the backup was made."""
    archive_sha256: str
    entries: int
    """Number of log entries in the backup."""
    head: str
    set_aside: str
    """Name of the folder beside STATE with the previous state; '' if there was none."""
    newer: dict[str, int] | None
    """How many entries of each action the old log had after the backup's last; None when unknown."""
    problems: list[str]
    """Problems of the restored state, accepted by whoever restored it."""
    log_seq: int = 0
    """Number of the entry `backup.restored`; 0 while the log does not have it yet."""


def restore(
    archive: Path,
    state: Path,
    now_utc_ns: int,
    *,
    replace: bool = False,
    sha256: str = "",
    accept_problems: bool = False,
    stop: threading.Event | None = None,
) -> Restored:
    """Replaces `state` with the content of `archive`; returns the content of `restored.json`. Blocks; call it in a thread.

    `replace`: a non-empty state is set aside by a rename. `sha256`: required hash of the archive ('' for any). `accept_problems`:
    accept a state whose register or log is damaged. Refused without a change: a running service (VolumeLocked), an archive that
    fails verification (BackupError), a newer form (FormatNewer), no room (DiskFull).
    """
    state = Path(os.path.realpath(state))
    source = open_archive(archive)
    try:
        with _alone(state), _unused(state):
            _check_target(state, replace)
            staging = Path(tempfile.mkdtemp(prefix=f"{state.name}{_STAGING}", dir=state.parent))
            try:
                contents, problems = _unpack(archive, source, staging, sha256, stop)
                if problems and not accept_problems:
                    raise BackupError(
                        f"The backup is intact, but its contents are not: {' '.join(problems)[:1000]} "
                        "Nothing was changed; use an older backup, or accept this one with --as-it-is."
                    )
                aside = f"{state.name}{_ASIDE}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_utc_ns // 10**9))}"
                restored = Restored(
                    now_utc_ns,
                    contents.manifest.made_utc_ns,
                    contents.sha256,
                    contents.manifest.entries,
                    contents.manifest.head,
                    _free_name(state.parent, aside) if _is_full(state) else "",
                    _newer(state, contents.manifest),
                    problems,
                )
                _finish(staging, state, restored)
                _swap(staging, state, restored.set_aside)
            finally:
                _discard_staging(staging)
            return restored
    finally:
        os.close(source)


def rehearse(archive: Path, folder: Path, *, sha256: str, stop: threading.Event | None = None) -> list[str]:
    """Restores `archive` into a new folder below `folder`, as `restore` does, compares each file, and deletes it all again.

    Returns the problems of the state in it. `sha256`: the archive's. Blocks; call it in a thread. Raises
    BackupError (it is not that archive, or not whole), FormatNewer, DiskFull.
    """
    source = open_archive(archive)
    try:
        for left in folder.glob(f"{_REHEARSAL}*"):  # of one that was killed: it contains keys
            _discard_staging(left)
        with translating(f"{folder} could not be used"):
            staging = Path(tempfile.mkdtemp(prefix=_REHEARSAL, dir=folder))
        try:
            contents, problems = _unpack(archive, source, staging, sha256, stop)
            for fact in contents.manifest.files:
                with translating(f"{fact.name} could not be read back"), (staging / fact.name).open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != fact.sha256:
                        raise BackupError(f"{fact.name} is not restored as it was: do not trust the disk of {folder}.")
        finally:
            _discard_staging(staging)
        return problems
    finally:
        os.close(source)


def _unpack(
    archive: Path, source: int, staging: Path, sha256: str, stop: threading.Event | None
) -> tuple[Contents, list[str]]:
    """Unpacks and verifies the archive; returns what it holds, and the problems of the state in it."""
    contents = _extract(source, staging, stop.is_set if stop else never)
    if sha256 and contents.sha256 != sha256.strip().lower():
        raise BackupError(f"{archive} is not the expected backup: its SHA-256 is {contents.sha256}.")
    return contents, [*contents.manifest.problems, *_prove(staging, contents, stop)]


def read_marker(state: Path) -> Restored | None:
    """What a restore left for the service to report; None if there was none. Raises StorageError when unreadable."""
    try:
        fd = os.open(state / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackupError(f"{state / MARKER} cannot be read ({error.strerror}).") from error
    try:
        with translating(f"{state / MARKER} could not be read"):
            data = read_all(fd, _MAX_MARKER_BYTES)
        return msgspec.json.decode(data, type=Restored)
    except UNREADABLE as error:
        raise BackupError(f"{state / MARKER} cannot be read; a backup was restored, look at what it says.") from error
    finally:
        os.close(fd)


def mark_logged(state: Path, restored: Restored, seq: int) -> Restored:
    """Called when the log has the entry `backup.restored`, so that it is written once; the marker stays for the repair."""
    logged = msgspec.structs.replace(restored, log_seq=seq)
    write_atomic(state / MARKER, msgspec.json.encode(logged) + b"\n")
    return logged


def settle_marker(state: Path) -> None:
    """Called when a person has checked what a restore forgot: the marker is renamed, and no repair is raised."""
    with translating(f"{state / MARKER} could not be renamed"), contextlib.suppress(FileNotFoundError):
        (state / MARKER).rename(state / MARKER_DONE)
    fsync_dir(state)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Allows one restore at a time per installation; creates the folder above STATE."""
    with translating(f"{state.parent} could not be prepared"):
        state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(state.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(f"Another restore is under way in {state.parent}.") from error
        for left in state.parent.glob(f"{state.name}{_STAGING}*"):  # of a restore that was killed: it contains keys
            _discard_staging(left)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def _unused(state: Path) -> Iterator[None]:
    """Holds the lock that a service needs, if there is a usable state. Raises VolumeLocked."""
    try:
        (state / IDENTITY).lstat()
    except (FileNotFoundError, NotADirectoryError):
        yield
        return
    fd = lock_identity(state)
    try:
        yield
    finally:
        os.close(fd)


def _is_full(state: Path) -> bool:
    try:
        return any(True for _ in os.scandir(state))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BackupError(f"{state} cannot be used ({error.strerror}).") from error


def _check_target(state: Path, replace: bool) -> None:
    if os.path.ismount(state):
        raise BackupError(
            f"{state} is a separate disk, which cannot be swapped; restore next to it and move the files."
        )
    if _is_full(state) and not replace:
        raise BackupError(
            f"{state} is not empty. To replace it use --replace; what is there now is set aside, not deleted."
        )


class _NewFile:
    """A file below the staging folder, durable when closed."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with translating(f"{path.name} could not be restored"):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        with translating(f"{self._name} could not be restored"):
            write_all(self._fd, data)

    def close(self) -> None:
        try:
            sync(self._fd, self._name)
        finally:
            os.close(self._fd)


def _extract(source: int, staging: Path, stop: Callable[[], bool]) -> Contents:
    """Unpacks into the empty staging folder. Its content can be trusted only after this has returned."""
    with translating(f"{staging.parent} could not be asked for its room"):
        room = os.statvfs(staging)
    if room.f_bavail * room.f_frsize < os.fstat(source).st_size + RESERVE_BYTES:
        raise DiskFull(f"{staging.parent} does not have enough room for the backup; free some space first.")

    def sink(name: str) -> _NewFile:
        path = staging / name
        for folder in reversed(path.relative_to(staging).parents[:-1]):
            make_dir(staging / folder)
        return _NewFile(path)

    return read_archive(source, sink, stop)


def _prove(staging: Path, contents: Contents, stop: threading.Event | None) -> list[str]:
    """Problems of the state in the staging folder. Raises FormatNewer when it cannot be read by this version."""
    problems = []
    try:
        identity = read_state_identity(staging)
        if identity is None or identity.volume != contents.manifest.volume:
            problems.append("It does not say which media volume it belongs to.")
    except FormatNewer:
        raise
    except StorageError as error:
        problems.append(str(error))
    applied = 0
    for name in (REGISTER, LAST_GOOD):
        path = staging / name
        try:
            if path.exists():
                applied = max(applied, applied_seq(parse_register(path.read_bytes(), name)[0]))
            elif name == REGISTER:
                problems.append("It holds no register.")
        except RegisterCorrupt as error:
            problems.append(str(error))
        except OSError as error:
            raise BackupError(f"{name} cannot be read back ({error.strerror}).") from error
    if (staging / ACCESS).exists():
        report = verify_log(staging, stop=stop)
        if not report.finished:
            raise BackupError("The restore was interrupted.")
        problems += report.problems
        if report.entries != contents.manifest.entries:
            problems.append(f"Its access log has {report.entries} entries, not {contents.manifest.entries}.")
    if applied > contents.manifest.entries:
        problems.append(
            f"Its register knows {applied} entries of the access log, which has {contents.manifest.entries}."
        )
    return problems


def _newer(state: Path, manifest: Manifest) -> dict[str, int] | None:
    """What the replaced log has after the backup's last entry: what a restore forgets."""
    try:
        fd = os.open(state / ACCESS, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # The first line of a head names the log: entries of another log say nothing about this one.
        old = read_small(fd, HEAD).decode(errors="replace").partition("\n")[0]
        is_same = old == manifest.head.partition("\n")[0]
        return count_entries(fd, manifest.entries) if is_same else None
    except (StorageError, OSError):
        return None
    finally:
        os.close(fd)


def _free_name(folder: Path, wanted: str) -> str:
    name, number = wanted, 1
    while (folder / name).exists():
        number += 1
        name = f"{wanted}-{number}"
    return name


def _finish(staging: Path, state: Path, restored: Restored) -> None:
    """Marker, reserve, owner, and folder syncs: as the service will need it."""
    write_atomic(staging / MARKER, msgspec.json.encode(restored) + b"\n")
    for folder in ("ledger", "keys"):
        make_dir(staging / folder)
    with contextlib.suppress(StorageError):  # the service creates it as soon as there is room
        Reserve(staging).restore()
    owner = (state if state.exists() else state.parent).stat()
    for root, folders, files, dir_fd in os.fwalk(staging, follow_symlinks=False):
        with translating(f"{root} could not be restored"):
            if os.geteuid() == 0:
                for name in (*folders, *files):
                    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=dir_fd, follow_symlinks=False)
        sync(dir_fd, root)
    if os.geteuid() == 0:
        with translating(f"{staging} could not be restored"):
            os.chown(staging, owner.st_uid, owner.st_gid)


def _swap(staging: Path, state: Path, aside: str) -> None:
    with translating(f"{state} could not be replaced"):
        if aside:
            state.rename(state.with_name(aside))
        staging.rename(state)  # works over an empty folder too
    fsync_dir(state.parent)


def _discard_staging(staging: Path) -> None:
    """Removes an extracted state that was not used. Never follows a link out of it."""
    if _STAGING in staging.name and not staging.is_symlink() and staging.exists():
        shutil.rmtree(staging, ignore_errors=True)
