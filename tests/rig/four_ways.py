"""A real service with two cameras, and the four ways that tell of one that is not recorded: mail, MQTT, metric, journal."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec

from holdshelf_core.alerts.allowed import CameraState
from holdshelf_core.alerts.types import AlertSet, MailWay, MqttWay
from tests.core.alerts.sent import samples
from tests.rig.mail import HOST, MailServer
from tests.rig.mosquitto import PASSWORD, WRITER, Mosquitto
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

WAYS = ("mail", "mqtt", "metric", "journal")
BEGUN, OVER = "Holdshelf: Door is not being recorded", "Holdshelf: Over: Door is not being recorded"
_LINE = re.compile(r"<(\d)>\w+ holdshelf_core\.recorder\.camera_log: camera ([\w-]+): (.*)")


class FourWays:
    """A context manager. ``broker``: one that runs already; else it has its own. ``changed``: of the way to it."""

    def __init__(self, folder: Path, broker: Mosquitto | None = None, **changed: object) -> None:
        folder.mkdir(exist_ok=True)
        self.cameras = RtspServer([Mount("door"), Mount("hall")])
        self.mail = MailServer()
        self.broker = broker or Mosquitto(folder / "mosquitto", "main")
        self._own_broker = broker is None
        self._changed = changed
        self.file = folder / "textfile" / "holdshelf.prom"
        self.file.parent.mkdir()
        # The journal's stream, as systemd names it: the service marks each line with its priority there.
        stream = folder / "data.log"
        stream.touch()
        known = stream.stat()
        environment = {
            "JOURNAL_STREAM": f"{known.st_dev}:{known.st_ino}",
            "HOLDSHELF_METRICS_FILE": str(self.file),
        }
        self.service = Service(folder / "data", environment=environment)
        assert self.service.log_path == stream
        self._metric: list[bool] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._own_broker:
                stack.enter_context(self.broker)
            for one in (self.cameras, self.mail, self.service):
                stack.enter_context(one)
            self.listener = stack.enter_context(self.broker.listen())
            self.camera, self.other = (
                self.service.add(self.cameras.url(name), name.title()) for name in ("door", "hall")
            )
            self.service.await_recording(self.camera, self.other)
            desk = MailWay("desk", HOST, ("it@library.example",), "recorder@library.example", self.mail.port, "none")
            home = MqttWay("home", HOST, "main", "Main library", self.broker.port, ca_pem=self.broker.ca_pem)
            home = msgspec.structs.replace(home, username=WRITER, secret=PASSWORD, **self._changed)
            for way in (desk, home):
                self.service.act(AlertSet(way, new=True))
            wait_for("it is told to be recorded", lambda: self.told()["mqtt"] == self.told()["metric"] == [True])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def unplug(self) -> None:
        """No more comes of the camera."""
        self.cameras.stall("door")

    def plug_in(self) -> None:
        """It is back."""
        self.cameras.resume("door")

    def told(self) -> dict[str, list[bool]]:
        """Whether the camera is recorded, as each way has told it so far: each change of it."""
        states = [state.recording for state in self.states(self.camera)]
        self._metric += [value == "1" for value in self.metrics("camera_recording")]
        journal = [priority == 6 for priority, _ in self.journal(self.camera)]
        mail = [subject == OVER for subject in self.mail.subjects()]
        found = {"mail": mail, "mqtt": states, "metric": self._metric, "journal": journal}
        return {way: [one for at, one in enumerate(of) if not at or of[at - 1] is not one] for way, of in found.items()}

    def changes(self) -> dict[str, list[bool]]:
        """The same, from the first that it was not recorded on."""
        return {way: of[of.index(False) :] if False in of else [] for way, of in self.told().items()}

    def await_changes(self, *wanted: bool) -> None:
        """Wait until all four have told these, and no others."""
        wait_for(f"all tell {wanted}", lambda: all(of == [*wanted] for of in self.changes().values()), every=0.2)

    def states(self, camera: str) -> list[CameraState]:
        """What the broker has heard of a camera."""
        topic = f"holdshelf/main/camera/{camera}/state"
        return [
            msgspec.json.decode(one.text, type=_State).of(camera)
            for one in self.listener.so_far()
            if one.topic == topic and one.text
        ]

    def metrics(self, name: str, **labels: str) -> list[str]:
        """The values of a metric of the camera; [] where the file has none."""
        wanted = {"camera": self.camera, **labels}.items()
        text = self.file.read_text() if self.file.exists() else ""
        return [value for metric, given, value in samples(text) if metric == name and wanted <= given.items()]

    def journal(self, camera: str) -> list[tuple[int, str]]:
        """The lines about a camera: (priority, words)."""
        lines = map(_LINE.fullmatch, self.service.log().splitlines())
        return [(int(line[1]), line[3]) for line in lines if line and line[2] == camera]


class _State(msgspec.Struct):
    """The state of a camera in its topic."""

    name: str
    recording: bool
    connected: bool
    reason: str
    days_kept: float

    def of(self, camera: str) -> CameraState:
        """As the report has it; it refuses a reason that is not on the allow-list."""
        return CameraState(camera, self.name, self.recording, self.connected, self.reason, self.days_kept, None, 0.0)
