"""A witness of ours: its key, the logs that it countersigns, and its process. Needs no service."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from holdshelf_core.errors import BadRequest
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_core.witnesses.types import TrustedLog
from holdshelf_storage.access_log.checkpoint import BadHead, PublicKey


def witness_key(folder: Path, name: str) -> str:
    """Return the public key of the witness in a folder; with a ``name``, make one first. Raises HoldshelfError."""
    book = WitnessBook(folder)
    return str(book.make_key(name) if name else book.signer().public)


def trust(folder: Path, key: str) -> str:
    """Have the witness countersign the log with this public key; return the log's name. Raises HoldshelfError."""
    try:
        known = PublicKey.parse(key)
    except BadHead as error:
        raise BadRequest(
            f"{key[:60]!r} {error}.", "Give the `public_key` from `holdshelf log head --json` on the other recorder."
        ) from None
    WitnessBook(folder).trust(known)
    return known.origin


def untrust(folder: Path, name: str) -> None:
    """Have the witness countersign this log no longer. Raises HoldshelfError."""
    WitnessBook(folder).untrust(name)


def trusted(folder: Path) -> list[TrustedLog]:
    """Return the logs that the witness countersigns. Raises HoldshelfError."""
    return WitnessBook(folder).trusted()


def serve(folder: Path, host: str, port: int) -> NoReturn:
    """Become the witness, until it is told to end: a new program, without what the command line has loaded.

    Raises HoldshelfError when the folder is none of a witness.
    """
    WitnessBook(folder).signer()
    module = "holdshelf_core.witnesses.server"
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, str(folder), host, str(port)])  # noqa: S606
