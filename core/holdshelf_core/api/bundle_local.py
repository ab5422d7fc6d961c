"""Checking a bundle without a service, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from holdshelf_core.releasing.check import Report, check

__all__ = ["Report", "verify"]


def verify(bundle: Path, key: str = "") -> Report:
    """A bundle's folder or zip; ``key``: the fingerprint on the paper receipt. Reads only. Raises BadRequest."""
    return check(bundle, key)
