"""Checking a bundle without a service, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from holdshelf_core.errors import BadRequest
from holdshelf_core.releasing.check import Report, check
from holdshelf_core.releasing.sshsig import Signer, read_signers

__all__ = ["Report", "verify"]

_MAX_SIGNERS_BYTES = 1 << 20


def verify(bundle: Path, key: str = "", signers: Path | None = None) -> Report:
    """A bundle's folder or zip. ``key``: the fingerprint on the paper receipt; ``signers``: the library's keys, as
    `holdshelf release key show --signers` prints them. Reads only. Raises BadRequest."""
    return check(bundle, key, signers=_signers(signers) if signers is not None else None)


def _signers(path: Path) -> list[Signer]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SIGNERS_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror or error}.") from None
    found = read_signers(text)
    if not found:
        raise BadRequest(
            f"{path} names no key.", "Give the list that the library printed: `release key show --signers`."
        )
    return found
