"""camera discover | add | list | check | rename | move | remove; commission and retire are in ``commission``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from holdshelf_core.api.areas import questionable_name
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.cameras import types
from holdshelf_core.cameras import types as asking
from holdshelf_core.looks.types import ActivityAsk
from holdshelf_core.people.board_types import PolicyLists, ReadPolicyLists
from holdshelf_core.policy.numbering import renumbered
from holdshelf_tui.cli import camera_bulk, camera_device, camera_flow, commission, commission_group, typed_times
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
from holdshelf_tui.cli.service import CAMERA_HEADS, camera_cells, echo_json, print_checks, print_done
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.cameras import added_words
from holdshelf_tui.text.events import event_words
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import counted, inert

app = typer.Typer(help="Find, add, test and remove cameras.", no_args_is_help=True, rich_markup_mode=None)
root = typer.Typer()
root.add_typer(app, name="camera")

_AREA = "as the policy lists them: see `holdshelf policy lists`."
Probe = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="HOST", help="Ask only this host (or host:port); can be repeated. [default: multicast]"
    ),
]
Timeout = Annotated[float, typer.Option(help="How long to wait for answers, in seconds.")]


def _discover(
    service: Client, addresses: list[str] | None, timeout_s: float, ranges: list[str] | None = None
) -> list[types.DiscoveredRow]:
    if not 0.1 <= timeout_s <= 30:
        raise BadRequest("Discovery waits between 0.1 and 30 seconds.", "Use a different --timeout.")
    asked = types.DiscoverRequest(addresses or None, timeout_s, ranges or [])
    return service.read(asked, timeout_s=timeout_s + 30)


@app.command(epilog="Example: holdshelf camera discover --at 192.0.2.7")
def discover(
    data: Data = None,
    at: Probe = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="Ask each host in this private range (10.20.0.0/24); can be repeated."),
    ] = None,
    timeout: Timeout = 4.0,
    json: Json = False,
) -> None:
    """Find ONVIF cameras on the local network, or in another VLAN with --range."""
    found = _discover(client(data), at, timeout, ranges)
    if json:
        echo_json(found)
    elif not found:
        other = "Add it by its address" if at or ranges else "Ask one directly with --at HOST, or add it by its address"
        typer.echo(f"No camera answered. {other}.")
    else:
        rows = [(f.id, f.name, f.hardware, f.address, added_words(f, "-")) for f in found]
        typer.echo(table(("ID", "NAME", "MODEL", "ADDRESS", "ADDED AS"), rows))


@app.command(
    epilog="Example: holdshelf camera add http://192.0.2.7/onvif/device_service --name 'Front entrance' "
    "--area entrance --user viewer --password-file front.pw"
)
def add(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A discovered id, an ONVIF address (or host), or a stream's: rtsp(s)://HOST/PATH, whep+http(s)://HOST/PATH."
        ),
    ] = None,
    data: Data = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    area: Annotated[str | None, typer.Option(help=f"Kind of area, {_AREA}")] = None,
    area_note: Annotated[str, typer.Option(help="For --area other: which area, and why.")] = "",
    user: Annotated[str | None, typer.Option(help="User name on the camera.")] = None,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    transport: Transport = "tcp",
    profile: Profile = "",
    not_private: Annotated[
        bool, typer.Option("--not-private", help="Confirm that the camera sees no private area, whatever its name.")
    ] = False,
    all_discovered: Annotated[
        bool, typer.Option("--all-discovered", help="Add every camera that answers and is not added yet.")
    ] = False,
    at: Probe = None,
    timeout: Timeout = 4.0,
    json: Json = False,
) -> None:
    """Add a camera. Its password comes from a prompt, a file or the environment, never from the command line."""
    service = client(data)
    password = given_password(password_file, password_env)
    if all_discovered:
        if target is not None:
            raise BadRequest("Give a target or --all-discovered, not both.")
        _add_all(service, at, timeout, user, password, transport)
        return
    if target is None:
        raise BadRequest("Which camera?", "Give a discovered id or an address, or --all-discovered.")
    area = camera_flow.area_words(area) if area else None
    # A private place is refused, and the attempt written down, before anything is dialed or asked.
    permitted = area is None or area in dict(service.read(ReadPolicyLists()).places)
    if sys.stdin.isatty() and permitted and not (name and area and password is not None):
        given = camera_flow.Given(name or "", area or "", area_note, user, password, transport, not_private, profile)
        for added in camera_flow.add_by_steps(service, target, given):
            _say_added(added, json=json)
    else:
        if password is None and user is not None:
            password = ask_password(f"{user} on {camera_flow.without_login(target)}")
        asked = types.AddRequest(
            target,
            _given(name, "--name"),
            _given(area, "--area"),
            area_note,
            user,
            password,
            transport,
            not_private,
            profile=profile,
        )
        _say_added(service.act(asked), json=json)


def _say_added(added: types.AddedRow, *, json: bool) -> None:
    if json:
        echo_json(added)
        return
    typer.echo(f"Added {inert(added.name)} as {added.id}.")
    for warning in added.warnings:
        typer.echo(f"  note: {inert(warning, 300)}")
    typer.echo(
        "It is being recorded. Before anyone may look, somebody who holds a seat must "
        f"approve it: `holdshelf camera commission {added.id}`."
    )


def _given(value: str | None, option: str) -> str:
    if not value:
        raise BadRequest(f"{option} is missing.", f"Give {option}.")
    return value


def _add_all(
    service: Client, at: list[str] | None, timeout_s: float, user: str | None, password: str | None, transport: str
) -> None:
    """One password for all, then a name and an area per camera; a refused one does not stop the others."""
    if not sys.stdin.isatty():
        raise BadRequest(
            "--all-discovered asks for a name and an area for each camera, so it needs a terminal.",
            "In a script, add each discovered id separately (`holdshelf camera discover --json`).",
        )
    found = [f for f in _discover(service, at, timeout_s) if f.added_as is None]
    if not found:
        typer.echo("No new camera answered.")
        return
    typer.echo(f"{counted(len(found), 'camera')} answered.")
    if password is None:
        user = user or str(typer.prompt("User name on the cameras", default="admin"))
        password = ask_password(f"{user} on {'all of them' if len(found) > 1 else 'it'}")
    failed, lists = 0, service.read(ReadPolicyLists())
    for row in found:
        typer.echo(f"\n{inert(row.name)}  {inert(row.hardware)}  {inert(row.address)}")
        asked = _ask_row(service, lists, row, user, password, transport)
        if asked is None:
            typer.echo("  skipped")
            continue
        try:
            for added in _added(service, asked):
                typer.echo(f"  added as {added.id}")
                for warning in added.warnings:
                    typer.echo(f"  note: {inert(warning, 300)}")
        except HoldshelfError as error:
            failed += 1
            typer.echo(f"  not added: {error}", err=True)
    if failed:
        raise HoldshelfError(f"{failed} of {len(found)} cameras were not added.", "See the reasons above.")


def _added(service: Client, asked: types.AddRequest) -> Iterator[types.AddedRow]:
    """The camera; of a device with several channels, those that are chosen, each with its own name and place."""
    try:
        yield service.act(asked)
    except HoldshelfError as error:
        if error.field != "profile":
            raise
        typer.echo(f"  {inert(error.sentence, 300)}")
        login = camera_flow.Given(username=asked.username, password=asked.password, transport=asked.transport)
        yield from camera_flow.add_by_steps(service, asked.target, login)


def _ask_row(
    service: Client, lists: PolicyLists, row: types.DiscoveredRow, user: str | None, password: str, transport: str
) -> types.AddRequest | None:
    """Name and area of one camera, asked until they can be; None: skip it."""
    name = str(typer.prompt("  Name ('-' skips this camera)", default=inert(row.name, 64) or "Camera")).strip()
    if name == "-":
        return None
    kinds = dict(lists.places)
    while (area := camera_flow.area_words(str(typer.prompt(f"  Kind of area ({', '.join(kinds)})")))) not in kinds:
        if area == "-" or not area:
            return None
        (told,) = service.read(types.ReadCamerasToAdd([types.CameraSettings(name, row.address, area)]))
        for trouble in told.troubles:
            if trouble.field == "area":
                typer.echo(f"  {trouble.sentence} {trouble.next_step}", err=True)
    note = str(typer.prompt("  Which area, and why")) if area in lists.explained else ""
    not_private = False
    if word := questionable_name(name):
        not_private = typer.confirm(
            renumbered(f"  {word!r} sounds like a private area. Does this camera see none (P5)?")
        )
        if not not_private:
            return None
    return types.AddRequest(row.id, name, area, note, user, password, transport, not_private)


@app.command("list", epilog="Example: holdshelf camera list --json")
def list_cameras(data: Data = None, json: Json = False) -> None:
    """List all cameras and their state."""
    cameras = client(data).status().cameras
    if json:
        echo_json(cameras)
    elif not cameras:
        typer.echo("No cameras yet: `holdshelf camera discover`.")
    else:
        rows = [(*camera_cells(c), c.area_kind, _USE.get(c.commission, c.commission), c.address) for c in cameras]
        typer.echo(table((*CAMERA_HEADS, "AREA", "IN USE", "ADDRESS"), rows))


_USE = {"new": "not yet", "approved": "yes", "retired": "no more"}


@app.command(
    short_help="Test a camera, or give it a new password.",
    epilog="Example: holdshelf camera check front-entrance --ask-password",
)
def check(
    camera: Camera,
    data: Data = None,
    user: Annotated[str | None, typer.Option(help="New user name on the camera.")] = None,
    ask: Annotated[
        bool, typer.Option("--ask-password", help="Ask for a new password and save it if it works.")
    ] = False,
    password_file: PasswordFile = None,
    password_env: PasswordEnv = None,
    accept_certificate: Annotated[
        bool,
        typer.Option("--accept-certificate", help="Trust the certificate that the camera shows now."),
    ] = False,
    json: Json = False,
) -> None:
    """Test a camera: whether it answers, its stream plays and it is being recorded. Can also set a new password."""
    service = client(data)
    password = new_password(service, camera, ask, password_file, password_env)
    asked = asking.CameraCheck(camera, user, password, accept_certificate)
    print_checks(service.act(asked), json=json)


@app.command(epilog="Example: holdshelf camera events front-entrance --from '8h ago'")
def events(
    camera: Camera,
    start: Annotated[str, typer.Option("--from", help="Since when. [default: a day ago]")] = "24h ago",
    end: Annotated[str, typer.Option("--to", help="Until when. [default: now]")] = "now",
    data: Data = None,
    json: Json = False,
) -> None:
    """Events reported by a camera: motion, tampering, signal loss, digital input. It shows no picture, so it needs no purpose."""
    span = typed_times.whole_span(start, end)
    told = client(data).act(ActivityAsk(camera, *span, 1440)).events
    typed_times.tell(*span)
    if json:
        echo_json(told)
    elif not told:
        typer.echo("The camera reported nothing in that span.")
    else:
        until = [local(t.end_utc_ns) if t.end_utc_ns is not None else "until now" for t in told]
        rows = [(event_words(t.kind), local(t.start_utc_ns), to) for t, to in zip(told, until, strict=True)]
        typer.echo(table(("WHAT", "FROM", "TO"), rows))


@app.command(epilog="Example: holdshelf camera rename front-entrance 'Main entrance'")
def rename(
    camera: Camera,
    name: Annotated[str, typer.Argument(help="Its new name; its id stays the same.")],
    data: Data = None,
    not_private: Annotated[
        bool, typer.Option("--not-private", help="Confirm that the camera sees no private area, whatever its name.")
    ] = False,
    json: Json = False,
) -> None:
    """Rename a camera."""
    asked = asking.CameraRename(camera, name, not_private)
    print_done(client(data).act(asked), json=json)


@app.command(
    short_help="Record that a camera now looks at another place.",
    epilog="Example: holdshelf camera move desk --area seating --why 'the desk was moved'",
)
def move(
    camera: Camera,
    area: Annotated[str, typer.Option(help=f"Kind of area that it now looks at, {_AREA}")],
    why: Annotated[str, typer.Option(help="Why it was moved.")],
    data: Data = None,
    area_note: Annotated[str, typer.Option(help="For --area other: which area, and why.")] = "",
    name: Annotated[str, typer.Option(help="Its new name. [default: as before]")] = "",
    not_private: Annotated[
        bool, typer.Option("--not-private", help="Confirm that the camera sees no private area, whatever its name.")
    ] = False,
    json: Json = False,
) -> None:
    """Record that a camera now looks at another place. Recording continues; nobody may look until it is approved again."""
    asked = asking.CameraMove(camera, camera_flow.area_words(area), why, area_note, name, not_private)
    print_done(client(data).act(asked), json=json)


@app.command(epilog="Example: holdshelf camera remove front-entrance --yes")
def remove(
    camera: Camera,
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    why: Annotated[str, typer.Option(help="Why; goes into the access log.")] = "",
    json: Json = False,
) -> None:
    """Stop recording a camera. Its footage stays until it is erased on schedule like all other footage."""
    service = client(data)
    known = [c for c in service.status().cameras if camera in (c.id, c.name)]
    if known and not yes:  # an unknown one is refused by the service, without a question
        if not sys.stdin.isatty():
            raise BadRequest("Removing a camera asks for confirmation.", "Add --yes.")
        if not typer.confirm(f"Stop recording {inert(known[0].name)} ({known[0].id})?"):
            raise HoldshelfError("Nothing was changed.")
    done = service.act(asking.CameraRemove(camera, why))
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(camera)} is no longer recorded. Its footage stays until it is erased on schedule.")


commission.register(app)
commission_group.register(app)
camera_bulk.register(app)
camera_device.register(app)
camera_flow.register(app)
