"""door fingerprint, door admin-key add | list | remove, and how `serve` starts the door."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api import types_people as types
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, DoorOptions, Json, client, data_folder, text_file
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(help="The SSH door through which people come in.", no_args_is_help=True, rich_markup_mode=None)

admin_key = typer.Typer(
    help="Keys with which an admin comes in by the door, as `admin`. There are none unless made here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(admin_key, name="admin-key")


@app.callback()
def door() -> None:
    """The SSH door through which people come in. `holdshelf serve` starts it; see docs/door.md."""


@app.command(epilog="Example: holdshelf door fingerprint")
def fingerprint(data: Data = None, json: Json = False) -> None:
    """The fingerprint of the host key, to be compared at the first log-in; it stands on each invitation card."""
    from holdshelf_core.api import host_key  # noqa: PLC0415 - it imports the keys' library

    shown = host_key.fingerprint(data_folder(data))
    if json:
        echo_json({"fingerprint": shown, "kind": "ssh-ed25519"})
    else:
        typer.echo(shown)


@admin_key.command("add", epilog="Example: holdshelf door admin-key add it-office.pub")
def add_admin_key(
    file: Annotated[
        Path, typer.Argument(help="Public key file (OpenSSH or RFC 4716); - reads it from standard input.")
    ],
    data: Data = None,
    json: Json = False,
) -> None:
    """Let an admin in by the door with this key. The admin is shown no picture there either."""
    asked = types.AdminKeyAdd(text_file(file, "The key file", 64 << 10))
    done = client(data).act("door.admin_key.add", asked, types.Done)
    if json:
        echo_json(done)
    else:
        typer.echo(f"An admin logs in as `admin` with {done.sentence}. Entry {done.seq} of the access log.")


@admin_key.command("list", epilog="Example: holdshelf door admin-key list --json")
def list_admin_keys(data: Data = None, json: Json = False) -> None:
    """Which keys let an admin in."""
    rows = client(data).act("door.admin_key.list", types.AdminKeyList(), types.AdminKeyRows)
    if json:
        echo_json(rows.keys)
    elif rows.keys:
        typer.echo(render.table(("KEY", "KIND"), [(row.fingerprint, row.kind) for row in rows.keys]))
    else:
        typer.echo("No admin comes in by the door: `holdshelf door admin-key add FILE` lets one in.")


@admin_key.command("remove", epilog="Example: holdshelf door admin-key remove SHA256:…")
def remove_admin_key(
    fingerprint: Annotated[str, typer.Argument(help="As `door admin-key list` shows it.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Take such a key away; its sessions end within seconds."""
    done = client(data).act("door.admin_key.remove", types.AdminKeyRemove(fingerprint), types.Done)
    if json:
        echo_json(done)
    else:
        typer.echo(f"The key is void. Entry {done.seq} of the access log.")


def supervise(data: Path, options: DoorOptions, *, verbose: bool, ends_with_stdin: bool) -> None:
    """Become the supervisor of service and door. Returns only when there can be no door: then the service runs without one."""
    from holdshelf_core.api import host_key  # noqa: PLC0415
    from holdshelf_tui.supervisor import Plan, become  # noqa: PLC0415

    try:
        if options.user:
            _check_user(options.user)
    except HoldshelfError as error:
        # Recording never waits for the door to be in order.
        typer.echo(f"holdshelf: {error} Recording starts without the SSH door.", err=True)
        return
    key = str(host_key.host_key_path(data))
    become(Plan(str(data), key, options.port, options.address, options.user, verbose, ends_with_stdin))


def _check_user(name: str) -> None:
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise BadRequest(
            f"There is no account {name!r} for the door.", f"Make it: `useradd --system {name}`."
        ) from None
    if account.pw_uid == 0:
        raise BadRequest("The door must not run as root.", "Give --door-user an account of its own.")
