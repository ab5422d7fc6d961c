"""checklist enter | show: what was ticked on the printed checklist, entered back, and how it stands (P3 to P8, P18)."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from holdshelf_core.cameras.checklist_types import ChecklistEnter, PointRow, ReadChecklist, SubjectRow
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.time_format import local_day
from holdshelf_tui.text.words import inert

app = typer.Typer(help="The checklist for walking past cameras and signs.", no_args_is_help=True, rich_markup_mode=None)
root = typer.Typer()
root.add_typer(app, name="checklist")


@app.command(epilog="Example: holdshelf checklist enter e1.all e1.legible=25 front-door.all --checker 'Pat Doe'")
def enter(
    codes: Annotated[
        list[str],
        typer.Argument(
            metavar="CODE",
            help="As printed beside the boxes: e1.present, e1.legible=25, front-door.all, house.website.",
            show_default=False,
        ),
    ],
    data: Data = None,
    checker: Annotated[str, typer.Option(metavar="NAME", help="Who checked, if it was not you.")] = "",
    on: Annotated[str, typer.Option(metavar="DATE", help="Day of the walk. [default: today]")] = "",
    defect: Annotated[
        str,
        typer.Option(
            metavar="WORDS",
            help="What is wrong with the coded item: it is not checked off, and is listed as a repair until fixed.",
        ),
    ] = "",
    mended: Annotated[str, typer.Option(metavar="DATE", help="Day when the defect was fixed.")] = "",
    take_back: Annotated[bool, typer.Option("--take-back", help="These were entered by mistake.")] = False,
    json: Json = False,
) -> None:
    """Enter checkmarks from the printed checklist by their codes, or record that a defect was found or fixed."""
    asked = ChecklistEnter(
        codes, checker, typed_times.day(on, "--on"), defect, typed_times.day(mended, "--mended"), take_back
    )
    done = client(data).act(asked)
    if json:
        echo_json(done)
        return
    for sentence in done.sentences:
        typer.echo(inert(sentence, 600))
    typer.echo(f"Entry {done.seq} of the access log.")


@app.command(epilog="Example: holdshelf checklist show --due")
def show(
    data: Data = None,
    due: Annotated[bool, typer.Option("--due", help="Only items that are due.")] = False,
    json: Json = False,
) -> None:
    """Each checklist item with its code: who checked it, when, and how long that is valid."""
    rows = client(data).read(ReadChecklist())
    if due:
        rows = [_only_due(row) for row in rows if row.due]
    if json:
        echo_json(rows)
        return
    if not rows:
        typer.echo("Nothing of the checklist is due.")
    for number, row in enumerate(rows):
        if number:
            typer.echo("")
        for line in subject_lines(row):
            typer.echo(line)


def _only_due(row: SubjectRow) -> SubjectRow:
    """A sign is due as a whole, a camera and the house by their points."""
    if row.kind == "entrance":
        return row
    return msgspec.structs.replace(row, points=[point for point in row.points if point.due])


def subject_lines(row: SubjectRow) -> list[str]:
    """One entrance, one camera, or the house, as it stands."""
    title = inert(f"{row.code}  {row.name}" if row.kind != "house" else row.name, 160)
    lines = [f"{title}: {row.state}" if row.state else title]
    if row.defect and row.kind != "house":
        found = f" (found by {row.defect_by} on {local_day(row.defect_utc_ns)})" if row.defect_by else ""
        lines.append(inert(f"  defect: {row.defect}{found}", 400))
    heads = ("  CODE", "WHAT", "SEEN", "BY", "NEXT BY", "FOUND")
    if row.points:
        lines += table(heads, [_cells(point) for point in row.points]).split("\n")
    return lines


def _cells(point: PointRow) -> tuple[str, ...]:
    found = f"DEFECT: {point.defect}" if point.defect else point.found
    next_by = local_day(point.next_utc_ns - 1) if point.next_utc_ns is not None else "-"
    return (
        f"  {point.code}{'=' if point.value else ''}",
        f"{point.words} ({point.who})" if point.who else point.words,
        local_day(point.defect_utc_ns if point.defect else point.seen_utc_ns),
        (point.defect_by if point.defect else point.checker or point.by) or "-",
        "DUE" if point.due else next_by,
        found or "-",
    )
