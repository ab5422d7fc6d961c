"""`print still` (P14): one picture of an open look on paper, for somebody who has no key. Registered before it is printed.

The picture comes through the look, which is written down first; the sheet is a share with a copy number and a day by which it
is to be back.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from holdshelf_core.api.client import Client
from holdshelf_core.looks import types as looks
from holdshelf_core.people.types import ShareMake
from holdshelf_core.reports.types import PaperFacts, PrintRequest
from holdshelf_tui.cli import paper_sink, typed_times
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.text.time_format import NS

WIDTH = 1920


def still(
    look: Annotated[str, typer.Argument(metavar="LOOK", help="As `look open` printed it, e.g., L-2026-000123.")],
    camera: Annotated[str, typer.Option("--camera", help="Camera id or name.")],
    at: Annotated[str, typer.Option("--at", help="The time of the picture.")],
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who gets the sheet: staff, never a patron.")],
    purpose: Annotated[
        str,
        typer.Option(help="crime, violation, disruption, restricted, safety; or any other, explained in a few words."),
    ],
    days: Annotated[
        int | None, typer.Option(help="Days until it must be given back. [default: as the Board set it]")
    ] = None,
    data: Data = None,
    as_: paper_sink.AsForm = "",
    file: paper_sink.FilePath = None,
    outbox: paper_sink.ToOutbox = False,
    printer: paper_sink.ToPrinter = "",
    page: paper_sink.PageOption = "",
    large: paper_sink.Large = False,
    json: Json = False,
) -> None:
    """A picture on paper, view only, numbered, to be given back: for somebody who has no key."""
    from holdshelf_tui.papers.catalogue import PAPERS  # noqa: PLC0415 - of all papers

    paper = PAPERS["still"]
    sink = paper_sink.Sink(as_, file, outbox, printer, page, large, json)
    form = paper_sink.check(paper, sink)
    at_utc_ns = typed_times.instant(at)
    service = client(data)
    picture = service.act(looks.LookStill(look, camera, at_utc_ns, WIDTH))
    facts = sheet_facts(service, picture, to, purpose, days)
    typed_times.tell_instant(at_utc_ns)
    paper_sink.hand_out(paper, facts, sink, form, data=data, id=facts.still.share if facts.still is not None else "")


def sheet_facts(service: Client, picture: looks.PictureRow, to: str, purpose: str, days: int | None) -> PaperFacts:
    """Registers the sheet, and returns what stands on it. Raises HoldshelfError."""
    asked = ShareMake(
        picture.camera,
        picture.shown_utc_ns,
        picture.shown_utc_ns + NS,
        purpose,
        given_to=to,
        kind="sheet",
        days=days,
    )
    done = service.act(asked)
    facts = service.act(PrintRequest("still", share=done.id))
    return with_picture(facts, picture)


def with_picture(facts: PaperFacts, picture: looks.PictureRow) -> PaperFacts:
    """The facts with the picture that the look delivered."""
    assert facts.still is not None
    still = msgspec.structs.replace(facts.still, jpeg=picture.jpeg, log_seq=picture.log_seq)
    return msgspec.structs.replace(facts, still=still)
