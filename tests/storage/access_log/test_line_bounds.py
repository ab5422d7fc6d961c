"""A file with a line that has no end, as a damaged disk or somebody's hand leaves it, is refused, and never read whole."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdshelf_storage.access_log import blocks, files
from holdshelf_storage.errors import LogBroken

LIMIT_BYTES, FILE_BYTES = 2 << 20, 24 << 20

WAYS: dict[str, Callable[[int], object]] = {
    "line by line": lambda fd: list(files.raw_lines(fd, 0, None)),
    "from its end": lambda fd: list(files.raw_lines_back(fd, 0, FILE_BYTES)),
    "by its bytes": lambda fd: list(files._blocks(fd, 0, FILE_BYTES)),
    "by stretches": lambda fd: files._stretch(fd, 0, FILE_BYTES),
    "by blocks": lambda fd: list(blocks.blocks(fd, 0, FILE_BYTES)),
}


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A descriptor of a file without a newline but its last byte."""
    for module in (files, blocks):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", LIMIT_BYTES)
    path = tmp_path / "2026-11.jsonl"
    with path.open("wb") as file:
        file.truncate(FILE_BYTES - 1)
        file.seek(FILE_BYTES - 1)
        file.write(b"\n")
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("way", WAYS)
def test_a_line_that_is_too_long_to_be_an_entry_is_refused(endless: int, way: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(LogBroken, match="a line too long to be an entry"):
            WAYS[way](endless)
        assert tracemalloc.get_traced_memory()[1] < FILE_BYTES // 2
    finally:
        tracemalloc.stop()
