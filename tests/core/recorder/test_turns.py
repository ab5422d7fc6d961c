"""What ends a camera's recording waits its turn: nothing else writes gaps meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from holdshelf_core.clock import Clock
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder.recorder import Recorder, Target
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig.hang import HANG_S


class _SlowDisk:
    """Does what it is told after some turns of the loop; something else happens meanwhile."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None

    async def __call__[**P, T](self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(5):
            await asyncio.sleep(0)
            self.meanwhile()
        return func(*args, **kwargs)


@pytest.fixture
def footage(tmp_path: Path) -> Iterator[Footage]:
    init_volume(tmp_path / "state", tmp_path / "media", 1)
    volume = Volume.attach(tmp_path / "state", tmp_path / "media")
    yield Footage(volume, Ledger(volume))
    volume.detach()


@pytest.fixture
def disk() -> _SlowDisk:
    return _SlowDisk()


def recorder_on(disk: _SlowDisk) -> Recorder:
    clock = Clock()
    repairs = RepairRegistry(EventBus(clock.utc_ns), clock.utc_ns)
    nothing = cast(Any, None)  # no segment is begun
    return Recorder(clock=clock, disk=disk, room=nothing, repairs=repairs, fire=lambda _event, _data: None)


def told(tmp_path: Path, camera: str) -> list[str]:
    journals = (tmp_path / "media" / "footage" / camera).rglob("journal.jsonl")
    return [line for path in journals for line in path.read_text().splitlines()]


def open_gaps(tmp_path: Path, camera: str) -> int:
    """How many gaps have no end; each line stands once."""
    lines = told(tmp_path, camera)
    assert len(lines) == len(set(lines))
    kinds = [json.loads(line)["kind"] for line in lines]
    return kinds.count("gap") - kinds.count("gap_end")


async def attached(recorder: Recorder, footage: Footage, *cameras: str) -> None:
    for camera in cameras:
        await recorder.async_add(Target(camera, camera))
    await recorder.async_attach(footage, -1, {}, None, "connecting")
    for known in recorder.cameras.values():
        await known.async_settled()


@pytest.mark.parametrize("end", ["removed", "detached"])
async def test_a_camera_that_is_watched_while_it_ends_has_each_gap_once(
    footage: Footage, disk: _SlowDisk, tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    """Seen: `camera remove` ended with an IndexError, as a look at the queue found its gap unpaid and paid it, too."""
    recorder = recorder_on(disk)
    await attached(recorder, footage, "door")
    camera = recorder.cameras["door"]
    if end == "removed":
        await camera._record.begun(camera._record.now(), "")  # frames come
    disk.meanwhile = camera.async_watch
    if end == "removed":
        await recorder.async_remove("door")
    else:
        await recorder.async_detach("service stopped", writable=True)
    assert open_gaps(tmp_path, "door") == {"removed": 0, "detached": 1}[end]
    assert len(told(tmp_path, "door")) == {"removed": 4, "detached": 3}[end]
    assert not caplog.messages


@pytest.mark.parametrize("end", ["removed", "detached"])
async def test_what_is_told_of_a_camera_while_it_ends_comes_too_late(
    footage: Footage, disk: _SlowDisk, tmp_path: Path, end: str
) -> None:
    """Seen: a gap that began after the last one, and never ended."""
    recorder = recorder_on(disk)
    await attached(recorder, footage, "door")
    camera = recorder.cameras["door"]
    disk.meanwhile = lambda: camera.async_tell(wire.Lost("door", "camera unreachable", "", 1.0))
    if end == "removed":
        await camera.async_remove()
    else:
        await camera.async_detach("service stopped", writable=True)
    assert open_gaps(tmp_path, "door") == {"removed": 0, "detached": 1}[end]
    assert not [line for line in told(tmp_path, "door") if "unreachable" in line]
    await asyncio.wait_for(camera.async_settled(), HANG_S)


async def test_cameras_come_and_go_while_the_disk_is_attached_and_detached(
    footage: Footage, disk: _SlowDisk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen: "dictionary changed size during iteration", after which nothing was recorded until a restart."""
    recorder = recorder_on(disk)
    for camera in ("a", "b", "c", "d"):
        await recorder.async_add(Target(camera, camera))
    await asyncio.gather(
        recorder.async_attach(footage, -1, {}, None, "connecting"),
        recorder.async_remove("a"),  # it is being attached
        recorder.async_remove("c"),  # it would be later
        recorder.async_add(Target("e", "e")),
    )
    assert set(recorder.cameras) == {"b", "d", "e"}
    assert [open_gaps(tmp_path, camera) for camera in "abcde"] == [0, 1, 0, 1, 1]
    await asyncio.gather(
        recorder.async_detach("service stopped", writable=True),
        recorder.async_remove("b"),
        recorder.async_add(Target("f", "f")),
    )
    assert [open_gaps(tmp_path, camera) for camera in "bde"] == [1, 1, 1], "each lasts until the disk is there again"
    assert not caplog.messages
