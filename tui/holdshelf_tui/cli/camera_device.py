"""camera backfill | details | audio-off | set-time | put-masks: what is done at a camera itself, and with its card."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.cameras import types as asking
from holdshelf_tui.cli.options import Camera, Data, Json, client
from holdshelf_tui.cli.service import echo_json, print_done
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.cameras import stream_rows, told_rows
from holdshelf_tui.text.words import inert


def details(camera: Camera, data: Data = None, json: Json = False) -> None:
    """What a camera says about itself: make, clock, streams and their sound, its own masks."""
    told = client(data).act(asking.CameraDetailsAsk(camera))
    if json:
        echo_json(told)
        return
    typer.echo(table(("", ""), told_rows(told.told)))
    typer.echo(table(("STREAM", "VIDEO", "TOLD BY", "SOUND"), stream_rows(told.told)))
    for note in told.told.get("notes", []):
        typer.echo(f"note: {inert(str(note), 300)}")


def audio_off(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Switch a camera's sound off at the camera. Holdshelf records none in any case."""
    print_done(client(data).act(asking.CameraSoundOff(camera)), json=json)


def set_time(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Set a camera's clock to this server's. After that it follows no time server of its own."""
    print_done(client(data).act(asking.CameraSetTime(camera)), json=json)


def put_masks(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Have the camera itself cover the masks that a seat drew: what is under them is not even recorded."""
    print_done(client(data).act(asking.CameraPutMasks(camera)), json=json)


def backfill(
    camera: Camera,
    on: Annotated[bool, typer.Option("--on/--off", help="Fill gaps from the camera's own recording, or do not.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Whether gaps of a camera are filled from what it has recorded itself on its card. On unless turned off."""
    print_done(client(data).act(asking.CameraBackfill(camera, on)), json=json)


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    for name, command in (
        ("backfill", backfill),
        ("details", details),
        ("audio-off", audio_off),
        ("set-time", set_time),
        ("put-masks", put_masks),
    ):
        more = " --on" if command is backfill else ""
        app.command(name, epilog=f"Example: holdshelf camera {name} front-entrance{more}")(command)
