"""A segment's file when the kernel takes less than it is given."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from holdshelf_core.recorder.worker import segment
from holdshelf_core.recorder.worker.segment import Sink, WriteFailed

PARTS = [bytes((number,)) * size for number, size in enumerate((20, 0, 300, 1, 7, 4096))]


@pytest.mark.parametrize("most", [1, 7, 20, 21, 10_000])
@pytest.mark.parametrize("at_once", [2, 1024])
def test_all_parts_are_written_and_hashed_in_order_whatever_is_taken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, at_once: int
) -> None:
    monkeypatch.setattr(segment, "MAX_WRITE_PARTS", at_once)
    monkeypatch.setattr(segment.os, "writev", lambda fd, parts: os.write(fd, b"".join(parts)[:most]))
    path = tmp_path / "x"
    sink = Sink(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND))
    sink.write(*PARTS)
    whole = b"".join(PARTS)
    assert path.read_bytes() == whole
    assert (sink.written_bytes, sink.sha256()) == (len(whole), hashlib.sha256(whole).hexdigest())
    sink.close_fd()


def test_what_was_taken_before_a_failure_is_hashed_and_nothing_is_written_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    sink = Sink(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND))

    def full(fd: int, parts: list[bytes]) -> int:
        if path.stat().st_size >= 25:
            raise OSError(28, "No space left on device")
        return os.write(fd, b"".join(parts)[:25])

    monkeypatch.setattr(segment.os, "writev", full)
    for _ in range(2):
        with pytest.raises(WriteFailed):
            sink.write(*PARTS)
    assert path.read_bytes() == b"".join(PARTS)[:25]
    assert (sink.written_bytes, sink.sha256()) == (25, hashlib.sha256(b"".join(PARTS)[:25]).hexdigest())
    sink.close_fd()
