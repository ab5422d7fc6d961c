"""Verifying an access log without a service: a copy that was exported, one that was set aside, or the one that lies here."""

from __future__ import annotations

from pathlib import Path

import msgspec

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.paths import DataPaths
from holdshelf_storage.checkpoint import BadHead
from holdshelf_storage.errors import StorageError
from holdshelf_storage.log_verify import verify_log


class LogChecked(msgspec.Struct, frozen=True):
    """What was found. ``against``: what a head from outside showed, a sentence; '' without one or when it showed a problem."""

    entries: int
    head: str
    problems: list[str]
    against: str = ""
    key: str = ""
    """The public key of the log, which belongs beside a head that is kept outside."""


def state_folder(data: Path) -> Path:
    """Where the log of a data folder lies."""
    return DataPaths(data).state


def verify(path: Path, *, against: str = "", key: str = "") -> LogChecked:
    """An export, a state folder, or a log that was set aside. Changes nothing. Raises BadRequest, Unavailable."""
    if not path.exists():
        raise BadRequest(
            f"{path} does not exist.", "Give a file that `holdshelf log export` wrote, or a folder with a log."
        )
    try:
        report = verify_log(path, against=against or None, public_key=key.strip() or None)
    except BadHead as error:
        what = "The key" if key.strip() and not against else "What was given to compare with"
        raise BadRequest(f"{what} {error}.", "Give a head as `holdshelf log head` prints it.") from None
    except StorageError as error:
        raise Unavailable("The access log cannot be read.", str(error)) from None
    return LogChecked(report.entries, report.head, report.problems, report.against, report.key)
