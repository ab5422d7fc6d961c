"""The rig's disks must be able to fail: full, cut off from power, read-only, gone."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from tests.rig.faults import LoopImage, SizedTmpfs, fill, free_bytes
from tests.rig.parts import RigError
from tests.rig_lines import python, said, until


def test_a_disk_image_fills_to_the_last_byte_and_has_room_again() -> None:
    with LoopImage(16) as disk:
        filler = fill(disk.mount_point, leave_bytes=0)
        with pytest.raises(OSError, match="No space left"):
            (disk.mount_point / "more").write_bytes(b"x" * 8192)
        filler.unlink()
        fill(disk.mount_point, leave_bytes=4 << 20)
        assert free_bytes(disk.mount_point) == pytest.approx(4 << 20, abs=65536)


def test_a_power_cut_keeps_what_was_synced_and_loses_what_was_not() -> None:
    writer = (
        "import os, sys\n"
        "with open('kept', 'wb') as f: f.write(b'k' * 100_000); f.flush(); os.fsync(f.fileno())\n"
        "os.fsync(os.open('.', os.O_RDONLY))\n"
        "f = open('lost', 'wb'); f.write(b'l' * 100_000); f.flush()\n"
        "print('written', flush=True)\n"
        "while True: f.write(b'l' * 1000); f.flush()\n"
    )
    with LoopImage(64) as disk:
        with python(writer, cwd=disk.mount_point) as process:
            try:
                assert said(process) == "written"
                before_ns = time.time_ns()
                copy = disk.copy_as_power_cut([process.pid])
                assert before_ns <= copy.cut_utc_ns <= time.time_ns()
                size = (disk.mount_point / "lost").stat().st_size
                until(lambda: (disk.mount_point / "lost").stat().st_size > size)  # the writer goes on
            finally:
                process.kill()
        with copy:
            assert (copy.mount_point / "kept").read_bytes() == b"k" * 100_000
            lost = copy.mount_point / "lost"
            assert not lost.exists() or lost.stat().st_size == 0
            copy.unmount()
            assert copy.problems() == ""


def test_an_ext4_error_makes_the_disk_read_only_under_open_files_and_mending_brings_it_back() -> None:
    with LoopImage(16) as disk:
        with open(disk.mount_point / "file", "wb") as file:
            with pytest.raises(RigError, match="busy"):
                disk.remount(read_only=True)
            disk.force_read_only()
            with pytest.raises(OSError, match="Read-only") as refused:
                os.write(file.fileno(), b"x")
            assert refused.value.errno == errno.EROFS
            with pytest.raises(RigError, match=f"open in processes \\[{os.getpid()}\\]"):
                disk.mend(wait_s=0)
        disk.mend()
        (disk.mount_point / "file").write_bytes(b"again")


def test_another_disk_appears_at_the_same_path_and_goes_again(tmp_path: Path) -> None:
    with LoopImage(16, mount_point=tmp_path) as first:
        (tmp_path / "which").write_text("first")
        with LoopImage(16, mount_point=tmp_path):
            assert not (tmp_path / "which").exists()
        assert (tmp_path / "which").read_text() == "first"
        first.remount(read_only=True)
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "which").write_text("second")
    assert not (tmp_path / "which").exists()


def test_a_sized_tmpfs_is_full_when_it_is_full() -> None:
    with SizedTmpfs(2) as disk:
        with pytest.raises(OSError, match="No space left"):
            (disk.mount_point / "file").write_bytes(bytes(3 << 20))
        assert free_bytes(disk.mount_point) == 0
    assert not disk.mount_point.exists()
