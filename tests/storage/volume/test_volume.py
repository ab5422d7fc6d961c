"""Two roots that know each other: nothing is written on a wrong, missing, read-only or shared disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_storage.errors import (
    DiskFull,
    DiskWriteError,
    FormatNewer,
    NoLink,
    StorageError,
    VolumeLocked,
    VolumeMismatch,
    VolumeMissing,
    VolumeOccupied,
    VolumeReadOnly,
)
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import reserve, sequence
from holdshelf_storage.volume.journal import Gap
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig.faults import LoopImage
from tests.rig.hang import HANG_S
from tests.storage.conftest import House
from tests.storage.crash import tree
from tests.storage.footage.footage_files import BOOT, NOON, NS, facts_of, record, segment_bytes, write

needs_root = pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="mounting needs root")


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "holdshelf-test", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_init_makes_both_roots_private_and_is_idempotent(tmp_path: Path) -> None:
    state, media = tmp_path / "a" / "state", tmp_path / "b" / "media"
    first = init_volume(state, media, 5)
    before = tree(tmp_path)
    assert init_volume(state, media, 6) == first
    assert tree(tmp_path) == before
    for root in (state, media):
        assert root.stat().st_mode & 0o777 == 0o700
        assert (root / "volume.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((media / "volume.json").read_text())["volume"] == first.volume


def test_an_interrupted_init_is_finished_by_the_next(tmp_path: Path) -> None:
    state, media = tmp_path / "state", tmp_path / "media"
    made = init_volume(state, media, 5)
    shutil.rmtree(state)
    shutil.rmtree(media / "footage")
    assert init_volume(state, media, 6).volume == made.volume
    Volume.attach(state, media).detach()


def test_init_refuses_folders_with_other_peoples_files_and_changes_nothing(tmp_path: Path) -> None:
    for name in ("state", "media"):
        root = tmp_path / name
        (root / name).mkdir(parents=True)
        (root / name / "thesis.odt").write_text("mine")
        before = tree(root)
        with pytest.raises(VolumeOccupied, match=r"thesis\.odt"):
            init_volume(root / "state", root / "media", 1)
        assert tree(root) == before


def test_init_accepts_a_fresh_ext4_disk(tmp_path: Path) -> None:
    (tmp_path / "media" / "lost+found").mkdir(parents=True)
    init_volume(tmp_path / "state", tmp_path / "media", 1)


def test_init_refuses_another_installations_volume(house: House, tmp_path: Path) -> None:
    init_volume(tmp_path / "other" / "state", tmp_path / "other" / "media", 1)
    before = tree(tmp_path)
    with pytest.raises(VolumeMismatch):
        init_volume(house.state, tmp_path / "other" / "media", 2)
    with pytest.raises(VolumeMismatch, match="another installation"):
        init_volume(tmp_path / "third", house.media, 2)
    with pytest.raises(VolumeMismatch, match="swap"):
        init_volume(house.media, house.state, 2)
    assert tree(tmp_path) == before


def test_init_does_not_make_a_volume_on_an_empty_mount_point(house: House) -> None:
    """The media disk was not mounted: what lies below its mount point is not ours."""
    house.media.rename(house.root / "elsewhere")
    house.media.mkdir()
    with pytest.raises(VolumeMissing, match="mounted"):
        init_volume(house.state, house.media, 2)
    assert list(house.media.iterdir()) == []


@pytest.mark.parametrize(("state", "media"), [("d", "d"), ("d", "d/media"), ("d/state", "d")])
def test_one_root_inside_the_other_is_refused(tmp_path: Path, state: str, media: str) -> None:
    with pytest.raises(VolumeOccupied):
        init_volume(tmp_path / state, tmp_path / media, 1)


def test_a_file_system_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(NoLink, match="hard links"):
        init_volume(tmp_path / "state", tmp_path / "media", 1)
    assert not (tmp_path / "media" / "volume.json").exists()
    assert list((tmp_path / "media").iterdir()) == []


def test_a_newer_format_is_left_alone(house: House) -> None:
    path = house.media / "volume.json"
    path.write_text(path.read_text().replace('"format":1', '"format":2'))
    before = tree(house.root)
    with pytest.raises(FormatNewer):
        house.attach()
    with pytest.raises(FormatNewer):
        init_volume(house.state, house.media, 3)
    assert tree(house.root) == before


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"format":1}', b"\xff\xfe", b"[1,2]"])
def test_an_unreadable_identity_is_no_identity(house: House, damage: bytes) -> None:
    (house.media / "volume.json").write_bytes(damage)
    with pytest.raises(VolumeMismatch):
        house.attach()


def test_an_uninitialised_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VolumeMissing, match="holdshelf init"):
        Volume.attach(tmp_path / "state", tmp_path / "media")


def test_the_media_of_another_installation_is_not_attached(house: House, tmp_path: Path) -> None:
    init_volume(tmp_path / "other" / "state", tmp_path / "other" / "media", 1)
    house.media.rename(tmp_path / "aside")
    (tmp_path / "other" / "media").rename(house.media)
    with pytest.raises(VolumeMismatch):
        house.attach()


def test_two_services_cannot_work_on_one_folder(house: House) -> None:
    house.attach()
    with pytest.raises(VolumeLocked, match="another Holdshelf service"):
        Volume.attach(house.state, house.media)


def test_two_services_cannot_share_a_state_over_two_copies_of_a_disk(house: House, tmp_path: Path) -> None:
    house.attach()
    shutil.copytree(house.media, tmp_path / "copy")
    with pytest.raises(VolumeLocked):
        Volume.attach(house.state, tmp_path / "copy")


def test_a_worker_left_behind_keeps_the_volume_locked_and_the_next_service_waits(house: House) -> None:
    volume, _, _ = house.attach()
    worker = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()"],
        pass_fds=[volume.lock_fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stdin is not None
    worker.stdout.readline()
    house.detach()
    with pytest.raises(VolumeLocked):
        Volume.attach(house.state, house.media)
    release = threading.Timer(0.2, worker.stdin.close)
    release.start()
    Volume.attach(house.state, house.media, wait_s=HANG_S).detach()
    assert worker.stdin.closed, "not before"
    worker.wait()
    worker.stdout.close()


def test_a_folder_swapped_in_at_the_path_is_noticed_and_never_written(house: House, tmp_path: Path) -> None:
    volume, _, footage = house.attach()
    assert volume.problem() is None
    house.media.rename(tmp_path / "real")
    house.media.mkdir()
    assert isinstance(volume.problem(), VolumeMismatch)
    record(footage, "front")  # through the descriptor: still on the real one
    assert list(house.media.iterdir()) == []
    assert len(list((tmp_path / "real" / "footage" / "front" / "2026-11-24").glob("*.mp4"))) == 1
    house.media.rmdir()
    assert isinstance(volume.problem(), VolumeMissing)
    (tmp_path / "real").rename(house.media)
    assert volume.problem() is None


@needs_root
def test_a_disk_mounted_over_the_path_is_noticed_and_never_written(house: House) -> None:
    volume, _, footage = house.attach()
    subprocess.run(["mount", "-t", "tmpfs", "holdshelf-test", str(house.media)], check=True)
    try:
        assert isinstance(volume.problem(), VolumeMismatch)
        record(footage, "front")
        assert list(house.media.iterdir()) == []
    finally:
        subprocess.run(["umount", str(house.media)], check=True)
    assert volume.problem() is None
    assert len(list(house.media.glob("footage/front/2026-11-24/*.mp4"))) == 1


@needs_root
def test_a_disk_that_goes_read_only_is_noticed_and_refused(tmp_path: Path, tmpfs: Path) -> None:
    init_volume(tmp_path / "state", tmpfs / "media", 1)
    volume = Volume.attach(tmp_path / "state", tmpfs / "media")
    footage = Footage(volume, Ledger(volume))
    record(footage, "front")
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    assert isinstance(volume.problem(), VolumeReadOnly)
    with pytest.raises(VolumeReadOnly):
        footage.open_segment("front")
    volume.detach()
    with pytest.raises(VolumeReadOnly):
        Volume.attach(tmp_path / "state", tmpfs / "media")


def test_a_lost_identity_is_noticed(house: House) -> None:
    volume, _, _ = house.attach()
    identity = (house.media / "volume.json").read_bytes()
    (house.media / "volume.json").rename(house.media / "volume.json.tmp")
    assert isinstance(volume.problem(), VolumeMissing)
    (house.media / "volume.json").write_bytes(identity)
    assert isinstance(volume.problem(), VolumeMismatch)


def test_sequences_are_never_given_twice_even_after_a_kill(house: House) -> None:
    given: list[int] = []
    for _ in range(3):
        volume, _, _ = house.attach()
        given += [volume.next_sequence() for _ in range(1500)]
        house.detach()  # nothing is written on the way out: the same as a kill
    assert given == sorted(set(given))
    assert (house.media / "sequence").read_bytes().endswith(b"\n")


def test_sequences_are_unique_over_threads(house: House) -> None:
    volume, _, _ = house.attach()
    given: list[int] = []
    threads = [
        threading.Thread(target=lambda: given.extend(volume.next_sequence() for _ in range(800))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == 3200


@pytest.mark.parametrize("damage", [None, b"", b"12\n", b"garbage\n", b"00000000000000000000\n"])
def test_a_lost_sequence_file_is_made_up_for_from_the_names(house: House, damage: bytes | None) -> None:
    volume, _, footage = house.attach()
    highest = max(record(footage, "front").seq, footage.open_segment("back").seq)
    house.detach()
    if damage is None:
        (house.media / "sequence").unlink()
    else:
        (house.media / "sequence").write_bytes(damage)
    volume, _, _ = house.attach()
    assert volume.next_sequence() > highest


def test_a_sequence_file_from_an_old_copy_does_not_give_numbers_again(house: House) -> None:
    _, _, footage = house.attach()
    old = b"%020d\n" % 1
    last = record(footage, "front").seq
    house.detach()
    (house.media / "sequence").write_bytes(old)
    volume, _, footage = house.attach()
    footage.recover()
    assert volume.next_sequence() > last


@needs_root
def test_numbers_go_on_when_the_disk_is_full(tmp_path: Path, tmpfs: Path) -> None:
    init_volume(tmp_path / "state", tmpfs / "media", 1)
    volume = Volume.attach(tmp_path / "state", tmpfs / "media")
    before = [volume.next_sequence() for _ in range(3)]
    fill(tmpfs / "filler")
    assert volume.free_bytes() == 0
    given = [volume.next_sequence() for _ in range(5000)]
    assert given == list(range(before[-1] + 1, before[-1] + 5001))
    volume.detach()
    volume = Volume.attach(tmp_path / "state", tmpfs / "media")
    assert volume.next_sequence() > given[-1]
    volume.detach()


def test_a_detached_volume_gives_nothing(house: House) -> None:
    volume, _, footage = house.attach()
    house.detach()
    with pytest.raises(StorageError):
        volume.next_sequence()
    with pytest.raises(VolumeMissing):
        footage.cameras()


def test_the_reserve_is_really_allocated_given_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserve, "RESERVE_BYTES", 64 * 1024 * 1024)
    init_volume(tmp_path / "state", tmp_path / "media", 1)
    path = tmp_path / "state" / "reserve"
    assert path.stat().st_blocks * 512 >= 64 * 1024 * 1024
    volume = Volume.attach(tmp_path / "state", tmp_path / "media")
    assert volume.reserve_release()
    assert path.stat().st_blocks == 0
    assert not volume.reserve_release()
    assert volume.reserve_restore()
    assert path.stat().st_blocks * 512 >= 64 * 1024 * 1024
    volume.detach()


@needs_root
def test_the_reserve_lets_the_ledger_be_written_on_a_full_disk(tmpfs: Path) -> None:
    """State and media on one full disk: without the reserve nothing could be erased, and it would stay full."""
    init_volume(tmpfs / "state", tmpfs / "media", 1)
    volume = Volume.attach(tmpfs / "state", tmpfs / "media")
    ledger = Ledger(volume)
    footage = Footage(volume, ledger)
    for number in range(4):
        record(footage, "front", NOON + number * 3 * NS)
    fill(tmpfs / "filler")
    refs = list(footage.oldest())
    assert ledger.erase(refs[:1], "capacity", 1, lambda ref: True, threading.Lock()) > 0
    assert [ref.seq for ref in footage.oldest()] == [2, 3, 4]
    volume.detach()


@needs_root
def test_without_room_for_the_intent_nothing_is_erased(tmpfs: Path) -> None:
    init_volume(tmpfs / "state", tmpfs / "media", 1)
    volume = Volume.attach(tmpfs / "state", tmpfs / "media")
    ledger = Ledger(volume)
    footage = Footage(volume, ledger)
    record(footage, "front")
    volume.reserve_release()
    fill(tmpfs / "filler")
    with pytest.raises(DiskFull):
        ledger.erase(list(footage.oldest()), "capacity", 1, lambda ref: True, threading.Lock())
    assert len(list(footage.oldest())) == 1
    volume.detach()


def fill(path: Path) -> None:
    """Takes the last block of a disk."""
    with pytest.raises(OSError), open(path, "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def test_a_bogus_name_does_not_use_up_the_numbers(house: House) -> None:
    folder = house.media / "footage" / "front" / "open"
    folder.mkdir(parents=True)
    (folder / "999999999999999999.mp4").touch()
    volume, _, footage = house.attach()
    footage.recover()
    assert volume.next_sequence() < 10_000
    assert sequence.highest_number(volume.root_fd) == 0


def test_a_sequence_that_cannot_be_raised_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    volume, _, _ = house.attach()

    def broken(*args: object, **kwargs: object) -> None:
        raise DiskWriteError("broken")

    monkeypatch.setattr(sequence, "write_atomic", broken)
    with pytest.raises(DiskWriteError):
        volume.next_sequence()


@needs_root
def test_a_disk_that_is_really_full_when_a_segment_closes_loses_nothing(tmp_path: Path, tmpfs: Path) -> None:
    init_volume(tmp_path / "state", tmpfs / "media", 1)
    volume = Volume.attach(tmp_path / "state", tmpfs / "media")
    footage = Footage(volume, Ledger(volume))
    opened = footage.open_segment("front")
    data = segment_bytes("front", opened.seq)
    write(opened, data)
    fill(tmpfs / "filler")
    for _ in range(2):
        with pytest.raises(DiskFull):
            footage.close_segment(opened, facts_of(data))
        with pytest.raises(DiskFull):
            footage.start_gap("front", Gap(start_utc_ns=NOON, start_boot_ns=0, boot=BOOT, reason="disk full"))
    (tmpfs / "filler").unlink()
    assert not footage.close_segment(opened, facts_of(data)).recovered
    assert verify(footage, deep=True).problems == []
    volume.detach()


@needs_root
def test_a_spare_that_cannot_be_unlinked_keeps_no_broken_disk_mounted(tmp_path: Path) -> None:
    with LoopImage(64) as disk:
        media = disk.mount_point / "media"
        media.mkdir()
        init_volume(tmp_path / "state", media, 1)
        volume = Volume.attach(tmp_path / "state", media)
        footage = Footage(volume, Ledger(volume))
        spare = footage.open_segment("a")
        disk.force_read_only()
        with pytest.raises(VolumeReadOnly):
            footage.return_spare(spare)
        volume.detach()
        disk.mend(wait_s=2)
        again = Volume.attach(tmp_path / "state", media)
        Footage(again, Ledger(again)).recover()
        assert list((media / "footage" / "a" / "open").iterdir()) == []
        again.detach()
