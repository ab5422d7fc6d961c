"""The two roots and their identity: nothing is ever written to the wrong disk.

STATE (register, ledger, keys) says which volume belongs to it; MEDIA (footage) says which volume it is. They must agree before
anything is written. All later work under MEDIA goes through a descriptor of its root, so a disk that is mounted over the path, or
removed from it, can be detected (`Volume.problem`) but never written by mistake.

This module makes no decision about footage and removes nothing but its own probe files.
"""

import contextlib
import fcntl
import os
import stat
import time
import uuid
from pathlib import Path

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import fsync_dir, make_dir, write_atomic
from holdshelf_storage.errors import (
    FormatNewer,
    NoLink,
    StorageError,
    VolumeError,
    VolumeLocked,
    VolumeMismatch,
    VolumeMissing,
    VolumeOccupied,
    VolumeReadOnly,
    translating,
)
from holdshelf_storage.volume.journal import UNREADABLE
from holdshelf_storage.volume.reserve import Reserve
from holdshelf_storage.volume.sequence import Sequence

FORMAT = 1
IDENTITY = "volume.json"
_IDENTITY_LIMIT_BYTES = 64 * 1024
_OURS_IN_STATE = frozenset({"access", "clock.json", "ledger", "keys", "reserve", "register.json", "register.last.json"})
_LOST = "volume.lost-"
_OURS_IN_MEDIA = frozenset({"lost+found", "sequence"})
_LOCK_POLL_S = 0.05


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The content of volume.json, the same on both sides but for `side`."""

    side: str
    """"state" or "media"."""
    format: int
    """Version of docs/disk-format.md that wrote it."""
    volume: str
    """A UUID that ties the two sides together."""
    created_utc_ns: int


class _AnyVersion(msgspec.Struct):
    format: int


def init_volume(state: Path, media: Path, now_utc_ns: int) -> Identity:
    """Sets up STATE and MEDIA, if needed; returns MEDIA's identity.

    Idempotent, and an interrupted call is finished by the next. Both folders become 0700, MEDIA is tested for hard links, STATE
    gets its reserve. Refused without a change: folders with unknown files (VolumeOccupied), another volume's (VolumeMismatch), a
    state whose volume is not at MEDIA (VolumeMissing), a newer format (FormatNewer). Also raises NoLink, VolumeReadOnly,
    DiskFull, DiskWriteError.
    """
    state, media = Path(os.path.abspath(state)), Path(os.path.abspath(media))  # noqa: PTH100 - keep symlinks as given
    real_state, real_media = Path(os.path.realpath(state)), Path(os.path.realpath(media))
    if real_state == real_media or real_state in real_media.parents or real_media in real_state.parents:
        raise VolumeOccupied(f"State ({state}) and media ({media}) must be two folders, neither inside the other.")
    on_state = read_identity(state / IDENTITY, "state")
    on_media = read_identity(media / IDENTITY, "media")
    _check_pair(state, media, on_state, on_media)
    if on_state is None and not any(
        state.glob(f"{_LOST}*")
    ):  # a state that gave up its volume is ours, whatever is in it
        _refuse_strangers(state, _OURS_IN_STATE)
    if on_media is None:
        _refuse_strangers(media, _OURS_IN_MEDIA)
    elif on_state is None and (media / layout.FOOTAGE).exists():
        raise VolumeMismatch(
            f"{media} holds the footage of another installation (volume {on_media.volume}); "
            "choose an empty folder, or bring the state folder that belongs to it."
        )
    for root in (state, media):
        with translating(f"The folder {root} could not be prepared"):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)
        fsync_dir(root.parent)
    if on_media is None:
        on_media = Identity(side="media", format=FORMAT, volume=str(uuid.uuid4()), created_utc_ns=now_utc_ns)
        _try_links(media)
        write_atomic(media / IDENTITY, msgspec.json.encode(on_media) + b"\n")
    if on_state is None:
        on_state = msgspec.structs.replace(on_media, side="state")
        write_atomic(state / IDENTITY, msgspec.json.encode(on_state) + b"\n")
    # Only now: a MEDIA with `footage` is a volume in use, and never taken over by another state.
    for folder in (media / layout.FOOTAGE, media / layout.SHELF, state / "ledger", state / "keys"):
        make_dir(folder)
    Reserve(state).restore()
    return on_media


def give_up_volume(state: Path, media: Path, now_utc_ns: int) -> Path:
    """Makes STATE forget a lost volume, so that `init_volume` may begin another; returns where its identity was moved.

    Refused when nothing is set up (VolumeMissing), or while that volume, or any other, is at MEDIA (VolumeMismatch).
    """
    check_given_up(state, media)
    aside = state / f"{_LOST}{now_utc_ns // 1_000_000_000}.json"
    with translating(f"{state} could not be changed"):
        (state / IDENTITY).rename(aside)
    fsync_dir(state)
    return aside


def check_given_up(state: Path, media: Path) -> None:
    """Checks that STATE has a volume to give up, and none is at MEDIA. Raises as `give_up_volume`; changes nothing."""
    if read_identity(state / IDENTITY, "state") is None:
        raise VolumeMissing(f"{state} is not set up; there is no volume to give up.")
    if read_identity(media / IDENTITY, "media") is not None:
        raise VolumeMismatch(
            f"{media} holds a volume, so nothing is lost; unmount it, or choose an empty folder. If its footage is newer than "
            "the backup that was restored, run `holdshelf init --adopt-media VOLUME` with its number."
        )


class Volume:
    """An attached volume. Use `attach` and `detach`; methods are thread-safe."""

    root_fd: int
    """MEDIA's root. Every path of footage is resolved below it."""
    lock_fd: int
    """Holds the flock; inheritable, so that a worker that gets it keeps the volume locked as long as it lives."""

    def __init__(
        self, state: Path, media: Path, identity: Identity, *, root_fd: int, lock_fd: int, state_fd: int
    ) -> None:
        self.state = state
        self.media = media
        self.identity = identity
        self.root_fd = root_fd
        self.lock_fd = lock_fd
        self.reserve = Reserve(state)
        self._state_fd = state_fd
        self._root_status = os.fstat(root_fd)
        self._sequence = Sequence(root_fd)

    @classmethod
    def attach(cls, state: Path, media: Path, *, wait_s: float = 0.0, adopting: bool = False) -> "Volume":
        """Opens and locks the volume, waiting at most `wait_s` for another holder.

        `adopting`: also accept one that does not belong to STATE, to check it before STATE adopts it. Raises VolumeMissing,
        VolumeMismatch, VolumeReadOnly, VolumeLocked, FormatNewer, DiskWriteError; nothing has been changed then.
        """
        state, media = Path(state), Path(media)
        wanted = read_identity(state / IDENTITY, "state")
        if wanted is None:
            raise VolumeMissing(f"{state} is not set up; run `holdshelf init` first.")
        with contextlib.ExitStack() as undo:
            try:
                root_fd = os.open(media, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise VolumeMissing(f"{media} cannot be opened ({error.strerror}); is its disk mounted?") from error
            undo.callback(os.close, root_fd)
            found = read_identity(IDENTITY, "media", root_fd, str(media))
            if found is None:
                raise VolumeMissing(f"{media} holds no volume; is its disk mounted?")
            if not adopting:
                _check_pair(state, media, wanted, found)
            if os.fstatvfs(root_fd).f_flag & os.ST_RDONLY or _is_shut_down(os.fstat(root_fd).st_dev):
                raise VolumeReadOnly(f"{media} is mounted read-only; check the disk and mount it for writing.")
            deadline = time.monotonic() + wait_s
            state_fd = _lock(state / IDENTITY, None, deadline, str(state))
            undo.callback(os.close, state_fd)
            lock_fd = _lock(IDENTITY, root_fd, deadline, str(media))
            undo.callback(os.close, lock_fd)
            os.set_inheritable(lock_fd, True)
            volume = cls(state, media, found, root_fd=root_fd, lock_fd=lock_fd, state_fd=state_fd)
            undo.pop_all()
            return volume

    def problem(self) -> VolumeError | None:
        """Why the volume cannot be written now, or None. A few cheap system calls."""
        try:
            here = self.media.stat()
            if (here.st_dev, here.st_ino) != (self._root_status.st_dev, self._root_status.st_ino):
                return VolumeMismatch(f"Another disk or folder is at {self.media} now; mount the right one again.")
            if os.fstatvfs(self.root_fd).f_flag & os.ST_RDONLY or _is_shut_down(here.st_dev):
                return VolumeReadOnly(f"{self.media} went read-only; check the disk and mount it for writing again.")
            identity = os.stat(IDENTITY, dir_fd=self.root_fd, follow_symlinks=False)
            if identity.st_ino != os.fstat(self.lock_fd).st_ino:
                return VolumeMismatch(f"The identity of {self.media} was replaced; mount the right disk again.")
        except FileNotFoundError:
            return VolumeMissing(f"{self.media} is gone or has lost its identity; mount its disk again.")
        except OSError as error:
            return VolumeMissing(f"{self.media} cannot be read ({error.strerror}); check its disk.")
        return None

    def free_bytes(self) -> int:
        """Bytes that may still be allocated on MEDIA."""
        with translating(f"{self.media} could not be asked for its room"):
            figures = os.fstatvfs(self.root_fd)
        return figures.f_bavail * figures.f_frsize

    def size_bytes(self) -> int:
        """Size of MEDIA's file system in bytes."""
        with translating(f"{self.media} could not be asked for its size"):
            figures = os.fstatvfs(self.root_fd)
        return figures.f_blocks * figures.f_frsize

    def next_sequence(self) -> int:
        """A number that this volume never gave before. Raises DiskFull, DiskWriteError, VolumeReadOnly."""
        return self._sequence.take()

    def observe_sequence(self, seq: int) -> None:
        """Notes that `seq` was seen in use: later numbers are greater."""
        self._sequence.observe(seq)

    def reserve_release(self) -> bool:
        """Frees STATE's reserve, for what must be written on a full disk. False when there was none."""
        return self.reserve.release()

    def reserve_restore(self) -> bool:
        """Restores STATE's reserve. False when there is no room for it yet."""
        return self.reserve.restore()

    def detach(self) -> None:
        """Closes all descriptors. The lock is released when the last worker that inherited it has ended too."""
        for name in ("root_fd", "lock_fd", "_state_fd"):
            fd: int = getattr(self, name)
            setattr(self, name, -1)
            if fd >= 0:
                os.close(fd)
        self._sequence.close()


def _is_shut_down(device: int) -> bool:
    """Whether ext4 met an error and refuses writes: since Linux 6.15 that shows as `emergency_ro`, not in statvfs."""
    wanted = f" {os.major(device)}:{os.minor(device)} "
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            return any(wanted in line and "emergency_ro" in line for line in mounts)
    except OSError:
        return False


def lock_identity(state: Path) -> int:
    """A descriptor that holds the lock of a state folder, so that no service starts on it. Raises VolumeLocked, VolumeMissing."""
    return _lock(state / IDENTITY, None, time.monotonic(), str(state))


def read_state_identity(state: Path) -> Identity | None:
    """The volume that belongs to a state folder; None if unknown. Raises FormatNewer, VolumeMismatch, VolumeMissing."""
    return read_identity(state / IDENTITY, "state")


def read_media_identity(media: Path) -> Identity | None:
    """The volume at a media folder; None when there is none. Raises FormatNewer, VolumeMismatch, VolumeMissing."""
    return read_identity(media / IDENTITY, "media")


def lost_identities(state: Path) -> list[Identity]:
    """The volumes that STATE belonged to and gave up, the latest last; unreadable ones are skipped."""
    found = []
    for path in sorted(state.glob(f"{_LOST}*.json")):
        with contextlib.suppress(StorageError):
            identity = read_identity(path, "state")
            found += [identity] if identity is not None else []
    return found


def keep_lost_identity(state: Path, identity: Identity, now_utc_ns: int) -> None:
    """Records that STATE belonged to this volume."""
    write_atomic(state / f"{_LOST}{now_utc_ns // 1_000_000_000}.json", msgspec.json.encode(identity) + b"\n")


def state_belongs_to(state: Path, media_identity: Identity) -> None:
    """Assigns STATE to a volume. Only for callers that have checked that volume and hold both locks."""
    write_atomic(state / IDENTITY, msgspec.json.encode(msgspec.structs.replace(media_identity, side="state")) + b"\n")


def refuse_newer(state: Path, media: Path) -> None:
    """Raises FormatNewer when either side was written by a newer version. Only reads; `attach` reports other problems."""
    for path, side in ((state / IDENTITY, "state"), (media / IDENTITY, "media")):
        with contextlib.suppress(VolumeMissing, VolumeMismatch):
            read_identity(path, side)


def read_identity(path: str | Path, side: str, dir_fd: int | None = None, root: str = "") -> Identity | None:
    """The identity at `path`; None when there is none. Raises FormatNewer, VolumeMismatch, VolumeMissing."""
    shown = f"{root}/{path}" if root else str(path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=dir_fd)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise VolumeMissing(f"{shown} cannot be read ({error.strerror}); check its permissions.") from error
    try:
        data = os.pread(fd, _IDENTITY_LIMIT_BYTES, 0) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError as error:
        raise VolumeMissing(f"{shown} cannot be read ({error.strerror}); check the disk.") from error
    finally:
        os.close(fd)
    try:
        if msgspec.json.decode(data, type=_AnyVersion).format > FORMAT:
            raise FormatNewer(f"{shown} was written by a newer Holdshelf; install that version to use this folder.")
        identity = msgspec.json.decode(data, type=Identity)
    except UNREADABLE as error:
        raise VolumeMismatch(f"{shown} is not readable as a volume's identity; restore it from a copy.") from error
    if identity.side != side:
        raise VolumeMismatch(f"{shown} is the {identity.side} side of a volume, not the {side} side; swap the folders.")
    return identity


def _check_pair(state: Path, media: Path, on_state: Identity | None, on_media: Identity | None) -> None:
    if on_state is None:
        return
    if on_media is None:
        raise VolumeMissing(f"The volume that belongs to {state} is not at {media}; is its disk mounted?")
    if on_state.volume != on_media.volume:
        raise VolumeMismatch(
            f"{media} holds another volume ({on_media.volume}) than {state} belongs to; mount the right disk. "
            "Was a backup restored that is older than this disk? Then: "
            f"`holdshelf init --adopt-media {on_media.volume}`."
        )


def _refuse_strangers(folder: Path, ours: frozenset[str]) -> None:
    try:
        names = [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:
        return
    except OSError as error:
        raise VolumeOccupied(f"{folder} cannot be used ({error.strerror}); choose a folder of its own.") from error
    strangers = sorted(
        name for name in names if name not in ours and not name.endswith(".tmp") and not name.startswith(_LOST)
    )
    if strangers:
        shown = ", ".join(repr(name)[:40] for name in strangers[:3])
        raise VolumeOccupied(f"{folder} is not empty (it holds {shown}); choose an empty folder.")


def _try_links(media: Path) -> None:
    """Checks that a file can have a second link in another folder of MEDIA. Raises NoLink."""
    first, second = media / ".link-one.tmp", media / ".link-two.tmp"
    with translating(f"{media} could not be tried"):
        for folder in (first, second):
            folder.mkdir(mode=0o700, exist_ok=True)
        (first / "file").write_bytes(b"a hold keeps footage by a second name\n")
    try:
        (second / "file").unlink(missing_ok=True)
        (second / "file").hardlink_to(first / "file")
        if (second / "file").stat().st_nlink < 2:
            raise OSError(0, "the second name was not counted")
    except OSError as error:
        raise NoLink(
            f"{media} cannot keep footage on hold: hard links fail there ({error.strerror}); use ext4, XFS or Btrfs."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            for folder in (second, first):
                (folder / "file").unlink(missing_ok=True)
                folder.rmdir()


def _lock(path: str | Path, dir_fd: int | None, deadline: float, shown: str) -> int:
    """A descriptor of `path` that holds its exclusive flock. Raises VolumeLocked, VolumeMissing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    except OSError as error:
        raise VolumeMissing(f"{shown} cannot be opened ({error.strerror}); check the disk.") from error
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise VolumeLocked(f"{shown} is in use by another Holdshelf service; stop that first.") from None
                time.sleep(_LOCK_POLL_S)
            except OSError as error:
                raise VolumeMissing(f"{shown} cannot be locked ({error.strerror}); use a local disk.") from error
            else:
                return fd
    except BaseException:
        os.close(fd)
        raise
