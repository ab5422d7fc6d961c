"""release others: are other people seen in what leaves, and are they masked? Boxes come and go as a list of key points."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.boxes import MovingBox
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.releases import types
from holdshelf_tui.cli.options import Data, Json, client, text_file
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.boxes import boxes_csv, parse_boxes
from holdshelf_tui.text.releases import others_line
from holdshelf_tui.text.words import inert

ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="E.g., R-2026-0001.")]


def others(
    release: ReleaseId,
    none: Annotated[bool, typer.Option("--none", help="Nobody else is seen in it.")] = False,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            metavar="FILE",
            help="Others are seen; draw these boxes over them: lines of box,camera,at,left,top,right,bottom "
            "(percent of the picture); - for standard input. Between two key points a box moves evenly.",
        ),
    ] = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Others are seen and not masked; give --why.")] = False,
    why: Annotated[str, typer.Option("--why", help="Why they are not masked; kept on record and in the bundle.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="Print the boxes as they are, to change them.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Say whether other people are seen, and what is drawn over them. Without options: what was said."""
    if sum((none, boxes is not None, unmasked, csv)) > 1:
        raise BadRequest("That is more than one answer.", "Use one of --none, --boxes, --unmasked and --csv.")
    if why and not unmasked:
        raise BadRequest("--why says why others are not masked.", "Use it with --unmasked.")
    service = client(data)
    if none or unmasked or boxes is not None:
        drawn: list[MovingBox] = []
        if boxes is not None:
            drawn = parse_boxes(text_file(boxes, "The list of boxes"), time.time_ns())
        row = service.act(types.ReleaseOthers(release, not none, drawn, why))
    else:
        row = service.act(types.ReleaseShow(release))
    if json:
        echo_json(row)
    elif csv:
        typer.echo(boxes_csv(row.others.boxes if row.others is not None else []), nl=False)
    else:
        typer.echo(f"{row.id}: {inert(others_line(row), 500)}")
        if row.next_step:
            typer.echo(inert(row.next_step, 900))
