"""The demo: virtual ONVIF cameras, an hour of made footage, the real service with its door, and the screens of its Director.

Everything happens on loopback: it probes the virtual cameras' addresses and nothing else, and the door listens at 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

from holdshelf_core.api import types
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.buffer import types as buffer_types
from holdshelf_core.cameras import types as camera_types
from holdshelf_core.cameras.types import CameraCheck
from holdshelf_core.operations import offline
from holdshelf_tui.demo import people
from holdshelf_tui.demo.begin import is_new, write_first_entry
from holdshelf_tui.demo.counting import count_files
from holdshelf_tui.demo.keys import ADDRESS, ADMIN, CHAIR, DESIGNEE, DIRECTOR, Keys
from holdshelf_tui.demo.past import Past, has_footage
from holdshelf_tui.demo.screens import Screens
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCamera, VirtualCameraError, VirtualCameras
from holdshelf_tui.text.words import counted, inert, size, span
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.key_table import sign

_PLACES = (
    ("Front entrance", "entrance"),
    ("Reading room", "seating"),
    ("Parking lot", "parking"),
    ("Service desk", "service-desk"),
    ("Community room", "community-room"),
    ("Stacks", "collections"),
    ("Book sale table", "money"),
    ("Media shelves", "prone-to-theft"),
)
TO_TRY = (
    f"To try: in Timeline press {sign(key_table.TIME)}, type `20 minutes ago`, Enter; {sign(key_table.NEXT)} goes to the next "
    f"movement, {sign(key_table.LOOK)} shows it once you said why.",
    f"        {sign(key_table.SPLIT)} puts the cameras side by side. {sign(key_table.START)} and {sign(key_table.STOP)} mark a "
    f"time and {sign(key_table.HOLD)} holds it: only two people together can lift that.",
    "        Then Access log: it has each picture that you were shown. F1 explains every screen, Ctrl+Q leaves.",
)
SERVICE_START_S = 30.0
SERVICE_STOP_S = 30.0
PLAIN_LINE_S = 5.0
PAST_MINUTES = 60


class DemoCamera(msgspec.Struct):
    """One camera in the demo's JSON."""

    id: str
    name: str
    recorded_seconds: float
    gaps: list[types.GapRow]
    segments: int
    bytes: int
    audio_tracks: int


class DemoResult(msgspec.Struct):
    """What ``--json`` prints."""

    cameras: list[DemoCamera]


@dataclass(frozen=True, slots=True)
class Demo:
    """What was asked for. ``seconds`` None: until told to end; ``door_port`` 0: a free one; ``ui``: on a terminal, screens."""

    folder: Path
    seconds: float | None
    count: int
    past_minutes: int
    door_port: int
    ui: bool
    quiet: bool
    show_cameras: Callable[[Sequence[types.CameraRow]], None]

    @property
    def screens(self) -> bool:
        """Whether screens are shown: they need a terminal."""
        return self.ui and not self.quiet and sys.stdin.isatty() and sys.stdout.isatty()


def run(
    *,
    seconds: float | None,
    data: Path | None,
    json: bool,
    count: int,
    show_cameras: Callable[[Sequence[types.CameraRow]], None],
    ui: bool = True,
    door_port: int = 0,
    past: int | None = None,
) -> int:
    """Run the demo; returns its exit code. ``past`` None: an hour, but for a script that counts. Raises HoldshelfError.

    ``show_cameras``: prints them as a table, where no screens are shown.
    """
    if seconds is not None and not 1 <= seconds <= 86_400:
        raise HoldshelfError(f"--seconds takes 1 to 86400, not {seconds:g}.")
    minutes = past if past is not None else 0 if json and ui else PAST_MINUTES
    with contextlib.ExitStack() as folders:
        folders.enter_context(_terminable())
        if data is None:
            folder = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="holdshelf-demo-")))
        else:
            folder = data.absolute()
        demo = Demo(folder, seconds, count, minutes, _free_port(door_port), ui, json, show_cameras)
        result = _record(demo)
        # Counted from the files, after the service has finished them: the witness is libavformat, not our journal.
        for camera in result.cameras:
            camera.segments, camera.bytes, camera.audio_tracks = count_files(folder / "media" / "footage" / camera.id)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
        return 0
    for camera in result.cameras:
        typer.echo(
            f"{camera.name}: {span(camera.recorded_seconds)} recorded in {camera.segments} files, "
            f"{size(camera.bytes)}, {camera.audio_tracks} tracks of sound."
        )
    if data is not None:
        typer.echo(f"The footage is in {folder / 'media' / 'footage'}.")
    return 0


def _free_port(asked: int) -> int:
    try:
        with socket.create_server((ADDRESS, asked)) as listening:
            port: int = listening.getsockname()[1]
            return port
    except OSError as error:
        raise HoldshelfError(
            f"The door cannot listen on port {asked}: {error.strerror}.", "Give another with --door-port."
        ) from None


def _record(demo: Demo) -> DemoResult:
    """Cameras, past, service and people up; shown; everything down again."""
    offline.init(demo.folder, media=None, budget_bytes=None, floor_days=None)
    specs = [CameraSpec(name, number) for number, (name, _area) in enumerate(_PLACES[: demo.count], start=1)]
    password = secrets.token_urlsafe(12)
    keys = Keys(demo.folder)
    with contextlib.ExitStack() as parts:
        past = _begin_past(demo, specs)
        if past is not None:
            parts.callback(past.close)
        _say(f"Starting {counted(demo.count, 'virtual camera')} …", quiet=demo.quiet)
        try:
            cameras = parts.enter_context(VirtualCameras(specs, password=password))
        except VirtualCameraError as error:
            raise HoldshelfError(str(error)) from None
        keys.make()
        keys.write_known_hosts(demo.door_port)
        if past is not None:
            _say(f"Drawing the last {counted(demo.past_minutes, 'minute')} …", quiet=demo.quiet)
            areas = dict(_PLACES)
            first = [(_id(camera.name), camera, areas[camera.name]) for camera in cameras]
            write_first_entry(demo.folder, first, demo.past_minutes)
            past.write(demo.folder)
        screens = parts.enter_context(Screens(keys, demo.door_port))
        _say("Starting the service and its SSH door …", quiet=demo.quiet)
        parts.enter_context(_service(demo.folder, demo.door_port))
        client = Client(demo.folder)
        _add(client, cameras, password, quiet=demo.quiet)
        _say(
            "The Chair of the Board names the Director, approves the cameras and appoints a designee …",
            quiet=demo.quiet,
        )
        people.enrol(client, keys)
        people.settle(client, keys, demo.door_port)
        _tell(demo, keys)
        _watch(client, demo, screens)
        return _collect(client)


def _begin_past(demo: Demo, specs: Sequence[CameraSpec]) -> Past | None:
    """Footage from before the demo, drawn from now on; None when the folder has some, or none is wanted."""
    if not demo.past_minutes or has_footage(demo.folder) or not is_new(demo.folder):
        return None
    return Past([(_id(spec.name), spec.number, spec.name) for spec in specs], demo.past_minutes)


def _id(name: str) -> str:
    """As the service makes it of such a plain name."""
    return name.lower().replace(" ", "-")


def _tell(demo: Demo, keys: Keys) -> None:
    """How to come in, while it runs."""
    if demo.quiet:
        return
    _say("Ready. Log in from another terminal:")
    seats = ((DIRECTOR, "the Library Director"), (CHAIR, "the Chair of the Board"))
    for login, who in (*seats, (DESIGNEE, "a designee"), (ADMIN, "the admin")):
        _say(f"  {keys.ssh_line(login, demo.door_port)}    # {who}")
    for line in TO_TRY:
        _say(line)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl+C does, so that nothing is left behind."""

    def stop(_signum: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _service(folder: Path, door_port: int) -> Iterator[None]:
    """The real service with its door, as a user would start it; its log lies beside the data."""
    log_path = folder / "service.log"
    command = [sys.executable, "-P", "-m", "holdshelf_tui.cli", "serve", "--data", str(folder), "--ends-with-stdin"]
    command += ["--door-port", str(door_port), "--door-address", ADDRESS]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # closes when this process ends, however it ends, and the service ends with it
            stdout=log,
            stderr=log,
            # A group of its own: Ctrl+C reaches the demo, which then stops the service in order.
            process_group=0,
        )
    try:
        _await_service(folder, process, log_path)
        yield
    finally:
        process.terminate()
        try:
            process.wait(SERVICE_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_service(folder: Path, process: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + SERVICE_START_S
    while True:
        try:
            Client(folder).status()
        except Unavailable:
            if process.poll() is not None:
                last = log_path.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
                raise HoldshelfError(f"The service did not start: {inert(last, 300)}") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _add(client: Client, cameras: Sequence[VirtualCamera], password: str, *, quiet: bool) -> None:
    """Discover by unicast at the cameras' own addresses, and add what is found."""
    asked = camera_types.DiscoverRequest([camera.probe_address for camera in cameras], 5.0)
    found = client.read(asked)
    wanted = {camera.unique_id: camera for camera in cameras}
    areas = dict(_PLACES)
    _say(f"{counted(len(found), 'camera')} answered.", quiet=quiet)
    for row in found:
        camera = wanted.get(row.id)
        if camera is None:
            continue
        if row.added_as is not None:  # the same data as last time, with another password
            check = CameraCheck(row.added_as, camera.username, password)
            checks = client.act(check)
            failed = next((step for step in checks.steps if step.outcome == "failed"), None)
            if failed is not None:
                raise HoldshelfError(failed.sentence, failed.next_step)
            continue
        request = camera_types.AddRequest(
            row.id, camera.name, areas[camera.name], username=camera.username, password=password
        )
        added = client.act(request)
        _say(f"Added {added.name}.", quiet=quiet)


def _watch(client: Client, demo: Demo, screens: Screens) -> None:
    """Until the person leaves, the seconds are over, or a signal ends it."""
    if demo.screens and screens.can_connect:
        screens.show(demo.seconds)
        return
    if demo.screens:
        from holdshelf_tui.app import HoldshelfApp  # noqa: PLC0415 - a script's demo needs no screen
        from holdshelf_tui.session.probe import probe  # noqa: PLC0415

        _say("There is no ssh client on this machine, so these are the admin's screens, which show no picture.")
        HoldshelfApp(client, graphics=probe(sys.stdin.fileno()), ends_after_s=demo.seconds).run()
        return
    deadline = time.monotonic() + demo.seconds if demo.seconds is not None else None
    with contextlib.suppress(KeyboardInterrupt):
        while deadline is None or time.monotonic() < deadline:
            left_s = PLAIN_LINE_S if deadline is None else min(PLAIN_LINE_S, deadline - time.monotonic())
            time.sleep(max(0.0, left_s))
            if demo.ui and not demo.quiet:
                demo.show_cameras(client.status().cameras)
                _say("")


def _collect(client: Client) -> DemoResult:
    now = client.status()
    gaps = client.read(buffer_types.ReadGaps())
    return DemoResult(
        [
            DemoCamera(c.id, c.name, c.recorded_s, [gap for gap in gaps if gap.camera == c.id], 0, 0, 0)
            for c in now.cameras
        ]
    )


def _say(text: str, *, quiet: bool = False) -> None:
    if not quiet:
        typer.echo(text)
