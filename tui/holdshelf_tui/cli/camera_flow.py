"""camera add at a terminal, step by step; reconfigure | reload | diagnostics. What is asked, and its words, are the service's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from holdshelf_core.api import types, types_flow
from holdshelf_core.api.areas import questionable_name
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.api.types_commission import CameraAsk
from holdshelf_core.api.types_people import Done
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import (
    Data,
    Json,
    PasswordEnv,
    PasswordFile,
    ask_password,
    client,
    new_password,
)
from holdshelf_tui.cli.service import echo_json, print_checks

DIAL_TIMEOUT_S = 90.0
TRIES = 3
_LOGIN = frozenset(("username", "password"))

Camera = Annotated[str, typer.Argument(help="The camera's id or name.")]


@dataclass(frozen=True, slots=True)
class Given:
    """What came by options, and is not asked."""

    name: str = ""
    area: str = ""
    note: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: str = "tcp"
    questioned: bool = False


def add_by_steps(service: Client, target: str, given: Given) -> types.AddedRow:
    """Pick, try, name and place; a wrong answer is told and asked again. Raises HoldshelfError."""
    step = service.post("/flow", types_flow.FlowStart("user", target), types_flow.FlowStep)
    step = _try(service, step, target, given)
    for warning in step.warnings:
        typer.echo(f"  note: {render.inert(warning, 300)}")
    for left in reversed(range(TRIES)):
        asked = _place(step, target, given)
        try:
            return service.act("camera.add", asked, types.AddedRow, timeout_s=DIAL_TIMEOUT_S)
        except (BadRequest, Conflict) as error:
            if not left or (given.name and given.area):
                raise
            _tell(error)
    raise AssertionError("the last try ends above")


def _try(service: Client, step: types_flow.FlowStep, target: str, given: Given) -> types_flow.FlowStep:
    """The camera with a login: asked for at once where its kind has one, else when it refuses without."""
    fields = {row.key: row for row in step.fields}
    username, password = given.username, given.password
    usual = fields["username"].value
    if password is None and (username is not None or usual):
        username, password = _ask_login(fields["username"], target, username)
    for left in reversed(range(TRIES)):
        asked = types_flow.FlowTry(step.flow, username, password, given.transport)
        try:
            return service.act("camera.try", asked, types_flow.FlowStep, timeout_s=DIAL_TIMEOUT_S)
        except HoldshelfError as error:
            if error.field not in _LOGIN or given.password is not None or not left:
                raise
            _tell(error)
            username, password = _ask_login(fields["username"], target, given.username)
    raise AssertionError("the last try ends above")


def _ask_login(field: types_flow.FlowFieldRow, target: str, username: str | None) -> tuple[str, str]:
    username = username or str(typer.prompt(field.ask, default=field.value or "admin"))
    return username, ask_password(f"{username} on {without_login(target)}")


def _place(step: types_flow.FlowStep, target: str, given: Given) -> types.AddRequest:
    fields = {row.key: row for row in step.fields}
    name = given.name or _ask(fields["name"].ask)
    kinds = ", ".join(kind for kind, _ in fields["area"].options)
    area = given.area or area_words(_ask(f"{fields['area'].ask} ({kinds})"))
    note = given.note
    if area == "other" and not note.strip():
        note = _ask(fields["note"].ask)
    questioned = given.questioned
    if (word := questionable_name(name)) and not questioned:
        questioned = typer.confirm(f"{word!r} sounds like a private area (P5). {fields['questioned'].ask}")
    # Credentials stay in the flow: they were tried there.
    return types.AddRequest(without_login(target), name, area, note, questioned=questioned, flow=step.flow)


def _ask(question: str) -> str:
    return str(typer.prompt(question, prompt_suffix=" "))


def _tell(error: HoldshelfError) -> None:
    typer.echo(f"  {render.inert(str(error), 400)}", err=True)


def area_words(typed: str) -> str:
    """As a person may type it: 'Service desk' is service-desk."""
    return "-".join(typed.lower().replace("_", " ").replace("-", " ").split())


def without_login(target: str) -> str:
    """An address as it may be shown."""
    return render.inert(target.rpartition("@")[2] if "@" in target else target)


# --- a camera that is here -------------------------------------------------------------------------------------------


def reconfigure(
    camera: Camera,
    address: Annotated[str, typer.Option(help="Where the camera is now: host, host:port, or its whole address.")],
    data: Data = None,
    user: Annotated[str | None, typer.Option(help="New user name on the camera. [default: as before]")] = None,
    ask: Annotated[bool, typer.Option("--ask-password", help="Ask for a new password.")] = False,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    accept_certificate: Annotated[
        bool, typer.Option("--accept-certificate", help="The certificate that it shows there is its own from now on.")
    ] = False,
    json: Json = False,
) -> None:
    """Give a camera another address or port. Kept only if the very same camera answers there; others do not notice."""
    service = client(data)
    password = new_password(service, camera, ask, password_file, password_env)
    asked = types_flow.CameraReconfigure(_named(camera), address, user, password, accept_certificate)
    checks = service.act("camera.reconfigure", asked, types.Checks, timeout_s=DIAL_TIMEOUT_S)
    print_checks(checks, json=json)


def reload(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Let go of one camera and set it up again. Others go on being recorded without a gap."""
    done = client(data).act("camera.reload", CameraAsk(_named(camera)), Done, timeout_s=DIAL_TIMEOUT_S)
    if json:
        echo_json(done)
    else:
        typer.echo(render.inert(done.sentence, 300))


def diagnostics(camera: Camera, data: Data = None, json: Json = False) -> None:
    """What may be handed on to get help with a camera: no password, user name, host, serial number or MAC address in it."""
    found = client(data).get("/diagnostics", types_flow.Diagnostics, camera=_named(camera))
    if json:
        echo_json(found)
        return
    for line in _lines(found.told):
        typer.echo(line)


def _lines(told: object, name: str = "", depth: int = 0) -> list[str]:
    """Plain data as indented lines."""
    head, inside = "  " * max(0, depth - 1), depth + bool(name)
    label = f"{head}{name}:" if name else ""
    if isinstance(told, dict):
        rows = [line for key, value in told.items() for line in _lines(value, render.inert(str(key), 60), inside or 1)]
        return [label, *rows] if label else rows
    if isinstance(told, list):
        rows = [line for item in told for line in (*_lines(item, "-", inside or 1),)]
        return [label, *rows] if told else [f"{label} none"]
    said = "" if told is None else render.inert(str(told), 300)
    return [f"{label} {said}".rstrip()]


def _named(typed: str) -> str:
    if not typed.strip():
        raise BadRequest("No camera was named.", "Give its id or name: `holdshelf camera list`.")
    return typed


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    app.command(epilog="Example: holdshelf camera reconfigure front-entrance --address 192.0.2.8:8080")(reconfigure)
    app.command(epilog="Example: holdshelf camera reload front-entrance")(reload)
    app.command(epilog="Example: holdshelf camera diagnostics front-entrance --json > camera.json")(diagnostics)
