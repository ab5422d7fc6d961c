"""camera details | audio-off | set-time | put-masks: what is done at a camera itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdshelf_core.api import types_commission as asking
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types_people import Done
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

Camera = Annotated[str, typer.Argument(help="The camera's id or name.")]
TIMEOUT_S = 90.0


def _ask(camera: str) -> asking.CameraAsk:
    if not camera.strip():
        raise BadRequest("No camera was named.", "Give its id or name: `holdshelf camera list`.")
    return asking.CameraAsk(camera)


def details(camera: Camera, data: Data = None, json: Json = False) -> None:
    """What a camera tells of itself: make, clock, streams and their sound, its own masks."""
    told = client(data).act("camera.details", _ask(camera), asking.CameraDetails, timeout_s=TIMEOUT_S)
    if json:
        echo_json(told)
        return
    typer.echo(render.table(("", ""), _rows(told.told)))
    rows = [
        (
            render.inert(str(p.get("name") or p.get("token"))),
            f"{p.get('codec')} {p.get('width')}x{p.get('height')}",
            str(p.get("service")),
            render.inert(str(p.get("sound") or "yes")) if p.get("offers_sound") else "none",
        )
        for p in told.told.get("profiles", [])
    ]
    typer.echo(render.table(("STREAM", "VIDEO", "TOLD BY", "SOUND"), rows))
    for note in told.told.get("notes", []):
        typer.echo(f"note: {render.inert(str(note), 300)}")


def _rows(told: dict[str, Any]) -> list[tuple[str, str]]:
    device = told.get("device", {})
    skew, masks = told.get("clock_skew_s"), told.get("masks")
    return [
        ("make", render.inert(f"{device.get('manufacturer', '')} {device.get('model', '')}".strip())),
        ("firmware", render.inert(str(device.get("firmware_version", "")))),
        ("clock", "not told" if skew is None else f"{skew:+.0f} s"),
        ("own masks", "does not offer any" if masks is None else str(len(masks))),
        ("password", str(told.get("takes_password_by") or "none")),
        ("certificate", str(told.get("certificate_sha256") or "none")),
    ]


def audio_off(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Switch a camera's sound off at the camera. Holdshelf records none in any case."""
    _do("camera.sound_off", camera, data, json=json)


def set_time(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Set a camera's clock to this server's. It follows no time server of its own any more."""
    _do("camera.set_time", camera, data, json=json)


def put_masks(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Have the camera itself cover the masks that a seat drew: what is under them is not even recorded."""
    _do("camera.put_masks", camera, data, json=json)


def _do(action: str, camera: str, data: Data, *, json: bool) -> None:
    done = client(data).act(action, _ask(camera), Done, timeout_s=TIMEOUT_S)
    if json:
        echo_json(done)
    else:
        typer.echo(render.inert(done.sentence, 300))


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    for name, command in (
        ("details", details),
        ("audio-off", audio_off),
        ("set-time", set_time),
        ("put-masks", put_masks),
    ):
        app.command(name, epilog=f"Example: holdshelf camera {name} front-entrance")(command)
