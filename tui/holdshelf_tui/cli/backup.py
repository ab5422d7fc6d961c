"""backup, restore: register, access log, ledger, keys and policy in one file, and back from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client, data_folder
from holdshelf_tui.cli.service import echo_json

BACKUP_TIMEOUT_S = 3600.0


def backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The new file. [default: by date, in DATA/backups]")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy register, access log, ledger, keys and policy into one file. Never footage. The service may run."""
    from holdshelf_core.api import backup_local, types_board  # noqa: PLC0415

    folder = data_folder(data)
    wanted = (file or backup_local.default_name(folder)).absolute()
    backup_local.check_target(wanted)
    service = client(data)
    if _runs(service):
        asked = backup_local.staging_file(folder, wanted)
        done = service.act(
            "backup.make", types_board.BackupMake(str(asked)), backup_local.BackupDone, timeout_s=BACKUP_TIMEOUT_S
        )
        if asked != wanted:
            # The name that was asked for, not the one in the answer: root would fetch and remove whatever that names.
            backup_local.fetch(asked, done.sha256, wanted)
        done = msgspec.structs.replace(done, file=str(wanted))
    else:
        done = backup_local.make(folder, wanted, logged=False)
    if json:
        echo_json(done)
    else:
        typer.echo(
            f"{render.inert(done.file, 300)}: {render.size(done.bytes)}, {done.entries} entries of the access log."
        )
        typer.echo(f"SHA-256 {done.sha256}")
        typer.echo("Keep it off this machine, as carefully as a key; write the SHA-256 down elsewhere.")
        if not done.logged:
            typer.echo("No service runs, so the access log does not know of it.")
    if done.problems:
        raise HoldshelfError(
            f"The backup is made, but what it holds is not whole: {render.inert(' '.join(done.problems), 500)}"
        )


def _runs(service: Client) -> bool:
    try:
        service.status()
    except Unavailable:
        return False
    return True


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `holdshelf backup` wrote.")],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in place of what is there, which is set aside and not deleted.")
    ] = False,
    sha256: Annotated[str, typer.Option(metavar="HEX", help="What the backup's SHA-256 was when it was made.")] = "",
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Also when its register or its access log is not whole.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup in place, with the service stopped. What was changed since it was made is forgotten."""
    from holdshelf_core.api import backup_local  # noqa: PLC0415

    folder = data_folder(data)
    if _runs(client(data)):
        raise Conflict("The service is running.", "Stop it first: `systemctl stop holdshelf`.")
    done = backup_local.put_back(folder, file, replace=replace, sha256=sha256, accept_problems=as_it_is)
    if json:
        echo_json(done)
        return
    typer.echo(f"The backup of {render.local(done.made_utc_ns)} is in place at {render.inert(done.data, 300)}.")
    for line in done.check:
        typer.echo(f"  - {render.inert(line, 600)}")
    typer.echo(
        "Start the service: it writes into the access log that a backup was restored, and keeps this list as a repair."
    )
    typer.echo("If the media disk is gone too, run `holdshelf init --new-media` first.")
