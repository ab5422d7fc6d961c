"""Acts at a camera itself, through the real service and the command line."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from typer.testing import CliRunner

from holdshelf_core.policy import model
from holdshelf_tui.cli.app import app
from tests.core.cameras.test_cameras import entries
from tests.looking import seed
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service

MASK = model.Mask(((0, 0), (5000, 0), (5000, 10000), (0, 10000)), "screen")


def test_sound_clock_and_masks_at_the_camera_are_acts_with_their_entries(tmp_path: Path) -> None:
    with RtspServer([Mount("door"), Mount("bare")]) as cameras, Service(tmp_path / "data") as service:
        loud = Profile("main", sound=True, uri=cameras.url("door"))
        device = OnvifDevice(profiles=[], profiles2=[loud], clock_offset=timedelta(hours=3))
        with running(device):

            def run(*words: str) -> tuple[int, str]:
                done = CliRunner().invoke(app, ["camera", *words, "--data", str(service.data)])
                return done.exit_code, done.output + str(done.exception or "")

            camera = service.add(device.address, "Front", username="admin", password=device.password)
            bare = service.add(cameras.url("bare"), "Bare")
            code, told = run("details", camera)
            assert (code, "MP4A-LATM" in told, device.host in told) == (0, True, False)
            assert "The sound of Front is off in all 1 streams" in run("audio-off", camera)[1]
            assert not loud.sound
            told = run("set-time", camera)[1]
            found = re.search(r"is set; it was off by \+(\d+) s", told)
            # How long the answer was on its way, there and back, is known together only.
            assert found and abs(int(found[1]) - 3 * 3600) < HANG_S, told
            assert "No masks are drawn" in run("put-masks", camera)[1]
            service.stop()
            seed(service.data, [("commissions", camera, model.Commission(camera, (MASK,), 1, state="approved"))])
            service.start()
            assert "now applies 1 mask itself: what is behind it is not recorded" in run("put-masks", camera)[1]
            assert len(device.masks) == 1
            code, told = run("set-time", bare)
            assert (code != 0, "by its stream address only" in told) == (True, True)
            device.unsupported = {"SetSystemDateAndTime"}
            code, told = run("set-time", camera)
            assert (code != 0, "refuses to change its time: Optional Action" in told) == (True, True)
        said = sorted(e.entry["outcome"] for e in entries(service, "camera.set_time"))
        assert said == ["done", "done", "failed"]
        for action in ("camera.details", "camera.sound_off", "camera.put_masks"):
            assert entries(service, action), action
