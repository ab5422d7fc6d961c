"""clock show | confirm: the machine's time, the time that the service has counted, and a person's word when they disagree."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest, Conflict
from holdshelf_core.operations import types
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import inert, span

app = typer.Typer(
    help="This machine's clock, and confirming that it is right.", no_args_is_help=True, rich_markup_mode=None
)
root = typer.Typer()
root.add_typer(app, name="clock")


def _off(row: types.ClockRow) -> str:
    off_ns = row.utc_ns - row.trusted_utc_ns
    return f"{span(abs(off_ns) / 1e9)} {'ahead of' if off_ns > 0 else 'behind'}"


def _lines(row: types.ClockRow) -> str:
    off_ns = row.utc_ns - row.trusted_utc_ns
    lines = [f"This machine's clock: {local(row.utc_ns)}"]
    if row.doubtful:
        lines.append(f"Time counted by the service: {local(row.trusted_utc_ns)}")
        way = "ahead" if off_ns > 0 else "behind"
        lines.append(f"The clock is {span(abs(off_ns) / 1e9)} {way}. Anything that depends on age must wait.")
    else:
        lines.append("It agrees with the time that the service counted.")
    return "\n".join(lines)


@app.command(epilog="Example: holdshelf clock show --json")
def show(data: Data = None, json: Json = False) -> None:
    """Both clocks, and whether they agree."""
    row = client(data).read(types.ReadClock())
    if json:
        echo_json(row)
        return
    typer.echo(_lines(row))
    if row.doubtful:
        typer.echo("Check the time server (`timedatectl`). When the clock is right: `holdshelf clock confirm --why …`.")


@app.command(epilog="Example: holdshelf clock confirm --why 'battery replaced, compared with the tower clock'")
def confirm(
    why: Annotated[str, typer.Option(help="How you know that the time is right; kept on record.")],
    data: Data = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation: the time was already compared.")
    ] = False,
    json: Json = False,
) -> None:
    """Confirm that this machine's clock is right after it was set. Rights that have ended stay ended."""
    service = client(data)
    row = service.read(types.ReadClock())
    if row.doubtful and not yes:
        if not sys.stdin.isatty():
            # In a script, and in a command over SSH: what is to be compared is told all the same.
            raise BadRequest(
                f"This machine's clock says {local(row.utc_ns)}, {_off(row)} the time that was counted: "
                "someone must compare it with another clock.",
                "If you compared it and it is right, add --yes.",
            )
        typer.echo(_lines(row), err=json)
        if not typer.confirm("Compare this machine's clock with another clock. Is it right?", err=json):
            raise Conflict("Nothing was confirmed.", "Set the clock right, then confirm it.")
    asked = types.ClockConfirm(row.utc_ns, row.boot_ns, why)
    done = service.act(asked)
    if json:
        echo_json(done)
        return
    typer.echo(f"The time is confirmed: {local(row.utc_ns)}. Entry {done.seq} of the access log.")
    for ended in done.ended:
        typer.echo(f"  ended, and stays ended: {inert(ended, 200)}")
