"""A media disk that died: a new one takes its place, and cameras and settings stay."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.backups import offline as backup_offline
from holdshelf_core.operations import offline
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.media_change import waiting_change
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish
from tests.tui.cli.test_driver import run


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    with RtspServer([Mount("door")]) as running:
        yield running


@pytest.fixture
def door(tmp_path: Path, server: RtspServer) -> Iterator[Service]:
    """A service with one camera."""
    made = Service(tmp_path / "data")
    furnish(made.data, {"door": server.url("door")})
    with made as running:
        yield running


def _init(data: Path, *, new_media: bool) -> str:
    return offline.init(data, media=None, budget_bytes=None, floor_days=None, new_media=new_media)


def test_a_new_disk_takes_the_place_of_a_dead_one(door: Service) -> None:
    service, camera = door, "door"
    service.await_recording(camera)
    service.stop()
    shutil.rmtree(service.data / "media")
    (service.data / "media").mkdir()
    with pytest.raises(HoldshelfError, match="is its disk mounted"):
        _init(service.data, new_media=False)
    _init(service.data, new_media=True)
    service.start()
    service.await_recording(camera)
    assert service.verify().problems == []


def test_a_disk_that_is_there_is_never_given_up(service: Service) -> None:
    service.stop()
    before = (service.data / "state" / "volume.json").read_bytes()
    with pytest.raises(HoldshelfError, match="nothing is lost"):
        _init(service.data, new_media=True)
    assert (service.data / "state" / "volume.json").read_bytes() == before


def _lose_the_disk(service: Service) -> None:
    shutil.rmtree(service.data / "media")
    (service.data / "media").mkdir()


def test_what_the_lost_disk_held_is_told_as_a_gap(door: Service) -> None:
    service, camera = door, "door"
    service.await_recording(camera)
    added_utc_ns = time.time_ns()
    wait_for("some footage", lambda: time.time_ns() - added_utc_ns > 3_000_000_000)
    service.stop()
    _lose_the_disk(service)
    _init(service.data, new_media=True)
    service.start()
    service.await_recording(camera)
    gaps = service.gaps(camera)
    lost = [gap for gap in gaps if gap.reason == "footage lost with its disk"]
    (gap,) = lost
    assert gap.start_utc_ns < added_utc_ns
    assert gap.elapsed_s > 3
    after = next(one for one in gaps if one.start_utc_ns == gap.end_utc_ns)
    assert after.reason == "service stopped"
    assert after.end_utc_ns is not None, "it goes on until frames come"
    assert service.verify().problems == []
    (entry,) = [row for row in _entries(service) if row["action"] == "media.replaced"]
    assert entry["cameras"] == [camera]
    # It stays told, and is told once.
    service.stop()
    service.start()
    assert [g for g in service.gaps(camera) if g.reason == gap.reason] == lost
    assert len([row for row in _entries(service) if row["action"] == "media.replaced"]) == 1


def test_numbers_of_a_lost_disk_are_not_given_again(door: Service) -> None:
    service, camera = door, "door"
    service.await_recording(camera)
    service.stop()
    # Killed in the middle of erasing: what the ledger had begun names numbers of the disk that is gone.
    day = next((service.data / "media" / "footage" / camera).glob("20*")).name
    ledger = service.data / "state" / "ledger"
    part = {
        "camera": camera,
        "day": day,
        "seqs": list(range(1, 60)),
        "start_utc_ns": 1,
        "end_utc_ns": 2,
        "allocated_bytes": 1,
    }
    intent = {"kind": "intent", "id": "ab", "at_utc_ns": time.time_ns(), "reason": "no room", "days": [part]}
    with (ledger / f"{day[:7]}.jsonl").open("a") as file:
        file.write(json.dumps(intent) + "\n")
    _lose_the_disk(service)
    _init(service.data, new_media=True)
    service.start()
    service.await_recording(camera)
    service.stop()
    names = [path.name for path in (service.data / "media" / "footage" / camera).glob("20*/*.mp4")]
    assert names
    assert all(int(name.partition("_")[0]) > 10**12 for name in names)
    service.start()
    service.stop()
    assert set(names) <= {path.name for path in (service.data / "media" / "footage" / camera).glob("20*/*.mp4")}


def test_a_change_that_a_crash_broke_off_is_finished_and_told(door: Service) -> None:
    service, camera = door, "door"
    service.await_recording(camera)
    added_utc_ns = time.time_ns()
    wait_for("some footage", lambda: time.time_ns() - added_utc_ns > 3_000_000_000)
    service.stop()
    _lose_the_disk(service)
    state = service.data / "state"
    before = json.loads((state / "volume.json").read_text())["volume"]
    # Killed when the old volume was given up and the new one not begun; then somebody runs a plain `init`.
    change = {"kind": "replaced", "at_utc_ns": time.time_ns(), "before": before, "volume": ""}
    (state / "media-change.json").write_text(json.dumps(change))
    (state / "volume.json").rename(state / "volume.lost-1.json")
    _init(service.data, new_media=False)
    service.start()
    service.await_recording(camera)
    (gap,) = [gap for gap in service.gaps(camera) if gap.reason == "footage lost with its disk"]
    assert gap.elapsed_s > 3
    assert [row["facts"]["before"] for row in _entries(service) if row["action"] == "media.replaced"] == [before]
    assert not (state / "media-change.json").exists()


def _entries(service: Service) -> list[dict[str, Any]]:
    lines = [
        json.loads(line)
        for path in sorted((service.data / "state" / "access").glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if "private" not in line]


def test_a_backup_older_than_the_disk_takes_the_disk_that_is_there(door: Service, tmp_path: Path) -> None:
    service, camera = door, "door"
    service.await_recording(camera)
    service.stop()
    backup = tmp_path / "old.tar"
    backup_offline.make(service.data, backup, logged=False)
    _lose_the_disk(service)
    _init(service.data, new_media=True)
    service.start()
    service.await_recording(camera)
    service.stop()
    kept = {path.name for path in service.files(camera)}
    assert kept
    backup_offline.put_back(service.data, backup, replace=True, sha256="", accept_problems=False)
    volume = json.loads((service.data / "media" / "volume.json").read_text())["volume"]
    with pytest.raises(HoldshelfError, match=f"--adopt-media {volume}"):
        _init(service.data, new_media=False)
    with pytest.raises(HoldshelfError, match="--adopt-media"):
        _init(service.data, new_media=True)
    with pytest.raises(HoldshelfError, match="not the one that was named"):
        _adopt(service.data, "00000000-0000-0000-0000-000000000000")
    done = _adopt(service.data, volume)
    assert ", of 1 camera; all of them are intact." in done
    service.start()
    service.await_recording(camera)
    assert kept <= {path.name for path in service.files(camera)}
    numbers = [int(path.name.partition("_")[0]) for path in service.files(camera)]
    assert len(set(numbers)) == len(numbers)
    (entry,) = [row for row in _entries(service) if row["action"] == "media.adopted"]
    assert entry["facts"]["volume"] == volume
    assert entry["facts"]["segments"] >= 1
    flags = service.client.get("/rules/flags", list[dict[str, Any]])
    assert "media_adopted" in [flag["kind"] for flag in flags]
    found = service.verify()
    assert found.proven, "the log leads to this disk again"
    assert not any("names volume" in problem for problem in found.problems), found.problems
    assert "volume_unknown" not in service.repairs()
    with pytest.raises(HoldshelfError, match="nothing to adopt"):
        service.stop()
        _adopt(service.data, volume)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "swapped"},
        {"at_utc_ns": 2**63},
        {"segments": -1},
        {"cameras": ["../.."]},
        {"before": "\n"},
        {"volume": 1},
    ],
    ids=["kind", "time", "count", "camera", "volume before", "volume"],
)
def test_a_note_of_a_change_that_is_not_ours_is_refused_in_words(tmp_path: Path, wrong: dict[str, Any]) -> None:
    note = {"kind": "adopted", "at_utc_ns": 1, "before": "", "volume": "", **wrong}
    (tmp_path / "media-change.json").write_text(json.dumps(note))
    with pytest.raises(StorageError, match=r"media-change\.json is not what Holdshelf writes .* then adopt the volume"):
        waiting_change(tmp_path, "0" * 32)


def test_a_note_of_a_change_that_is_not_ours_keeps_nothing_from_being_recorded_and_what_it_says_to_do_works(
    door: Service,
) -> None:
    service, camera, note = door, "door", door.data / "state" / "media-change.json"
    service.await_recording(camera)
    service.stop()
    _lose_the_disk(service)
    _init(service.data, new_media=True)
    note.write_text(note.read_text().replace("replaced", "swapped"))
    service.start()
    service.await_recording(camera)
    wait_for("the repair", lambda: "volume_unknown" in service.repairs())
    service.stop()
    volume = json.loads((service.data / "media" / "volume.json").read_text())["volume"]
    with pytest.raises(HoldshelfError, match="move it elsewhere, then adopt the volume"):
        _adopt(service.data, volume)
    note.rename(note.with_suffix(".old"))
    _adopt(service.data, volume)
    service.start()
    service.await_recording(camera)
    assert "volume_unknown" not in service.repairs()
    assert [row["facts"]["volume"] for row in _entries(service) if row["action"] == "media.adopted"] == [volume]


def test_a_disk_that_a_service_uses_is_not_adopted(service: Service, tmp_path: Path) -> None:
    other = tmp_path / "other"
    _init(other, new_media=False)
    shutil.rmtree(other / "media")
    (other / "media").symlink_to(service.data / "media")
    volume = json.loads((service.data / "media" / "volume.json").read_text())["volume"]
    with pytest.raises(HoldshelfError, match="in use by another"):
        _adopt(other, volume)
    service.stop()
    damaged = service.data / "media" / "footage"
    shutil.move(damaged, tmp_path / "away")
    with pytest.raises(HoldshelfError, match="no volume with footage"):
        _adopt(other, volume)


def _adopt(data: Path, volume: str) -> str:
    return offline.init(data, media=None, budget_bytes=None, floor_days=None, adopt_media=volume)


def test_the_command_adopts_and_refuses_in_one_sentence(service: Service, tmp_path: Path) -> None:
    service.stop()
    volume = json.loads((service.data / "media" / "volume.json").read_text())["volume"]
    both = run("init", "--data", service.data, "--new-media", "--adopt-media", volume)
    assert (both.code, both.err) == (
        1,
        "holdshelf: A disk is either new or adopted, not both. Use --new-media or --adopt-media, not both.\n",
    )
    same = run("init", "--data", service.data, "--adopt-media", volume)
    assert same.code == 1
    assert "nothing to adopt" in same.err
    identity = service.data / "state" / "volume.json"
    identity.write_text(identity.read_text().replace(volume, "11111111-1111-1111-1111-111111111111"))
    done = run("init", "--data", service.data, "--adopt-media", volume.upper())
    assert done.code == 0, done.err
    assert "Adopted: segments checked: 0, of 0 cameras; all of them are intact." in done.out
