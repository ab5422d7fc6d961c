"""outbox list | remove, and print printers: what lies ready to be fetched by SFTP, and where papers can be printed."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.api import types_outbox as types
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types_people import Done
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="Bundles, papers and stills that lie ready for you: fetch them with sftp or WinSCP.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
FETCH = "Fetch with `sftp -P 8022 NAME@SERVER`, or with WinSCP (SFTP, port 8022, your key)."
ALL = "*"


@app.command("list", epilog="Example: holdshelf outbox list")
def list_(data: Data = None, json: Json = False) -> None:
    """What lies ready for you, and until when."""
    tree = client(data).get("/outbox", types.OutboxTree)
    if json:
        echo_json(tree)
        return
    rows = [row for row in tree.rows if row.kind != "readme"]
    if not rows and not tree.preparing:
        typer.echo("Nothing lies in your outbox.")
    for row in _folded(rows):
        until = f"until {render.local(row.until_utc_ns)[:10]}" if row.until_utc_ns is not None else ""
        typer.echo(f"{render.size(row.size):>10}  {until}  {render.inert(row.path, 200)}")
    for release in tree.preparing:
        typer.echo(f"{'':>10}  in a moment       /bundles/{render.inert(release)}.zip")
    used = f"{render.size(tree.used_bytes)} of {render.size(tree.most_bytes)}"
    typer.echo(f"Papers and stills: {used}. Everything goes by itself after {tree.days} days.")
    typer.echo(FETCH)


def _folded(rows: list[types.OutboxRow]) -> list[types.OutboxRow]:
    """A bundle's folder as one row."""
    folders: dict[str, types.OutboxRow] = {}
    shown = []
    for row in rows:
        parts = row.path.split("/")
        if row.kind != "bundle" or len(parts) < 4:
            shown.append(row)
            continue
        path = "/".join(parts[:3]) + "/"
        size = row.size + (folders[path].size if path in folders else 0)
        folders[path] = types.OutboxRow(path, size, row.modified_utc_ns, row.kind, row.until_utc_ns)
    return sorted([*shown, *folders.values()], key=lambda row: row.path)


@app.command(epilog="Example: holdshelf outbox remove '2026-11-25 Policy.pdf'")
def remove(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="As `outbox list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All papers and stills.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Remove a paper or a still before its time. Bundles go by themselves."""
    if (name is None) == (not everything):
        raise BadRequest("Say what goes.", "Give a name, as `holdshelf outbox list` shows it, or --all.")
    done = client(data).act("outbox.remove", types.OutboxAsk(name or ALL), Done, timeout_s=60)
    if json:
        echo_json(done)
    else:
        count = "1 file is" if done.id == "1" else f"{done.id} files are"
        typer.echo(f"{count} removed. Entry {done.seq} of the access log.")


def printers(data: Data = None, json: Json = False) -> None:
    """Printers of this server that papers can go to."""
    found = client(data).get("/printers", types.Printers, timeout_s=60)
    if json:
        echo_json(found)
        return
    for row in found.printers:
        default = " (the default)" if row.is_default else ""
        typer.echo(f"{render.inert(row.name)}{default}  {render.inert(row.state, 100)}".rstrip())
    if found.problem:
        typer.echo(render.inert(found.problem, 400))
    if found.only:
        typer.echo(f"The Board's list: {render.inert(', '.join(found.only), 200)}.")
    elif found.printers:
        typer.echo("All that CUPS knows. A seat narrows it: `holdshelf board set printers 'NAME,NAME' --why …`.")
