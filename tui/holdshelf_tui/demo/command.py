"""The demo: virtual ONVIF cameras, the real service as a process of its own, and its live table.

It probes the virtual cameras' loopback addresses and nothing else, so it finds these cameras and no others.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import typer

from holdshelf_core.api import local, types
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.api.types_commission import CameraCheck
from holdshelf_tui.cli import render
from holdshelf_tui.cli.service import CAMERA_HEADS, camera_cells
from holdshelf_tui.demo.counting import count_files
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCamera, VirtualCameraError, VirtualCameras

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
SERVICE_START_S = 30.0
SERVICE_STOP_S = 30.0
PLAIN_LINE_S = 5.0


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


def run(*, seconds: float | None, data: Path | None, json: bool, count: int) -> int:
    """Run the demo; returns its exit code. Raises HoldshelfError."""
    if seconds is not None and not 1 <= seconds <= 86_400:
        raise HoldshelfError(f"--seconds takes 1 to 86400, not {seconds:g}.")
    with contextlib.ExitStack() as folders:
        folders.enter_context(_terminable())
        if data is None:
            folder = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="holdshelf-demo-")))
        else:
            folder = data.absolute()
        local.init(folder, media=None, budget_bytes=None, floor_days=None)
        result = _record(folder, seconds, count, quiet=json)
        # Counted from the files, after the service has finished them: the witness is libavformat, not our journal.
        for camera in result.cameras:
            camera.segments, camera.bytes, camera.audio_tracks = count_files(folder / "media" / "footage" / camera.id)
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
        return 0
    for camera in result.cameras:
        typer.echo(
            f"{camera.name}: {render.span(camera.recorded_seconds)} recorded in {camera.segments} files, "
            f"{render.size(camera.bytes)}, {camera.audio_tracks} tracks of sound."
        )
    if data is not None:
        typer.echo(f"The footage is in {folder / 'media' / 'footage'}.")
    return 0


def _record(folder: Path, seconds: float | None, count: int, *, quiet: bool) -> DemoResult:
    """Cameras and service up, the table shown, everything down again."""
    specs = [CameraSpec(name, number) for number, (name, _area) in enumerate(_PLACES[:count], start=1)]
    password = secrets.token_urlsafe(12)
    _say(f"Starting {count} virtual cameras …", quiet=quiet)
    try:
        with VirtualCameras(specs, password=password) as cameras, _service(folder):
            client = Client(folder)
            _add(client, cameras, password, quiet=quiet)
            _watch(client, seconds, plain=quiet or not sys.stdout.isatty(), quiet=quiet)
            return _collect(client)
    except VirtualCameraError as error:
        raise HoldshelfError(str(error)) from None


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
def _service(folder: Path) -> Iterator[None]:
    """The real service, as a user would start it; its log lies beside the data."""
    log_path = folder / "service.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "holdshelf_tui.cli",
                "serve",
                "--no-door",
                "--data",
                str(folder),
                "--ends-with-stdin",
            ],
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
                raise HoldshelfError(f"The service did not start: {render.inert(last, 300)}") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _add(client: Client, cameras: Sequence[VirtualCamera], password: str, *, quiet: bool) -> None:
    """Discover by unicast at the cameras' own addresses, and add what is found."""
    asked = types.DiscoverRequest([camera.probe_address for camera in cameras], 5.0)
    found = client.post("/discover", asked, list[types.DiscoveredRow])
    wanted = {camera.unique_id: camera for camera in cameras}
    areas = dict(_PLACES)
    _say(f"{len(found)} cameras answered.", quiet=quiet)
    for row in found:
        camera = wanted.get(row.id)
        if camera is None:
            continue
        if row.added_as is not None:  # the same data as last time, with another password
            check = CameraCheck(row.added_as, camera.username, password)
            checks = client.act("camera.check", check, types.Checks, timeout_s=60)
            failed = next((step for step in checks.steps if step.outcome == "failed"), None)
            if failed is not None:
                raise HoldshelfError(failed.sentence, failed.next_step)
            continue
        request = types.AddRequest(row.id, camera.name, areas[camera.name], username=camera.username, password=password)
        added = client.act("camera.add", request, types.AddedRow, timeout_s=60)
        _say(f"Added {added.name}.", quiet=quiet)


def _watch(client: Client, seconds: float | None, *, plain: bool, quiet: bool) -> None:
    if not plain:
        from holdshelf_tui.app import HoldshelfApp  # noqa: PLC0415 - a script's demo needs no screen
        from holdshelf_tui.widgets.probe import probe  # noqa: PLC0415

        HoldshelfApp(client, graphics=probe(sys.stdin.fileno()), ends_after_s=seconds).run()
        return
    deadline = time.monotonic() + seconds if seconds is not None else None
    with contextlib.suppress(KeyboardInterrupt):
        while deadline is None or time.monotonic() < deadline:
            left_s = PLAIN_LINE_S if deadline is None else min(PLAIN_LINE_S, deadline - time.monotonic())
            time.sleep(max(0.0, left_s))
            if not quiet:
                cells = [camera_cells(camera) for camera in client.status().cameras]
                _say(render.table(CAMERA_HEADS, cells) + "\n")


def _collect(client: Client) -> DemoResult:
    now = client.status()
    gaps = client.get("/gaps", list[types.GapRow])
    return DemoResult(
        [
            DemoCamera(c.id, c.name, c.recorded_s, [gap for gap in gaps if gap.camera == c.id], 0, 0, 0)
            for c in now.cameras
        ]
    )


def _say(text: str, *, quiet: bool = False) -> None:
    if not quiet:
        typer.echo(text)
