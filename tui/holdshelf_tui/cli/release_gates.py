"""What the desk does when a gate says no: keep the footage now, and hand out the sheet that says what we need. `release hold`.

At a terminal both are asked, so that nothing is typed twice; a script, or somebody over SSH, says it beforehand with `--sheet`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.api import types_releases as types
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, Refused
from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_core.api.types_holds import HoldRow
from holdshelf_tui.cli import papers, render
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.papers.catalogue import PAPERS, Format
from holdshelf_tui.release_words import hold_for, stopped_release

ASK_TIMEOUT_S = 60.0
HOLD_TIMEOUT_S = 120.0
HERE, NONE = "-", "n"
Sheet = Annotated[
    str,
    typer.Option(
        "--sheet",
        metavar="WHERE",
        help="When a gate refuses, the sheet that says what we need: - here, FILE.pdf, outbox, or printer:NAME.",
    ),
]
ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="For example R-2026-0001.")]


def ask[T](data: Path | None, act: str, asked: msgspec.Struct, answer: type[T], sheet: str, *, json: bool) -> T:
    """Does an act that asks the gates. Raises Refused, or Exit when a person at the terminal was told so already."""
    service = client(data)
    if sheet:
        _sink(service, sheet)
    try:
        return service.act(act, asked, answer, timeout_s=ASK_TIMEOUT_S)
    except Refused as error:
        release = stopped_release(error)
        if not release:
            raise
        if sheet:
            hand_out(service, release, sheet, data)
        if sheet or json or not at_a_terminal():
            raise
        print(f"holdshelf: {render.one_line(str(error))}", file=sys.stderr)
        offer(
            service, service.act("release.show", types.ReleaseAsk(release), types.ReleaseRow, timeout_s=ASK_TIMEOUT_S)
        )
        _offer_sheet(service, release, data)
        raise typer.Exit(1) from None


def at_a_terminal() -> bool:
    """Somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


# --- hold it now? -------------------------------------------------------------------------------------------------


def offer(service: Client, row: types.ReleaseRow) -> None:
    """At a terminal: "hold it now?", for what is asked for and may roll off. Nothing when all of it is kept or gone."""
    if not row.unheld or not at_a_terminal():
        return
    typer.echo("What is asked for is not on hold and may roll off. A hold needs no paper.")
    if not typer.confirm("Hold it now?", default=True):
        return
    reference = row.reference or typer.prompt("Case or incident number (no names)")
    try:
        held = service.act("hold.place", hold_for(row, reference), HoldRow, timeout_s=HOLD_TIMEOUT_S)
    except HoldshelfError as error:
        print(f"holdshelf: {render.one_line(str(error))}", file=sys.stderr)
        return
    typer.echo(
        f"{held.id} is placed. Nothing of it is erased from now on; the notice: `holdshelf print hold {held.id}`."
    )


def hold(
    release: ReleaseId,
    reference: Annotated[
        str, typer.Option(help="Case or incident number. [default: the request's own]", show_default=False)
    ] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Keep what a request asks for and no hold keeps yet: one hold for all of it. A hold needs no paper."""
    service = client(data)
    row = service.act("release.show", types.ReleaseAsk(release), types.ReleaseRow, timeout_s=ASK_TIMEOUT_S)
    if not row.unheld:
        kept = (
            f"It is kept by {', '.join(row.holds)}." if row.holds else "Nothing of it is there any more, or it is over."
        )
        raise Conflict(f"There is nothing to hold of {row.id}.", kept)
    if not (reference or row.reference):
        raise BadRequest(f"{row.id} has no case or incident number.", "Give one with --reference.")
    held = service.act("hold.place", hold_for(row, reference), HoldRow, timeout_s=HOLD_TIMEOUT_S)
    if json:
        echo_json(held)
        return
    typer.echo(f"{held.id} is placed for {row.id}. Nothing of it is erased from now on.")
    typer.echo(f"What was found of it: `holdshelf hold show {held.id}`; the notice: `holdshelf print hold {held.id}`.")


# --- the sheet ----------------------------------------------------------------------------------------------------


def _sink(service: Client, where: str) -> tuple[papers.Sink, Format]:
    """Where it goes, and in which form. Raises BadRequest, Conflict before anything is asked for."""
    file = None
    if where == HERE:
        sink = papers.Sink()
    elif where == "outbox":
        sink = papers.Sink(outbox=True)
    elif where.startswith("printer:"):
        sink = papers.Sink(printer=where.removeprefix("printer:"))
    else:
        file = Path(where)
        sink = papers.Sink(file=file)
    if file is not None and service.in_session:
        raise BadRequest("Over SSH nothing is written on the server.", "Give --sheet - and redirect at your end.")
    if file is not None and file.exists():
        raise Conflict(f"{render.inert(where, 200)} exists; nothing is overwritten.", "Give another name.")
    return sink, papers.check(PAPERS["refusal"], sink)


def hand_out(service: Client, release: str, where: str, data: Path | None) -> None:
    """The sheet of one request, where it was wanted. Raises HoldshelfError."""
    sink, form = _sink(service, where)
    paper = PAPERS["refusal"]
    facts = service.act("print.facts", paper.request(release), PaperFacts, timeout_s=ASK_TIMEOUT_S)
    papers.hand_out(paper, facts, sink, form, data=data, id=release)


def _offer_sheet(service: Client, release: str, data: Path | None) -> None:
    typer.echo("The sheet for who asks says what we need.")
    file = "" if service.in_session else ", sheet.pdf"
    question = f"Where to? {HERE} here, outbox, printer:NAME{file}, or {NONE} for not now"
    where = typer.prompt(question, default=HERE)
    if where.strip().lower() in (NONE, "no"):
        typer.echo(f"Later: `holdshelf print refusal {release}`.")
        return
    try:
        hand_out(service, release, where, data)
    except HoldshelfError as error:
        print(f"holdshelf: {render.one_line(str(error))}", file=sys.stderr)
