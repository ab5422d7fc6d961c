"""What the desk does when a gate says no: keep the footage now, and hand out the sheet that says what we need. `release hold`.

At a terminal both are asked, so that nothing is typed twice; a script, or somebody over SSH, says it beforehand with `--sheet`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdshelf_core.acts import Act
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, Refused
from holdshelf_core.releases import types
from holdshelf_tui.cli import paper_sink
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.releases import hold_for, stopped_release
from holdshelf_tui.text.words import inert, one_line

if TYPE_CHECKING:
    from holdshelf_tui.papers.catalogue import Format, Paper

HERE, NONE = "-", "n"
Sheet = Annotated[
    str,
    typer.Option(
        "--sheet",
        metavar="WHERE",
        help="If a gate refuses, where to put the sheet that says what is needed: - here, FILE.pdf, outbox, or printer:NAME.",
    ),
]
ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="E.g., R-2026-0001.")]


def ask[A](data: Path | None, asked: Act[A], sheet: str, *, json: bool) -> A:
    """Does an act that asks the gates. Raises Refused, or Exit when a person at the terminal was told so already."""
    service = client(data)
    if sheet:
        _sink(service, sheet)
    try:
        return service.act(asked)
    except Refused as error:
        release = stopped_release(error)
        if not release:
            raise
        if sheet:
            hand_out(service, release, sheet, data)
        if sheet or json or not at_a_terminal():
            raise
        print(f"holdshelf: {one_line(str(error))}", file=sys.stderr)
        offer(service, service.act(types.ReleaseShow(release)))
        _offer_sheet(service, release, data)
        raise typer.Exit(1) from None


def at_a_terminal() -> bool:
    """Somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


# --- hold it now? -------------------------------------------------------------------------------------------------


def offer(service: Client, row: types.ReleaseRow) -> None:
    """At a terminal: "hold it now?", for what is asked for and may roll off, where the person may. Nothing when all of it is
    kept or gone."""
    if not row.may_hold or not at_a_terminal():
        return
    typer.echo("The requested footage is not on hold and may be erased. A hold needs no paper.")
    if not typer.confirm("Hold it now?", default=True):
        return
    reference = row.reference or typer.prompt("Case or incident number (no names)")
    try:
        held = service.act(hold_for(row, reference))
    except HoldshelfError as error:
        print(f"holdshelf: {one_line(str(error))}", file=sys.stderr)
        return
    typer.echo(
        f"{held.id} is placed. None of its footage is erased from now on. Its notice: `holdshelf print hold {held.id}`."
    )


def hold(
    release: ReleaseId,
    reference: Annotated[
        str,
        typer.Option("--incident", help="Case or incident number. [default: the request's own]", show_default=False),
    ] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Place one hold on everything in a request that no hold keeps yet. A hold needs no paper."""
    service = client(data)
    row = service.act(types.ReleaseShow(release))
    if not row.unheld:
        kept = (
            f"It is kept by {', '.join(row.holds)}."
            if row.holds
            else "None of its footage exists any more, or the release is finished."
        )
        raise Conflict(f"{row.id} has no footage to hold.", kept)
    if not (reference or row.reference):
        raise BadRequest(f"{row.id} has no case or incident number.", "Give one with --incident.")
    held = service.act(hold_for(row, reference))
    if json:
        echo_json(held)
        return
    typer.echo(f"{held.id} is placed for {row.id}. None of its footage is erased from now on.")
    typer.echo(f"What was found of it: `holdshelf hold show {held.id}`; the notice: `holdshelf print hold {held.id}`.")


# --- the sheet ----------------------------------------------------------------------------------------------------


def _sink(service: Client, where: str) -> tuple[paper_sink.Sink, Format]:
    """Where it goes, and in which form. Raises BadRequest, Conflict before anything is asked for."""
    file = None
    if where == HERE:
        sink = paper_sink.Sink()
    elif where == "outbox":
        sink = paper_sink.Sink(outbox=True)
    elif where.startswith("printer:"):
        sink = paper_sink.Sink(printer=where.removeprefix("printer:"))
    else:
        file = Path(where)
        sink = paper_sink.Sink(file=file)
    if file is not None and service.in_session:
        raise BadRequest(
            "Over SSH nothing can be written on the server.", "Use --sheet - and redirect it on your computer."
        )
    if file is not None and file.exists():
        raise Conflict(f"{inert(where, 200)} already exists; nothing was overwritten.", "Choose another name.")
    return sink, paper_sink.check(_refusal(), sink)


def _refusal() -> Paper:
    from holdshelf_tui.papers.catalogue import PAPERS  # noqa: PLC0415 - only for a gate that says no

    return PAPERS["refusal"]


def hand_out(service: Client, release: str, where: str, data: Path | None) -> None:
    """The sheet of one request, where it was wanted. Raises HoldshelfError."""
    sink, form = _sink(service, where)
    paper = _refusal()
    facts = service.act(paper.request(release))
    paper_sink.hand_out(paper, facts, sink, form, data=data, id=release)


def _offer_sheet(service: Client, release: str, data: Path | None) -> None:
    typer.echo("The sheet for the person who asks says what we need.")
    file = "" if service.in_session else ", sheet.pdf"
    question = f"Where to? {HERE} here, outbox, printer:NAME{file}, or {NONE} for not now"
    where = typer.prompt(question, default=HERE)
    if where.strip().lower() in (NONE, "no"):
        typer.echo(f"Later: `holdshelf print refusal {release}`.")
        return
    try:
        hand_out(service, release, where, data)
    except HoldshelfError as error:
        print(f"holdshelf: {one_line(str(error))}", file=sys.stderr)
