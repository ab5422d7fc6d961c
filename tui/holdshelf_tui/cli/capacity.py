"""capacity set: how much room footage may take, and the floor in days that only alarms (P15)."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.buffer import types
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.words import inert, parse_size, size

app = typer.Typer(help="How much disk space footage may use.", no_args_is_help=True, rich_markup_mode=None)
root = typer.Typer()
root.add_typer(app, name="capacity")


def _days(text: str) -> float:
    try:
        days = float(text)
        if math.isfinite(days):
            return days
        raise ValueError
    except ValueError:
        raise BadRequest(
            f"{inert(text, 20)!r} is not a number of days.", "Give a number, e.g., 14, or 'none'."
        ) from None


@app.command("set", epilog="Example: holdshelf capacity set --budget 900GB --why 'second disk built in'")
def set_capacity(
    why: Annotated[str, typer.Option(help="Why it changes; goes into the access log.")],
    data: Data = None,
    budget: Annotated[
        str | None, typer.Option(help="Disk space that footage may use, e.g., 900GB; or 'default': 90% of the disk.")
    ] = None,
    floor_days: Annotated[
        str | None, typer.Option(help="Warn when fewer than this many days are kept, or 'none'. This erases nothing.")
    ] = None,
    json: Json = False,
) -> None:
    """Change it while the service runs. Less space erases the oldest footage at once."""
    if budget is None and floor_days is None:
        raise BadRequest("Nothing to change.", "Use --budget or --floor-days.")
    default, none = budget == "default", floor_days == "none"
    asked = types.CapacitySet(
        why,
        parse_size(budget) if budget is not None and not default else None,
        default,
        _days(floor_days) if floor_days is not None and not none else None,
        none,
    )
    row = client(data).act(asked)
    if json:
        echo_json(row)
        return
    room = size(row.in_force_bytes) if row.in_force_bytes is not None else "what the disk allows"
    typer.echo(f"Footage may use {room}{'' if row.budget_bytes is not None else ' (90% of the disk)'}.")
    floor = (
        f"A warning comes when fewer than {row.floor_days:g} days are kept." if row.floor_days else "No floor in days."
    )
    typer.echo(floor)
