"""Whole files replaced, lines appended: old or new, never a mixture, never glued to a torn line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from holdshelf_storage import atomic
from holdshelf_storage.errors import DiskFull, DiskWriteError, SyncFailed


def test_a_replaced_file_has_the_new_content_mode_and_no_temp_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    atomic.write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DiskFull, match="the disk is full"):
        atomic.write_atomic(path, b"new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_last_copy_is_kept_and_a_temp_of_a_crash_is_taken_over(tmp_path: Path) -> None:
    path, last = tmp_path / "file", tmp_path / "last"
    for number in range(3):
        (tmp_path / ".file.tmp").write_text("a longer text that a crash left behind")
        (tmp_path / ".last.tmp").write_text("another")
        atomic.write_atomic(path, b"%d" % number, keep_last="last")
    assert (path.read_text(), last.read_text()) == ("2", "1")
    os.unlink(path)
    os.link(last, path)  # a crash after the link and before the rename
    atomic.write_atomic(path, b"3", keep_last="last")
    atomic.write_atomic(path, b"4", keep_last="last")
    assert (path.read_text(), last.read_text()) == ("4", "3")
    assert sorted(os.listdir(tmp_path)) == ["file", "last"]


def test_a_symlink_at_the_temp_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("untouched")
    (tmp_path / ".file.tmp").symlink_to(tmp_path / "victim")
    with pytest.raises(DiskWriteError):
        atomic.write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "victim").read_text() == "untouched"


@pytest.mark.parametrize("torn", [b"", b'{"half', b"\0\0\0\0", b"x" * 200_000])
def test_a_torn_tail_is_cut_before_the_next_line(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\ntwo\n" + torn)
    atomic.append_file(str(path), b"three\n", "The journal")
    assert path.read_bytes() == b"one\ntwo\nthree\n"


def test_a_journal_of_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"torn")
    atomic.append_file(str(path), b"one\n", "The journal")
    assert path.read_bytes() == b"one\n"


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\n")
    real = os.write

    def half(fd: int, data: bytes) -> int:
        if len(data) <= 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:4])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(DiskFull):
        atomic.append_file(str(path), b"two and more\n", "The journal")
    assert path.read_bytes() == b"one\n"


def test_a_line_that_cannot_be_synced_is_taken_back_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"one\n")

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(SyncFailed):
        atomic.append_file(str(path), b"two\n", "The journal")
    assert path.read_bytes() == b"one\n"


def test_a_tail_begins_at_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"first\nsecond\nthird\ntorn")
    fd = os.open(path, os.O_RDONLY)
    assert atomic.read_tail(fd, 1000) == b"first\nsecond\nthird\n"
    assert atomic.read_tail(fd, 4 + 6 + 7) == b"second\nthird\n"
    assert atomic.read_tail(fd, 4 + 6 + 6) == b"third\n"
    assert atomic.read_tail(fd, 3) == b""
    assert list(atomic.read_lines(fd)) == [b"first", b"second", b"third"]
    os.close(fd)
