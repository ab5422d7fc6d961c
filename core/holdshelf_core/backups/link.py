"""What the service asks of the process that carries backups, and what that answers: a line of JSON each."""

from __future__ import annotations

from typing import Final

import msgspec

from holdshelf_core.backups.types import FolderTarget, SftpTarget


class AskHostKey(msgspec.Struct, tag="host_key", frozen=True):
    """Which host key does the server show? Nothing else is said to it."""


class Prepare(msgspec.Struct, tag="prepare", frozen=True):
    """Try to write there, and leave the file that says whose folder this is."""


class Put(msgspec.Struct, tag="put", frozen=True):
    """Write ``file`` there under its part name, then read it back into the file ``back``."""

    name: str
    file: str
    back: str


class Settle(msgspec.Struct, tag="settle", frozen=True):
    """Give it its name, of which ``bytes`` are expected; then delete these others."""

    name: str
    bytes: int
    remove: tuple[str, ...]


class Task(msgspec.Struct, frozen=True):
    """Service → process: all that it does in its life."""

    folder: str
    """Of this machine: what it may write beside the target."""
    recorder: str
    target: FolderTarget | SftpTarget
    private_key: str
    """OpenSSH form; '' for a folder."""
    work: AskHostKey | Prepare | Put | Settle


class Answer(msgspec.Struct, tag="answer", frozen=True):
    """Process → service: done."""

    host_key: str = ""
    """What was asked for."""
    names: dict[str, int] = {}
    """Our backups that are there, with their bytes."""
    same_disk: bool = False
    """A folder on the disk of the state."""


class Fault(msgspec.Struct, tag="fault", frozen=True):
    """Process → service: not done, and why: in our words, never in the other side's."""

    sentence: str
    next_step: str = ""


task: Final = msgspec.json.Decoder(Task)
answer: Final = msgspec.json.Decoder(Answer | Fault)
