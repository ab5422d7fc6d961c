"""backup [FILE] | schedule | now | status | stop, and restore: register, access log, ledger, keys and policy, and back."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.backups import types
from holdshelf_tui.cli.command import Group
from holdshelf_tui.cli.options import Data, Json, client, data_folder, writing_folder
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.backups import status_lines
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import inert, size

MAKE = "make"


class BackupGroup(Group):
    """`backup FILE` and `backup` alone are `backup make`, as they were before there were other words."""

    default_command = MAKE

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click.Group."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            if args and (meant := difflib.get_close_matches(args[0], self.commands, 1)):
                # Otherwise a backup would be made in a file of that name.
                ctx.fail(
                    f"{args[0]!r} is no command; did you mean {meant[0]!r}? For a file of that name, type ./{args[0]}"
                )
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=BackupGroup,
    help="Copy everything but the footage into one file; or automatically each day, to another disk or machine (docs/backup.md).",
    short_help="Copy everything but the footage into one file, or have that done each day.",
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="backup")


@app.command(MAKE, epilog="Example: holdshelf backup make /mnt/usb/holdshelf-2026-11-25.tar")
def backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The new file. [default: by date, in DATA/backups]")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Copy register, access log, ledger, keys and policy into one file. Never footage. The service may run. "backup FILE" is the
    same."""
    from holdshelf_core.backups import offline as backup_offline  # noqa: PLC0415

    service = client(data)
    runs = _runs(service)
    folder = (runs and service.data) or data_folder(data)
    wanted = (file or backup_offline.default_name(folder)).absolute()
    backup_offline.check_target(wanted)
    if runs:
        asked = backup_offline.staging_file(folder, wanted)
        done = service.act(types.BackupMake(str(asked)))
        if asked != wanted:
            # The name that was asked for, not the one in the answer: root would fetch and remove whatever that names.
            backup_offline.fetch(asked, done.sha256, wanted)
        done = msgspec.structs.replace(done, file=str(wanted))
    else:
        if folder in wanted.parents:
            writing_folder(folder)
        done = backup_offline.make(folder, wanted, logged=False)
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.file, 300)}: {size(done.bytes)}, {done.entries} entries of the access log.")
        typer.echo(f"SHA-256 {done.sha256}")
        typer.echo("Keep it off this machine, as carefully as a key. Write down the SHA-256 elsewhere.")
        if not done.logged:
            typer.echo("No service is running, so this is not in the access log.")
    if done.problems:
        raise HoldshelfError(
            f"The backup was made, but its contents are incomplete: {inert(' '.join(done.problems), 500)}"
        )


def _runs(service: Client) -> bool:
    try:
        service.status()
    except Unavailable:
        return False
    return True


@app.command(
    "schedule", epilog="Example: holdshelf backup schedule sftp://recorder@nas.library.example/backups --at 02:30"
)
def set_schedule(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A folder on another disk, or sftp://USER@HOST[:PORT]/FOLDER.")
    ],
    data: Data = None,
    at: Annotated[str, typer.Option(metavar="HH:MM", help="When, each day, in local time.")] = types.DEFAULT_AT,
    fingerprint: Annotated[
        str,
        typer.Option(
            metavar="FINGERPRINT", help="Fingerprint of the SFTP server's host key, as that machine itself shows it."
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Make a backup each day, take it to TARGET, and verify it there. Keeps the newest backup of each of 7 days, 5 weeks
    and 12 months."""
    if "://" not in target:
        target = str(Path(target).absolute())
    done = client(data).act(types.BackupSchedule(target, at, fingerprint))
    if json:
        echo_json(done)
        return
    typer.echo(f"{inert(done.sentence, 600)}. Entry {done.seq} of the access log.")
    if done.warning:
        typer.echo(f"! {inert(done.warning, 600)}")
    typer.echo("Whoever can read the backups has this recorder's keys: docs/backup.md says what protects them.")


@app.command(epilog="Example: holdshelf backup now")
def now(data: Data = None, json: Json = False) -> None:
    """Make one now, take it to the target, and verify it there. Exit code 1: that failed, and why."""
    _told(client(data).act(types.BackupNow()), json)


@app.command(epilog="Example: holdshelf backup status")
def status(data: Data = None, json: Json = False) -> None:
    """Where automatic backups go, and which are there. Exit code 1: the last one did not get there."""
    row = client(data).read(types.ReadBackups())
    if json:
        echo_json(row)
    else:
        for line in status_lines(row):
            typer.echo(line)
    if row is not None and row.state.ok is False:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf backup stop")
def stop(data: Data = None, json: Json = False) -> None:
    """Stop automatic backups. What is at the target stays there."""
    _told(client(data).act(types.BackupStop()), json)


def _told(done: types.BackupScheduled, json: bool) -> None:
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.sentence, 600)}. Entry {done.seq} of the access log.")


@root.command(
    short_help="Put a backup in place, with the service stopped.",
    epilog="Example: holdshelf restore /mnt/usb/holdshelf-2026-11-25.tar --replace",
)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `holdshelf backup` wrote.")],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what is there, which is set aside and not deleted.")
    ] = False,
    sha256: Annotated[str, typer.Option(metavar="HEX", help="The backup's SHA-256 when it was made.")] = "",
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Restore even if its register or access log is incomplete.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a backup in place, with the service stopped. Changes made since the backup are lost."""
    from holdshelf_core.backups import offline as backup_offline  # noqa: PLC0415

    folder = data_folder(data)
    if _runs(client(folder)):
        raise Conflict("The service is running.", "Stop it first: `systemctl stop holdshelf`.")
    done = backup_offline.put_back(folder, file, replace=replace, sha256=sha256, accept_problems=as_it_is)
    if json:
        echo_json(done)
        return
    typer.echo(f"The backup of {local(done.made_utc_ns)} is in place at {inert(done.data, 300)}.")
    for line in done.check:
        typer.echo(f"  - {inert(line, 600)}")
    typer.echo("Start the service: it records the restore in the access log and shows this list as a repair.")
    typer.echo("If the media disk is gone too, run `holdshelf init --new-media` first.")
