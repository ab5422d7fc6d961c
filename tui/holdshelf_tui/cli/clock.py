"""clock show | confirm: the machine's time, the time that the service has counted, and a person's word when they disagree."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from holdshelf_core.api import types_clock as types
from holdshelf_core.api.errors import BadRequest, Conflict
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="The machine's time, and a person's word that it is right.", no_args_is_help=True, rich_markup_mode=None
)


def _lines(row: types.ClockRow) -> str:
    off_ns = row.utc_ns - row.trusted_utc_ns
    lines = [f"This machine's clock: {render.local(row.utc_ns)}"]
    if row.doubtful:
        lines.append(f"Counted since it was last known: {render.local(row.trusted_utc_ns)}")
        way = "ahead" if off_ns > 0 else "behind"
        lines.append(f"The clock is {render.span(abs(off_ns) / 1e9)} {way}. Whatever depends on age waits.")
    else:
        lines.append("It agrees with the time that the service has counted.")
    return "\n".join(lines)


@app.command(epilog="Example: holdshelf clock show --json")
def show(data: Data = None, json: Json = False) -> None:
    """Both clocks, and whether they agree."""
    row = client(data).get("/rules/clock", types.ClockRow)
    if json:
        echo_json(row)
        return
    typer.echo(_lines(row))
    if row.doubtful:
        typer.echo("Check the time server (`timedatectl`). When the clock is right: `holdshelf clock confirm --why …`.")


@app.command(epilog="Example: holdshelf clock confirm --why 'battery replaced, compared with the tower clock'")
def confirm(
    why: Annotated[str, typer.Option(help="How you know that the time is right; kept with the act.")],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the time was compared already.")] = False,
    json: Json = False,
) -> None:
    """Say that this machine's clock is right after it was set. Rights that have ended stay ended."""
    service = client(data)
    row = service.get("/rules/clock", types.ClockRow)
    if row.doubtful and not yes:
        if not sys.stdin.isatty():
            raise BadRequest("Somebody is to compare the time with another clock.", "In a script, give --yes.")
        typer.echo(_lines(row), err=json)
        if not typer.confirm("Compare it with another clock. Is this machine's clock right?", err=json):
            raise Conflict("Nothing was confirmed.", "Set the clock right, then confirm it.")
    asked = types.ClockConfirm(row.utc_ns, row.boot_ns, why)
    done = service.act("clock.confirm", asked, types.ClockConfirmed)
    if json:
        echo_json(done)
        return
    typer.echo(f"The time is confirmed: {render.local(row.utc_ns)}. Entry {done.seq} of the access log.")
    for ended in done.ended:
        typer.echo(f"  ended, and stays so: {render.inert(ended, 200)}")
