"""The alarm about a silent camera: not in the instant between two files, but when nothing comes or nothing is written. By a
clock of the test's (ADR 71)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder.camera import CameraRecorder
from holdshelf_core.recorder.recorder import Recorder, Target
from tests.rig.hand_clock import HandClock


class Watched:
    """A recorder with one camera, attached to no volume: what its worker would tell is set by hand."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.repairs = RepairRegistry(EventBus(self.clock.utc_ns), self.clock.utc_ns)
        nothing = cast(Any, None)
        self.recorder = Recorder(
            clock=self.clock, disk=nothing, room=nothing, repairs=self.repairs, fire=lambda _event, _data: None
        )
        self.camera: CameraRecorder

    async def recording(self) -> None:
        """For a minute."""
        await self.recorder.async_add(Target("door", "Door"))
        self.camera = self.recorder.cameras["door"]
        self.becomes("recording", "")
        assert self.alarms_in(60, pictures=True) == []

    def becomes(self, state: str, reason: str) -> None:
        self.camera.state, self.camera.reason, self.camera.since_boot_ns = state, reason, self.clock.boot_ns()

    def alarms_in(self, seconds: int, *, pictures: bool) -> list[str]:
        """So many pass, and each second the recorder is looked at; what is amiss in the end."""
        for _ in range(seconds):
            self.clock.forward(1)
            if pictures:
                self.camera.last_frame_boot_ns = self.clock.boot_ns()
            self.recorder.async_watch()
        return [repair.sentence for repair in self.repairs.async_all()]


@pytest.fixture
async def watched() -> Watched:
    made = Watched()
    await made.recording()
    return made


async def test_between_two_files_there_is_no_alarm(watched: Watched) -> None:
    assert not watched.camera.is_recording  # the old file is closed, the new one has not begun
    assert watched.alarms_in(600, pictures=True) == []


async def test_ten_seconds_without_a_picture_are_alarmed_until_one_comes(watched: Watched) -> None:
    assert watched.alarms_in(10, pictures=False) == []
    (alarm,) = watched.alarms_in(1, pictures=False)
    assert "sends no picture" in alarm
    assert len(watched.alarms_in(3600, pictures=False)) == 1
    assert watched.alarms_in(1, pictures=True) == []


async def test_ten_seconds_without_room_are_alarmed_until_it_has_recorded_for_three(watched: Watched) -> None:
    watched.becomes("away", "disk full")
    assert watched.alarms_in(10, pictures=True) == []
    (alarm,) = watched.alarms_in(1, pictures=True)
    assert "no disk space to record Door" in alarm
    watched.becomes("recording", "")
    assert len(watched.alarms_in(3, pictures=True)) == 1
    assert watched.alarms_in(1, pictures=True) == []


async def test_a_camera_that_records_only_for_moments_is_alarmed(watched: Watched) -> None:
    found = []
    for _ in range(4):
        watched.becomes("away", "stream ended")
        found.append(watched.alarms_in(3, pictures=True))
        watched.becomes("recording", "")
        found.append(watched.alarms_in(2, pictures=True))
    assert found == [[]] * 4 + [["Door closed its stream."]] * 4, "from the eleventh second on"
