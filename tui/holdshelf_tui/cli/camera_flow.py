"""camera add at a terminal, step by step; reconfigure | replace | reload | diagnostics. The service says what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from holdshelf_core.api.areas import questionable_name
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.cameras import flow_types as types_flow
from holdshelf_core.cameras import types
from holdshelf_core.cameras.types import CameraReload
from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_core.policy.numbering import renumbered
from holdshelf_tui.cli.options import (
    Camera,
    Data,
    Json,
    PasswordEnv,
    PasswordFile,
    Profile,
    Transport,
    ask_password,
    client,
    given_password,
    new_password,
)
from holdshelf_tui.cli.service import echo_json, print_checks, print_done
from holdshelf_tui.text.words import inert

TRIES = 3
_LOGIN = frozenset(("username", "password"))


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
    profile: str = ""


def add_by_steps(service: Client, target: str, given: Given) -> Iterator[types.AddedRow]:
    """Pick, try, name and place; a wrong answer is told and asked again. Raises HoldshelfError.

    Of a device with several channels, one is chosen after the other, as long as more are wanted.
    """
    step: types_flow.FlowStep | None = service.read(types_flow.FlowStart("user", target))
    assert step is not None
    step = _try(service, step, target, given)
    while step is not None:
        if step.step == "channel":
            step = _channel(service, step)
        added = _named_and_placed(service, step, target, given)
        yield added
        more = added.next is not None and not given.profile and not given.name
        step = added.next if more and typer.confirm("Add another channel of this device?", default=True) else None


def _channel(service: Client, step: types_flow.FlowStep) -> types_flow.FlowStep:
    """The channel that is chosen by its number in the list; asked for again until it plays."""
    (row,) = step.fields
    typer.echo(inert(step.lead, 300))
    for number, (_, words) in enumerate(row.options, 1):
        typer.echo(f"  {number}  {inert(words, 120)}")
    for left in reversed(range(TRIES)):
        typed = _ask(row.ask)
        known = {str(number): profile for number, (profile, _) in enumerate(row.options, 1)}
        try:
            if typed not in known:
                raise BadRequest(f"{typed[:20]!r} is not a number on the list.", f"Give one from 1 to {len(known)}.")
            return service.act(types_flow.FlowTry(step.flow, profile=known[typed]))
        except HoldshelfError as error:
            if not left:
                raise
            _tell(error)
    raise AssertionError("the last try ends above")


def _named_and_placed(service: Client, step: types_flow.FlowStep, target: str, given: Given) -> types.AddedRow:
    for warning in step.warnings:
        typer.echo(f"  note: {inert(warning, 300)}")
    explained = service.read(ReadPolicyLists()).explained
    for left in reversed(range(TRIES)):
        asked = _place(step, target, given, explained)
        try:
            return service.act(asked)
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
        asked = types_flow.FlowTry(step.flow, username, password, given.transport, given.profile)
        try:
            return service.act(asked)
        except HoldshelfError as error:
            if error.field not in _LOGIN or given.password is not None or not left:
                raise
            _tell(error)
            username, password = _ask_login(fields["username"], target, given.username)
    raise AssertionError("the last try ends above")


def _ask_login(field: types_flow.FlowFieldRow, target: str, username: str | None) -> tuple[str, str]:
    username = username or str(typer.prompt(field.ask, default=field.value or "admin"))
    return username, ask_password(f"{username} on {without_login(target)}")


def _place(step: types_flow.FlowStep, target: str, given: Given, explained: Sequence[str]) -> types.AddRequest:
    fields = {row.key: row for row in step.fields}
    name = given.name or _ask(fields["name"].ask)
    kinds = ", ".join(kind for kind, _ in fields["area"].options)
    area = given.area or area_words(_ask(f"{fields['area'].ask} ({kinds})"))
    note = given.note
    if area in explained and not note.strip():
        note = _ask(fields["note"].ask)
    questioned = given.questioned
    if (word := questionable_name(name)) and not questioned:
        questioned = typer.confirm(renumbered(f"{word!r} sounds like a private area (P5). {fields['questioned'].ask}"))
    # Credentials stay in the flow: they were tried there.
    return types.AddRequest(without_login(target), name, area, note, questioned=questioned, flow=step.flow)


def _ask(question: str) -> str:
    return str(typer.prompt(question, prompt_suffix=" "))


def _tell(error: HoldshelfError) -> None:
    typer.echo(f"  {inert(str(error), 400)}", err=True)


def area_words(typed: str) -> str:
    """As a person may type it: 'Service desk' is service-desk."""
    return "-".join(typed.lower().replace("_", " ").replace("-", " ").split())


def without_login(target: str) -> str:
    """An address as it may be shown."""
    return inert(target.rpartition("@")[2] if "@" in target else target)


# --- a camera that is here -------------------------------------------------------------------------------------------


def reconfigure(
    camera: Camera,
    address: Annotated[
        str, typer.Option(help="Where it is now: host, host:port, or its whole address. [default: as before]")
    ] = "",
    data: Data = None,
    user: Annotated[str | None, typer.Option(help="New user name on the camera. [default: as before]")] = None,
    ask: Annotated[bool, typer.Option("--ask-password", help="Ask for a new password.")] = False,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    accept_certificate: Annotated[
        bool, typer.Option("--accept-certificate", help="Trust the certificate that the camera shows there.")
    ] = False,
    transport: Annotated[str | None, typer.Option(help="tcp, udp or multicast. [default: as before]")] = None,
    profile: Annotated[
        str, typer.Option(help="Another stream of it, by the camera's own name for it: see `camera details`.")
    ] = "",
    json: Json = False,
) -> None:
    """Give a camera another address, transport or stream. Kept only if the same camera answers; the others are not affected."""
    service = client(data)
    password = new_password(service, camera, ask, password_file, password_env)
    asked = types_flow.CameraReconfigure(camera, address, user, password, accept_certificate, transport, profile)
    checks = service.act(asked)
    print_checks(checks, json=json)


def replace(
    camera: Camera,
    why: Annotated[str, typer.Option(help="Why it was replaced; goes into the access log.")],
    address: Annotated[
        str, typer.Argument(help="A discovered id, an ONVIF address or a stream's. [default: the camera's own]")
    ] = "",
    data: Data = None,
    user: Annotated[str | None, typer.Option(help="User name on the new device.")] = None,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    transport: Transport = "tcp",
    profile: Profile = "",
    json: Json = False,
) -> None:
    """Have another device take a camera's place. Name, place, masks and recordings stay; nobody may look until it is approved."""
    service = client(data)
    password = given_password(password_file, password_env)
    if password is None and user is not None:
        password = ask_password(f"{user} on {without_login(address or camera)}")
    asked = types_flow.CameraReplace(camera, why, address, user, password, transport, profile)
    print_checks(service.act(asked), json=json)


def reload(camera: Camera, data: Data = None, json: Json = False) -> None:
    """Disconnect one camera and set it up again. The others are recorded without a gap."""
    print_done(client(data).act(CameraReload(camera)), json=json)


def diagnostics(camera: Camera, data: Data = None, json: Json = False) -> None:
    """A report to pass on when you need help with a camera: no password, user name, host, serial number or MAC address in it."""
    found = client(data).read(types_flow.ReadDiagnostics(camera=camera))
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
        rows = [line for key, value in told.items() for line in _lines(value, inert(str(key), 60), inside or 1)]
        return [label, *rows] if label else rows
    if isinstance(told, list):
        rows = [line for item in told for line in (*_lines(item, "-", inside or 1),)]
        return [label, *rows] if told else [f"{label} none"]
    said = "" if told is None else inert(str(told), 300)
    return [f"{label} {said}".rstrip()]


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    app.command(epilog="Example: holdshelf camera reconfigure front-entrance --address 192.0.2.8:8080")(reconfigure)
    app.command(
        short_help="Have another device take a camera's place.",
        epilog="Example: holdshelf camera replace front-entrance 192.0.2.9 --user viewer --why 'struck by lightning'",
    )(replace)
    app.command(epilog="Example: holdshelf camera reload front-entrance")(reload)
    app.command(epilog="Example: holdshelf camera diagnostics front-entrance --json > camera.json")(diagnostics)
