"""door fingerprint, and how `serve` starts the door."""

from __future__ import annotations

import pwd
from pathlib import Path

import typer

from holdshelf_core.api import host_key
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_tui.cli.options import Data, DoorOptions, Json, data_folder
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(help="The SSH door through which people come in.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def door() -> None:
    """The SSH door through which people come in. `holdshelf serve` starts it; see docs/door.md."""


@app.command(epilog="Example: holdshelf door fingerprint")
def fingerprint(data: Data = None, json: Json = False) -> None:
    """The fingerprint of the host key, to be compared at the first log-in; it stands on each invitation card."""
    shown = host_key.fingerprint(data_folder(data))
    if json:
        echo_json({"fingerprint": shown, "kind": "ssh-ed25519"})
    else:
        typer.echo(shown)


def supervise(data: Path, options: DoorOptions, *, verbose: bool, ends_with_stdin: bool) -> None:
    """Become the supervisor of service and door. Returns only when there can be no door: then the service runs without one."""
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
