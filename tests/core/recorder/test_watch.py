"""The alarm about a silent camera: not in the instant between two files, but when nothing comes or nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from holdshelf_core.bus import EventBus
from holdshelf_core.clock import Clock
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder.camera import CameraRecorder
from holdshelf_core.recorder.recorder import SILENT_NS, Recorder, Target
from holdshelf_core.times import NS


class Watched:
    """A recorder with one camera, attached to no volume: what the watch reads is set by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.repairs = RepairRegistry(EventBus(self.clock.utc_ns), self.clock.utc_ns)
        nothing = cast(Any, None)
        self.recorder = Recorder(
            clock=self.clock, disk=nothing, room=nothing, repairs=self.repairs, fire=lambda _event, _data: None
        )

    async def camera(self) -> CameraRecorder:
        await self.recorder.async_add(Target("door", "Door"))
        long_ago = self.clock.boot_ns() - 2 * SILENT_NS
        self.recorder._silent_since_ns["door"] = long_ago
        camera = self.recorder.cameras["door"]
        camera.state, camera.reason, camera.since_boot_ns = "recording", "", long_ago
        camera.last_frame_boot_ns = self.clock.boot_ns()
        return camera

    def alarms(self) -> list[str]:
        self.recorder.async_watch()
        return [repair.sentence for repair in self.repairs.async_all()]


async def test_between_two_files_there_is_no_alarm() -> None:
    watched = Watched()
    camera = await watched.camera()
    assert not camera.is_recording  # the old file is closed, the new one has not begun
    assert watched.alarms() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: setattr(c, "last_frame_boot_ns", c.last_frame_boot_ns - SILENT_NS - NS), "sends no picture"),
        (lambda c: (setattr(c, "state", "away"), setattr(c, "reason", "disk full")), "no disk space to record Door"),
    ],
)
async def test_silence_and_want_of_room_are_alarmed_and_end(change: Callable[[Any], object], words: str) -> None:
    watched = Watched()
    camera = await watched.camera()
    change(camera)
    assert words in watched.alarms()[0]
    camera.state, camera.reason = "recording", ""
    camera.last_frame_boot_ns = watched.clock.boot_ns()
    assert watched.alarms() == []
