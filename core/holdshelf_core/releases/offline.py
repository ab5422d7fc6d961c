"""Checking a bundle anywhere, without a service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from holdshelf_core.errors import BadRequest
from holdshelf_core.releases.check import check
from holdshelf_core.releases.sshsig import Signer, read_signers
from holdshelf_core.releases.types import Report
from holdshelf_core.timestamps.authority import checked_authority
from holdshelf_core.witnesses.reading import witness_keys

__all__ = ["Report", "verify"]

_MAX_SIGNERS_BYTES = 1 << 20


def verify(
    bundle: Path, key: str = "", signers: Path | None = None, witnesses: Sequence[str] = (), authority: str = ""
) -> Report:
    """Check a bundle's folder or zip. ``key``: the fingerprint on the paper receipt; ``signers``: the library's keys, as
    printed by `holdshelf release key show --signers`; ``witnesses``: keys of witnesses; ``authority``: certificates (PEM) that
    its time stamp has to come from. Only reads. Raises BadRequest."""
    keys = witness_keys(witnesses)
    listed = _signers(signers) if signers is not None else None
    roots = checked_authority(authority) if authority else ""
    return check(bundle, key, signers=listed, witnesses=keys, authority=roots)


def _signers(path: Path) -> list[Signer]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_SIGNERS_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror or error}.") from None
    found = read_signers(text)
    if not found:
        raise BadRequest(
            f"{path} contains no key.", "Give the list that the library printed: `release key show --signers`."
        )
    return found
