"""Requests and answers of the local API on backups, and the schedule as it is kept."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec

DEFAULT_AT = "02:30"


class BackupDone(msgspec.Struct, frozen=True):
    """A backup on disk, read back and complete."""

    file: str
    bytes: int
    sha256: str
    """To be kept elsewhere, for `restore --sha256`."""
    entries: int
    """Number of log entries in it."""
    problems: list[str] = []
    """Problems of the state that was backed up."""
    logged: bool = True
    """Whether the access log recorded the backup; False without a service."""


class BackupMake(Act[BackupDone], frozen=True):
    """Write a backup to a new file."""

    spec = ActSpec("backup.make", "backup", timeout_s=3600)

    file: str


class FolderTarget(msgspec.Struct, tag="folder", frozen=True):
    """A folder of this machine: another disk, or a mount."""

    path: str

    @property
    def words(self) -> str:
        """Return it as people type it."""
        return self.path


class SftpTarget(msgspec.Struct, tag="sftp", frozen=True):
    """A folder of another machine, reached by SFTP with this recorder's own key."""

    host: str
    user: str
    folder: str
    """Relative to the account's own folder unless it begins with '/'."""
    port: int = 22
    host_key: str = ""
    """Pinned at set-up: 'ssh-ed25519 AAAA…'. '' only while it is asked for."""

    @property
    def words(self) -> str:
        """Return it as people type it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == 22 else f":{self.port}"
        return f"sftp://{self.user}@{host}{port}/{self.folder}"


type AnyTarget = FolderTarget | SftpTarget


class KeptBackup(msgspec.Struct, frozen=True):
    """A backup at the target that was verified."""

    name: str
    made_utc_ns: int
    bytes: int
    sha256: str
    entries: int
    """Of the access log, in it."""


class Scheduled(msgspec.Struct, frozen=True):
    """The schedule, as the register has it."""

    target: FolderTarget | SftpTarget
    at: str
    """Local time of each day, 'HH:MM'."""
    kept: tuple[KeptBackup, ...] = ()
    """In the order in which they were made: the last one is the last that was verified."""


class BackupState(msgspec.Struct, frozen=True):
    """How scheduled backups do. ``ok`` None: none was tried since the service started."""

    ok: bool | None = None
    sentence: str = ""
    """Why it fails, in our words: never what the other side said."""
    next_step: str = ""
    since_utc_ns: int = 0
    """Since when it fails."""
    tries: int = 0
    """Failed tries in a row."""
    next_try_utc_ns: int = 0
    """After a failed one."""
    running: bool = False
    waiting: str = ""
    """A backup that lies on this machine until the target takes it: its file."""


class BackupsRow(msgspec.Struct, frozen=True):
    """The schedule and how it does."""

    target: str
    fingerprint: str
    """Of the pinned host key; '' for a folder."""
    at: str
    next_utc_ns: int
    kept: tuple[KeptBackup, ...]
    """Newest first."""
    state: BackupState


class ReadBackups(Read[BackupsRow | None], frozen=True):
    """Return the schedule of backups; None: none is set up."""

    spec = ReadSpec("/backups")


class BackupScheduled(msgspec.Struct, frozen=True):
    """What came of it, in one sentence, and the number of the entry."""

    seq: int
    sentence: str
    warning: str = ""


class BackupSchedule(Act[BackupScheduled], frozen=True):
    """Make a backup each day and take it to this target. ``target``: a folder, or sftp://USER@HOST[:PORT]/FOLDER."""

    spec = ActSpec("backup.schedule", "backup", changes=True, timeout_s=180)

    target: str
    at: str = DEFAULT_AT
    fingerprint: str = ""
    """Of the host key of an SFTP target, 'SHA256:…', as its keeper says it is."""


class BackupStop(Act[BackupScheduled], frozen=True):
    """Stop automatic backups. What is at the target stays."""

    spec = ActSpec("backup.stop", "backup", changes=True, timeout_s=60)


class BackupNow(Act[BackupScheduled], frozen=True):
    """Make one now, take it to the target, and verify it there."""

    spec = ActSpec("backup.now", "backup", timeout_s=4 * 3600)
