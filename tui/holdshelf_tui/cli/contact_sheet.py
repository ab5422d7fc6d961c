"""`print sheet`: the pictures of an incident on one sheet, of a hold or a release. Written down before any of them is shown."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.holds.types import HoldAsk
from holdshelf_core.looks.types import PictureRow, PurposeClose
from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_core.releases.types import ReleaseShow
from holdshelf_core.reports.types import MAX_SHEET_PICTURES
from holdshelf_tui.cli import paper_sink, typed_times
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.text import sheets
from holdshelf_tui.text.holds import camera_names


def sheet(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A hold or a release, e.g., H-2026-0001.")],
    count: Annotated[
        int, typer.Option("--count", help=f"How many pictures, at most {MAX_SHEET_PICTURES}, spread evenly.")
    ] = sheets.FIRST_PICTURES,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="Instead: the time of a picture, of each camera; can be repeated."),
    ] = None,
    purpose: Annotated[
        str,
        typer.Option(help="What they are looked at for. [default: the one named as the hold's ground, or legal-paper]"),
    ] = "",
    data: Data = None,
    file: paper_sink.FilePath = None,
    outbox: paper_sink.ToOutbox = False,
    printer: paper_sink.ToPrinter = "",
    page: paper_sink.PageOption = "",
    json: Json = False,
) -> None:
    """Up to 24 pictures of a hold or a release on one sheet. They are looked at for it, so it needs the right to look."""
    from holdshelf_tui.papers.catalogue import PAPERS  # noqa: PLC0415 - of all papers

    paper = PAPERS["sheet"]
    sink = paper_sink.Sink("", file, outbox, printer, page, False, json)
    form = paper_sink.check(paper, sink)
    service = client(data)
    key = case.strip().upper()
    if key.startswith("R-"):
        whole = sheets.of_release(service.act(ReleaseShow(key)), service.read(ReadPolicyLists()), purpose)
    elif key.startswith("H-"):
        whole = sheets.of_hold(service.act(HoldAsk(key)), time.time_ns(), service.read(ReadPolicyLists()), purpose)
    else:
        raise BadRequest("A sheet is of a hold or a release.", "Give its number, e.g., H-2026-0001.")
    asked = sheets.at_times(whole, [typed_times.instant(one) for one in at]) if at else sheets.spread(whole, count)
    facts = service.act(asked.asked())
    rows = [row for part in asked.parts for row in _pictures(service, asked, part)]
    names = camera_names(service.status().cameras)
    paper_sink.hand_out(paper, sheets.with_pictures(facts, rows, names), sink, form, data=data, id=key)


def _pictures(service: Client, asked: sheets.Sheet, part: sheets.Part) -> list[PictureRow]:
    look = service.act(asked.look(part))
    try:
        return service.act(asked.strip(look.id, part)).pictures
    finally:
        service.act(PurposeClose(look.id))
