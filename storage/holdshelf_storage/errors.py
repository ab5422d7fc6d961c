"""What can go wrong on disk, as one family.

    StorageError                    str(error) is one sentence for a person: what, where, what to do
    ├── VolumeError                 this folder must not be written now
    │   ├── VolumeMissing           no volume where one belongs (disk not mounted, folder gone, not set up)
    │   ├── VolumeMismatch          another volume lies there
    │   ├── VolumeReadOnly          mounted (or gone) read-only
    │   ├── VolumeLocked            another service works on it
    │   ├── VolumeOccupied          set-up refused: somebody else's files are in the folder
    │   └── NoLink                  the file system has no hard links: holds could not be kept
    ├── FormatNewer                 written by a newer Holdshelf; nothing was changed
    ├── DiskFull                    no room (or quota) left; what was asked did not happen and may be tried again
    ├── DiskWriteError              the disk refused a write or a read for another reason
    │   └── SyncFailed              fsync failed: what was written before it must be given up, never synced again
    ├── FootageError                a camera, a segment or a time that cannot be
    │   ├── BadCameraId             not a safe name for a folder
    │   ├── BadMp4                  not a fragmented MP4 that this package can vouch for
    │   ├── AudioFound              a segment with anything but one video track
    │   └── SegmentMismatch         what a caller says of a segment is not what lies on disk
    ├── RegisterError
    │   ├── RegisterCorrupt         the register could not be read and was set aside
    │   └── SecretLost              a password in the register cannot be decrypted
    ├── BackupError                 a backup that cannot be made, believed, or put in place
    └── LogError
        ├── LogBroken               the access log is not what its signed head says; nothing is written to it
        └── BadEntry                what was to be written is no entry

Nothing else leaves this package on account of the disk: callers never see an OSError.
"""

import errno
from types import TracebackType


class StorageError(Exception):
    """Any error of storage. `str()` is one sentence for a person."""


class VolumeError(StorageError):
    """The volume as a whole cannot be used now."""


class VolumeMissing(VolumeError):
    """No volume is where one belongs."""


class VolumeMismatch(VolumeError):
    """A different volume is where ours belongs."""


class VolumeReadOnly(VolumeError):
    """The volume cannot be written: it is, or went, read-only."""


class VolumeLocked(VolumeError):
    """Another service, or a recorder worker it left behind, holds the volume."""


class VolumeOccupied(VolumeError):
    """Set-up was refused because the folder contains files that are not ours."""


class NoLink(VolumeError):
    """The file system cannot make hard links."""


class FormatNewer(StorageError):
    """The data was written by a newer Holdshelf. Nothing was changed."""


class DiskFull(StorageError):
    """No room left. Nothing was lost; the same call can be repeated once there is room."""


class DiskWriteError(StorageError):
    """The disk refused an operation for another reason than lack of room."""


class SyncFailed(DiskWriteError):
    """fsync reported an error: the kernel may have dropped the pages, so a second fsync would falsely succeed."""


class FootageError(StorageError):
    """An invalid camera, segment or time."""


class BadCameraId(FootageError):
    """A camera id that is not a safe folder name."""


class BadMp4(FootageError):
    """Not a fragmented MP4 file as the recorder writes them."""


class AudioFound(FootageError):
    """A segment holds something other than exactly one video track. It must not be kept."""


class SegmentGone(FootageError):
    """A segment's file is gone. `missing`: the ledger did not erase it."""

    def __init__(self, sentence: str, *, missing: bool) -> None:
        super().__init__(sentence)
        self.missing = missing


class SegmentMismatch(FootageError):
    """The facts given for a segment differ from the file."""


class RegisterError(StorageError):
    """The register as a whole cannot be used."""


class RegisterCorrupt(RegisterError):
    """The register could not be read; the unreadable file was set aside."""


class SecretLost(RegisterError):
    """A stored password cannot be decrypted with the key at hand."""


class BackupError(StorageError):
    """A backup that cannot be made, trusted or restored. What was there is unchanged."""


class LogError(StorageError):
    """The access log refuses an operation."""


class LogBroken(LogError):
    """The access log differs from its signed head: it is read as far as possible, and not written."""


class BadEntry(LogError):
    """Data to be written, or read, is not a valid log entry."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_GONE = frozenset({errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EBADF})
"""EBADF: the volume was detached while a call was on its way."""


def from_os_error(error: OSError, what: str) -> StorageError:
    """Return the storage error for `error`; its sentence begins with `what` ("The journal of …")."""
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return DiskFull(f"{what}: the disk is full; free some space or lower the budget.")
    if error.errno == errno.EROFS:
        return VolumeReadOnly(f"{what}: the disk is read-only; check it and mount it for writing again.")
    if error.errno in _GONE:
        return VolumeMissing(f"{what}: the disk is gone ({reason}); mount it again.")
    return DiskWriteError(f"{what}: {reason}; check the disk and the permissions of its folders.")


class translating:  # noqa: N801 - reads as a statement: `with translating("…"):`
    """Turns an OSError raised inside the block into a StorageError whose sentence begins with `what`."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise from_os_error(error, self._what) from error
