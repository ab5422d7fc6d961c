"""What `holdshelf setup` does to a machine: which disks it takes and which it refuses, fstab, and the networks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.operations import machine_setup as machine

needs_root = pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="makes block devices: needs root")


def a_device(image: Path, size_bytes: int) -> str:
    with image.open("wb") as file:
        file.truncate(size_bytes)
    words = ["losetup", "--find", "--show", image]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    """A disk of 3 GB that nothing uses."""
    made = a_device(tmp_path / "disk.img", 3 << 30)
    yield made
    subprocess.run(["losetup", "--detach", made], check=True)


@pytest.fixture
def fstab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "fstab"
    monkeypatch.setattr(machine, "FSTAB", file)
    return file


@needs_root
def test_a_disk_that_nothing_uses_is_offered_and_one_that_is_mounted_is_refused(device: str, tmp_path: Path) -> None:
    assert device in [disk.path for disk in machine.free_disks()]
    assert machine.disk_at(device) == machine.Disk(device, 3 << 30)
    machine.run("mkfs.ext4", "-q", "-F", device)
    place = tmp_path / "place"
    place.mkdir()
    machine.run("mount", device, str(place))
    try:
        with pytest.raises(BadRequest, match=f"{device} is in use: it is mounted at {place}"):
            machine.disk_at(device)
        assert device not in [disk.path for disk in machine.free_disks()]
    finally:
        machine.run("umount", str(place))
    assert machine.disk_at(device).holds == "ext4" and not machine.disk_at(device).is_ours


@needs_root
def test_a_disk_with_footage_is_known_and_swap_is_not_taken(device: str) -> None:
    machine.run("mkfs.ext4", "-q", "-F", "-L", machine.LABEL, device)
    assert machine.disk_at(device).is_ours
    machine.run("mkswap", "--force", device)
    with pytest.raises(BadRequest, match="it holds swap"):
        machine.disk_at(device)


@needs_root
def test_what_is_no_disk_or_too_small_for_footage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="is not a disk of this machine"):
        machine.disk_at(str(tmp_path))
    small = a_device(tmp_path / "small.img", 64 << 20)
    try:
        with pytest.raises(BadRequest, match="64 MiB, which is too small for footage"):
            machine.disk_at(small)
        assert small not in [disk.path for disk in machine.free_disks()]
    finally:
        subprocess.run(["losetup", "--detach", small], check=True)


def test_a_disk_that_fstab_names_for_the_footage_is_not_replaced(fstab: Path, tmp_path: Path) -> None:
    media = tmp_path / "media"
    written = f"# the disks\nUUID=1 / ext4 defaults 0 1\n/dev/sdz {media} ext4 noatime 0 2\n"
    fstab.write_text(written)
    with pytest.raises(Conflict, match=f"already has a disk for {media}: /dev/sdz"):
        machine.use_disk(machine.Disk("/dev/null", 3 << 30), media)
    assert fstab.read_text() == written
    assert not media.exists()


def test_lines_are_added_to_fstab_whole_and_readable(fstab: Path) -> None:
    fstab.write_text("UUID=1 / ext4 defaults 0 1")  # as somebody's editor left it
    machine._add_to_fstab("UUID=2 /var/lib/holdshelf/media ext4 noatime 0 2")
    assert fstab.read_text() == "UUID=1 / ext4 defaults 0 1\nUUID=2 /var/lib/holdshelf/media ext4 noatime 0 2\n"
    assert fstab.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in fstab.parent.iterdir()] == ["fstab"]


def test_networks_are_read_as_systemd_takes_them() -> None:
    assert machine.networks_in(["10.20.0.0/24", " fd00:20::/64 "]) == ["10.20.0.0/24", "fd00:20::/64"]
    for wrong in ("10.20.0.1/24", "cameras", ""):
        with pytest.raises(BadRequest, match="is not a network"):
            machine.networks_in([wrong])


def test_a_program_that_fails_is_told_with_its_own_last_words() -> None:
    with pytest.raises(HoldshelfError, match=r"`mkfs.ext4 .*` failed: .*no-such-disk"):
        machine.run("mkfs.ext4", "-q", "/dev/no-such-disk")
    with pytest.raises(HoldshelfError, match="no-such-program is not installed on this machine"):
        machine.run("no-such-program")
