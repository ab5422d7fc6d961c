"""What the service's log says of a camera: each loss with its detail, each recovery, once."""

from __future__ import annotations

import logging

import pytest

from holdshelf_core.integration import reasons
from holdshelf_core.recorder.recorder import Target
from holdshelf_core.recorder.worker import protocol as wire
from tests.core.recorder.test_watch import Watched


async def test_losses_are_warnings_with_a_detail_and_recoveries_are_told_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "holdshelf_core.recorder")
    watched = Watched()
    await watched.recorder.async_add(Target("door", "Door"))
    camera = watched.recorder.cameras["door"]
    camera.state, camera.reason = "waiting", reasons.CONNECTING

    def lost(reason: str, detail: str = "") -> None:
        camera._set_state("away", reason, detail)

    camera._set_state("recording", "")
    lost(reasons.UNREACHABLE, "No route to host")
    watched.recorder._told(wire.Dialing("door"))
    lost(reasons.UNREACHABLE, "No route to host")
    lost(reasons.AUTH_REFUSED)
    camera._set_state("recording", "")
    camera._set_state("recording", "")
    lost(reasons.SERVICE_STOPPED)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("INFO", "camera door: recorded"),
        ("WARNING", "camera door: camera unreachable (No route to host)"),
        ("WARNING", "camera door: auth refused (Door refuses this user name or password.)"),
        ("INFO", "camera door: recorded again after 0 s (auth refused)"),
    ]
