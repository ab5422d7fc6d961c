"""From a camera's PullPoint to the timeline, through the real service."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.looks import types
from holdshelf_tui.cli.app import app
from tests.looking import commissioned, seed
from tests.people import People
from tests.rig.onvif_device import OnvifDevice, Profile, notification, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

NS = 1_000_000_000
MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


def test_what_a_camera_tells_is_on_the_timeline_for_whoever_may_look_and_ends_with_the_service(tmp_path: Path) -> None:
    with RtspServer([Mount("door")]) as cameras, Service(tmp_path / "data", mint=True) as service:
        device = OnvifDevice(events=True, profiles=[Profile("main", uri=cameras.url("door"))])
        with running(device):
            began_ns = time.time_ns()
            camera = service.add(device.address, "Front", username="admin", password=device.password)
            service.stop()
            seed(service.data, commissioned(camera))
            service.start()
            service.await_recording(camera)
            people = People(service)
            director = people.name_director()
            device.messages.append(notification(MOTION, "IsMotion"))
            asked = types.ActivityAsk(camera, began_ns, began_ns + 120 * NS, 120)

            def told() -> list[types.EventMark]:
                return director.act(asked).events

            (mark,) = wait_for("the event is told", lambda: told() or None)
            assert (mark.kind, mark.end_utc_ns) == ("motion", None)
            assert began_ns < mark.start_utc_ns < time.time_ns()
            with pytest.raises(HoldshelfError):
                service.client.act(asked)
            shown = CliRunner().invoke(app, ["camera", "events", camera, "--data", str(service.data)])
            assert shown.exit_code != 0, "the admin is shown nothing of what goes on before a camera"
            service.kill()
            service.start()
            (mark, *_) = people.client("dora").act(asked).events
            assert mark.end_utc_ns is not None, "nobody was there to hear its end"
            assert json.dumps("Front") not in "".join(
                file.read_text() for file in (service.data / "state" / "events").rglob("*.jsonl")
            )
