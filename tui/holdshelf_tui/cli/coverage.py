"""coverage: how much of each day there is of each camera."""

from __future__ import annotations

from typing import Annotated

import typer

from holdshelf_core.reports.types import ReadCoverage
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.coverage import answer, day_cells, loss_lines, table_lines

root = typer.Typer()

HEADS = ("DAY", "%", "RECORDED", "RECOVERED", "MISSING", "WHY")


@root.command(
    short_help="How much of each day is recorded, of each camera.",
    epilog="Example: holdshelf coverage --camera front-entrance --days 14",
)
def coverage(
    data: Data = None,
    camera: Annotated[str | None, typer.Option(help="One camera's id or name, in detail. [default: all]")] = None,
    days: Annotated[int, typer.Option(help="How many days before today.", min=0, max=400)] = 7,
    json: Json = False,
) -> None:
    """How much of each day there is: recorded, recovered from the camera's own card, or missing and why."""
    rows = client(data).read(ReadCoverage(camera=camera, days=days))
    if json:
        echo_json(rows)
        return
    typer.echo(answer(rows))
    if not rows:
        return
    typer.echo()
    if camera is not None:
        typer.echo(table(HEADS, [day_cells(day) for day in rows[0].days]))
        return
    for line in table_lines(rows):
        typer.echo(line)
    for number, line in enumerate(loss_lines(rows)):
        typer.echo(line if number else f"\n{line}")
