"""outbox list | remove, and print printers: what lies ready to be fetched by SFTP, and where papers can be printed."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.operations.types import ReadReached
from holdshelf_core.outbox import types
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.prints import folded, how_to_fetch
from holdshelf_tui.text.time_format import local_day
from holdshelf_tui.text.words import inert, size

app = typer.Typer(
    help="Bundles, papers and stills that are ready for you: fetch them with sftp or WinSCP.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="outbox")
ALL = "*"


@app.command("list", epilog="Example: holdshelf outbox list")
def list_(data: Data = None, json: Json = False) -> None:
    """What is ready for you, and until when."""
    service = client(data)
    tree = service.read(types.ReadOutbox())
    if json:
        echo_json(tree)
        return
    rows = [row for row in tree.rows if row.kind != "readme"]
    if not rows and not tree.preparing:
        typer.echo("Your outbox is empty.")
    for row in folded(rows):
        until = f"until {local_day(row.until_utc_ns)}" if row.until_utc_ns is not None else ""
        typer.echo(f"{size(row.size):>10}  {until}  {inert(row.path, 200)}")
    for release in tree.preparing:
        typer.echo(f"{'':>10}  in a moment       /bundles/{inert(release)}.zip")
    used = f"{size(tree.used_bytes)} of {size(tree.most_bytes)}"
    typer.echo(f"Papers and stills: {used}. Everything is removed automatically after {tree.days} days.")
    typer.echo(how_to_fetch(service.read(ReadReached())))


@app.command(epilog="Example: holdshelf outbox remove '2026-11-25 Policy.pdf'")
def remove(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="As `outbox list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All papers and stills.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Remove a paper or a still early. Bundles are removed automatically."""
    if (name is None) == (not everything):
        raise BadRequest("Say what to remove.", "Give a name, as `holdshelf outbox list` shows it, or --all.")
    done = client(data).act(types.OutboxRemove(name or ALL))
    if json:
        echo_json(done)
    else:
        count = "1 file is" if done.id == "1" else f"{done.id} files are"
        typer.echo(f"{count} removed. Entry {done.seq} of the access log.")


def printers(data: Data = None, json: Json = False) -> None:
    """Printers of this server that papers can go to."""
    found = client(data).read(types.ReadPrinters())
    if json:
        echo_json(found)
        return
    for row in found.printers:
        default = " (the default)" if row.is_default else ""
        typer.echo(f"{inert(row.name)}{default}  {inert(row.state, 100)}".rstrip())
    if found.problem:
        typer.echo(inert(found.problem, 400))
    if found.only:
        typer.echo(f"{own_board("The Board's list")}: {inert(', '.join(found.only), 200)}.")
    elif found.printers:
        typer.echo(
            "All printers that CUPS knows. Who holds a seat can limit them: "
            "`holdshelf board set printers 'NAME,NAME' --why …`."
        )
