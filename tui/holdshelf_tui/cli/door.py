"""door fingerprint, door admin-key add | list | remove, and how `serve` starts the door."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.people import types
from holdshelf_tui.cli.options import Data, DoorOptions, Json, MetricsOptions, client, data_folder, text_file
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table

app = typer.Typer(help="The SSH door, through which people log in.", no_args_is_help=True, rich_markup_mode=None)
root = typer.Typer()
root.add_typer(app, name="door")

admin_key = typer.Typer(
    help="Keys that let an admin log in through the door, as `admin`. There are none unless you add them here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(admin_key, name="admin-key")


@app.callback()
def door() -> None:
    """The SSH door, through which people log in. `holdshelf serve` starts it; see docs/door.md."""


@app.command(epilog="Example: holdshelf door fingerprint")
def fingerprint(data: Data = None, json: Json = False) -> None:
    """The host key's fingerprint, to compare at the first log-in; it is printed on every invitation card."""
    from holdshelf_core.api.ssh import host_key  # noqa: PLC0415 - it imports the keys' library

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
    """Let an admin log in through the door with this key. The admin sees no pictures there either."""
    asked = types.AdminKeyAdd(text_file(file, "The key file", 64 << 10))
    done = client(data).act(asked)
    if json:
        echo_json(done)
    else:
        typer.echo(f"An admin logs in as `admin` with {done.sentence}. Entry {done.seq} of the access log.")


@admin_key.command("list", epilog="Example: holdshelf door admin-key list --json")
def list_admin_keys(data: Data = None, json: Json = False) -> None:
    """List the keys that let an admin in."""
    rows = client(data).act(types.AdminKeyList())
    if json:
        echo_json(rows.keys)
    elif rows.keys:
        typer.echo(table(("KEY", "KIND"), [(row.fingerprint, row.kind) for row in rows.keys]))
    else:
        typer.echo("No admin can log in through the door. To add a key: `holdshelf door admin-key add FILE`.")


@admin_key.command("remove", epilog="Example: holdshelf door admin-key remove SHA256:…")
def remove_admin_key(
    fingerprint: Annotated[str, typer.Argument(help="As `door admin-key list` shows it.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Remove an admin key; its sessions end within seconds."""
    done = client(data).act(types.AdminKeyRemove(fingerprint))
    if json:
        echo_json(done)
    else:
        typer.echo(f"The key was removed. Entry {done.seq} of the access log.")


def supervise(
    data: Path, options: DoorOptions, metrics: MetricsOptions, *, verbose: bool, ends_with_stdin: bool
) -> None:
    """Become the supervisor of service and door. Returns only when there can be no door: then the service runs without one."""
    from holdshelf_tui.supervisor import Plan, become  # noqa: PLC0415

    try:
        if options.user:
            _check_user(options.user)
    except HoldshelfError as error:
        # Recording never waits for the door to be in order.
        typer.echo(f"holdshelf: {error} Recording starts without the SSH door.", err=True)
        return
    become(
        Plan(
            str(data),
            options.port,
            options.address,
            options.user,
            verbose,
            ends_with_stdin,
            options.name,
            str(metrics.file or ""),
            metrics.port,
        )
    )


def _check_user(name: str) -> None:
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise BadRequest(
            f"There is no account {name!r} for the door.", f"Make it: `useradd --system {name}`."
        ) from None
    if account.pw_uid == 0:
        raise BadRequest("The door must not run as root.", "Give it its own account with --door-user.")
