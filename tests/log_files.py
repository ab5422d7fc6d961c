"""The access log's files, for tests that do something to them: a log has one for each month that it has lived in.

A test that runs while a month turns has two, and so has one whose first entries are some minutes older than its last.
"""

from __future__ import annotations

from pathlib import Path


def months(state: Path) -> list[Path]:
    """Those of the log below ``state``, the oldest first."""
    return sorted((state / "access").glob("2*.jsonl"))


def month_with(state: Path, words: bytes) -> Path:
    """The one that holds ``words``."""
    (path,) = (path for path in months(state) if words in path.read_bytes())
    return path


def replace(state: Path, old: bytes, new: bytes) -> None:
    """Write ``new`` in place of each ``old``, which is there."""
    found = [path for path in months(state) if old in path.read_bytes()]
    assert found, f"no entry with {old!r}"
    for path in found:
        path.write_bytes(path.read_bytes().replace(old, new))


def cut(state: Path, lines: int) -> None:
    """Take away the last ``lines`` lines."""
    for path in reversed(months(state)):
        kept = path.read_bytes().splitlines(keepends=True)
        gone = min(lines, len(kept))
        path.write_bytes(b"".join(kept[: len(kept) - gone]))
        lines -= gone
