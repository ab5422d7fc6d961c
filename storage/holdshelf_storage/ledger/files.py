"""Reading the ledger's files."""

import os
from pathlib import Path

from holdshelf_storage.atomic import read_all, read_tail
from holdshelf_storage.errors import translating


def read_month(path: Path, tail_bytes: int) -> bytes:
    """A month's bytes, or its last `tail_bytes` unless 0. Raises DiskWriteError."""
    with translating(f"{path} could not be read"):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return read_tail(fd, tail_bytes) if tail_bytes else read_all(fd)
        finally:
            os.close(fd)
